//===- CudaDevice.cpp - A GPU as a device ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/CudaDevice.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

using namespace plait;
using namespace plait::cuda;

Expected<std::unique_ptr<Device>>
CudaDevice::create(std::shared_ptr<Program> program, std::span<const plait_plan_v2_t *const> plans,
                   const uint8_t *hostWeights, const StepDims &largest, std::span<const uint64_t> stateBytes,
                   std::span<const int64_t> capacityPages, const RankCommunicators &communicators) {
  std::unique_ptr<CudaDevice> device(new CudaDevice(std::move(program), plans, largest));
  PLAIT_RETURN_IF_ERROR(device->prepare(plans, hostWeights, stateBytes, capacityPages, communicators));
  return std::unique_ptr<Device>(std::move(device));
}

Status CudaDevice::prepare(std::span<const plait_plan_v2_t *const> all, const uint8_t *hostWeights,
                           std::span<const uint64_t> stateBytes, std::span<const int64_t> capacityPages,
                           const RankCommunicators &ranks) {
  const plait_model_v4_t &model = program->model();
  const Driver &cuda = gpu.driver();
  communicators = ranks;
  const char *check = std::getenv("PLAIT_CUDA_CHECK");
  waitsAlways = check && *check && std::strcmp(check, "0") != 0;
  PLAIT_RETURN_IF_ERROR(gpu.enter());
  PLAIT_RETURN_IF_ERROR(cuda.check(cuda->streamCreate(&stream, kNonBlocking), "cuStreamCreate", "a stream of steps"));
  PLAIT_ASSIGN_OR_RETURN(arena, gpu.allocate(layout.deviceBytes, "arena"));
  PLAIT_ASSIGN_OR_RETURN(inputs, gpu.allocatePinned(layout.inputBytes, "inputs"));
  PLAIT_ASSIGN_OR_RETURN(results, gpu.allocatePinned(layout.hostBytes, "results"));
  // Kernels compute with what lies behind the last token, and leave that out of every result;
  // it need not be what another program has left there.
  PLAIT_RETURN_IF_ERROR(
      cuda.check(cuda->setBytes(arena.address(), 0, arena.size(), stream), "cuMemsetD8Async", "arena"));
  PlanMemory memory;
  memory.arena = arena.address();
  hostMemory.capacityPages.assign(capacityPages.begin(), capacityPages.end());
  hostMemory.states.assign(size_t(model.state_count), nullptr);
  for (int32_t i = 0; i < model.state_count; ++i) {
    const plait_state_v3_t &state = model.states[i];
    uint64_t capacity = uint64_t(capacityPages[size_t(state.table)]);
    PLAIT_ASSIGN_OR_RETURN(
        DeviceMemory pages,
        gpu.allocate(stateBytes[size_t(i)], "key/value cache of " + std::to_string(capacity) + " pages"));
    // As a CPU's pages, which the system gives out with zeros.
    PLAIT_RETURN_IF_ERROR(
        cuda.check(cuda->setBytes(pages.address(), 0, pages.size(), stream), "cuMemsetD8Async", state.name));
    memory.states.push_back(pages.address());
    memory.stateStrides.push_back(capacity * state.page_bytes);
    states.push_back(std::move(pages));
  }
  for (size_t i = 0; i < all.size(); ++i) {
    const Layout::Plan &own = layout.plans[i];
    Plan &plan = plans.emplace_back();
    plan.tables = all[i];
    PLAIT_ASSIGN_OR_RETURN(PlanLaunches launches, PlanLaunches::create(*program, *all[i], layout, i, memory));
    plan.launches = std::make_unique<PlanLaunches>(std::move(launches));
    if (plan.launches->pieces().size() > 1)
      plan.collectives = std::make_unique<PlanCollectives>(model, *all[i], communicators);
    if (own.gpuLaunches < all[i]->launch_count)
      plan.host = std::make_unique<Executor>(model, *all[i], hostWeights, communicators, own.gpuLaunches);
    for (const Span &slot : own.hostSlots)
      plan.hostSlots.push_back(slot.bytes ? pinned(slot) : nullptr);
  }
  return wait("clearing memory");
}

Status CudaDevice::connect() {
  bool exchange = std::any_of(plans.begin(), plans.end(), [](const Plan &plan) {
    const plait_plan_v2_t &tables = *plan.tables;
    const std::vector<PlanLaunches::Piece> &pieces = plan.launches->pieces();
    return std::any_of(pieces.begin(), pieces.end(), [&](const PlanLaunches::Piece &piece) {
      return piece.collective >= 0 &&
             StreamExchanges::moves(tables.collectives[-1 - tables.launches[piece.collective].kernel]);
    });
  });
  if (!exchange)
    return Status::success();
  PLAIT_RETURN_IF_ERROR(gpu.enter());
  std::string why;
  PLAIT_ASSIGN_OR_RETURN(exchanges, StreamExchanges::agree(program->gpu(), program->model(), communicators, why));
  program->noteExchange(exchanges ? "from GPU to GPU by " + exchanges->name() : "through the hosts: " + why);
  return Status::success();
}

CudaDevice::~CudaDevice() {
  if (!gpu.enter())
    return;
  const Driver &cuda = gpu.driver();
  if (stream)
    (void)cuda->streamSynchronize(stream);
  exchanges.reset();
  for (Plan &plan : plans)
    for (auto [piece, graph] : plan.graphs)
      (void)cuda->graphExecDestroy(graph);
  if (stream)
    (void)cuda->streamDestroy(stream);
}

uint64_t CudaDevice::stateBytes() const {
  uint64_t total = 0;
  for (const DeviceMemory &state : states)
    total += state.size();
  return total;
}

Status CudaDevice::wait(const std::string &what) {
  const Driver &cuda = gpu.driver();
  underWay = 0;
  if (exchanges)
    broken = exchanges->wait(stream, what);
  else if (Result result = cuda->streamSynchronize(stream); result != kSuccess)
    broken = cuda.error(result, "cuStreamSynchronize", what);
  return broken;
}

Status CudaDevice::copyInputs(const Layout::Plan &own, const StepDims &dims, const StepArrays &arrays, int64_t hidden) {
  const Driver &cuda = gpu.driver();
  auto *from = static_cast<uint8_t *>(inputs.address());
  auto send = [&](uint64_t offset, uint64_t bytes) {
    return cuda.check(cuda->copyToDevice(arena.address() + offset, from + offset, bytes, stream), "cuMemcpyHtoDAsync",
                      "inputs of a step");
  };
  std::memcpy(from + layout.dims.offset, dims.data(), sizeof(dims));
  for (size_t i = 0; i < own.inputs.size(); ++i) {
    const Span &span = own.inputs[i];
    if (!span.bytes)
      continue;
    int64_t bytes = cuda::inputBytes(plait_input_t(i), dims, hidden);
    if (i == PLAIT_IN_PATHS) {
      const auto *ends = static_cast<const int32_t *>(arrays.inputs[PLAIT_IN_PATH_ENDS]);
      int64_t tokens = dims[PLAIT_DIM_TOKENS];
      bytes = tokens ? 4 * int64_t(ends[tokens - 1]) : 0;
      if (uint64_t(bytes) > span.bytes)
        return resourceError("CUDA: found trees with paths of " + std::to_string(bytes / 4) +
                             " positions in a step; expected at most " + std::to_string(span.bytes / 4) +
                             "; use a strategy with smaller trees");
    }
    if (!bytes)
      continue;
    std::memcpy(from + span.offset, arrays.inputs[i], size_t(bytes));
    if (span.offset >= layout.headBytes)
      PLAIT_RETURN_IF_ERROR(send(span.offset, uint64_t(bytes)));
  }
  if (uint64_t bytes = uint64_t(4 * dims[PLAIT_DIM_ROWS] * dims[PLAIT_DIM_PAGES]))
    for (size_t table = 0; table < layout.tables.size(); ++table) {
      std::memcpy(from + layout.tables[table].offset, arrays.tables[table], bytes);
      PLAIT_RETURN_IF_ERROR(send(layout.tables[table].offset, bytes));
    }
  return send(0, layout.headBytes);
}

/// The extents that a graph is recorded for; nothing if they are so large that recording
/// saves nothing. Few tokens may have many spans.
static bool roundUpDims(const StepDims &dims, const std::array<bool, PLAIT_DIM_COUNT> &used, StepDims &rounded) {
  rounded = {};
  for (size_t d = 0; d < dims.size(); ++d) {
    if (!used[d] || !dims[d])
      continue;
    if (dims[d] > (d == PLAIT_DIM_SPANS ? 4096 : 256))
      return false;
    for (rounded[d] = 16; rounded[d] < dims[d];)
      rounded[d] *= 4;
  }
  return true;
}

Status CudaDevice::launch(Plan &plan, size_t number, const StepDims &dims) {
  const Driver &cuda = gpu.driver();
  const PlanLaunches::Piece &piece = plan.launches->pieces()[number];
  StepDims rounded;
  if (piece.begin == piece.end || !roundUpDims(dims, plan.launches->usedDims(), rounded))
    return plan.launches->launch(stream, dims, piece);
  auto found = plan.graphs.find({number, rounded});
  if (found == plan.graphs.end()) {
    std::string name = std::string("graph of ") + plan.tables->name;
    PLAIT_RETURN_IF_ERROR(
        cuda.check(cuda->streamBeginCapture(stream, kCaptureThread), "cuStreamBeginCapture", name.c_str()));
    Status recorded = plan.launches->launch(stream, rounded, piece);
    Graph graph = nullptr;
    // In any case, or the stream would go on recording.
    Status ended = cuda.check(cuda->streamEndCapture(stream, &graph), "cuStreamEndCapture", name.c_str());
    GraphExec ready = nullptr;
    Status status = !recorded ? recorded : ended;
    if (status)
      status = cuda.check(cuda->graphInstantiate(&ready, graph, 0), "cuGraphInstantiateWithFlags", name.c_str());
    if (graph)
      (void)cuda->graphDestroy(graph);
    PLAIT_RETURN_IF_ERROR(status);
    found = plan.graphs.emplace(std::pair(number, rounded), ready).first;
  }
  Result result = cuda->graphLaunch(found->second, stream);
  return result == kSuccess ? Status::success()
                            : cuda.error(result, "cuGraphLaunch", std::string("graph of ") + plan.tables->name);
}

Status CudaDevice::launchOneByOne(Plan &plan, size_t piece, const StepDims &dims,
                                  std::vector<StepProfile::Launch> *times, int64_t &begun) {
  return plan.launches->launch(stream, dims, plan.launches->pieces()[piece],
                               [&](int32_t index, int32_t layer) -> Status {
                                 PLAIT_RETURN_IF_ERROR(wait(plan.launches->nameOf(index, layer)));
                                 if (times) {
                                   int64_t now = profileClock();
                                   times->push_back({index, layer, begun, begun, now});
                                   begun = now;
                                 }
                                 return Status::success();
                               });
}

/// So many exchanges are put into a stream before the host waits for them: what a stream holds is limited, and who
/// is to put more into it waits, which it should not if a rank is lost.
static constexpr size_t kMostUnderWay = 32;

Status CudaDevice::exchange(const Plan &plan, const Layout::Plan &own, const PlanLaunches::Piece &piece,
                            const StepDims &dims) {
  const plait_launch_v3_t &launch = plan.tables->launches[piece.collective];
  const plait_collective_v4_t &collective = plan.tables->collectives[-1 - launch.kernel];
  if (!exchanges || !StreamExchanges::moves(collective))
    return exchangeByHost(plan, own, piece, dims);
  std::string name = plan.launches->nameOf(piece.collective, piece.layer);
  if (underWay == kMostUnderWay)
    PLAIT_RETURN_IF_ERROR(wait(name));
  const plait_arg_v1_t *args = plan.tables->args + launch.first_arg;
  auto address = [&](int32_t slot) { return arena.address() + own.slots[size_t(slot)].offset; };
  ++underWay;
  hasExchanged = true;
  return exchanges->run(collective, dims, /*hasParts=*/true, address(args[0].index), address(args[1].index),
                        arena.address() + own.staging.offset, stream,
                        StreamExchanges::kindName(collective) + " @" + name);
}

Status CudaDevice::exchangeByHost(const Plan &plan, const Layout::Plan &own, const PlanLaunches::Piece &piece,
                                  const StepDims &dims) {
  const Driver &cuda = gpu.driver();
  const plait_launch_v3_t &launch = plan.tables->launches[piece.collective];
  const plait_arg_v1_t *args = plan.tables->args + launch.first_arg;
  std::string name = plan.launches->nameOf(piece.collective, piece.layer);
  int32_t from = args[0].index, to = args[1].index;
  auto address = [&](int32_t slot) { return arena.address() + own.slots[size_t(slot)].offset; };
  auto bytesOf = [&](int32_t slot) { return uint64_t(extentBytes(plan.tables->slots[slot], dims)); };
  uint8_t *source = pinned(own.exchange[0]), *target = from == to ? source : pinned(own.exchange[1]);
  if (uint64_t bytes = bytesOf(from))
    PLAIT_RETURN_IF_ERROR(
        cuda.check(cuda->copyToHost(source, address(from), bytes, stream), "cuMemcpyDtoHAsync", name.c_str()));
  PLAIT_RETURN_IF_ERROR(wait(name));
  PLAIT_RETURN_IF_ERROR(plan.collectives->run(-1 - launch.kernel, dims, reinterpret_cast<float *>(source),
                                              reinterpret_cast<float *>(target), name.c_str()));
  if (uint64_t bytes = bytesOf(to))
    return cuda.check(cuda->copyToDevice(address(to), target, bytes, stream), "cuMemcpyHtoDAsync", name.c_str());
  return Status::success();
}

Status CudaDevice::copyOutputs(const Plan &plan, const Layout::Plan &own, const StepDims &dims) {
  const Driver &cuda = gpu.driver();
  auto fetch = [&](const Span &from, const Span &to, int64_t bytes, const char *what) {
    if (!from.bytes || !to.bytes || !bytes)
      return Status::success();
    return cuda.check(cuda->copyToHost(pinned(to), arena.address() + from.offset, uint64_t(bytes), stream),
                      "cuMemcpyDtoHAsync", what);
  };
  for (size_t i = 0; i < own.slots.size(); ++i)
    PLAIT_RETURN_IF_ERROR(
        fetch(own.slots[i], own.hostSlots[i], extentBytes(plan.tables->slots[i], dims), "results of a step"));
  for (size_t i = 0; i < own.outputs.size(); ++i)
    PLAIT_RETURN_IF_ERROR(
        fetch(own.outputs[i], own.hostOutputs[i],
              cuda::outputBytes(plait_output_t(i), dims, program->model().vocabulary, plan.tables->hidden),
              "outputs of a step"));
  return Status::success();
}

/// What a step puts into the stream, until it is done.
Status CudaDevice::runOnGpu(Plan &plan, const Layout::Plan &own, const StepDims &dims, const StepArrays &arrays,
                            StepProfile *profile, std::vector<StepProfile::Launch> &times, int64_t begun) {
  PLAIT_RETURN_IF_ERROR(copyInputs(own, dims, arrays, plan.tables->hidden));
  int64_t last = begun;
  const std::vector<PlanLaunches::Piece> &pieces = plan.launches->pieces();
  for (size_t i = 0; i < pieces.size(); ++i) {
    PLAIT_RETURN_IF_ERROR(profile || waitsAlways ? launchOneByOne(plan, i, dims, profile ? &times : nullptr, last)
                                                 : launch(plan, i, dims));
    if (pieces[i].collective < 0)
      continue;
    PLAIT_RETURN_IF_ERROR(exchange(plan, own, pieces[i], dims));
    if (profile || waitsAlways)
      PLAIT_RETURN_IF_ERROR(wait(plan.launches->nameOf(pieces[i].collective, pieces[i].layer)));
    if (profile) {
      int64_t now = profileClock();
      times.push_back({pieces[i].collective, pieces[i].layer, last, last, now});
      last = now;
    }
  }
  PLAIT_RETURN_IF_ERROR(copyOutputs(plan, own, dims));
  std::string step = std::string("a step of ") + plan.tables->name;
  if (hasExchanged) // ranks meet while their GPUs work: who does not come is known by name
    PLAIT_RETURN_IF_ERROR(exchanges->meet(step));
  return wait(step);
}

Status CudaDevice::run(size_t number, ThreadPool &pool, const plait_context_v1_t &context, const StepDims &given,
                       const StepArrays &arrays, StepProfile *profile) {
  PLAIT_RETURN_IF_ERROR(broken);
  PLAIT_RETURN_IF_ERROR(gpu.enter());
  const plait_model_v4_t &model = program->model();
  StepDims dims = given;
  // Blocks are always more than one.
  dims[PLAIT_DIM_SPANS] = model.state_count ? spansOf(dims, model.states[0].page_tokens, /*threads=*/2) : 0;
  Plan &plan = plans[number];
  const Layout::Plan &own = layout.plans[number];
  std::vector<StepProfile::Launch> times;
  int64_t begun = profile ? profileClock() : 0;
  hasExchanged = false;
  if (Status status = runOnGpu(plan, own, dims, arrays, profile, times, begun); !status) {
    if (hasExchanged) {
      exchanges->fail(status);
      broken = status;
    }
    return status;
  }
  for (size_t i = 0; i < own.hostOutputs.size(); ++i)
    if (const Span &span = own.hostOutputs[i]; span.bytes)
      if (int64_t bytes = cuda::outputBytes(plait_output_t(i), dims, program->model().vocabulary, plan.tables->hidden))
        std::memcpy(arrays.outputs[i], pinned(span), size_t(bytes));
  if (plan.host) {
    hostMemory.inputs = arrays.inputs;
    hostMemory.outputs = arrays.outputs;
    hostMemory.tables = arrays.tables;
    hostMemory.slots = plan.hostSlots;
    PLAIT_RETURN_IF_ERROR(plan.host->run(pool, context, dims, hostMemory, profile));
  }
  if (!profile)
    return Status::success();
  if (!plan.host) {
    profile->threads.assign(pool.size(), {});
    profile->walkEnd = profileClock();
  }
  profile->walkBegin = begun;
  for (StepProfile::Thread &thread : profile->threads)
    thread.launches.insert(thread.launches.begin(), times.begin(), times.end());
  return Status::success();
}

Status CudaDevice::copyState(const StateCopy &copy) {
  PLAIT_RETURN_IF_ERROR(broken);
  PLAIT_RETURN_IF_ERROR(gpu.enter());
  const Driver &cuda = gpu.driver();
  Address base = states[size_t(copy.state)].address();
  if (copy.to == copy.from || !copy.bytes || !copy.pieces)
    return Status::success();
  const char *name = program->model().states[copy.state].name;
  // In the order of the stream: after the steps before, and before those that follow.
  if (copy.pieces == 1)
    return cuda.check(cuda->copyOnDevice(base + copy.to, base + copy.from, copy.bytes, stream), "cuMemcpyDtoDAsync",
                      name);
  Copy2D rows;
  rows.from = base + copy.from;
  rows.to = base + copy.to;
  rows.fromPitch = rows.toPitch = copy.stride;
  rows.width = copy.bytes;
  rows.height = size_t(copy.pieces);
  return cuda.check(cuda->copyRows(&rows, stream), "cuMemcpy2DAsync", name);
}
