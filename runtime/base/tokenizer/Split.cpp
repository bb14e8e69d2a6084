//===- Split.cpp - Cutting text at matches --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Split.h"

#include "runtime/base/tokenizer/Component.h"

#include <algorithm>
#include <utility>

namespace plait {

namespace {

/// A match, or what is between two.
struct Stretch {
  size_t begin, end;
  bool isMatch;
};

/// The whole of a text of `size` bytes as a chain of matches and of what is
/// between them.
void setStretches(const std::vector<TokenizerRegex::Match> &matches, size_t size, bool invert,
                  std::vector<Stretch> &stretches) {
  stretches.clear();
  size_t previous = 0;
  for (auto [begin, end] : matches) {
    if (previous != begin)
      stretches.push_back({previous, begin, invert});
    stretches.push_back({begin, end, !invert});
    previous = end;
  }
  if (previous != size)
    stretches.push_back({previous, size, invert});
}

/// Joins matches to their neighbours as `behavior` asks for.
void mergeStretches(SplitBehavior behavior, std::vector<Stretch> &stretches) {
  bool backwards = behavior == SplitBehavior::mergedWithNext;
  if (backwards)
    std::reverse(stretches.begin(), stretches.end());
  bool previousIsMatch = false;
  size_t count = 0;
  for (const Stretch s : stretches) {
    bool merge = behavior == SplitBehavior::contiguous ? s.isMatch == previousIsMatch : s.isMatch && !previousIsMatch;
    previousIsMatch = s.isMatch;
    if (!merge || count == 0)
      stretches[count++] = s;
    else if (backwards)
      stretches[count - 1].begin = s.begin;
    else
      stretches[count - 1].end = s.end;
  }
  stretches.resize(count);
  if (backwards)
    std::reverse(stretches.begin(), stretches.end());
}

} // namespace

Status Split::apply(std::vector<TextPiece> &pieces) const {
  std::vector<TextPiece> result;
  result.reserve(pieces.size());
  TokenizerRegex::Matches matches;
  std::vector<Stretch> stretches;
  bool removes = behavior == SplitBehavior::removed;
  for (const TextPiece &piece : pieces) {
    if (piece.id >= 0) {
      result.push_back(piece);
      continue;
    }
    PLAIT_RETURN_IF_ERROR(pattern.findAll(piece.text, matches));
    setStretches(matches.found, piece.text.size(), invert, stretches);
    if (behavior != SplitBehavior::isolated && !removes)
      mergeStretches(behavior, stretches);
    for (const Stretch &s : stretches)
      if (s.begin < s.end && !(removes && s.isMatch))
        result.push_back(piece.part(s.begin, s.end));
  }
  pieces = std::move(result);
  return Status::success();
}

Expected<SplitBehavior> readSplitBehavior(const JsonView &view) {
  static constexpr std::pair<const char *, SplitBehavior> behaviors[] = {
      {"Isolated", SplitBehavior::isolated},
      {"Removed", SplitBehavior::removed},
      {"MergedWithPrevious", SplitBehavior::mergedWithPrevious},
      {"MergedWithNext", SplitBehavior::mergedWithNext},
      {"Contiguous", SplitBehavior::contiguous},
  };
  PLAIT_ASSIGN_OR_RETURN(std::string name, view.asString());
  for (const auto &[known, behavior] : behaviors)
    if (name == known)
      return behavior;
  return unsupportedValue(view, "\"Isolated\", \"Removed\", \"MergedWithPrevious\", \"MergedWithNext\" or "
                                "\"Contiguous\"");
}

} // namespace plait
