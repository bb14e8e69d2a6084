//===- Message.h - The shape of error messages ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_MESSAGE_H
#define PLAIT_RUNTIME_BASE_MESSAGE_H

#include "runtime/base/File.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// A name out of a file, fit for a message.
inline std::string inQuotes(std::string_view text) { return "'" + printable(text, 200) + "'"; }

inline std::string foundExpected(const std::string &what, const std::string &found, const std::string &expected) {
  return what + ": found " + found + "; expected " + expected;
}

/// "'a', 'b', 'c' and 4 more".
inline std::string listInQuotes(const std::vector<std::string> &names) {
  constexpr size_t shown = 3;
  std::string text;
  for (size_t i = 0; i < std::min(names.size(), shown); ++i)
    text += (i ? ", " : "") + inQuotes(names[i]);
  if (names.size() > shown)
    text += " and " + std::to_string(names.size() - shown) + " more";
  return text;
}

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_MESSAGE_H
