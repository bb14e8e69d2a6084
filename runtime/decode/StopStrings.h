//===- StopStrings.h - Text that ends a text -------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_STOPSTRINGS_H
#define PLAIT_RUNTIME_DECODE_STOPSTRINGS_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// Cuts a text off before the first of several stop strings, as the text comes.
/// The first is the one that is complete first, and of several that end at the
/// same place the longest; so the pieces in which the text comes do not matter.
/// Each piece and each stop string is whole UTF-8, and so is what is returned.
class StopStrings {
public:
  /// No stop string: all text passes.
  StopStrings() = default;
  /// Refuses an empty one and one that is not UTF-8.
  static Expected<StopStrings> create(std::vector<std::string> stops);

  /// Returns the text that is certain by now: what may be the beginning of a stop
  /// string is held back, and what comes after one is dropped. One that ends in a
  /// piece with `mayStop` false is text like any other.
  std::string push(std::string_view text, bool mayStop = true);
  /// The text has ended: returns what is held back.
  std::string finish();

  /// The stop string that was found, or null.
  const std::string *found() const { return match < 0 ? nullptr : &searches[size_t(match)].text; }

private:
  /// Knuth, Morris and Pratt, "Fast pattern matching in strings", 1977.
  struct Search {
    explicit Search(std::string text);
    /// Whether what was read ends with `text`, this byte included.
    bool advance(char byte);

    std::string text;
    std::vector<size_t> borders; ///< [n]: longest proper prefix that ends the first n bytes
    size_t matched = 0;          ///< longest prefix, not all of it, that ends what was read
  };

  std::vector<Search> searches;
  std::string held;
  int match = -1;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_STOPSTRINGS_H
