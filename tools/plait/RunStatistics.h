//===- RunStatistics.h - What plait run --stats prints ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_RUNSTATISTICS_H
#define PLAIT_TOOLS_PLAIT_RUNSTATISTICS_H

#include "runtime/core/Memory.h"
#include "runtime/decode/Dispatcher.h"
#include "tools/plait/Session.h"

#include <vector>

namespace plait {

/// What a Dispatcher has done.
struct RunCounts {
  std::vector<Dispatcher::Count> replicas;
  Handovers::Count handovers;
};

/// Without the replicas' steps if they were not counted.
void printStatistics(const Session &session, const StepRunner &replica, const ModelLedger &ledger,
                     const RunCounts &counts, const std::vector<SequenceResult> &results);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_RUNSTATISTICS_H
