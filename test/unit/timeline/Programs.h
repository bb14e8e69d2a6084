//===- Programs.h - Steps of transformers for tests -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_TIMELINE_PROGRAMS_H
#define PLAIT_TEST_UNIT_TIMELINE_PROGRAMS_H

#include "plait/Timeline/EventList.h"

#include "runtime/base/Json.h"

namespace plait::timeline {

/// A model of the Llama kind.
struct Transformer {
  double hidden = 0, heads = 0, kvHeads = 0, headDim = 0, inner = 0;
  int layers = 0, ranks = 0;
};

/// The programs of all ranks of a step as serving engines launch it: projections of one input are one product,
/// and a sum is followed by the residual sum and norm in one kernel. With `hasExchanges` off the
/// sums are left out, as in measurements "without communication". Activations are counted as f32.
EventList makeTransformer(const Transformer &model, const Extents &step, bool hasExchanges = true);

/// A file of test/golden/timeline.
Json readGolden(const std::string &name);

} // namespace plait::timeline

#endif // PLAIT_TEST_UNIT_TIMELINE_PROGRAMS_H
