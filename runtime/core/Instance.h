//===- Instance.h - A model in execution -----------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_INSTANCE_H
#define PLAIT_RUNTIME_CORE_INSTANCE_H

#include "runtime/base/Status.h"
#include "runtime/core/Handover.h"
#include "runtime/core/Model.h"
#include "runtime/core/StepBatch.h"
#include "runtime/core/StepInputs.h"
#include "runtime/core/StepOutputs.h"
#include "runtime/core/StepRunner.h"
#include "runtime/core/StepSplit.h"
#include "runtime/device/Device.h"
#include "runtime/device/cpu/ThreadPool.h"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace plait {

class Progress;
class RankGroup;
struct RankMessage;

struct InstanceOptions {
  unsigned threads = 0;    ///< 0: one per physical core
  bool pin = false;        ///< keep each worker on its CPU
  int64_t maxTokens = 512; ///< of a step, all rows together
  int64_t maxRows = 64;
  int64_t maxLeaves = 0;       ///< 0: maxRows, or maxTokens for a variant with logits
  int64_t maxStops = 16;       ///< stop ids of one leaf
  int64_t maxTopLogprobs = 20; ///< of one leaf; each costs it a pass over the logits
  /// Of each page table; 0: one sequence of the model's full context. One behind a
  /// window gets no more than all rows of the step can use at once.
  int64_t capacityPages = 0;
  std::string variant = ""; ///< of the plan; empty: the model's strategy
  /// The threads of another instance, instead of its own, of which one would wait while the
  /// other computes: steps of the two never run at once. Of a model of one rank.
  std::shared_ptr<ThreadPool> team = nullptr;
  /// Told of weights that are copied to a GPU, by the first instance of a model.
  Progress *progress = nullptr;
};

/// State and working memory of one model, and the threads that run its steps.
/// Steps run one at a time in the order of submission. All functions may be
/// called from any thread; instances share nothing but their model, and threads if asked to.
class Instance final : public StepRunner {
public:
  /// Of a model of several ranks the one on rank 0 is for use, and makes one on each.
  static Expected<std::unique_ptr<Instance>> create(std::shared_ptr<const Model> model, const InstanceOptions &options);
  /// Finishes the step that runs and cancels those that wait.
  ~Instance() override;
  Instance(const Instance &) = delete;
  Instance &operator=(const Instance &) = delete;

  class PendingStep;
  using Ticket = std::shared_ptr<PendingStep>;

  /// Queues a step, which runs in the background, or says what is wrong with it.
  Expected<Ticket> submit(StepBatch batch);
  /// Whether `wait` would return at once.
  bool poll(const Ticket &ticket);
  /// Returns the step's result, once. Runs the step itself if no other thread
  /// has begun to, which saves a wake-up.
  Expected<StepResult> wait(const Ticket &ticket);
  /// `submit` and `wait` in one, on the calling thread if the instance is idle.
  /// With `profile`, the times of the step are left there.
  Expected<StepResult> run(StepBatch batch, StepProfile *profile = nullptr) override;

  Status copyPage(size_t table, int32_t from, int32_t to) override;
  Status moveCells(std::span<const CellMove> moves) override;
  /// Bytes that `moveCells` has moved so far on this rank.
  uint64_t movedBytes() const { return bytesMoved; }
  Status beginHandover(const HandoverMessage &message) override;
  Expected<uint64_t> finishHandover() override;

  /// On a rank that does not lead: does what its leader does, and keeps no result.
  Status follow(const RankMessage &message);
  /// On the leader of another replica than 0: runs the step whose inputs rank 0 has
  /// packed, and returns the outputs.
  Expected<std::vector<uint8_t>> serve(std::span<const uint8_t> packedInputs);
  /// The same for a handover of which rank 0 tells; returns the number of bytes.
  Expected<std::vector<uint8_t>> serveHandover(std::span<const uint8_t> message);

  int64_t replica() const override { return shared->place().replica; }
  ReplicaRole role() const override { return shared->mesh().roleOf(replica()); }
  const Model &model() const override { return *shared; }
  const StepLimits &limits() const override { return stepLimits; }
  unsigned threads() const override { return pool->size(); }
  /// For InstanceOptions::team.
  const std::shared_ptr<ThreadPool> &team() const { return pool; }
  bool hasLogits() const override { return plans.front()->has_logits != 0; }
  /// Bytes reserved for the arena and for the states.
  uint64_t arenaMemory() const { return device->arenaBytes(); }
  uint64_t stateMemory() const { return device->stateBytes(); }

private:
  Instance() = default;
  Status prepare(const InstanceOptions &options);
  Status allocate(const InstanceOptions &options);
  Expected<Ticket> enqueue(StepBatch batch, StepProfile *profile, bool wakeWorker);
  void runNext(std::unique_lock<std::mutex> &lock);
  Status execute(const StepBatch &batch, StepProfile *profile, StepResult &result);
  /// Runs the step whose inputs are packed, on all ranks of the replica.
  Status runPacked(StepProfile *profile);
  /// Takes the inputs that another process has packed.
  Status unpack(std::span<const uint8_t> packedInputs);
  /// The part of this rank.
  Status walkPlan(StepProfile *profile);
  bool startsAhead(size_t plan) const;
  bool splits(size_t plan);
  Status copyPageOfRank(size_t table, int32_t from, int32_t to);
  Status moveCellsOfRank(std::span<const CellMove> moves);
  /// Calls `visit` with each layer of each state that uses `table`, and the bytes of a layer's pages.
  Status forEachLayer(size_t table,
                      const std::function<Status(int32_t state, int64_t layer, uint64_t layerBytes)> &visit);
  /// The part of this rank of a handover, and the bytes of all of its replica.
  Expected<uint64_t> movePagesOfRank(const HandoverMessage &message);
  /// Runs the steps that wait; then `lock` keeps others from beginning.
  void finishSteps(std::unique_lock<std::mutex> &lock);
  Status tell(uint32_t command, std::span<const uint8_t> payload);
  void workerLoop();

  std::shared_ptr<const Model> shared;
  std::vector<const plait_plan_v2_t *> plans; ///< of each of the steps in `stepLimits`
  StepLimits stepLimits;
  std::shared_ptr<ThreadPool> pool;
  std::unique_ptr<Device> device; ///< that runs the plans
  RankGroup *group = nullptr;     ///< of the model
  uint32_t number = 0;            ///< of this instance, for the other ranks; 0: they have none

  // Used by the one thread that executes a step.
  StepInputs inputs;
  StepOutputs outputs;
  StepArrays arrays;
  StepSplit split;
  HandoverMessage handover; ///< that has begun
  uint64_t bytesMoved = 0;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Ticket> queue;
  bool executing = false;
  bool stopping = false;
  std::thread worker; ///< started by the first `submit`
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_INSTANCE_H
