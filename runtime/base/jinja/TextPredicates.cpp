//===- TextPredicates.cpp - Methods that ask about a string ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Characters.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

namespace {

const std::string &bytesOf(const Value &self) { return self.asText()->text.bytes(); }

/// Whether all characters satisfy `holds`; `whenEmpty` for none.
template <bool (*holds)(char32_t), bool whenEmpty = false>
Value all(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "string method", arguments, {});
  const std::string &bytes = bytesOf(self);
  if (!interpreter.sandbox.handle(bytes.size() * 4))
    return Value();
  for (size_t i = 0; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    if (!holds(step.value))
      return Value(false);
    i += step.length;
  }
  return Value(whenEmpty || !bytes.empty());
}

bool isAlphanumeric(char32_t c) { return isLetter(c) || isDecimal(c) || isDigit(c) || isNumeric(c); }
bool isAscii(char32_t c) { return c < 0x80; }

/// No character of the other case, and one of this.
template <bool upper> Value isCase(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "string method", arguments, {});
  const std::string &bytes = bytesOf(self);
  bool found = false;
  if (!interpreter.sandbox.handle(bytes.size() * 4))
    return Value();
  for (size_t i = 0; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    if ((upper ? isLower(step.value) : isUpper(step.value)) || isTitle(step.value))
      return Value(false);
    found |= upper ? isUpper(step.value) : isLower(step.value);
    i += step.length;
  }
  return Value(found);
}

Value isTitled(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "istitle", arguments, {});
  const std::string &bytes = bytesOf(self);
  bool found = false, inWord = false;
  for (size_t i = 0; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    bool capital = isUpper(step.value) || isTitle(step.value), small = isLower(step.value);
    if ((capital && inWord) || (small && !inWord))
      return Value(false);
    inWord = capital || small;
    found |= inWord;
    i += step.length;
  }
  return Value(found);
}

/// The part of the text that optional arguments `start` and `end` leave.
TextRange window(const MarkedText &text, Bound &bound) {
  int64_t length = int64_t(text.length());
  auto adjust = [&](size_t index, int64_t absent) {
    int64_t at = bound[index].isNone() ? absent : bound.integer(index, absent);
    return at < 0 ? std::max<int64_t>(0, std::max(at, -length) + length) : at;
  };
  int64_t begin = adjust(1, 0), end = std::min(adjust(2, length), length);
  if (begin > end)
    return {1, 0}; // not even the empty string is there
  return {text.offsetOf(size_t(begin)), text.offsetOf(size_t(end))};
}

template <bool atEnd> Value startsOrEnds(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, atEnd ? "endswith" : "startswith", arguments, {"prefix", "start", "end"}, 1);
  std::vector<Value> candidates = {bound[0]};
  if (const Sequence *tuple = bound[0].asSequence(); tuple && tuple->kind == SequenceKind::tuple)
    candidates = tuple->items;
  const MarkedText &text = self.asText()->text;
  bool limited = bound.has(1) || bound.has(2);
  TextRange range = limited ? window(text, bound) : TextRange{0, text.size()};
  std::string_view part;
  if (range.begin <= range.end)
    part = std::string_view(text.bytes()).substr(range.begin, range.end - range.begin);
  for (const Value &candidate : candidates) {
    const Text *affix = candidate.asText();
    if (!affix)
      return interpreter.failType(atEnd ? "endswith" : "startswith", candidate, "a string or a tuple of strings");
    std::string_view bytes = affix->text.bytes();
    if (range.begin <= range.end && (atEnd ? part.ends_with(bytes) : part.starts_with(bytes)))
      return Value(true);
  }
  return Value(false);
}

/// The index of a part, or -1; an error if `required`.
template <bool backwards, bool required>
Value find(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, required ? "index" : "find", arguments, {"sub", "start", "end"}, 1);
  const MarkedText &text = self.asText()->text;
  const std::string &sought = bound.text(0).bytes();
  TextRange range = window(text, bound);
  size_t at = std::string::npos;
  if (interpreter.sandbox.handle(text.size() * 2 * (1 + sought.size() / 16)) && range.begin <= range.end) {
    std::string_view part = std::string_view(text.bytes()).substr(range.begin, range.end - range.begin);
    at = backwards ? part.rfind(sought) : part.find(sought);
  }
  if (at != std::string::npos)
    return Value(int64_t(text.slice(0, range.begin + at).length()));
  return required ? interpreter.fail("index: found no " + quoteForMessage(sought) + " in the string")
                  : Value(int64_t(-1));
}

Value count(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "count", arguments, {"sub", "start", "end"}, 1);
  const MarkedText &text = self.asText()->text;
  const std::string &sought = bound.text(0).bytes();
  TextRange range = window(text, bound);
  if (range.begin > range.end || !interpreter.sandbox.handle(text.size() * (1 + sought.size() / 16)))
    return Value(int64_t(0));
  MarkedText part = text.slice(range.begin, range.end);
  if (sought.empty())
    return Value(int64_t(part.length()) + 1);
  int64_t number = 0;
  for (size_t at = part.bytes().find(sought); at != std::string::npos;
       at = part.bytes().find(sought, at + sought.size()))
    ++number;
  return Value(number);
}

} // namespace

const Builtins &jinja::textPredicates() {
  static const Builtins methods = {
      {"count", count},
      {"endswith", startsOrEnds<true>},
      {"find", find<false, false>},
      {"index", find<false, true>},
      {"isalnum", all<isAlphanumeric>},
      {"isalpha", all<isLetter>},
      {"isascii", all<isAscii, true>},
      {"isdecimal", all<isDecimal>},
      {"isdigit", all<isDigit>},
      {"islower", isCase<false>},
      {"isnumeric", all<isNumeric>},
      {"isspace", all<isSpace>},
      {"istitle", isTitled},
      {"isupper", isCase<true>},
      {"rfind", find<true, false>},
      {"rindex", find<true, true>},
      {"startswith", startsOrEnds<false>},
  };
  return methods;
}
