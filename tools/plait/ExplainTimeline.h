//===- ExplainTimeline.h - When a step's events run ------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_EXPLAINTIMELINE_H
#define PLAIT_TOOLS_PLAIT_EXPLAINTIMELINE_H

#include "plait/Timeline/Schedules.h"
#include "tools/plait/Explanation.h"

#include <memory>
#include <optional>

namespace plait {

struct TimelineRequest {
  std::string svg, trace; ///< files to write, if they are named
  std::string step = "prefill", schedule = "unfused";
  std::string variant;
  int64_t tokens = 0, context = 0;
  timeline::Machine machine;
  bool isAssumed = false; ///< the machine is this computer, with a link that nobody has measured
};

/// This computer as a machine of `ranks` processes that share what `peak` says; exchanges are copies
/// in memory, each byte read and written once.
timeline::Machine measuredMachine(const MachinePeak &peak, int64_t ranks);

/// Simulates a step of the artifact that `model` is rank 0 of, writes the files, and returns the text.
Expected<std::string> explainTimeline(const std::shared_ptr<const Model> &model, const TimelineRequest &request);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_EXPLAINTIMELINE_H
