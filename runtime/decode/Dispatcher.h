//===- Dispatcher.h - Requests over the replicas of a model -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Each replica has pages and a scheduler of its own and steps when it is ready,
// whatever the others do. A request goes to the replica with the fewest sequences,
// to the first of several, and stays there. All its completions go together, because
// they have the pages of the prompt in common. Its tokens do not depend on where that is.
//
// With phases a request goes to such a replica of decode, and its prompt is computed by
// such a replica of prefill (Handovers.h).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_DISPATCHER_H
#define PLAIT_RUNTIME_DECODE_DISPATCHER_H

#include "runtime/base/Status.h"
#include "runtime/core/StepRunner.h"
#include "runtime/decode/Handovers.h"
#include "runtime/decode/Lane.h"
#include "runtime/decode/Scheduler.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <vector>

namespace plait {

/// Does for several replicas what a Scheduler does for one, in the same words. `step`
/// and `runAll` belong to one thread at a time, which makes all callbacks.
class Dispatcher {
public:
  /// With the draft models of each replica, if there are any.
  explicit Dispatcher(std::vector<std::shared_ptr<StepRunner>> replicas, SchedulerOptions options = {},
                      std::vector<std::vector<DraftModel>> drafts = {});
  /// Waits for the steps that run.
  ~Dispatcher();
  Dispatcher(const Dispatcher &) = delete;
  Dispatcher &operator=(const Dispatcher &) = delete;

  Expected<SequenceId> add(Request request);
  bool cancel(SequenceId id);
  bool stop(SequenceId id);
  void cancelAll();

  /// Starts a step on each replica that has something to do, and returns when one of
  /// them is done. False if no sequence is left.
  Expected<bool> step();
  Status runAll();
  Expected<SequenceResult> take(SequenceId id);

  int64_t contextLimit() const;
  size_t waiting() const;
  size_t running() const;

  size_t replicas() const { return lanes.size(); }
  /// What a replica has done: a sequence whose prompt is computed elsewhere counts there, too.
  struct Count {
    int64_t sequences = 0, steps = 0;
  };
  Count count(size_t replica) const;
  /// With phases: what has gone from prefill to decode.
  Handovers::Count handovers() const { return handover ? handover->count() : Handovers::Count(); }
  /// Pages of a replica that are in no use, and all; between steps.
  int64_t freePages(size_t replica) const { return lanes[replica]->scheduler.freePages(); }
  int64_t totalPages(size_t replica) const { return lanes[replica]->scheduler.totalPages(); }

private:
  Status beginSteps();
  void beginTransfers();
  void start(Lane &lane);
  bool isIdle(const Lane &lane);
  Status finish(Lane &lane);
  Expected<bool> waitForOne();
  void runLane(Lane &lane);

  std::vector<std::unique_ptr<Lane>> lanes;
  std::vector<Lane *> prefills, decodes; ///< of these; without phases all are in the latter
  std::unique_ptr<Handovers> handover;   ///< with phases
  std::mutex adding;                     ///< so that each request sees where those before it went
  std::mutex mutex;                      ///< of what follows, and of the lanes' `turn`
  std::condition_variable changed;
  bool added = false, leaving = false;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_DISPATCHER_H
