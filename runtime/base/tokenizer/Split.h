//===- Split.h - Cutting text at matches ------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_SPLIT_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_SPLIT_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"
#include "runtime/base/tokenizer/TextPiece.h"
#include "runtime/base/tokenizer/TokenizerRegex.h"

#include <vector>

namespace plait {

/// What becomes of the matches that text is cut at. For "a--b" cut at "-":
enum class SplitBehavior {
  isolated,           ///< a - - b
  removed,            ///< a b
  mergedWithPrevious, ///< a- - b
  mergedWithNext,     ///< a - -b
  contiguous,         ///< a -- b
};

/// Reads the name of a behavior, as in "MergedWithNext".
Expected<SplitBehavior> readSplitBehavior(const JsonView &view);

struct Split {
  TokenizerRegex pattern;
  SplitBehavior behavior = SplitBehavior::isolated;
  bool invert = false; ///< what is between the matches counts as the matches

  /// Cuts every piece that is not a token yet.
  Status apply(std::vector<TextPiece> &pieces) const;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_SPLIT_H
