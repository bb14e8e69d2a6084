//===- TokenizerRegex.cpp - Regular expressions of tokenizers -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/TokenizerRegex.h"

#include "runtime/base/tokenizer/OnigurumaPattern.h"
#include "runtime/base/Utf8.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <cstdint>

namespace plait {

namespace {

// A match that needs more is taken for runaway backtracking. Steps in
// proportion to the text are legitimate: giving back a long run of spaces one
// by one takes as many.
constexpr uint32_t baseMatchLimit = 4'000'000;
constexpr uint32_t heapLimitKiB = 512 * 1024;

template <auto Free> struct Pcre2Free {
  template <typename T> void operator()(T *p) const { Free(p); }
};

using CompileContext = std::unique_ptr<pcre2_compile_context, Pcre2Free<pcre2_compile_context_free>>;
using MatchContext = std::unique_ptr<pcre2_match_context, Pcre2Free<pcre2_match_context_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Pcre2Free<pcre2_match_data_free>>;

std::string pcre2Message(int code) {
  PCRE2_UCHAR buffer[256];
  if (pcre2_get_error_message(code, buffer, sizeof(buffer)) < 0)
    return "PCRE2 error " + std::to_string(code);
  return reinterpret_cast<const char *>(buffer);
}

} // namespace

struct TokenizerRegex::Code {
  std::unique_ptr<pcre2_code, Pcre2Free<pcre2_code_free>> compiled;
};

struct TokenizerRegex::Matches::Search {
  MatchContext context{pcre2_match_context_create(nullptr)};
  MatchData data{pcre2_match_data_create(1, nullptr)};
};

TokenizerRegex::Matches::Matches() = default;
TokenizerRegex::Matches::~Matches() = default;

Expected<TokenizerRegex> TokenizerRegex::compilePcre2(const std::string &pattern) {
  CompileContext context(pcre2_compile_context_create(nullptr));
  if (!context)
    return resourceError("regex: out of memory");
  // '.', '^' and '$' know no newline but "\n", as in Oniguruma.
  pcre2_set_newline(context.get(), PCRE2_NEWLINE_LF);
  int errorCode = 0;
  PCRE2_SIZE errorOffset = 0;
  auto code = std::make_shared<Code>();
  code->compiled.reset(
      pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                    PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE | PCRE2_NEVER_BACKSLASH_C,
                    &errorCode, &errorOffset, context.get()));
  if (!code->compiled)
    return unsupported("regex: found one that PCRE2 refuses (" + pcre2Message(errorCode) +
                       "); expected a supported one");
  // Without a JIT for this machine PCRE2 interprets, only slower.
  (void)pcre2_jit_compile(code->compiled.get(), PCRE2_JIT_COMPLETE);
  TokenizerRegex regex;
  regex.code = std::move(code);
  return regex;
}

Expected<TokenizerRegex> TokenizerRegex::compile(std::string_view onigurumaPattern) {
  PLAIT_ASSIGN_OR_RETURN(std::string pattern, translateOnigurumaPattern(onigurumaPattern));
  auto regex = compilePcre2(pattern);
  if (!regex)
    return regex.status().withContext(quoteForMessage(onigurumaPattern));
  return regex;
}

Expected<TokenizerRegex> TokenizerRegex::compileLiteral(std::string_view text) {
  if (text.empty()) // matches everywhere
    return compilePcre2("");
  TokenizerRegex regex;
  regex.literal = text;
  return regex;
}

Expected<TokenizerRegex> TokenizerRegex::fromJson(const JsonView &pattern) {
  bool isRegex = pattern.has("Regex");
  if (!isRegex && !pattern.has("String"))
    return pattern.error("{\"Regex\": ...} or {\"String\": ...}");
  PLAIT_ASSIGN_OR_RETURN(std::string text, pattern.getString(isRegex ? "Regex" : "String"));
  auto regex = isRegex ? compile(text) : compileLiteral(text);
  if (!regex)
    return regex.status().withContext(pattern.where());
  return regex;
}

Status TokenizerRegex::findAll(std::string_view text, Matches &matches) const {
  matches.found.clear();
  if (!code) {
    for (size_t at = text.find(literal); at != std::string_view::npos; at = text.find(literal, at + literal.size()))
      matches.found.push_back({at, at + literal.size()});
    return Status::success();
  }
  if (!matches.search)
    matches.search = std::make_unique<Matches::Search>();
  auto &[context, data] = *matches.search;
  if (!context || !data)
    return resourceError("regex: out of memory");
  uint64_t limit = baseMatchLimit + uint64_t(8) * text.size();
  uint32_t matchLimit = limit < UINT32_MAX ? static_cast<uint32_t>(limit) : UINT32_MAX;
  pcre2_set_match_limit(context.get(), matchLimit);
  pcre2_set_depth_limit(context.get(), matchLimit);
  pcre2_set_heap_limit(context.get(), heapLimitKiB);

  size_t start = 0;
  size_t lastEnd = std::string_view::npos;
  while (start <= text.size()) {
    // The text is known to be valid: checking it in every call would make the
    // loop quadratic.
    auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    int rc =
        pcre2_match(code->compiled.get(), subject, text.size(), start, PCRE2_NO_UTF_CHECK, data.get(), context.get());
    // The interpreter keeps its stack on the heap, within the limit above.
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
      rc = pcre2_match(code->compiled.get(), subject, text.size(), start, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, data.get(),
                       context.get());
    if (rc == PCRE2_ERROR_NOMATCH)
      break;
    if (rc < 0)
      return resourceError("regex: found " + pcre2Message(rc) + " from byte " + std::to_string(start) +
                           " of the text; expected a pattern that needs " + "fewer steps");
    const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(data.get());
    size_t from = bounds[0], to = bounds[1];
    // An empty match right after the last match does not count; this also makes
    // the loop advance.
    if (from == to && to == lastEnd) {
      if (start >= text.size())
        break;
      start += decodeUtf8(text, start).length;
      continue;
    }
    matches.found.push_back({from, to});
    start = lastEnd = to;
  }
  return Status::success();
}

} // namespace plait
