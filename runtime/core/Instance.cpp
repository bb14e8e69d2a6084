//===- Instance.cpp - A model in execution --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"

#include "runtime/core/Ranks.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Topology.h"

#include <algorithm>
#include <cstring>
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
  std::vector<int64_t> nonfinite; ///< leaves
};

void reportNonfinite(void *runtime, int64_t leaf) {
  auto &step = *static_cast<StepContext *>(runtime);
  std::lock_guard<std::mutex> lock(step.mutex);
  step.nonfinite.push_back(leaf);
}

const plait_imports_v1_t kImports = {sizeof(plait_imports_v1_t), reportNonfinite};

Status checkOption(const char *what, int64_t value, int64_t min, int64_t max) {
  if (value >= min && value <= max)
    return Status::success();
  return invalidArgument(std::string(what) + ": found " + std::to_string(value) + "; expected " + std::to_string(min) +
                         " to " + std::to_string(max));
}

bool usesBuffer(const plait_plan_v2_t &plan, plait_arg_kind_t kind, int32_t index) {
  return std::any_of(plan.args, plan.args + plan.arg_count,
                     [&](const plait_arg_v1_t &arg) { return arg.kind == kind && arg.index == index; });
}

} // namespace

Expected<std::unique_ptr<Instance>> Instance::create(std::shared_ptr<const Model> model,
                                                     const InstanceOptions &options) {
  std::unique_ptr<Instance> instance(new Instance);
  instance->shared = std::move(model);
  RankGroup *group = instance->group = instance->shared->group().get();
  if (!group) {
    PLAIT_RETURN_IF_ERROR(instance->prepare(options));
    return instance;
  }
  std::unique_lock<std::mutex> lock(group->order());
  uint32_t number = group->nextInstance();
  if (group->leads())
    PLAIT_RETURN_IF_ERROR(group->tell(RankCommand::create, number, packOptions(options)));
  PLAIT_RETURN_IF_ERROR(group->agree(instance->prepare(options), "create an instance"));
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
  PLAIT_ASSIGN_OR_RETURN(plan, m.plan(options.variant.empty() ? m.manifest().strategy : options.variant));
  try {
    PLAIT_RETURN_IF_ERROR(allocate(options));
    unsigned threads = options.threads ? options.threads : std::max(1u, physicalCores() / unsigned(m.ranks()));
    // The ranks of a machine share its CPUs.
    unsigned firstCpu = unsigned(m.tables().rank) * threads;
    PLAIT_ASSIGN_OR_RETURN(pool, ThreadPool::create(threads, options.pin, firstCpu));
    executor = std::make_unique<Executor>(m.tables(), *plan, m.weights(), group ? &group->communicator() : nullptr);
  } catch (const std::bad_alloc &) {
    return resourceError("instance: out of memory; use a smaller batch or context");
  }
  return Status::success();
}

Status Instance::allocate(const InstanceOptions &options) {
  const plait_model_v4_t &tables = shared->tables();
  constexpr int64_t most = int64_t(1) << 24; // far from overflow, beyond any use
  PLAIT_RETURN_IF_ERROR(checkOption("tokens per step", options.maxTokens, 1, most));
  PLAIT_RETURN_IF_ERROR(checkOption("rows per step", options.maxRows, 1, most));
  PLAIT_RETURN_IF_ERROR(checkOption("leaves per step", options.maxLeaves, 0, most));
  PLAIT_RETURN_IF_ERROR(checkOption("stop ids", options.maxStops, 0, 4096));
  PLAIT_RETURN_IF_ERROR(checkOption("top logprobs", options.maxTopLogprobs, 0, 4096));
  PLAIT_RETURN_IF_ERROR(checkOption("pages", options.capacityPages, 0, INT32_MAX));

  StepLimits &limits = stepLimits;
  limits.vocabulary = tables.vocabulary;
  limits.maxPositions = tables.max_positions;
  limits.pageTokens = pageTokens(tables);
  limits.maxTokens = options.maxTokens;
  limits.maxRows = std::min(options.maxRows, options.maxTokens);
  limits.maxLeaves = options.maxLeaves  ? std::min(options.maxLeaves, limits.maxTokens)
                     : plan->has_logits ? limits.maxTokens
                                        : limits.maxRows;
  limits.maxStops = options.maxStops;
  limits.maxEdits = usesBuffer(*plan, PLAIT_ARG_INPUT, PLAIT_IN_EDIT_TOKENS) ? limits.vocabulary : 0;
  limits.maxTopLogprobs = usesBuffer(*plan, PLAIT_ARG_OUTPUT, PLAIT_OUT_TOP_TOKENS) ? options.maxTopLogprobs : 0;
  int64_t fullContext = limits.wholePages(limits.maxPositions);
  limits.tables.resize(size_t(tables.table_count));
  for (int32_t i = 0; i < tables.table_count; ++i) {
    TableLimits &table = limits.tables[size_t(i)];
    table.window = tableWindow(tables, i);
    table.capacityPages = options.capacityPages ? options.capacityPages : fullContext;
    if (table.window)
      table.capacityPages = std::min(table.capacityPages, limits.maxRows * limits.ringPages(table, limits.maxTokens));
  }

  StepDims dims{};
  dims[PLAIT_DIM_TOKENS] = limits.maxTokens;
  dims[PLAIT_DIM_ROWS] = limits.maxRows;
  dims[PLAIT_DIM_LEAVES] = limits.maxLeaves;
  dims[PLAIT_DIM_PAGES] = fullContext;
  dims[PLAIT_DIM_STOPS] = limits.maxStops;
  dims[PLAIT_DIM_EDITS] = limits.maxLeaves * limits.maxEdits;
  dims[PLAIT_DIM_TOPS] = limits.maxTopLogprobs;
  dims[PLAIT_DIM_TOKENS_PART] = (limits.maxTokens + tables.ranks - 1) / tables.ranks;
  dims[PLAIT_DIM_DRAWS] = dims[PLAIT_DIM_WARPS] = limits.maxLeaves;
  dims[PLAIT_DIM_TOP_ENTRIES] = limits.maxLeaves * limits.maxTopLogprobs;
  int64_t bytes = arenaBytes(*plan, dims);
  if (bytes < 0)
    return resourceError("arena: a step of " + std::to_string(limits.maxTokens) +
                         " tokens is too large; use fewer tokens per step");
  PLAIT_ASSIGN_OR_RETURN(arena, PageMemory::allocate(uint64_t(bytes), "arena"));

  memory.arena = arena.data();
  memory.tables.resize(limits.tables.size());
  for (const TableLimits &table : limits.tables)
    memory.capacityPages.push_back(table.capacityPages);
  for (int32_t i = 0; i < tables.state_count; ++i) {
    const plait_state_v2_t &state = tables.states[i];
    int64_t capacity = limits.tables[size_t(state.table)].capacityPages;
    uint64_t size;
    if (__builtin_mul_overflow(state.page_bytes, uint64_t(capacity), &size) ||
        __builtin_mul_overflow(size, uint64_t(state.layers), &size))
      size = UINT64_MAX; // refused below
    std::string what = "key/value cache of " + std::to_string(capacity) + " pages";
    PLAIT_ASSIGN_OR_RETURN(PageMemory pages, PageMemory::allocate(size, what));
    memory.states.push_back(pages.data());
    states.push_back(std::move(pages));
  }
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

uint64_t Instance::stateMemory() const {
  uint64_t total = 0;
  for (const PageMemory &state : states)
    total += state.size();
  return total;
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
  std::unique_lock<std::mutex> order;
  if (group) {
    order = std::unique_lock<std::mutex>(group->order());
    PLAIT_RETURN_IF_ERROR(tell(uint32_t(RankCommand::step), inputs.serialize()));
  }
  PLAIT_ASSIGN_OR_RETURN(std::vector<int64_t> nonfinite, walkPlan(profile, result.logits));
  size_t leaves = outTokens.size(), topWidth = size_t(inputs.dims()[PLAIT_DIM_TOPS]);
  for (int64_t leaf : nonfinite)
    if (leaf >= 0 && size_t(leaf) < leaves)
      outStatus[size_t(leaf)] = PLAIT_LEAF_NONFINITE;
  result.leaves.resize(leaves);
  for (size_t i = 0; i < leaves; ++i)
    PLAIT_RETURN_IF_ERROR(readLeaf(i, topWidth, result.leaves[i]));
  if (profile)
    profile->end = profileClock();
  return Status::success();
}

Status Instance::follow(const RankMessage &message) {
  if (message.command == RankCommand::step) {
    PLAIT_RETURN_IF_ERROR(inputs.deserialize(message.payload, stepLimits.tables.size()));
    std::vector<float> logits;
    return walkPlan(/*profile=*/nullptr, logits).status();
  }
  int64_t values[3];
  if (message.payload.size() != sizeof(values))
    return internalError("ranks: found a page to copy of another size than expected");
  std::memcpy(values, message.payload.data(), sizeof(values));
  copyPageOfRank(size_t(values[0]), int32_t(values[1]), int32_t(values[2]));
  return Status::success();
}

Expected<std::vector<int64_t>> Instance::walkPlan(StepProfile *profile, std::vector<float> &logits) {
  size_t leaves = size_t(inputs.dims()[PLAIT_DIM_LEAVES]);
  outTokens.assign(leaves, -1);
  outStatus.assign(leaves, PLAIT_LEAF_OK);
  outLogprob.assign(leaves, 0);
  size_t topWidth = size_t(inputs.dims()[PLAIT_DIM_TOPS]);
  outTopTokens.assign(leaves * topWidth, -1);
  outTopLogprobs.assign(leaves * topWidth, 0);
  if (plan->has_logits)
    logits.resize(leaves * size_t(stepLimits.vocabulary));
  memory.inputs = inputs.pointers();
  for (size_t i = 0; i < memory.tables.size(); ++i)
    memory.tables[i] = inputs.pageTables()[i].data();
  memory.outputs[PLAIT_OUT_TOKENS] = outTokens.data();
  memory.outputs[PLAIT_OUT_STATUS] = outStatus.data();
  memory.outputs[PLAIT_OUT_LOGPROB] = outLogprob.data();
  memory.outputs[PLAIT_OUT_LOGITS] = logits.data();
  memory.outputs[PLAIT_OUT_TOP_TOKENS] = outTopTokens.data();
  memory.outputs[PLAIT_OUT_TOP_LOGPROBS] = outTopLogprobs.data();

  StepContext step{};
  plait_context_v1_t context = {sizeof(plait_context_v1_t), &step, &kImports};
  if (Status status = executor->run(*pool, context, inputs.dims(), memory, profile); !status)
    return group->explain(std::move(status)); // of a collective
  return std::move(step.nonfinite);
}

Status Instance::readLeaf(size_t leaf, size_t topWidth, LeafResult &result) const {
  auto check = [&](int32_t token) {
    if (token >= 0 && token < stepLimits.vocabulary)
      return Status::success();
    return internalError("step: the model chose token " + std::to_string(token) + " of a vocabulary of " +
                         std::to_string(stepLimits.vocabulary));
  };
  result.status = plait_leaf_status_t(outStatus[leaf]);
  result.logprob = outLogprob[leaf];
  if (outStatus[leaf] == PLAIT_LEAF_NONFINITE)
    return Status::success(); // there is no token
  PLAIT_RETURN_IF_ERROR(check(outTokens[leaf]));
  result.token = outTokens[leaf];
  for (size_t i = leaf * topWidth; i < (leaf + 1) * topWidth && outTopTokens[i] != -1; ++i) {
    PLAIT_RETURN_IF_ERROR(check(outTopTokens[i]));
    result.top.push_back({outTopTokens[i], outTopLogprobs[i]});
  }
  return Status::success();
}

Status Instance::copyPage(size_t table, int32_t from, int32_t to) {
  PLAIT_RETURN_IF_ERROR(checkOption("page table", int64_t(table), 0, int64_t(stepLimits.tables.size()) - 1));
  int64_t capacity = stepLimits.tables[table].capacityPages;
  for (int32_t page : {from, to})
    PLAIT_RETURN_IF_ERROR(checkOption("page", page, 0, capacity - 1));
  std::unique_lock<std::mutex> lock(mutex);
  while (executing || !queue.empty()) {
    if (!executing)
      runNext(lock);
    else
      changed.wait(lock);
  }
  if (group) {
    std::lock_guard<std::mutex> order(group->order());
    int64_t values[3] = {int64_t(table), from, to};
    PLAIT_RETURN_IF_ERROR(
        tell(uint32_t(RankCommand::copyPage), std::span(reinterpret_cast<const uint8_t *>(values), sizeof(values))));
  }
  copyPageOfRank(table, from, to);
  return Status::success();
}

void Instance::copyPageOfRank(size_t table, int32_t from, int32_t to) {
  int64_t capacity = stepLimits.tables[table].capacityPages;
  const plait_model_v4_t &tables = shared->tables();
  for (int32_t i = 0; i < tables.state_count; ++i) {
    const plait_state_v2_t &state = tables.states[i];
    if (size_t(state.table) != table)
      continue;
    uint64_t stride = uint64_t(capacity) * state.page_bytes;
    for (int64_t layer = 0; layer < state.layers; ++layer) {
      uint8_t *base = memory.states[size_t(i)] + uint64_t(layer) * stride;
      std::memcpy(base + uint64_t(to) * state.page_bytes, base + uint64_t(from) * state.page_bytes, state.page_bytes);
    }
  }
}
