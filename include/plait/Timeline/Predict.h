//===- Predict.h - When the events of a step run on a machine ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each rank has units of computation, which its computing events take all of, and a link. An
// exchange takes the link of each of its ranks, and of their units those that carry it out and those
// that stand still for it; it has priority, as a communication stream has on a GPU. So what is
// computed beside an exchange goes on with the units that are left.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TIMELINE_PREDICT_H
#define PLAIT_TIMELINE_PREDICT_H

#include "plait/Timeline/Machine.h"
#include "plait/Timeline/Simulate.h"

namespace plait::timeline {

struct Prediction {
  double seconds = 0; ///< of the step, with the host's share
  double hostSeconds = 0;
  Schedule schedule;               ///< of the events, by their numbers
  std::vector<Resource> resources; ///< units of rank r are number 2 r, its link 2 r + 1
};

/// An error if the machine has fewer devices than the list has ranks, and those of `simulate`.
Expected<Prediction> predict(const EventList &list, const Machine &machine, const Extents &step);

} // namespace plait::timeline

#endif // PLAIT_TIMELINE_PREDICT_H
