//===- LocalGroup.cpp - Ranks of one machine over shared memory -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All collectives are made of one step: every rank writes what it gives into its
// staging buffer, says so (`phase`), waits until all have, and reads what it
// needs from the others' buffers. There are two buffers, used in turn: a rank that
// writes one again has passed the phase between, which all reach only after they
// have read it. So a step needs one wait.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalGroup.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include <vector>

#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

using namespace plait;

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kBeat{50};

void pauseCpu() {
#if defined(__x86_64__)
  _mm_pause();
#endif
}

/// Sleeps until `word` is not `old`, is woken, or some milliseconds have passed.
void sleepOn(std::atomic<uint32_t> &word, uint32_t old) {
  timespec most{0, 20'000'000};
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT, old, &most, nullptr, 0);
}
void wakeAll(std::atomic<uint32_t> &word) {
  ::syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

/// Tells the others that this rank lives, and itself whether it has run: the
/// time in which a whole machine stands still counts against nobody.
class Heart {
public:
  explicit Heart(std::atomic<uint32_t> &beats) : beats(beats), thread([this] { loop(); }) {}
  ~Heart() {
    {
      std::lock_guard<std::mutex> lock(mutex);
      stopping = true;
    }
    changed.notify_all();
    thread.join();
  }

private:
  void loop() {
    std::unique_lock<std::mutex> lock(mutex);
    while (!changed.wait_for(lock, kBeat, [&] { return stopping; }))
      beats.fetch_add(1, std::memory_order_relaxed);
  }
  std::atomic<uint32_t> &beats;
  std::mutex mutex;
  std::condition_variable changed;
  bool stopping = false;
  std::thread thread;
};

class LocalCommunicator final : public Communicator {
public:
  LocalCommunicator(std::shared_ptr<const SharedRegion> mapped, int rank, const LocalGroupOptions &options)
      : shared(std::move(mapped)), region(*shared), me(rank), ranks(region.header().size),
        staging(region.header().stagingBytes), options(options), heart(region.place(rank).beats) {
    cpu_set_t set;
    bool crowded = ::sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < ranks;
    // With more ranks than CPUs a spinning rank holds up the one it waits for.
    spins = crowded ? 16 : 20000;
  }
  ~LocalCommunicator() override {
    mine().state.store(broken ? kRankFailed : kRankLeft, std::memory_order_release);
    wakeAll(mine().phase);
  }

  int rank() const override { return me; }
  int size() const override { return ranks; }
  Status joinAll();

  Status allReduce(std::span<float> data, ReduceKind kind, const char *op) override;
  Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                       const char *op) override;
  Status allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                   const char *op) override;
  Status allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                  const char *op) override;
  Status broadcast(std::span<uint8_t> data, int root, const char *op) override;
  Status send(std::span<const uint8_t> data, int to, const char *op) override;
  Status recv(std::span<uint8_t> data, int from, const char *op) override;
  Status barrier(const char *op) override;

private:
  RankPlace &mine() const { return region.place(me); }
  /// Where this rank writes before the next agreement.
  uint8_t *outbox() const { return region.staging(me, (phase + 1) & 1); }
  /// What `from` wrote before the last agreement.
  const uint8_t *inbox(int from) const { return region.staging(from, phase & 1); }

  Status agree(CollectiveKind kind, uint64_t bytes, const char *op);
  Status compareCall(int other, CollectiveKind kind, const char *op);
  template <typename Ready>
  Status waitFor(std::atomic<uint32_t> &word, std::atomic<uint32_t> &sleepers, int peer, const char *verb,
                 const char *name, const char *op, Ready ready);
  Status lost(int peer, const char *verb, const char *name, const char *op, const std::string &why);
  void emulate(size_t bytes);
  void reduceInto(float *target, size_t offset, size_t count, ReduceKind kind) const;

  std::shared_ptr<const SharedRegion> shared;
  const SharedRegion &region;
  const int me, ranks;
  const size_t staging;
  const LocalGroupOptions options;
  uint32_t phase = 0;
  unsigned spins = 0;
  bool broken = false;
  Clock::time_point began;
  Heart heart;
};

uint64_t signatureOf(CollectiveKind kind, uint64_t bytes) {
  return uint64_t(kind) << 56 | (bytes & ((1ull << 56) - 1));
}

std::string describeCall(uint64_t signature, const char *op) {
  return std::string(collectiveName(CollectiveKind(signature >> 56))) + " @" + op + " of " +
         std::to_string(signature & ((1ull << 56) - 1)) + " bytes";
}

} // namespace

//===----------------------------------------------------------------------===//
// Waiting
//===----------------------------------------------------------------------===//

Status LocalCommunicator::lost(int peer, const char *verb, const char *name, const char *op, const std::string &why) {
  broken = true;
  mine().state.store(kRankFailed, std::memory_order_release);
  wakeAll(mine().phase);
  return resourceError("rank " + std::to_string(peer) + " has not " + verb + " " + name + " @" + op + ": " + why);
}

/// Returns when `ready()`; `word` changes when it may have become so.
template <typename Ready>
Status LocalCommunicator::waitFor(std::atomic<uint32_t> &word, std::atomic<uint32_t> &sleepers, int peer,
                                  const char *verb, const char *name, const char *op, Ready ready) {
  for (unsigned i = 0; i < spins; ++i) {
    if (ready())
      return Status::success();
    pauseCpu();
  }
  const RankPlace &place = region.place(peer);
  uint32_t beats = place.beats.load(std::memory_order_relaxed), own = mine().beats.load(std::memory_order_relaxed);
  while (!ready()) {
    uint32_t old = word.load(std::memory_order_seq_cst);
    sleepers.fetch_add(1, std::memory_order_seq_cst);
    if (!ready())
      sleepOn(word, old);
    sleepers.fetch_sub(1, std::memory_order_relaxed);
    if (ready())
      break;
    uint32_t state = place.state.load(std::memory_order_acquire);
    if (state == kRankLeft || state == kRankFailed) {
      if (ready()) // it left after it had done its part
        break;
      return lost(peer, verb, name, op, state == kRankLeft ? "it has left the group" : "it has failed");
    }
    // Silence is counted in own beats, so a machine that stands still blames nobody.
    if (uint32_t now = place.beats.load(std::memory_order_relaxed); now != beats) {
      beats = now;
      own = mine().beats.load(std::memory_order_relaxed);
    } else if (uint32_t silent = mine().beats.load(std::memory_order_relaxed) - own;
               silent * kBeat >= options.deadline) {
      return lost(peer, verb, name, op,
                  "no sign of life for " + std::to_string((silent * kBeat).count()) +
                      " ms (it was killed or stopped, or its machine hangs)");
    }
  }
  return Status::success();
}

/// A point that all ranks reach: what was written before it is seen after it.
Status LocalCommunicator::agree(CollectiveKind kind, uint64_t bytes, const char *op) {
  const char *name = collectiveName(kind);
  if (broken)
    return internalError(std::string(name) + " @" + op + ": the group has failed before");
  uint32_t next = phase + 1;
  RankPlace::Call &call = mine().calls[next & 1];
  call.signature = signatureOf(kind, bytes);
  std::snprintf(call.op, sizeof(call.op), "%s", op);
  mine().phase.store(next, std::memory_order_seq_cst);
  if (mine().sleepers.load(std::memory_order_seq_cst))
    wakeAll(mine().phase);
  for (int i = 1; i < ranks; ++i) {
    int other = (me + i) % ranks;
    RankPlace &place = region.place(other);
    PLAIT_RETURN_IF_ERROR(waitFor(place.phase, place.sleepers, other, "reached", name, op,
                                  [&] { return int32_t(place.phase.load(std::memory_order_acquire) - next) >= 0; }));
    PLAIT_RETURN_IF_ERROR(compareCall(other, kind, op));
  }
  phase = next;
  return Status::success();
}

Status LocalCommunicator::compareCall(int other, CollectiveKind, const char *op) {
  uint32_t parity = (phase + 1) & 1;
  const RankPlace::Call &ours = mine().calls[parity], &theirs = region.place(other).calls[parity];
  if (ours.signature == theirs.signature && std::strncmp(ours.op, theirs.op, sizeof(ours.op)) == 0)
    return Status::success();
  broken = true;
  mine().state.store(kRankFailed, std::memory_order_release);
  return internalError("rank " + std::to_string(other) + " has strayed: found " +
                       describeCall(theirs.signature, theirs.op) + "; expected " + describeCall(ours.signature, op));
}

/// Makes the call take as long as it would over the emulated link.
void LocalCommunicator::emulate(size_t bytes) {
  const EmulatedLink &link = options.link;
  if (link.latencySeconds <= 0 && link.bytesPerSecond <= 0)
    return;
  double seconds = link.latencySeconds + (link.bytesPerSecond > 0 ? double(bytes) / link.bytesPerSecond : 0);
  auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::this_thread::sleep_until(end - std::chrono::microseconds(100));
  while (Clock::now() < end)
    pauseCpu();
}

Status LocalCommunicator::joinAll() {
  mine().state.store(kRankJoined, std::memory_order_release);
  auto deadline = Clock::now() + options.joinDeadline;
  for (int other = 0; other < ranks; ++other)
    while (region.place(other).state.load(std::memory_order_acquire) == kRankAbsent) {
      if (options.whileJoining)
        PLAIT_RETURN_IF_ERROR(options.whileJoining());
      if (Clock::now() > deadline)
        return lost(other, "reached", "join", "start",
                    "it has not come within " + std::to_string(options.joinDeadline.count()) + " ms");
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

/// target[i] = the ranks' inbox[offset + i] reduced in the order of the ranks.
void LocalCommunicator::reduceInto(float *target, size_t offset, size_t count, ReduceKind kind) const {
  auto part = [&](int rank) { return reinterpret_cast<const float *>(inbox(rank)) + offset; };
  std::memcpy(target, part(0), count * sizeof(float));
  for (int rank = 1; rank < ranks; ++rank) {
    const float *__restrict from = part(rank);
    float *__restrict to = target;
    if (kind == ReduceKind::sum)
      for (size_t i = 0; i < count; ++i)
        to[i] += from[i];
    else
      for (size_t i = 0; i < count; ++i)
        to[i] = to[i] > from[i] ? to[i] : from[i];
  }
}

Status LocalCommunicator::allReduce(std::span<float> data, ReduceKind kind, const char *op) {
  record(CollectiveKind::allReduce, data.size_bytes());
  // Two ranks, or little: everyone reduces everything, one agreement. Else everyone
  // reduces its share and then takes the others', which reads each number twice
  // instead of once per rank.
  constexpr size_t kOneShotBytes = 64 << 10;
  size_t chunk = staging / sizeof(float);
  for (size_t first = 0; first < data.size() || first == 0; first += chunk) {
    size_t count = std::min(chunk, data.size() - first), bytes = count * sizeof(float);
    float *values = data.data() + first;
    if (bytes)
      std::memcpy(outbox(), values, bytes);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allReduce, bytes, op));
    if (ranks == 1 || count == 0)
      continue;
    if (ranks == 2 || bytes * size_t(ranks - 1) <= kOneShotBytes) {
      reduceInto(values, 0, count, kind);
      emulate(bytes);
      continue;
    }
    // Shares are multiples of a cache line.
    size_t share = ((count + size_t(ranks) - 1) / size_t(ranks) + 15) & ~size_t(15);
    auto begin = [&](int rank) { return std::min(count, share * size_t(rank)); };
    size_t from = begin(me), size = begin(me + 1) - from;
    reduceInto(reinterpret_cast<float *>(outbox()), from, size, kind);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allReduce, bytes, op));
    for (int rank = 0; rank < ranks; ++rank)
      if (size_t size = begin(rank + 1) - begin(rank))
        std::memcpy(values + begin(rank), inbox(rank), size * sizeof(float));
    emulate(2 * bytes * size_t(ranks - 1) / size_t(ranks));
  }
  return Status::success();
}

Status LocalCommunicator::reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                                        const char *op) {
  record(CollectiveKind::reduceScatter, in.size_bytes());
  size_t begin = 0, chunk = staging / sizeof(float);
  for (int rank = 0; rank < me; ++rank)
    begin += counts[size_t(rank)];
  for (size_t first = 0; first < in.size(); first += chunk) {
    size_t count = std::min(chunk, in.size() - first);
    std::memcpy(outbox(), in.data() + first, count * sizeof(float));
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::reduceScatter, count * sizeof(float), op));
    // The part of this chunk that is this rank's.
    size_t low = std::max(first, begin), high = std::min(first + count, begin + out.size());
    if (low < high)
      reduceInto(out.data() + (low - begin), low - first, high - low, ReduceKind::sum);
    emulate(count * sizeof(float) * size_t(ranks - 1) / size_t(ranks));
  }
  return Status::success();
}

Status LocalCommunicator::allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                                    const char *op) {
  record(CollectiveKind::allGather, out.size());
  size_t most = *std::max_element(bytes.begin(), bytes.end());
  for (size_t first = 0; first < most; first += staging) {
    auto part = [&](size_t size) { return size > first ? std::min(staging, size - first) : 0; };
    if (size_t size = part(in.size()))
      std::memcpy(outbox(), in.data() + first, size);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allGather, out.size(), op));
    size_t begin = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      if (size_t size = part(bytes[size_t(rank)]))
        std::memcpy(out.data() + begin + first, inbox(rank), size);
      begin += bytes[size_t(rank)];
    }
    emulate(std::min(staging, most - first) * size_t(ranks - 1));
  }
  return Status::success();
}

Status LocalCommunicator::allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                                   const char *op) {
  record(CollectiveKind::allToAll, in.size());
  // Each pair of ranks has its slice of the staging buffer.
  size_t n = size_t(ranks), slice = staging / n & ~size_t(63), most = *std::max_element(bytes.begin(), bytes.end());
  for (size_t first = 0; first < most; first += slice) {
    auto part = [&](size_t size) { return size > first ? std::min(slice, size - first) : 0; };
    size_t begin = 0;
    for (size_t to = 0; to < n; begin += bytes[size_t(me) * n + to], ++to)
      if (size_t size = part(bytes[size_t(me) * n + to]))
        std::memcpy(outbox() + to * slice, in.data() + begin + first, size);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::allToAll, most, op));
    begin = 0;
    for (size_t from = 0; from < n; begin += bytes[from * n + size_t(me)], ++from)
      if (size_t size = part(bytes[from * n + size_t(me)]))
        std::memcpy(out.data() + begin + first, inbox(int(from)) + size_t(me) * slice, size);
    emulate(std::min(slice, most - first) * (n - 1));
  }
  return Status::success();
}

Status LocalCommunicator::broadcast(std::span<uint8_t> data, int root, const char *op) {
  record(CollectiveKind::broadcast, data.size());
  for (size_t first = 0; first < data.size(); first += staging) {
    size_t size = std::min(staging, data.size() - first);
    if (me == root)
      std::memcpy(outbox(), data.data() + first, size);
    PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::broadcast, size, op));
    if (me != root)
      std::memcpy(data.data() + first, inbox(root), size);
    emulate(size);
  }
  return Status::success();
}

Status LocalCommunicator::barrier(const char *op) {
  record(CollectiveKind::barrier, 0);
  PLAIT_RETURN_IF_ERROR(agree(CollectiveKind::barrier, 0, op));
  emulate(0);
  return Status::success();
}

Status LocalCommunicator::send(std::span<const uint8_t> data, int to, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  Channel &channel = region.channel(me, to);
  for (size_t first = 0; first < data.size(); first += SharedRegion::kChannelBytes) {
    uint32_t sent = channel.sent.load(std::memory_order_relaxed);
    PLAIT_RETURN_IF_ERROR(waitFor(channel.taken, channel.sleepers, to, "taken what was sent by", "send_recv", op,
                                  [&] { return channel.taken.load(std::memory_order_acquire) == sent; }));
    size_t size = std::min(SharedRegion::kChannelBytes, data.size() - first);
    channel.bytes = data.size();
    std::memcpy(region.channelData(me, to), data.data() + first, size);
    emulate(size);
    channel.sent.store(sent + 1, std::memory_order_seq_cst);
    if (channel.sleepers.load(std::memory_order_seq_cst))
      wakeAll(channel.sent);
  }
  return Status::success();
}

Status LocalCommunicator::recv(std::span<uint8_t> data, int from, const char *op) {
  record(CollectiveKind::sendRecv, data.size());
  Channel &channel = region.channel(from, me);
  for (size_t first = 0; first < data.size(); first += SharedRegion::kChannelBytes) {
    uint32_t taken = channel.taken.load(std::memory_order_relaxed);
    PLAIT_RETURN_IF_ERROR(waitFor(channel.sent, channel.sleepers, from, "sent for", "send_recv", op,
                                  [&] { return channel.sent.load(std::memory_order_acquire) != taken; }));
    if (channel.bytes != data.size())
      return internalError("rank " + std::to_string(from) + " has strayed: found a message of " +
                           std::to_string(channel.bytes) + " bytes for send_recv @" + op + "; expected " +
                           std::to_string(data.size()));
    std::memcpy(data.data() + first, region.channelData(from, me),
                std::min(SharedRegion::kChannelBytes, data.size() - first));
    channel.taken.store(taken + 1, std::memory_order_seq_cst);
    if (channel.sleepers.load(std::memory_order_seq_cst))
      wakeAll(channel.taken);
  }
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

static Status checkSize(int size) {
  if (size >= 1 && size <= kMaxLocalRanks)
    return Status::success();
  return invalidArgument("ranks: found " + std::to_string(size) + "; expected 1 to " + std::to_string(kMaxLocalRanks) +
                         " on one machine");
}

static RegionHeader headerOf(const LocalGroupOptions &options) {
  RegionHeader header;
  header.size = options.size;
  header.stagingBytes = (options.stagingBytes + 4095) & ~size_t(4095);
  std::snprintf(header.identity.data(), header.identity.size(), "%s", options.identity.c_str());
  return header;
}

Expected<int> LocalGroup::create(const LocalGroupOptions &options) {
  PLAIT_RETURN_IF_ERROR(checkSize(options.size));
  return SharedRegion::create(headerOf(options));
}

size_t LocalGroup::sharedBytes(const LocalGroupOptions &options) { return SharedRegion::totalBytes(headerOf(options)); }

Expected<std::unique_ptr<Communicator>> LocalGroup::join(int fd, int rank, const LocalGroupOptions &options) {
  PLAIT_ASSIGN_OR_RETURN(SharedRegion region, SharedRegion::map(fd));
  return join(std::make_shared<const SharedRegion>(std::move(region)), rank, options);
}

Expected<std::unique_ptr<Communicator>> LocalGroup::join(std::shared_ptr<const SharedRegion> region, int rank,
                                                         const LocalGroupOptions &options) {
  PLAIT_RETURN_IF_ERROR(checkSize(options.size));
  RegionHeader wanted = headerOf(options);
  const RegionHeader &found = region->header();
  std::string who = "rank " + std::to_string(rank) + ": ";
  if (rank < 0 || rank >= found.size || found.size != wanted.size)
    return invalidArgument(who + "found a group of " + std::to_string(found.size) + " ranks; expected " +
                           std::to_string(wanted.size));
  if (found.identity != wanted.identity)
    return invalidArgument(who + "found " + wanted.identity.data() + "; expected " + found.identity.data() +
                           ", as the other ranks have; start all ranks with one artifact and one version");
  if (region->place(rank).state.load() != kRankAbsent)
    return invalidArgument(who + "has joined before; give every rank a number of its own");
  try {
    auto communicator = std::make_unique<LocalCommunicator>(std::move(region), rank, options);
    PLAIT_RETURN_IF_ERROR(communicator->joinAll());
    return std::unique_ptr<Communicator>(std::move(communicator));
  } catch (const std::exception &error) {
    return resourceError(who + "cannot start its heartbeat: " + error.what());
  }
}

void LocalGroup::markLost(int fd, int rank) {
  Expected<SharedRegion> region = SharedRegion::map(fd);
  if (!region || rank < 0 || rank >= region->header().size)
    return;
  RankPlace &place = region->place(rank);
  // One that has left in order is not lost.
  for (uint32_t state : {kRankAbsent, kRankJoined})
    place.state.compare_exchange_strong(state, kRankFailed);
  wakeAll(place.phase);
}

Expected<EmulatedLink> plait::parseEmulatedLink(const std::string &text) {
  struct Unit {
    const char *name;
    double factor;
  };
  static constexpr Unit times[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  static constexpr Unit rates[] = {{"Gbit", 1e9 / 8}, {"Mbit", 1e6 / 8}, {"Kbit", 1e3 / 8}, {"bit", 1.0 / 8},
                                   {"GB", 1e9},       {"MB", 1e6},       {"KB", 1e3},       {"B", 1}};
  auto wrong = [&] {
    return invalidArgument("link: found \"" + text +
                           "\"; expected latency=TIME,bandwidth=RATE such as "
                           "latency=2ms,bandwidth=1Gbit");
  };
  EmulatedLink link;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(',', at), text.size()), equal = text.find('=', at);
    if (equal == std::string::npos || equal > end)
      return wrong();
    std::string key = text.substr(at, equal - at), value = text.substr(equal + 1, end - equal - 1);
    size_t digits = 0;
    double number = 0;
    try {
      number = std::stod(value, &digits);
    } catch (const std::exception &) {
      return wrong();
    }
    std::string unit = value.substr(digits);
    auto scale = [&](std::span<const Unit> units) {
      auto it = std::find_if(units.begin(), units.end(), [&](const Unit &u) { return unit == u.name; });
      return it == units.end() ? 0.0 : it->factor;
    };
    double factor = key == "latency" ? scale(times) : key == "bandwidth" ? scale(rates) : 0.0;
    if (!(number > 0) || factor == 0 || number > 1e12)
      return wrong();
    (key == "latency" ? link.latencySeconds : link.bytesPerSecond) = number * factor;
    at = end + 1;
  }
  if (link.latencySeconds == 0 && link.bytesPerSecond == 0)
    return wrong();
  return link;
}
