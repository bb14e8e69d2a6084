//===- Fuzz.h - What the fuzz targets share ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A target defines LLVMFuzzerTestOneInput (https://llvm.org/docs/LibFuzzer.html).
// It hands the bytes to one of the doors through which files reach Plait. Any
// input may be refused; none may crash, hang, leak, or break a promise of the
// door's header, which the target checks with `require`.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_FUZZ_FUZZ_H
#define PLAIT_TEST_FUZZ_FUZZ_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

namespace plait::fuzz {

/// A promise of the code under test; a broken one is a finding.
inline void require(bool holds, const char *promise) {
  if (holds)
    return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

/// Every refusal is one line that says what was found.
inline void checkRefusal(const Status &status) {
  require(!status.message().empty(), "an error has a message");
  require(status.message().find('\n') == std::string::npos, "an error is one line");
}

inline std::string_view textOf(const uint8_t *data, size_t size) {
  return {reinterpret_cast<const char *>(data), size};
}

/// A file that exists in memory alone; its contents are replaced for each input.
class MemoryFile {
public:
  MemoryFile();
  MemoryFile(const MemoryFile &) = delete;
  MemoryFile &operator=(const MemoryFile &) = delete;
  const std::string &write(std::span<const uint8_t> bytes);

private:
  int fd;
  std::string path; ///< by which any reader can open it
};

/// Changes one value somewhere in the JSON text of `data`, which stays JSON:
/// what a mutation of bytes seldom achieves. Returns the new size, 0 if `data`
/// is not JSON or the result does not fit `capacity`.
size_t mutateJson(uint8_t *data, size_t size, size_t capacity, unsigned seed);

} // namespace plait::fuzz

/// libFuzzer's own mutation.
extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t capacity);

#endif // PLAIT_TEST_FUZZ_FUZZ_H
