//===- Instance.cpp - A model in execution --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"

#include "runtime/core/CellMoves.h"
#include "runtime/core/Memory.h"
#include "runtime/core/MemoryCheck.h"
#include "runtime/core/Placement.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/CpuDevice.h"
#include "runtime/device/cpu/Topology.h"
#include "runtime/device/cuda/CudaDevice.h"

#include <algorithm>
#include <exception>

using namespace plait;

class Instance::PendingStep {
public:
  StepBatch batch;
  StepProfile *profile = nullptr;
  bool done = false;
  Status status;
  StepResult result;
};

namespace {

/// What compiled code's `runtime` pointer means: the step that calls.
struct StepContext {
  std::mutex mutex;
  int64_t firstLeaf = 0;          ///< of a part of the step
  std::vector<int64_t> nonfinite; ///< leaves
};

void reportNonfinite(void *runtime, int64_t leaf) {
  auto &step = *static_cast<StepContext *>(runtime);
  std::lock_guard<std::mutex> lock(step.mutex);
  step.nonfinite.push_back(step.firstLeaf + leaf);
}

const plait_imports_v1_t kImports = {sizeof(plait_imports_v1_t), reportNonfinite};

} // namespace

Expected<std::unique_ptr<Instance>> Instance::create(std::shared_ptr<const Model> model,
                                                     const InstanceOptions &options) {
  std::unique_ptr<Instance> instance(new Instance);
  instance->shared = std::move(model);
  RankGroup *group = instance->group = instance->shared->group().get();
  // Rank 0 speaks for all.
  if ((!group || group->leads()) && instance->shared->replica() == 0 &&
      instance->shared->plan(options.variant.empty() ? instance->shared->manifest().strategy : options.variant))
    PLAIT_RETURN_IF_ERROR(checkMemory(*instance->shared, options));
  if (!group) {
    PLAIT_RETURN_IF_ERROR(instance->prepare(options));
    return instance;
  }
  std::unique_lock<std::mutex> lock(group->order());
  uint32_t number = group->nextInstance();
  if (group->leads())
    PLAIT_RETURN_IF_ERROR(group->tell(RankCommand::create, number, packOptions(options, instance->shared->draft())));
  PLAIT_RETURN_IF_ERROR(group->agree(instance->prepare(options), "create an instance"));
  PLAIT_RETURN_IF_ERROR(instance->device->connect());
  instance->number = group->leads() ? number : 0;
  return instance;
}

Status Instance::prepare(const InstanceOptions &options) {
  const Model &m = *shared;
  if (m.ranks() > 1 && !group)
    return unsupported(printable(m.path()) + ": found a model of " + std::to_string(m.ranks()) +
                       " ranks; expected one of a single rank here; run it with `plait run`, or compile it without "
                       "--tp");
  if (m.tables().pack_bytes && !m.weights())
    return invalidArgument("instance: the model was opened without its weights");
  PLAIT_ASSIGN_OR_RETURN(plans, m.plans(options.variant));
  try {
    PLAIT_RETURN_IF_ERROR(allocate(options));
    // The ranks of a machine share its CPUs.
    unsigned ranks = unsigned(m.mesh().size()), rank = unsigned(m.mesh().leaderOf(m.place().replica) + m.place().rank);
    unsigned threads = options.threads ? options.threads : std::max(1u, physicalCores() / ranks);
    unsigned firstCpu = rank * threads;
    pool = options.team;
    if (!pool) {
      PLAIT_ASSIGN_OR_RETURN(pool, ThreadPool::create(threads, options.pin, firstCpu));
      // Weights that were made are in memory already; a GPU has its own.
      if (m.manifest().weightsKind == "pack" && !gpuOf(m.tables()) && memoryNodes().size() > 1)
        populate(*pool, m.weights(), weightShares(m.tables(), *plans.front(), threads));
    }
  } catch (const std::bad_alloc &) {
    return resourceError("instance: out of memory; use a smaller batch or context");
  }
  return Status::success();
}

Status Instance::allocate(const InstanceOptions &options) {
  const plait_model_v4_t &tables = shared->tables();
  PLAIT_ASSIGN_OR_RETURN(Reservation reservation, reservationOf(*shared, plans, options));
  stepLimits = std::move(reservation.limits);
  std::vector<int64_t> capacityPages, shareTokens;
  for (const StepKind &step : stepLimits.steps)
    shareTokens.push_back(step.shareTokens);
  for (const TableLimits &table : stepLimits.tables)
    capacityPages.push_back(table.capacityPages);
  arrays.tables.resize(stepLimits.tables.size());
  if (const std::shared_ptr<cuda::Program> &program = shared->gpuProgram()) {
    PLAIT_RETURN_IF_ERROR(program->loadWeights(shared->weights(), options.progress));
    PLAIT_ASSIGN_OR_RETURN(device,
                           cuda::CudaDevice::create(program, plans, shared->weights(), reservation.largest,
                                                    reservation.states, capacityPages, shared->communicators()));
    return Status::success();
  }
  if (gpuOf(tables))
    return invalidArgument("instance: the model was opened without its GPU");
  PLAIT_ASSIGN_OR_RETURN(device, CpuDevice::create(tables, plans, shared->weights(), shared->communicators(),
                                                   uint64_t(reservation.arena), reservation.states,
                                                   std::move(capacityPages), std::move(shareTokens)));
  return Status::success();
}

Instance::~Instance() {
  {
    std::unique_lock<std::mutex> lock(mutex);
    stopping = true;
    for (const Ticket &ticket : queue) {
      ticket->status = Status::error(StatusCode::cancelled, "step: the instance has gone");
      ticket->done = true;
    }
    queue.clear();
    changed.notify_all();
    changed.wait(lock, [&] { return !executing; });
  }
  if (worker.joinable())
    worker.join();
  if (number) {
    std::lock_guard<std::mutex> lock(group->order());
    (void)tell(uint32_t(RankCommand::destroy), {}); // a group that has failed has nobody to tell
  }
}

Status Instance::tell(uint32_t command, std::span<const uint8_t> payload) {
  return group->tell(RankCommand(command), number, payload);
}

Expected<Instance::Ticket> Instance::enqueue(StepBatch batch, StepProfile *profile, bool wakeWorker) {
  PLAIT_RETURN_IF_ERROR(checkBatch(batch, stepLimits));
  Ticket ticket = std::make_shared<PendingStep>();
  ticket->batch = std::move(batch);
  ticket->profile = profile;
  std::lock_guard<std::mutex> lock(mutex);
  if (stopping)
    return Status::error(StatusCode::cancelled, "step: the instance is going");
  if (wakeWorker && !worker.joinable())
    worker = std::thread(&Instance::workerLoop, this);
  queue.push_back(ticket);
  if (wakeWorker)
    changed.notify_all();
  return ticket;
}

Expected<Instance::Ticket> Instance::submit(StepBatch batch) {
  try {
    return enqueue(std::move(batch), /*profile=*/nullptr, /*wakeWorker=*/true);
  } catch (const std::exception &error) {
    return resourceError(std::string("step: ") + error.what());
  }
}

bool Instance::poll(const Ticket &ticket) {
  std::lock_guard<std::mutex> lock(mutex);
  return ticket->done;
}

Expected<StepResult> Instance::wait(const Ticket &ticket) {
  std::unique_lock<std::mutex> lock(mutex);
  while (!ticket->done) {
    if (!executing && !queue.empty())
      runNext(lock);
    else
      changed.wait(lock);
  }
  if (!ticket->status)
    return ticket->status;
  return std::move(ticket->result);
}

Expected<StepResult> Instance::run(StepBatch batch, StepProfile *profile) {
  try {
    PLAIT_ASSIGN_OR_RETURN(Ticket ticket, enqueue(std::move(batch), profile, /*wakeWorker=*/false));
    return wait(ticket);
  } catch (const std::exception &error) {
    return resourceError(std::string("step: ") + error.what());
  }
}

/// Executes the oldest step; `lock` is released meanwhile.
void Instance::runNext(std::unique_lock<std::mutex> &lock) {
  Ticket ticket = std::move(queue.front());
  queue.pop_front();
  executing = true;
  lock.unlock();
  Status status;
  try {
    status = execute(ticket->batch, ticket->profile, ticket->result);
  } catch (const std::exception &error) {
    status = resourceError(std::string("step: ") + error.what());
  }
  lock.lock();
  ticket->status = std::move(status);
  ticket->done = true;
  executing = false;
  changed.notify_all();
}

void Instance::workerLoop() {
  std::unique_lock<std::mutex> lock(mutex);
  while (true) {
    changed.wait(lock, [&] { return stopping || (!executing && !queue.empty()); });
    if (stopping)
      return;
    runNext(lock);
  }
}

Status Instance::execute(const StepBatch &batch, StepProfile *profile, StepResult &result) {
  if (profile)
    profile->begin = profileClock();
  inputs.pack(batch, stepLimits);
  PLAIT_RETURN_IF_ERROR(runPacked(profile));
  PLAIT_ASSIGN_OR_RETURN(result, outputs.read(stepLimits.vocabulary));
  if (profile)
    profile->end = profileClock();
  return Status::success();
}

Expected<std::vector<uint8_t>> Instance::serve(std::span<const uint8_t> packedInputs) {
  try {
    PLAIT_RETURN_IF_ERROR(unpack(packedInputs));
    PLAIT_RETURN_IF_ERROR(runPacked(/*profile=*/nullptr));
    return outputs.serialize();
  } catch (const std::exception &error) {
    return resourceError(std::string("step: ") + error.what());
  }
}

Status Instance::unpack(std::span<const uint8_t> packedInputs) {
  PLAIT_RETURN_IF_ERROR(inputs.deserialize(packedInputs, stepLimits.tables.size()));
  return size_t(inputs.step()) < plans.size() ? Status::success()
                                              : internalError("ranks: found inputs of a step that is not there");
}

Status Instance::runPacked(StepProfile *profile) {
  if (!group)
    return walkPlan(profile);
  std::lock_guard<std::mutex> order(group->order());
  PLAIT_RETURN_IF_ERROR(tell(uint32_t(RankCommand::step), inputs.serialize()));
  return walkPlan(profile);
}

Status Instance::follow(const RankMessage &message) {
  if (message.command == RankCommand::step) {
    PLAIT_RETURN_IF_ERROR(unpack(message.payload));
    return walkPlan(/*profile=*/nullptr);
  }
  if (message.command == RankCommand::moveCells) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<CellMove> moves, readMoves(message.payload, stepLimits));
    return moveCellsOfRank(moves);
  }
  if (message.command != RankCommand::copyPage) {
    PLAIT_ASSIGN_OR_RETURN(HandoverMessage handover, HandoverMessage::read(message.payload, stepLimits));
    return movePagesOfRank(handover).status();
  }
  PLAIT_ASSIGN_OR_RETURN(PageCopyMessage copy, PageCopyMessage::read(message.payload));
  return copyPageOfRank(size_t(copy.table), int32_t(copy.from), int32_t(copy.to));
}

Status Instance::walkPlan(StepProfile *profile) {
  size_t number = size_t(inputs.step());
  if (int32_t greedy = stepLimits.steps[number].greedy; greedy >= 0 && inputs.choosesGreedily())
    if (!inputs.dims()[PLAIT_DIM_TOPS] || stepLimits.steps[size_t(greedy)].hasTops)
      number = size_t(greedy);
  outputs.prepare(inputs.dims(), plans[number]->has_logits ? stepLimits.vocabulary : 0,
                  stepLimits.returnedHidden(inputs.step()));
  arrays.inputs = inputs.pointers();
  for (size_t i = 0; i < arrays.tables.size(); ++i)
    arrays.tables[i] = inputs.pageTables()[i].data();
  arrays.outputs = outputs.pointers();

  std::array<StepContext, 2> contexts;
  auto contextOf = [&](size_t part) {
    return plait_context_v1_t{sizeof(plait_context_v1_t), &contexts[part], &kImports};
  };
  Status status;
  if (startsAhead(number)) {
    status = device->runAhead(number, *pool, contextOf(0), inputs.dims(), arrays, profile);
  } else if (splits(number)) {
    contexts[1].firstLeaf = split.firstLeaves;
    for (size_t part = 0; part < 2; ++part)
      split.parts[part].context = contextOf(part);
    status = device->runWoven(number, *pool, split.parts, profile);
  } else {
    status = device->run(number, *pool, contextOf(0), inputs.dims(), arrays, profile);
  }
  if (!status)
    return group ? group->explain(std::move(status)) : status; // of a collective, or of a GPU
  for (const StepContext &context : contexts)
    outputs.refuse(context.nonfinite);
  return Status::success();
}

/// Whether the step whose arrays are ready leaves its collectives time, and is to use it.
bool Instance::startsAhead(size_t plan) const {
  int64_t least = stepLimits.steps[plan].weaveTokens;
  return least && inputs.dims()[PLAIT_DIM_TOKENS] >= least && device->leavesTime(plan);
}

/// Whether the step whose arrays are ready is to run in two parts, which `split` then has.
bool Instance::splits(size_t plan) {
  int64_t least = stepLimits.steps[plan].weaveTokens;
  return least && inputs.dims()[PLAIT_DIM_TOKENS] >= least &&
         split.split(inputs.dims(), arrays, plans[plan]->has_logits ? stepLimits.vocabulary : 0,
                     stepLimits.returnedHidden(int32_t(plan)));
}

void Instance::finishSteps(std::unique_lock<std::mutex> &lock) {
  while (executing || !queue.empty()) {
    if (!executing)
      runNext(lock);
    else
      changed.wait(lock);
  }
}
