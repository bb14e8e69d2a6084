//===- TextRange.h - A stretch of a text ------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TEXTRANGE_H
#define PLAIT_RUNTIME_BASE_TEXTRANGE_H

#include <cstddef>

namespace plait {

/// The bytes from `begin` up to but not including `end`.
struct TextRange {
  size_t begin = 0, end = 0;
  bool operator==(const TextRange &) const = default;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TEXTRANGE_H
