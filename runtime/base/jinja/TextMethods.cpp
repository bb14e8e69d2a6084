//===- TextMethods.cpp - Methods of strings -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Characters.h"
#include "runtime/base/jinja/TextTools.h"

#include <algorithm>
#include <cstring>

using namespace plait;
using namespace plait::jinja;

namespace {

const MarkedText &textOf(const Value &self) { return self.asText()->text; }

/// A method without arguments: text to text.
template <MarkedText (*function)(const MarkedText &)>
Value simple(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "string method", arguments, {});
  if (!interpreter.sandbox.handle(textOf(self).size() * 8))
    return Value();
  return interpreter.text(function(textOf(self)), self.asText()->markup);
}

template <bool left, bool right>
Value stripSides(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "strip", arguments, {"chars"});
  bool given = bound.has(0) && !bound[0].isNone();
  const MarkedText *set = given ? &bound.text(0) : nullptr;
  uint64_t work = textOf(self).size() * uint64_t(set ? 1 + set->size() / 64 : 1);
  if (!interpreter.sandbox.handle(work))
    return Value();
  return interpreter.text(strip(textOf(self), set, left, right), self.asText()->markup);
}

/// Each part of the text as a value of its own.
Value listOf(Interpreter &interpreter, const MarkedText &text, const std::vector<TextRange> &parts) {
  std::vector<Value> values;
  if (interpreter.sandbox.step(parts.size()) && interpreter.sandbox.grow(parts.size() * 128))
    for (auto [begin, end] : parts)
      values.push_back(interpreter.text(text.slice(begin, end)));
  return interpreter.sequence(std::move(values));
}

/// Pieces between whitespace; from the right if `backwards`.
std::vector<TextRange> splitAtSpace(const MarkedText &text, int64_t limit, bool backwards) {
  std::vector<TextRange> words;
  const std::string &bytes = text.bytes();
  bool inWord = false;
  for (size_t i = 0; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    bool space = isSpace(step.value);
    if (!space && !inWord)
      words.push_back({i, i});
    i += step.length;
    if (!space)
      words.back().end = i;
    inWord = !space;
  }
  if (limit >= 0 && size_t(limit) < words.size()) {
    size_t rest = words.size() - size_t(limit); // words that stay together
    if (backwards) {
      words[rest - 1].begin = 0; // leading space stays, trailing does not
      words.erase(words.begin(), words.begin() + ptrdiff_t(rest - 1));
    } else {
      words[size_t(limit)].end = bytes.size(); // trailing space stays
      words.resize(size_t(limit) + 1);
    }
  }
  return words;
}

std::vector<TextRange> splitAt(const MarkedText &text, const std::string &separator, int64_t limit, bool backwards) {
  const std::string &bytes = text.bytes();
  std::vector<size_t> cuts;
  if (backwards) {
    for (size_t end = bytes.size(); limit != 0 && end >= separator.size(); --limit) {
      size_t found = bytes.rfind(separator, end - separator.size());
      if (found == std::string::npos)
        break;
      cuts.push_back(found);
      end = found;
    }
    std::reverse(cuts.begin(), cuts.end());
  } else {
    for (size_t at = bytes.find(separator); limit != 0 && at != std::string::npos; --limit) {
      cuts.push_back(at);
      at = bytes.find(separator, at + separator.size());
    }
  }
  std::vector<TextRange> parts;
  size_t begin = 0;
  for (size_t cut : cuts) {
    parts.push_back({begin, cut});
    begin = cut + separator.size();
  }
  parts.push_back({begin, bytes.size()});
  return parts;
}

template <bool backwards> Value split(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "split", arguments, {"sep", "maxsplit"});
  const MarkedText &text = textOf(self);
  int64_t limit = bound.integer(1, -1);
  if (!interpreter.sandbox.handle(text.size()))
    return Value();
  if (!bound.has(0) || bound[0].isNone())
    return listOf(interpreter, text, splitAtSpace(text, limit, backwards));
  const MarkedText &separator = bound.text(0);
  if (!interpreter.sandbox.handle(text.size() * (separator.size() / 16)))
    return Value();
  if (separator.empty())
    return interpreter.fail("split: found an empty separator; expected at least one character");
  return listOf(interpreter, text, splitAt(text, separator.bytes(), limit, backwards));
}

Value splitIntoLines(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "splitlines", arguments, {"keepends"});
  return listOf(interpreter, textOf(self), splitLines(textOf(self), bound.flag(0, false)));
}

template <bool backwards> Value partition(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "partition", arguments, {"sep"}, 1);
  const MarkedText &text = textOf(self), &separator = bound.text(0);
  if (separator.empty())
    return interpreter.fail("partition: found an empty separator; expected at least one character");
  if (!interpreter.sandbox.handle(text.size() * (1 + separator.size() / 16)))
    return Value();
  size_t at = backwards ? text.bytes().rfind(separator.bytes()) : text.bytes().find(separator.bytes());
  bool found = at != std::string::npos;
  MarkedText parts[3];
  parts[backwards && !found ? 2 : 0] = found ? text.slice(0, at) : text;
  if (found) {
    parts[1] = text.slice(at, at + separator.size());
    parts[2] = text.slice(at + separator.size(), text.size());
  }
  std::vector<Value> values;
  for (MarkedText &part : parts)
    values.push_back(interpreter.text(std::move(part)));
  return interpreter.sequence(std::move(values), SequenceKind::tuple);
}

Value join(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "join", arguments, {"iterable"}, 1);
  MarkedText result;
  bool first = true;
  for (const Value &item : interpreter.iterate(bound[0])) {
    if (!item.asText())
      return interpreter.failType("join", item, "strings");
    if (!std::exchange(first, false))
      result.append(textOf(self));
    result.append(item.asText()->text);
    if (result.size() > interpreter.sandbox.limits.textBytes)
      break;
  }
  return interpreter.text(std::move(result));
}

Value replace(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "replace", arguments, {"old", "new", "count"}, 2);
  Value limit = bound.has(2) ? bound[2] : Value(int64_t(-1));
  return interpreter.filter("replace", self, {{bound[0], bound[1], limit}, {}});
}

Value removePrefix(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "removeprefix", arguments, {"prefix"}, 1);
  const MarkedText &text = textOf(self), &prefix = bound.text(0);
  return interpreter.text(text.slice(text.bytes().starts_with(prefix.bytes()) ? prefix.size() : 0, text.size()));
}

Value removeSuffix(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "removesuffix", arguments, {"suffix"}, 1);
  const MarkedText &text = textOf(self), &suffix = bound.text(0);
  return interpreter.text(text.slice(0, text.size() - (text.bytes().ends_with(suffix.bytes()) ? suffix.size() : 0)));
}

/// str.ljust (-1), center (0), rjust (1).
template <int side> Value justify(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "justify", arguments, {"width", "fillchar"}, 1);
  MarkedText fill = bound.has(1) ? bound.text(1) : MarkedText(" ");
  if (fill.length() != 1)
    return interpreter.fail("justify: found " + quoteForMessage(fill.bytes()) +
                            " to fill with; expected one character");
  const MarkedText &text = textOf(self);
  int64_t width = std::min<int64_t>(bound.integer(0, 0), int64_t(interpreter.sandbox.limits.textBytes));
  int64_t missing = std::max<int64_t>(0, width - int64_t(text.length()));
  // CPython gives the odd one to the left if the width is odd, else to the right.
  int64_t left = side < 0 ? 0 : side > 0 ? missing : missing / 2 + (missing & width & 1);
  MarkedText result;
  for (int64_t i = 0; i < left; ++i)
    result.append(fill);
  result.append(text);
  for (int64_t i = left; i < missing; ++i)
    result.append(fill);
  return interpreter.text(std::move(result));
}

Value fillWithZeros(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "zfill", arguments, {"width"}, 1);
  const MarkedText &text = textOf(self);
  int64_t width = std::min<int64_t>(bound.integer(0, 0), int64_t(interpreter.sandbox.limits.textBytes));
  size_t sign = text.bytes().starts_with('-') || text.bytes().starts_with('+');
  MarkedText result = text.slice(0, sign);
  result.append(std::string(size_t(std::max<int64_t>(0, width - int64_t(text.length()))), '0'), false);
  result.append(text, sign, text.size());
  return interpreter.text(std::move(result));
}

MarkedText swapCase(const MarkedText &text) {
  return mapCharacters(text,
                       [](char32_t c, std::string &out) { isUpper(c) ? appendLower(out, c) : appendUpper(out, c); });
}

} // namespace

const Builtins &jinja::textMethods() {
  static const Builtins methods = {
      {"capitalize", simple<toCapitalized>},
      {"center", justify<0>},
      {"format", formatBraces},
      {"join", join},
      {"ljust", justify<-1>},
      {"lower", simple<toLower>},
      {"lstrip", stripSides<true, false>},
      {"partition", partition<false>},
      {"removeprefix", removePrefix},
      {"removesuffix", removeSuffix},
      {"replace", replace},
      {"rjust", justify<1>},
      {"rpartition", partition<true>},
      {"rsplit", split<true>},
      {"rstrip", stripSides<false, true>},
      {"split", split<false>},
      {"splitlines", splitIntoLines},
      {"strip", stripSides<true, true>},
      {"swapcase", simple<swapCase>},
      {"title", simple<toTitle>},
      {"upper", simple<toUpper>},
      {"zfill", fillWithZeros},
  };
  return methods;
}
