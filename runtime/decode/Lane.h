//===- Lane.h - A replica at work -------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_LANE_H
#define PLAIT_RUNTIME_DECODE_LANE_H

#include "runtime/core/StepRunner.h"
#include "runtime/decode/Scheduler.h"

#include <memory>
#include <optional>
#include <thread>
#include <utility>

namespace plait {

struct Lane;

/// A prompt on its way from the replica that has computed it.
struct Transfer {
  Lane *source = nullptr;
  Arrival arrival;
  HeldPrompt prompt;
  std::optional<Expected<uint64_t>> moved; ///< bytes, at the end
};

/// A replica. Its steps are formed and their results given out by the thread that
/// steps; in between they run in the lane's own. So do the prompts that it gets.
struct Lane {
  Lane(std::shared_ptr<StepRunner> runner, const SchedulerOptions &options, std::vector<DraftModel> drafts)
      : runner(runner), scheduler(std::move(runner), options, std::move(drafts)) {}

  enum class Turn {
    idle,
    running, ///< its thread is at work
    done,
    lent, ///< it takes part in the transfer of another lane
  };

  std::shared_ptr<StepRunner> runner;
  Scheduler scheduler;
  std::thread thread;
  Turn turn = Turn::idle;
  PlannedStep step;                           ///< while it is not idle
  std::optional<Expected<StepResult>> result; ///< of a step that is done
  std::unique_ptr<Transfer> transfer;         ///< instead of a step
  int64_t sequences = 0;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_LANE_H
