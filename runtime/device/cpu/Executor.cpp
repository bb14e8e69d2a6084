//===- Executor.cpp - Walks a launch plan on CPU threads ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Executor.h"

#include "runtime/base/ModelGroups.h"

#include <algorithm>
#include <map>

using namespace plait;

namespace {

bool evaluate(const plait_extent_v4_t &extent, const StepDims &dims, int64_t &result) {
  result = extentBytes(extent, dims);
  return result >= 0;
}

int64_t roundUp64(int64_t bytes) { return (bytes + 63) & ~int64_t(63); }

int64_t tilesOf(const plait_kernel_v1_t &kernel, const StepDims &dims) {
  if (kernel.tile_dim < 0)
    return kernel.tile_count;
  int64_t extent = dims[kernel.tile_dim];
  return kernel.tile_count * ((extent + kernel.tile_block - 1) / kernel.tile_block);
}

/// Sees the launches of a thread go by.
struct NoObserver {
  void waits() {}
  void begins() {}
  void ends(int32_t, int32_t) {}
};

struct ProfileObserver {
  std::vector<StepProfile::Launch> &launches;
  int64_t waited = -1, begun = 0;

  void waits() { waited = profileClock(); }
  void begins() { begun = profileClock(); }
  void ends(int32_t index, int32_t layer) {
    launches.push_back({index, layer, waited < 0 ? begun : waited, begun, profileClock()});
    waited = -1;
  }
};

} // namespace

int64_t plait::extentBytes(const plait_extent_v4_t &extent, const StepDims &dims) {
  int64_t result = extent.constant;
  for (int d = 0; d < PLAIT_DIM_COUNT; ++d) {
    int64_t product;
    if (__builtin_mul_overflow(extent.per[d], dims[d], &product) || __builtin_add_overflow(result, product, &result))
      return -1;
  }
  return result;
}

int64_t plait::arenaBytes(const plait_plan_v2_t &plan, const StepDims &dims) {
  int64_t total = 0;
  for (int32_t i = 0; i < plan.slot_count; ++i) {
    int64_t bytes;
    if (!evaluate(plan.slots[i], dims, bytes) || bytes > INT64_MAX - 64 ||
        __builtin_add_overflow(total, roundUp64(bytes), &total))
      return -1;
  }
  return total;
}

/// With more tokens, there are tiles for all threads; of more spans in all, memory would be wasted on them.
static constexpr int64_t mostTokensWithSpans = 16, mostSpansOfTokens = 1024;

static int64_t spansOfRow(int64_t pages, int64_t pageTokens) {
  return (pages * pageTokens + PLAIT_SPAN_POSITIONS - 1) / PLAIT_SPAN_POSITIONS;
}

int64_t plait::spansOf(const StepDims &dims, int64_t pageTokens, unsigned threads) {
  int64_t tokens = dims[PLAIT_DIM_TOKENS], spans = spansOfRow(dims[PLAIT_DIM_PAGES], pageTokens);
  bool hasSpans =
      threads > 1 && spans > 1 && tokens <= mostTokensWithSpans && (tokens == 1 || tokens * spans <= mostSpansOfTokens);
  return hasSpans ? tokens * spans : 0;
}

int64_t plait::mostSpans(int64_t tokens, int64_t pages, int64_t pageTokens) {
  int64_t spans = spansOfRow(pages, pageTokens);
  return spans > 1 ? std::max(spans, std::min(std::min(tokens, mostTokensWithSpans) * spans, mostSpansOfTokens)) : 0;
}

/// Of a copy that each thread has: the work for it, which then all threads do, grows with its bytes. With so many it
/// was measured to take less than the wait for it.
static constexpr int64_t mostCopyBytes = 4096;

Executor::Executor(const plait_model_v4_t &model, const plait_plan_v2_t &plan, const uint8_t *weights,
                   RankCommunicators communicators, int32_t firstLaunch, int64_t shareTokens)
    : model(model), plan(plan), addresses(size_t(plan.arg_count)), strides(size_t(plan.arg_count)),
      threadStrides(size_t(plan.arg_count)), collectives(model, plan, std::move(communicators)),
      shareTokens(shareTokens) {
  addLaunches(firstLaunch);
  for (int32_t i = 0; i < plan.arg_count; ++i)
    if (plan.args[i].kind == PLAIT_ARG_WEIGHT) {
      const plait_weight_v4_t &weight = model.weights[plan.args[i].index];
      setAddress(i, weights + weight.pack_offset, weight.layers > 1 ? weight.layer_bytes : 0);
    } else if (plan.args[i].kind == PLAIT_ARG_COPY && std::none_of(copies.begin(), copies.end(), [&](const Copy &copy) {
                 return copy.slot == plan.args[i].index;
               })) {
      copies.push_back({plan.args[i].index, 0});
    }
}

void Executor::addLaunches(int32_t firstLaunch) {
  auto differs = [&](int32_t arg) { // from layer to layer
    return plan.args[arg].kind == PLAIT_ARG_STATE ||
           (plan.args[arg].kind == PLAIT_ARG_WEIGHT && model.weights[plan.args[arg].index].layers > 1);
  };
  // Launches [first, first + count) run in order for each layer of the range.
  struct Segment {
    int32_t first, count;
    int32_t layerBegin, layerEnd;
  };
  std::vector<Segment> segments;
  int32_t epilogueLeft = 0;
  for (int32_t i = 0; i < plan.launch_count; ++i) {
    const plait_launch_v3_t &launch = plan.launches[i];
    maxArgs = std::max(maxArgs, launch.arg_count);
    bool repeats = launch.layer_end - launch.layer_begin > 1;
    if (i >= firstLaunch && repeats && !launch.loop_begin && !segments.empty())
      ++segments.back().count; // checked: same range as the launch before
    else if (i >= firstLaunch)
      segments.push_back({i, 1, launch.layer_begin, launch.layer_end});
    std::vector<std::string> &byLayer = names.emplace_back();
    bool isInside = epilogueLeft > 0;
    epilogueLeft -= isInside;
    if (launch.kernel < 0) {
      const plait_collective_v4_t &collective = plan.collectives[-1 - launch.kernel];
      if (collective.kind == PLAIT_COLLECTIVE_REDUCE_GATHER)
        epilogueLeft = collective.other;
      std::string source = launch.source >= 0 ? model.sources[launch.source] : "step";
      for (int32_t layer = 0; layer < launch.layer_end; ++layer)
        byLayer.push_back(repeats ? source + " of layer " + std::to_string(layer) : source);
      launches.push_back(
          {nullptr, launch.first_arg, launch.arg_count, false, true, false, false, false, 1, epilogueLeft});
      continue;
    }
    const plait_kernel_v1_t &kernel = model.kernels[launch.kernel];
    bool perLayer = false, copied = false;
    for (int32_t a = launch.first_arg; a < launch.first_arg + launch.arg_count; ++a) {
      perLayer |= differs(a);
      copied |= plan.args[a].kind == PLAIT_ARG_COPY;
    }
    launches.push_back({kernel.run, launch.first_arg, launch.arg_count, kernel.cyclic != 0, launch.barrier != 0,
                        perLayer, copied, false, 0, 0, isInside});
  }
  for (const Segment &segment : segments)
    for (int32_t layer = segment.layerBegin; layer < segment.layerEnd; ++layer)
      for (int32_t i = segment.first; i < segment.first + segment.count; ++i) {
        if (launches[size_t(i)].isInside)
          continue;
        if (!launches[size_t(i)].run)
          exchanges.push_back(order.size());
        order.push_back({i, layer, layer > segment.layerBegin && i == segment.first});
      }
  std::vector<int32_t> numbers;
  for (const Position &position : order)
    numbers.push_back(position.launch);
  points = findExchangePoints(plan, numbers);
}

void Executor::setAddress(int32_t arg, const void *base, uint64_t stride, uint64_t threadStride) {
  // Kernels take one pointer type for all buffers; none writes an input or a weight.
  addresses[size_t(arg)] = const_cast<void *>(base);
  strides[size_t(arg)] = stride;
  threadStrides[size_t(arg)] = threadStride;
}

/// Whether each thread gets copies in a step of these extents, which then have their places.
bool Executor::makeCopies(unsigned threads, const StepDims &dims, const StepMemory &memory) {
  if (threads == 1 || copies.empty() || !memory.slots.empty())
    return false;
  copyBytes = 0;
  for (Copy &copy : copies) {
    int64_t bytes;
    if (!evaluate(plan.slots[copy.slot], dims, bytes) || bytes > mostCopyBytes)
      return false;
    copy.offset = copyBytes;
    copyBytes += uint64_t(roundUp64(bytes));
  }
  copyMemory.resize(std::max(copyMemory.size(), size_t(threads * copyBytes / sizeof(Line))));
  return true;
}

void Executor::bind(unsigned threads, const StepDims &given, const StepMemory &memory) {
  StepDims &dims = stepDims;
  dims = given;
  GroupPlace sharers = placeIn(model, model.token_group);
  collectives.shareTokens(sharesTokens(dims[PLAIT_DIM_TOKENS], shareTokens));
  dims[PLAIT_DIM_TOKENS_PART] = tokensOfRank(sharers.index, sharers.size, dims[PLAIT_DIM_TOKENS], shareTokens);
  dims[PLAIT_DIM_SPANS] = model.state_count ? spansOf(dims, model.states[0].page_tokens, threads) : 0;
  // Offsets of slots; the table is short and was checked not to overflow.
  thread_local std::vector<uint8_t *> slots;
  slots.resize(size_t(plan.slot_count));
  uint8_t *next = memory.arena;
  for (int32_t i = 0; i < plan.slot_count; ++i) {
    if (!memory.slots.empty()) {
      slots[i] = memory.slots[i];
      continue;
    }
    int64_t bytes = 0;
    evaluate(plan.slots[i], dims, bytes);
    slots[i] = next;
    next += roundUp64(bytes);
  }
  hasCopies = makeCopies(threads, dims, memory);
  for (int32_t i = 0; i < plan.arg_count; ++i) {
    int32_t index = plan.args[i].index;
    switch (plan.args[i].kind) {
    case PLAIT_ARG_SLOT:
      setAddress(i, slots[index]);
      break;
    case PLAIT_ARG_COPY:
      setAddress(i, slots[index]);
      for (const Copy &copy : copies)
        if (hasCopies && copy.slot == index)
          setAddress(i, copyMemory.data()->bytes + copy.offset, 0, copyBytes);
      break;
    case PLAIT_ARG_STATE: {
      const plait_state_v3_t &state = model.states[index];
      setAddress(i, memory.states[index], uint64_t(memory.capacityPages[state.table]) * state.page_bytes);
      break;
    }
    case PLAIT_ARG_PAGES:
      setAddress(i, memory.tables[index]);
      break;
    case PLAIT_ARG_INPUT:
      setAddress(i, memory.inputs[index]);
      break;
    case PLAIT_ARG_OUTPUT:
      setAddress(i, memory.outputs[index]);
      break;
    default: // weights were bound once and for all
      break;
    }
  }
  for (size_t i = 0; i < launches.size(); ++i) {
    const plait_launch_v3_t &launch = plan.launches[i];
    launches[i].tiles = launches[i].run ? tilesOf(model.kernels[launch.kernel], dims) : 1;
    launches[i].redundant = hasCopies && launch.redundant;
    launches[i].barrier = launch.barrier == 1 || (launch.barrier == 2 && !hasCopies);
  }
  shares.resize(threads);
  failure = Status();
  broken = false;
  firstOfStep += uint32_t(order.size());
}

template <typename Walk> void Executor::runThreads(ThreadPool &pool, StepProfile *profile, Walk walkThread) {
  if (!profile)
    return pool.run([&](unsigned thread) {
      NoObserver observer;
      walkThread(thread, observer);
    });
  profile->threads.resize(pool.size());
  for (StepProfile::Thread &thread : profile->threads)
    thread.launches.clear();
  profile->walkBegin = profileClock();
  pool.run([&](unsigned thread) {
    ProfileObserver observer{profile->threads[thread].launches};
    walkThread(thread, observer);
  });
  profile->walkEnd = profileClock();
}

Status Executor::run(ThreadPool &pool, const plait_context_v1_t &context, const StepDims &dims,
                     const StepMemory &memory, StepProfile *profile) {
  bind(pool.size(), dims, memory);
  if (profile)
    profile->parts = 1;
  runThreads(pool, profile,
             [&](unsigned thread, auto &observer) { walk(pool, context, thread, 0, order.size(), observer); });
  return std::move(failure);
}

Status Executor::runWoven(Executor &second, ThreadPool &pool, CommThread &comm, const Part &firstPart,
                          const Part &secondPart, StepProfile *profile) {
  bind(pool.size(), firstPart.dims, firstPart.memory);
  second.bind(pool.size(), secondPart.dims, secondPart.memory);
  if (profile)
    profile->parts = 2;
  std::array<Executor *, 2> halves = {this, &second};
  std::array<const plait_context_v1_t *, 2> contexts = {&firstPart.context, &secondPart.context};
  runThreads(pool, profile,
             [&](unsigned thread, auto &observer) { weave(halves, contexts, pool, comm, thread, observer); });
  return failure ? std::move(second.failure) : std::move(failure);
}

template <typename Observer>
void Executor::weave(const std::array<Executor *, 2> &halves, const std::array<const plait_context_v1_t *, 2> &contexts,
                     ThreadPool &pool, CommThread &comm, unsigned thread, Observer &observer) {
  const Executor &any = *halves[0];
  std::array<uint64_t, 2> numbers{};
  for (size_t piece = 0; piece <= any.exchanges.size(); ++piece)
    for (size_t h = 0; h < 2; ++h) {
      Executor &half = *halves[h];
      if (piece) { // for what this half has given away before
        observer.waits();
        if (thread == 0)
          comm.wait(numbers[h]);
        pool.barrier(thread);
        observer.begins();
        const Position &exchange = any.order[any.exchanges[piece - 1]];
        observer.ends(exchange.launch, exchange.layer);
      }
      bool isLast = piece == any.exchanges.size();
      size_t end = isLast ? any.order.size() : any.exchanges[piece];
      half.walk(pool, *contexts[h], thread, piece ? any.exchanges[piece - 1] + 1 : 0, end, observer);
      pool.barrier(thread);
      if (thread != 0 || isLast)
        continue;
      numbers[h] = half.post(comm, *contexts[h], end, halves[1 - h]);
    }
}

uint64_t Executor::post(CommThread &comm, const plait_context_v1_t &context, size_t place, Executor *other) {
  return comm.post([this, other, &context, exchange = order[place]] {
    if (broken.load(std::memory_order_relaxed))
      return;
    runCollective(exchange.launch, exchange.layer,
                  [&](size_t from, size_t to) { runEpilogue(context, exchange.launch, exchange.layer, from, to); });
    // Whoever fails in one half does not begin the other's.
    if (other && broken.load(std::memory_order_relaxed))
      other->broken.store(true, std::memory_order_relaxed);
  });
}

Status Executor::runAhead(ThreadPool &pool, CommThread &comm, const plait_context_v1_t &context, const StepDims &dims,
                          const StepMemory &memory, StepProfile *profile) {
  bind(pool.size(), dims, memory);
  if (profile)
    profile->parts = 1;
  runThreads(pool, profile, [&](unsigned thread, auto &observer) { walkAhead(pool, comm, context, thread, observer); });
  return std::move(failure);
}

template <typename Observer>
void Executor::walkAhead(ThreadPool &pool, CommThread &comm, const plait_context_v1_t &context, unsigned thread,
                         Observer &observer) {
  std::map<size_t, uint64_t> numbers; // thread 0's, of collectives under way
  size_t begin = 0;
  for (const ExchangePoint &point : points) {
    walk(pool, context, thread, begin, point.place, observer);
    begin = point.place + point.starts;
    if (!point.starts)
      observer.waits();
    else
      pool.barrier(thread); // all have finished what it needs
    if (thread == 0 && point.starts)
      numbers[point.exchange] = post(comm, context, point.exchange, /*other=*/nullptr);
    if (point.starts)
      continue;
    if (thread == 0)
      comm.wait(numbers[point.exchange]);
    pool.barrier(thread);
    observer.begins();
    observer.ends(order[point.exchange].launch, order[point.exchange].layer);
  }
  walk(pool, context, thread, begin, order.size(), observer);
}

template <typename Observer>
void Executor::walk(ThreadPool &pool, const plait_context_v1_t &context, unsigned thread, size_t begin, size_t end,
                    Observer &observer) {
  thread_local std::vector<void *> scratch;
  scratch.resize(size_t(maxArgs));
  unsigned threads = pool.size();
  const StepDims &dims = stepDims;
  // A single tile is always the first thread's. As long as that one alone has had
  // work since the last barrier, and has the next, its own order is enough and the
  // barrier is put off. All threads decide alike: by the tiles of the step.
  bool due = false, idle = true, alone = true;
  // A few tokens wait for weights alone, which are read fastest in long runs.
  bool sharesTiles = dims[PLAIT_DIM_TOKENS] > 4;
  for (size_t at = begin; at < end; ++at) {
    auto [i, layer, repeats] = order[at];
    const Launch &launch = launches[size_t(i)];
    due = !idle && (due || launch.barrier || repeats);
    if (launch.tiles == 0) { // has nothing to wait for
      observer.begins();
      observer.ends(i, layer);
      continue;
    }
    // Rows of a collective may be for all threads, too.
    bool sharesOfRows = sharesRows(launch, threads);
    bool single = launch.tiles <= 1 && !sharesOfRows && !launch.redundant;
    if (due && !(alone && single)) {
      observer.waits();
      pool.barrier(thread);
      due = false;
      alone = true;
    }
    idle = false;
    alone &= single;
    observer.begins();
    if (sharesOfRows)
      shareCollective(pool, context, i, layer, thread);
    else if (launch.redundant)
      launch.run(&context, getBuffers(launch, layer, thread, scratch.data()), dims.data(), 0, launch.tiles, 1);
    else
      shares.forEach(thread, firstOfStep + uint32_t(at), launch.tiles, sharesTiles, [&](TileShares::Run run) {
        if (broken.load(std::memory_order_relaxed))
          return; // after a collective has failed only the barriers are left
        if (!launch.run)
          return runCollective(i, layer, [&](size_t from, size_t to) { runEpilogue(context, i, layer, from, to); });
        void *const *buffers = getBuffers(launch, layer, thread, scratch.data());
        if (launch.cyclic)
          return launch.run(&context, buffers, dims.data(), run.owner + run.first * threads,
                            run.owner + run.last * threads, threads);
        int64_t first = shares.begin(run.owner, launch.tiles);
        launch.run(&context, buffers, dims.data(), first + run.first, first + run.last, 1);
      });
    observer.ends(i, layer);
  }
}

/// On thread 0, or the one for collectives, after all threads have finished the launches before.
void Executor::runCollective(int32_t index, int32_t layer, const RowEpilogue &epilogue) {
  const plait_launch_v3_t &launch = plan.launches[index];
  void *const *buffers = addresses.data() + launch.first_arg;
  const char *name = names[size_t(index)][size_t(layer)].c_str();
  failure = launches[size_t(index)].epilogue
                ? collectives.runFused(-1 - launch.kernel, stepDims, buffers, epilogue, name)
                : collectives.run(-1 - launch.kernel, stepDims, static_cast<float *>(buffers[0]),
                                  static_cast<float *>(buffers[1]), name);
  if (!failure)
    broken.store(true, std::memory_order_relaxed);
}

/// Rows [begin, end) of this rank, in the launches that are part of collective launch `index`.
void Executor::runEpilogue(const plait_context_v1_t &context, int32_t index, int32_t layer, size_t begin,
                           size_t end) const {
  thread_local std::vector<void *> scratch;
  scratch.resize(size_t(maxArgs));
  for (int32_t i = index + 1; i <= index + launches[size_t(index)].epilogue; ++i) {
    const Launch &launch = launches[size_t(i)];
    int64_t tiles = model.kernels[plan.launches[i].kernel].tile_count;
    launch.run(&context, getBuffers(launch, layer, /*thread=*/0, scratch.data()), stepDims.data(),
               int64_t(begin) * tiles, int64_t(end) * tiles, 1);
  }
}

bool Executor::sharesRows(const Launch &launch, unsigned threads) const {
  return launch.epilogue && threads > 1 && stepDims[PLAIT_DIM_TOKENS_PART] >= int64_t(threads);
}

/// A collective on thread 0 whose rows all threads compute. Thread 0 says which rows, until there are none.
void Executor::shareCollective(ThreadPool &pool, const plait_context_v1_t &context, int32_t index, int32_t layer,
                               unsigned thread) {
  size_t threads = pool.size();
  auto runShare = [&] {
    auto [first, last] = shared;
    auto at = [&](size_t t) { return first + (last - first) * t / threads; };
    runEpilogue(context, index, layer, at(thread), at(thread + 1));
    pool.barrier(thread);
  };
  if (thread == 0) {
    // Others wait, whether an earlier collective has failed or not.
    if (!broken.load(std::memory_order_relaxed))
      runCollective(index, layer, [&](size_t begin, size_t end) {
        if (end - begin < threads)
          return runEpilogue(context, index, layer, begin, end);
        shared = {begin, end};
        pool.barrier(thread);
        runShare();
      });
    shared = {};
    pool.barrier(thread);
    return;
  }
  for (pool.barrier(thread); shared.second > shared.first; pool.barrier(thread))
    runShare();
}

/// The launch's arguments in `layer` on `thread`; `scratch` has room for them.
void *const *Executor::getBuffers(const Launch &launch, int32_t layer, unsigned thread, void **scratch) const {
  void *const *first = addresses.data() + launch.firstArg;
  if (!launch.perLayer && !(hasCopies && launch.hasCopies))
    return first;
  for (int32_t a = 0; a < launch.argCount; ++a) {
    size_t arg = size_t(launch.firstArg + a);
    scratch[a] = static_cast<uint8_t *>(first[a]) + uint64_t(layer) * strides[arg] + thread * threadStrides[arg];
  }
  return scratch;
}
