//===- Handovers.h - Prompts go from prefill to decode ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A request belongs to a replica of decode from the beginning: its scheduler has the
// sequences, their callbacks and their results. A replica of prefill computes the keys and
// values of all tokens of the prompt but the last, and holds them until none of the
// sequences needs them any more. Once there is room for one, and both replicas are between
// two steps, they go over.
//
// Decoding is not held up by prompts: a replica of decode goes on while that of prefill
// is in a step, which then, with a prompt to hand over, waits for the end of its.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_HANDOVERS_H
#define PLAIT_RUNTIME_DECODE_HANDOVERS_H

#include "runtime/core/Handover.h"
#include "runtime/decode/Lane.h"

#include <functional>
#include <list>
#include <map>
#include <mutex>
#include <vector>

namespace plait {

class Handovers {
public:
  /// What has gone over so far, and what the compiler's plan says of so many pages.
  struct Count {
    int64_t handovers = 0, pages = 0, bytes = 0, planned = 0;
  };

  explicit Handovers(const Model &model) : plan(model.manifest().handover), link(model.handover()) {}

  /// Adds `request` to both lanes; returns the id that it has in `target`.
  Expected<SequenceId> add(Request request, Lane &source, Lane &target);

  // The rest is called by the thread that steps.

  /// Looks for what has changed; returns lanes that have a transfer to begin now, whose
  /// sources are idle. `isIdle` says of a lane whether it is between two steps.
  std::vector<Lane *> begin(const std::vector<Lane *> &targets, const std::function<bool(const Lane &)> &isIdle);
  /// Whether `source` is to wait for a lane that is not idle.
  bool keepsIdle(const Lane &source) const;
  /// Runs the transfer of a lane: the one thing that its own thread does.
  static Expected<uint64_t> run(Lane &target);
  /// Gives out what has become of it; the lane has none then.
  Status finish(Lane &target);
  /// Why a rank is lost, of any phase, if one is known to be: one that idles is missed by nobody
  /// until a prompt comes.
  Status check() const { return link ? link->check() : Status::success(); }

  const Count &count() const { return counts; }

private:
  /// A prompt that is computed for the completions of a request.
  struct Job {
    Lane *source = nullptr, *target = nullptr;
    SequenceId prompt = 0; ///< in `source`
    SequenceId first = 0;  ///< in `target`
    int64_t completions = 1;
    std::shared_ptr<std::optional<Status>> outcome; ///< once it has ended
    bool isComputed = false, isSeen = false;        ///< `target` has looked for room since
  };

  void takeNew();
  void noteComputed();
  Job *find(const Lane &target, SequenceId id);
  void dropUnneeded();

  const HandoverPlan plan;
  const std::shared_ptr<HandoverLink> link;
  std::mutex mutex; ///< of `added`
  std::list<Job> added;
  std::list<Job> jobs;
  std::map<const Lane *, const Lane *> waiting; ///< lanes with an arrival from one that was busy
  Count counts;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_HANDOVERS_H
