//===- SharedRegion.h - The memory that ranks of one machine share -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_SHAREDREGION_H
#define PLAIT_RUNTIME_COMM_SHAREDREGION_H

#include "runtime/base/Status.h"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace plait {

/// What ranks of different processes must agree on before they read the rest.
inline constexpr uint64_t kRegionMagic = 0x35304D4D4F435450; // "PTCOMM05"
inline constexpr int kMaxLocalRanks = 64;

/// Where a rank is. One writer, its rank, but for `sleepers` and a `state` of lost ranks.
struct alignas(128) RankPlace {
  // What others look at when they meet lies in one cache line.
  std::atomic<uint32_t> phase{0};    ///< points of agreement it has reached; may wrap
  std::atomic<uint32_t> sleepers{0}; ///< ranks that sleep until `phase` changes
  /// Of the collective at phases of either parity: kind and size, and a digest of who
  /// asked. So a rank that runs ahead by one does not overwrite what others compare with.
  struct Call {
    uint64_t signature, op;
  };
  std::array<Call, 2> calls{};

  alignas(128) std::atomic<uint32_t> beats{0}; ///< grows as long as the rank lives
  std::atomic<uint32_t> state{0};              ///< RankState
  std::atomic<int32_t> process{0};             ///< its number, once the rank has joined
  std::array<std::array<char, 112>, 2> ops{};  ///< who asked, of `calls`
  std::atomic<uint64_t> waited{0};             ///< nanoseconds in sums
  // Why it has failed, once `state` says so; an empty text if it could not say.
  uint32_t whyCode = 0;
  int32_t culprit = -1;
  char why[392] = {};
};

enum RankState : uint32_t { kRankAbsent = 0, kRankJoined = 1, kRankLeft = 2, kRankFailed = 3 };

/// One direction between two ranks: `sent` and `taken` count chunks.
struct alignas(128) Channel {
  std::atomic<uint32_t> sent{0}, taken{0};
  std::atomic<uint32_t> sleepers{0};
  uint64_t bytes = 0;  ///< of the message whose chunks are under way
  int64_t arrival = 0; ///< of the last chunk, over an emulated link
};

struct RegionHeader {
  uint64_t magic = kRegionMagic;
  int32_t size = 0;
  uint64_t stagingBytes = 0;
  // How they add up, so that all do the same: see Algorithms.h and EmulatedLink.h.
  int32_t algorithm = 0;
  double latencySeconds = 0, bytesPerSecond = 0;
  std::array<char, 256> identity{};
};

/// A mapping of the memory: header, places, channels, then two staging buffers
/// per rank, one buffer per channel, and the marked slots of each rank.
class SharedRegion {
public:
  static constexpr size_t kChannelBytes = size_t(1) << 16;
  /// Words that are zero until something is there: LocalLamport.cpp.
  static constexpr size_t kMarkedSlots = 4, kMarkedWords = size_t(4) << 10;

  /// A new region in anonymous shared memory; returns its descriptor.
  static Expected<int> create(const RegionHeader &header);
  /// A further one in the memory of `fd`, which grows if need be.
  static Status createAt(int fd, size_t offset, const RegionHeader &header);
  static Expected<SharedRegion> map(int fd, size_t offset = 0); ///< `fd` stays the caller's
  int descriptor() const { return fd; }
  /// Takes the memory that `rank` writes, which it calls itself so that the memory is near
  /// it. A lack of memory is an error here, not a SIGBUS later.
  Status reserve(int rank) const;
  static size_t totalBytes(const RegionHeader &header);
  SharedRegion(SharedRegion &&other) noexcept;
  SharedRegion &operator=(SharedRegion &&) = delete;
  ~SharedRegion();

  const RegionHeader &header() const { return *reinterpret_cast<const RegionHeader *>(base); }
  RankPlace &place(int rank) const { return places()[rank]; }
  Channel &channel(int from, int to) const { return channels()[from * header().size + to]; }
  uint8_t *staging(int rank, uint32_t parity) const {
    return base + dataOffset() + (size_t(rank) * 2 + parity) * header().stagingBytes;
  }
  uint8_t *channelData(int from, int to) const {
    return base + dataOffset() + size_t(header().size) * 2 * header().stagingBytes +
           size_t(from * header().size + to) * kChannelBytes;
  }

  uint64_t *marked(int rank, size_t slot) const {
    uint8_t *begin = channelData(header().size, 0); // behind the last one
    return reinterpret_cast<uint64_t *>(begin) + (size_t(rank) * kMarkedSlots + slot) * kMarkedWords;
  }

private:
  static constexpr size_t kMarkedBytes = kMarkedSlots * kMarkedWords * sizeof(uint64_t);
  SharedRegion(uint8_t *base, size_t bytes, int fd, size_t offset) : base(base), bytes(bytes), fd(fd), offset(offset) {}
  static size_t dataOffset(int64_t size);
  size_t dataOffset() const { return dataOffset(header().size); }
  RankPlace *places() const { return reinterpret_cast<RankPlace *>(base + 1024); }
  Channel *channels() const { return reinterpret_cast<Channel *>(places() + header().size); }

  uint8_t *base;
  size_t bytes;
  int fd;        ///< its own
  size_t offset; ///< of `base` in it
};

static_assert(sizeof(RegionHeader) <= 1024 && std::atomic<uint32_t>::is_always_lock_free);

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_SHAREDREGION_H
