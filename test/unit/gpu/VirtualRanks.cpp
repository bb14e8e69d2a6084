//===- VirtualRanks.cpp - Several ranks on one GPU ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/unit/gpu/VirtualRanks.h"

#include "plait-abi/Team.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <utility>

using namespace plait;
using namespace plait::cuda;
using namespace plait::test;

namespace {

constexpr uint64_t kAlignment = 1024; ///< of symmetric memory; and bytes behind it that stay zero
constexpr unsigned char kUnwritten = 0xff;

uint64_t alignUp(uint64_t value, uint64_t alignment) { return (value + alignment - 1) / alignment * alignment; }
/// Where `bytes` bytes go behind what is there.
uint64_t place(uint64_t &end, uint64_t bytes) { return std::exchange(end, alignUp(end + bytes, 256)); }

class VirtualRanks {
public:
  VirtualRanks(std::shared_ptr<const Gpu> gpu, const ProtocolCase &protocol, const VirtualRanksOptions &options)
      : gpu(std::move(gpu)), cuda(this->gpu->driver()), protocol(protocol), options(options), random(options.seed) {}
  ~VirtualRanks();

  /// What keeps it from being run; nothing if nothing does. After load().
  Expected<std::string> reasonToExclude() const;
  Status load();
  Status prepare();
  /// Launches epochs `first` to `last` (exclusive).
  Status launch(uint32_t first, uint32_t last);
  /// Asks until all launches have ended; false: they have not, after all patience.
  Expected<bool> wait() const { return wait(streams); }
  Status compare(uint32_t first, uint32_t last);
  Status compareGuards();
  /// Where ranks are, and their counters.
  std::string describeHang(uint32_t first, uint32_t last);

private:
  Status check(Result result, const char *call) const { return cuda.check(result, call, protocol.name.c_str()); }
  Status finish() { return check(cuda->streamSynchronize(copies), "cuStreamSynchronize"); }
  Status launch(size_t rank, uint32_t epoch, size_t entry);
  Expected<bool> wait(const std::vector<Stream> &streams) const;

  std::shared_ptr<const Gpu> gpu;
  const Driver &cuda;
  const ProtocolCase &protocol;
  const VirtualRanksOptions &options;
  std::mt19937_64 random;

  Module module = nullptr;
  std::vector<Function> functions;
  Stream copies = nullptr;
  std::vector<Stream> streams;            ///< of ranks
  std::vector<std::vector<Event>> passed; ///< of a rank: ends of epochs

  DeviceMemory symmetric, inputs, outputs;
  PinnedMemory counters; ///< for those of a hang, when nothing can be allocated
  std::vector<plait_team_v1_t> teams;
  std::vector<ProtocolData> data;                           ///< of each input
  std::vector<std::vector<std::vector<Address>>> arguments; ///< by input, rank and number
  std::vector<std::vector<std::vector<TensorMap>>> maps;    ///< by input, rank and number over all entries
  std::vector<std::vector<uint64_t>> resultOffsets;         ///< of an epoch, by rank and number
  uint64_t resultBytes = 0;                                 ///< of an epoch
  uint64_t counterBytes = 0;                                ///< of a rank
  std::vector<uint8_t> found;                               ///< results of all epochs at once
  std::vector<std::vector<std::vector<uint8_t>>> first;     ///< by input: results of all ranks, as they were first
};

VirtualRanks::~VirtualRanks() {
  if (!gpu->enter())
    return;
  for (const std::vector<Event> &events : passed)
    for (Event event : events)
      (void)cuda->eventDestroy(event);
  for (Stream stream : streams)
    (void)cuda->streamDestroy(stream);
  if (copies)
    (void)cuda->streamDestroy(copies);
  if (module)
    (void)cuda->moduleUnload(module);
}

Status VirtualRanks::load() {
  PLAIT_RETURN_IF_ERROR(gpu->enter());
  PLAIT_RETURN_IF_ERROR(check(cuda->moduleLoadData(&module, protocol.image.data()), "cuModuleLoadData"));
  for (const ProtocolCase::Entry &entry : protocol.entries) {
    Function &function = functions.emplace_back(nullptr);
    PLAIT_RETURN_IF_ERROR(check(cuda->moduleGetFunction(&function, module, entry.name.c_str()), "cuModuleGetFunction"));
    PLAIT_RETURN_IF_ERROR(
        check(cuda->functionSetAttribute(function, kMaxDynamicShared, int(entry.sharedBytes)), "cuFuncSetAttribute"));
    // All of an SM's memory: what a block of one function leaves has to do for those of others.
    PLAIT_RETURN_IF_ERROR(check(cuda->functionSetAttribute(function, kCarveout, 100), "cuFuncSetAttribute"));
  }
  return Status::success();
}

/// A block takes a share of an SM: the largest of its shares of threads, registers, shared memory and blocks. It finds
/// no room only if all SMs have more than 1 - share taken. So it always does if all that may be there at the same time
/// takes no more than that of all SMs; or if those are fewer blocks than there are SMs.
Expected<std::string> VirtualRanks::reasonToExclude() const {
  PLAIT_ASSIGN_OR_RETURN(int processors, gpu->attribute(kProcessors));
  PLAIT_ASSIGN_OR_RETURN(int threads, gpu->attribute(kThreadsOfProcessor));
  PLAIT_ASSIGN_OR_RETURN(int registers, gpu->attribute(kRegistersOfProcessor));
  PLAIT_ASSIGN_OR_RETURN(int shared, gpu->attribute(kSharedOfProcessor));
  PLAIT_ASSIGN_OR_RETURN(int blocks, gpu->attribute(kBlocksOfProcessor));
  std::vector<double> shares;
  double mostOfRank = 0;
  unsigned mostBlocks = 0;
  for (size_t i = 0; i < functions.size(); ++i) {
    const ProtocolCase::Entry &entry = protocol.entries[i];
    int ofThread = 0;
    PLAIT_RETURN_IF_ERROR(
        check(cuda->functionGetAttribute(&ofThread, kRegistersOfThread, functions[i]), "cuFuncGetAttribute"));
    // Registers are given to warps of four parts of an SM in units of 256; a block has 1 KiB of shared memory besides.
    uint64_t ofBlock = alignUp(uint64_t(ofThread), 8) * alignUp(entry.threads, 128);
    shares.push_back(std::max({double(alignUp(entry.threads, 128)) / threads, double(ofBlock) / registers,
                               double(alignUp(entry.sharedBytes, 128) + 1024) / shared, 1.0 / blocks}));
    mostOfRank = std::max(mostOfRank, entry.blocks * shares[i]);
    mostBlocks = std::max(mostBlocks, entry.blocks);
  }
  double others = double(protocol.ranks) - 1;
  for (size_t i = 0; i < functions.size(); ++i) {
    const ProtocolCase::Entry &entry = protocol.entries[i];
    bool hasShare = others * mostOfRank + (entry.blocks - 1) * shares[i] <= processors * (1 - shares[i]);
    bool hasProcessor = others * mostBlocks + entry.blocks <= processors && shares[i] <= 1;
    if (!hasShare && !hasProcessor)
      return "blocks of " + std::to_string(protocol.ranks) + " ranks might have no room at the same time: each of " +
             std::to_string(entry.blocks) + " of " + entry.name + " takes " +
             std::to_string(int(std::ceil(100 * shares[i]))) + " % of one of " + std::to_string(processors) + " SMs";
  }
  return std::string();
}

Status VirtualRanks::prepare() {
  size_t ranks = protocol.ranks;
  for (uint32_t i = 0; i < options.inputs; ++i)
    data.emplace_back(protocol, options.seed * 1000 + i);
  first.assign(options.inputs, {});
  // Where everything lies.
  uint64_t stride = alignUp(protocol.memoryBytes, kAlignment) + kAlignment, bytes = 0;
  std::vector<uint64_t> offsets;
  for (const ProtocolData &one : data)
    for (size_t rank = 0; rank < ranks; ++rank)
      for (size_t i = 0; i < protocol.arguments.size(); ++i)
        offsets.push_back(place(bytes, one.argument(rank, i).size()));
  for (size_t rank = 0; rank < ranks; ++rank) {
    resultOffsets.emplace_back();
    for (const ProtocolBuffer &result : protocol.results)
      resultOffsets[rank].push_back(place(resultBytes, result.bytes()));
  }
  PLAIT_ASSIGN_OR_RETURN(symmetric, gpu->allocate(ranks * stride + kAlignment, "symmetric memory"));
  PLAIT_ASSIGN_OR_RETURN(inputs, gpu->allocate(bytes, "arguments"));
  PLAIT_ASSIGN_OR_RETURN(outputs, gpu->allocate(options.epochsAtOnce * resultBytes, "results"));
  for (const ProtocolCase::Words &words : protocol.words)
    counterBytes += 4 * words.count;
  PLAIT_ASSIGN_OR_RETURN(counters, gpu->allocatePinned(std::max<uint64_t>(ranks * counterBytes, 4), "counters"));
  found.resize(options.epochsAtOnce * resultBytes);

  PLAIT_RETURN_IF_ERROR(check(cuda->streamCreate(&copies, kNonBlocking), "cuStreamCreate"));
  plait_team_v1_t team = {};
  team.ranks = uint32_t(ranks);
  for (size_t rank = 0; rank < ranks; ++rank)
    team.memory[rank] = alignUp(symmetric.address(), kAlignment) + rank * stride;
  for (size_t rank = 0; rank < ranks; ++rank) {
    team.rank = uint32_t(rank);
    teams.push_back(team);
    PLAIT_RETURN_IF_ERROR(check(cuda->setBytes(team.memory[rank], 0, size_t(stride), copies), "cuMemsetD8Async"));
    PLAIT_RETURN_IF_ERROR(check(cuda->streamCreate(&streams.emplace_back(nullptr), kNonBlocking), "cuStreamCreate"));
    passed.emplace_back(options.epochsAtOnce, nullptr);
    for (Event &event : passed[rank])
      PLAIT_RETURN_IF_ERROR(check(cuda->eventCreate(&event, kNoTiming), "cuEventCreate"));
  }
  auto offset = offsets.begin();
  arguments.assign(options.inputs, {});
  maps.assign(options.inputs, {});
  for (size_t input = 0; input < options.inputs; ++input)
    for (size_t rank = 0; rank < ranks; ++rank) {
      std::vector<Address> &addresses = arguments[input].emplace_back();
      for (size_t i = 0; i < protocol.arguments.size(); ++i) {
        const std::vector<uint8_t> &values = data[input].argument(rank, i);
        addresses.push_back(inputs.address() + *offset++);
        PLAIT_RETURN_IF_ERROR(
            check(cuda->copyToDevice(addresses.back(), values.data(), values.size(), copies), "cuMemcpyHtoDAsync"));
      }
      std::vector<TensorMap> &own = maps[input].emplace_back();
      for (const ProtocolCase::Entry &entry : protocol.entries)
        for (const ProtocolCase::Entry::Map &map : entry.maps) {
          uint64_t extents[2] = {map.columns, map.rows}, strides[1] = {2 * map.columns};
          uint32_t box[2] = {64, uint32_t(map.box)}, steps[2] = {1, 1};
          PLAIT_RETURN_IF_ERROR(
              check(cuda->tensorMapEncodeTiled(&own.emplace_back(), kBf16Elements, 2,
                                               reinterpret_cast<void *>(addresses.at(map.buffer)), extents, strides,
                                               box, steps, 0, kSwizzle128, kPromoteL2256, 0),
                    "cuTensorMapEncodeTiled"));
        }
    }
  return finish();
}

Status VirtualRanks::launch(size_t rank, uint32_t epoch, size_t number) {
  const ProtocolCase::Entry &entry = protocol.entries[number];
  size_t input = epoch % options.inputs, slot = epoch % options.epochsAtOnce, firstMap = 0;
  std::vector<Address> addresses = arguments[input][rank];
  for (uint64_t offset : resultOffsets[rank])
    addresses.push_back(outputs.address() + slot * resultBytes + offset);
  std::vector<void *> parameters;
  for (Address &address : addresses)
    parameters.push_back(&address);
  parameters.push_back(&teams[rank]);
  parameters.push_back(&epoch);
  for (size_t i = 0; i < number; ++i)
    firstMap += protocol.entries[i].maps.size();
  for (size_t i = 0; i < entry.maps.size(); ++i)
    parameters.push_back(&maps[input][rank][firstMap + i]);
  PLAIT_RETURN_IF_ERROR(check(cuda->launchKernel(functions[number], entry.blocks, 1, 1, entry.threads, 1, 1,
                                                 entry.sharedBytes, streams[rank], parameters.data(), nullptr),
                              "cuLaunchKernel"));
  if (number + 1 == protocol.entries.size())
    return check(cuda->eventRecord(passed[rank][slot], streams[rank]), "cuEventRecord");
  return Status::success();
}

Expected<bool> VirtualRanks::wait(const std::vector<Stream> &all) const {
  uint32_t asked = 0;
  for (Stream stream : all)
    for (Result result; (result = cuda->streamQuery(stream)) != kSuccess;) {
      if (result != kNotReady)
        return check(result, "cuStreamQuery");
      if (++asked > options.patience)
        return false;
      if (options.pause)
        std::this_thread::sleep_for(std::chrono::microseconds(options.pause));
    }
  return true;
}

Status VirtualRanks::launch(uint32_t firstEpoch, uint32_t lastEpoch) {
  PLAIT_RETURN_IF_ERROR(
      check(cuda->setBytes(outputs.address(), kUnwritten, size_t(outputs.size()), copies), "cuMemsetD8Async"));
  PLAIT_RETURN_IF_ERROR(finish());
  size_t entries = protocol.entries.size(), perRank = size_t(lastEpoch - firstEpoch) * entries;
  std::vector<size_t> launched(protocol.ranks, 0);
  std::vector<size_t> left; // ranks that have not launched all
  for (size_t rank = 0; rank < protocol.ranks; ++rank)
    left.push_back(rank);
  // Of one rank at a time few, or many, up to all.
  uint64_t longest = uint64_t(1) << random() % 9;
  while (!left.empty()) {
    size_t rank = left[random() % left.size()];
    for (uint64_t burst = 1 + random() % longest; burst && launched[rank] < perRank; --burst, ++launched[rank])
      PLAIT_RETURN_IF_ERROR(launch(rank, firstEpoch + uint32_t(launched[rank] / entries), launched[rank] % entries));
    if (launched[rank] == perRank)
      std::erase(left, rank);
    if (options.longestPause && random() % 4 == 0) {
      auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % options.longestPause);
      while (std::chrono::steady_clock::now() < end)
        continue;
    }
  }
  return Status::success();
}

Status VirtualRanks::compare(uint32_t firstEpoch, uint32_t lastEpoch) {
  PLAIT_RETURN_IF_ERROR(
      check(cuda->copyToHost(found.data(), outputs.address(), found.size(), copies), "cuMemcpyDtoHAsync"));
  PLAIT_RETURN_IF_ERROR(finish());
  size_t count = protocol.results.size();
  for (uint32_t epoch = firstEpoch; epoch < lastEpoch; ++epoch) {
    size_t input = epoch % options.inputs;
    auto &bits = first[input];
    bool isFirst = bits.empty();
    for (size_t rank = 0; rank < protocol.ranks; ++rank)
      for (size_t i = 0; i < count; ++i) {
        const uint8_t *own = found.data() + epoch % options.epochsAtOnce * resultBytes + resultOffsets[rank][i];
        size_t bytes = protocol.results[i].bytes();
        if (isFirst)
          bits.emplace_back(own, own + bytes);
        // Bits of an epoch that has been looked at, or of rank 0, if it has the same result.
        bool isSame = rank && data[input].isSame(i);
        const std::vector<uint8_t> &expected = bits[(isSame ? 0 : rank * count) + i];
        bool hasBits = !std::memcmp(own, expected.data(), bytes);
        if (hasBits && !isFirst)
          continue;
        Status status = data[input].check(rank, i, reinterpret_cast<const float *>(own));
        if (status && !hasBits)
          status = internalError("result " + std::to_string(i) + ": found other bits than " +
                                 (isSame ? "rank 0 has" : "in epoch " + std::to_string(input)) +
                                 "; expected the same, of the same arguments");
        PLAIT_RETURN_IF_ERROR(status.withContext(protocol.name + ": rank " + std::to_string(rank) + " of " +
                                                 std::to_string(protocol.ranks) + ", epoch " + std::to_string(epoch)));
      }
  }
  return Status::success();
}

Status VirtualRanks::compareGuards() {
  std::vector<uint8_t> guards(protocol.ranks * kAlignment);
  uint64_t behind = alignUp(protocol.memoryBytes, kAlignment);
  for (size_t rank = 0; rank < protocol.ranks; ++rank)
    PLAIT_RETURN_IF_ERROR(
        check(cuda->copyToHost(guards.data() + rank * kAlignment, teams[0].memory[rank] + behind, kAlignment, copies),
              "cuMemcpyDtoHAsync"));
  PLAIT_RETURN_IF_ERROR(finish());
  for (size_t i = 0; i < guards.size(); ++i)
    if (guards[i])
      return internalError(protocol.name + ": found something stored behind the symmetric memory of rank " +
                           std::to_string(i / kAlignment) + ", byte " + std::to_string(behind + i % kAlignment) +
                           "; expected all of it in " + std::to_string(protocol.memoryBytes) + " bytes");
  return Status::success();
}

std::string VirtualRanks::describeHang(uint32_t firstEpoch, uint32_t lastEpoch) {
  std::string text = protocol.name + ": found no end of epochs " + std::to_string(firstEpoch) + " to " +
                     std::to_string(lastEpoch - 1) + " of " + std::to_string(protocol.ranks) +
                     " ranks; expected arrivals for all that wait";
  auto *values = static_cast<uint32_t *>(counters.address());
  bool isRead = true;
  for (size_t rank = 0; rank < protocol.ranks; ++rank)
    for (const ProtocolCase::Words &words : protocol.words) {
      isRead &= cuda->copyToHost(values, teams[0].memory[rank] + words.offset, 4 * words.count, copies) == kSuccess;
      values += words.count;
    }
  auto copied = wait({copies});
  isRead &= copied && *copied;
  values = static_cast<uint32_t *>(counters.address());
  for (size_t rank = 0; rank < protocol.ranks; ++rank) {
    uint32_t epoch = firstEpoch;
    while (epoch < lastEpoch && cuda->eventQuery(passed[rank][epoch % options.epochsAtOnce]) == kSuccess)
      ++epoch;
    text += "\nrank " + std::to_string(rank) +
            (epoch == lastEpoch ? " has ended" : " is in epoch " + std::to_string(epoch));
    for (const ProtocolCase::Words &words : protocol.words) {
      text += "; " + words.name + ":" + (isRead ? "" : " cannot be read");
      for (size_t i = 0; isRead && i < words.count; ++i)
        text += " " + std::to_string(*values++);
    }
  }
  return text;
}

} // namespace

VirtualRanksOutcome test::runVirtualRanks(std::shared_ptr<const Gpu> gpu, const ProtocolCase &protocol,
                                          const VirtualRanksOptions &options) {
  if (protocol.usesMulticast)
    return {VirtualRanksOutcome::excluded,
            protocol.name + ": it stores through a multicast address, which takes memory of several GPUs"};
  auto ranks = std::make_unique<VirtualRanks>(std::move(gpu), protocol, options);
  VirtualRanksOutcome outcome;
  auto run = [&]() -> Status {
    PLAIT_RETURN_IF_ERROR(ranks->load());
    PLAIT_ASSIGN_OR_RETURN(std::string reason, ranks->reasonToExclude());
    if (!reason.empty()) {
      outcome = {VirtualRanksOutcome::excluded, protocol.name + ": " + reason};
      return Status::success();
    }
    PLAIT_RETURN_IF_ERROR(ranks->prepare());
    for (uint32_t epoch = 0; epoch < options.epochs; epoch += options.epochsAtOnce) {
      uint32_t end = std::min(options.epochs, epoch + options.epochsAtOnce);
      Status launched = ranks->launch(epoch, end);
      PLAIT_ASSIGN_OR_RETURN(bool isDone, ranks->wait());
      if (!isDone) {
        outcome = {VirtualRanksOutcome::hung, launched ? ranks->describeHang(epoch, end) : launched.message()};
        return Status::success();
      }
      PLAIT_RETURN_IF_ERROR(launched);
      PLAIT_RETURN_IF_ERROR(ranks->compare(epoch, end));
    }
    return ranks->compareGuards();
  };
  if (Status status = run(); !status)
    outcome = {VirtualRanksOutcome::wrong, status.message()};
  if (outcome.kind == VirtualRanksOutcome::hung)
    (void)ranks.release(); // to give something back waits for what never ends
  return outcome;
}
