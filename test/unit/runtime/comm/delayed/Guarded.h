//===- Guarded.h - Buffers that show what was written -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_COMM_DELAYED_GUARDED_H
#define PLAIT_TEST_UNIT_RUNTIME_COMM_DELAYED_GUARDED_H

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

namespace plait {

class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next() {
    uint64_t bits = state += 0x9E3779B97F4A7C15u;
    bits = (bits ^ bits >> 30) * 0xBF58476D1CE4E5B9u;
    bits = (bits ^ bits >> 27) * 0x94D049BB133111EBu;
    return bits ^ bits >> 31;
  }
  /// Below `count`, which is above 0.
  size_t draw(size_t count) { return size_t(next() % count); }
  bool oneIn(size_t count) { return draw(count) == 0; }

private:
  uint64_t state;
};

inline uint32_t bitsOf(uint64_t seed, size_t who, size_t i) {
  uint32_t bits = (uint32_t(i) * 0x9E3779B1u + uint32_t(seed)) ^ (uint32_t(who) * 0x85EBCA77u + uint32_t(seed >> 32));
  bits = (bits ^ bits >> 16) * 0x85EBCA6Bu;
  bits = (bits ^ bits >> 13) * 0xC2B2AE35u;
  return bits ^ bits >> 16;
}
/// Element `i` of what `who` gives: of sizes that make the order of sums show.
inline float valueOf(uint64_t seed, size_t who, size_t i) {
  uint32_t bits = bitsOf(seed, who, i);
  return std::bit_cast<float>((bits & 0x807FFFFFu) | ((bits >> 23 & 15) + 120) << 23);
}
inline uint8_t byteOf(uint64_t seed, size_t who, size_t i) { return uint8_t(bitsOf(seed, who, i)); }

/// A buffer in the midst of bytes of all ones, which are NaN as floats; so is its content before it is written.
template <typename T> class Guarded {
public:
  Guarded(size_t count, Random &placing)
      : begin(kGuard + placing.draw(64) * sizeof(T)), count(count), bytes(begin + count * sizeof(T) + kGuard, 0xFF) {}
  T *data() { return reinterpret_cast<T *>(bytes.data() + begin); }
  const T *data() const { return reinterpret_cast<const T *>(bytes.data() + begin); }
  size_t size() const { return count; }
  operator std::span<T>() { return {data(), count}; }
  operator std::span<const T>() const { return {data(), count}; }
  std::span<uint8_t> asBytes() { return {bytes.data() + begin, count * sizeof(T)}; }

  template <typename Source> void fill(Source source) {
    for (size_t i = 0; i < count; ++i)
      data()[i] = source(i);
  }
  /// What differs from `wanted(i)` in a bit, in the buffer or around it.
  template <typename Source> std::string compare(const char *name, Source wanted) const {
    for (size_t i = 0; i < count; ++i) {
      T value = wanted(i);
      if (std::memcmp(&value, data() + i, sizeof(T)))
        return std::string(name) + "[" + std::to_string(i) + " of " + std::to_string(count) + "]: found " +
               std::to_string(data()[i]) + "; expected " + std::to_string(value);
    }
    auto isGuard = [](uint8_t byte) { return byte == 0xFF; };
    if (!std::all_of(bytes.begin(), bytes.begin() + ptrdiff_t(begin), isGuard) ||
        !std::all_of(bytes.end() - ptrdiff_t(kGuard), bytes.end(), isGuard))
      return std::string(name) + " of " + std::to_string(count) + ": found a byte written beside it";
    return "";
  }

private:
  static constexpr size_t kGuard = 64;
  size_t begin, count;
  std::vector<uint8_t> bytes;
};

} // namespace plait

#endif // PLAIT_TEST_UNIT_RUNTIME_COMM_DELAYED_GUARDED_H
