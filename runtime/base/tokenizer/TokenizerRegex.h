//===- TokenizerRegex.h - Regular expressions of tokenizers -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_TOKENIZERREGEX_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_TOKENIZERREGEX_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plait {

/// A compiled pattern; it may be used by several threads at once.
class TokenizerRegex {
public:
  static Expected<TokenizerRegex> compile(std::string_view onigurumaPattern);
  /// Matches `text` itself.
  static Expected<TokenizerRegex> compileLiteral(std::string_view text);
  /// Reads {"Regex": ...} or {"String": ...}.
  static Expected<TokenizerRegex> fromJson(const JsonView &pattern);

  /// Half-open byte range of one match.
  using Match = std::pair<size_t, size_t>;

  /// The matches in one text, and what searching needs again and again: to be
  /// kept by one thread for many texts.
  class Matches {
  public:
    Matches();
    ~Matches();
    std::vector<Match> found;

  private:
    friend class TokenizerRegex;
    struct Search;
    std::unique_ptr<Search> search;
  };

  /// Sets `matches` to the non-overlapping matches in `text`, which must be
  /// valid UTF-8, leftmost first. A pattern that backtracks without end is an
  /// error.
  Status findAll(std::string_view text, Matches &matches) const;

private:
  struct Code;
  TokenizerRegex() = default;
  static Expected<TokenizerRegex> compilePcre2(const std::string &pattern);

  std::shared_ptr<const Code> code; // null: the pattern is `literal`
  std::string literal;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_TOKENIZERREGEX_H
