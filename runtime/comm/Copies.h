//===- Copies.h - Copies between ranks of one machine ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_COPIES_H
#define PLAIT_RUNTIME_COMM_COPIES_H

#include "runtime/comm/Delay.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace plait {

/// How a rank writes what others read. A common store fetches each line from the core that
/// has it; a streaming one does not, but the line comes from memory afterwards. Which takes
/// less depends on the processor and on where the ranks' cores are: up to three times, either way.
enum class Stores { common, streaming };

/// As memcpy, into memory that other ranks have read and will read.
inline void copyOut(void *target, const void *source, size_t bytes, Stores stores) {
  auto *to = static_cast<uint8_t *>(target);
  auto *from = static_cast<const uint8_t *>(source);
  delayHere();
#if defined(__SSE2__)
  constexpr size_t kLine = 64;
  constexpr size_t kLeast = 1024; // less is read sooner from a cache
  if (stores == Stores::streaming && bytes >= kLeast) {
    size_t head = (kLine - reinterpret_cast<uintptr_t>(to) % kLine) % kLine;
    std::memcpy(to, from, head);
    to += head, from += head, bytes -= head;
    for (; bytes >= kLine; to += kLine, from += kLine, bytes -= kLine) {
      auto part = [&](size_t i) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from) + i); };
      __m128i parts[4] = {part(0), part(1), part(2), part(3)};
      for (size_t i = 0; i < 4; ++i)
        _mm_stream_si128(reinterpret_cast<__m128i *>(to) + i, parts[i]);
      delayHere();
    }
    _mm_sfence(); // before the word that says it is there
    delayHere();
  }
#endif
  if (bytes)
    std::memcpy(to, from, bytes);
  delayHere();
}

/// As memcpy, from memory that another core has written. That one moves many bytes by an
/// instruction that takes several times as long on some processors, if the addresses are
/// unlucky.
inline void copyIn(void *target, const void *source, size_t bytes) {
  auto *to = static_cast<uint8_t *>(target);
  auto *from = static_cast<const uint8_t *>(source);
  delayHere();
#if defined(__SSE2__)
  constexpr size_t kLine = 64;
  for (; bytes >= kLine; to += kLine, from += kLine, bytes -= kLine) {
    auto part = [&](size_t i) { return _mm_loadu_si128(reinterpret_cast<const __m128i *>(from) + i); };
    __m128i parts[4] = {part(0), part(1), part(2), part(3)};
    for (size_t i = 0; i < 4; ++i)
      _mm_storeu_si128(reinterpret_cast<__m128i *>(to) + i, parts[i]);
    asm volatile("" ::: "memory"); // or it becomes memcpy again
    delayHere();
  }
#endif
  if (bytes)
    std::memcpy(to, from, bytes);
  delayHere();
}

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_COPIES_H
