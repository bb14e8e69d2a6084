//===- TextFilters.cpp - Filters of strings -------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Characters.h"
#include "runtime/base/jinja/Markup.h"
#include "runtime/base/jinja/TextTools.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

namespace {

/// A filter that is str(input).METHOD(arguments).
template <int nameIndex> Value byMethod(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  static constexpr std::string_view names[] = {"upper", "lower", "capitalize"};
  Value self = interpreter.text(interpreter.str(input), input.asText() && input.asText()->markup);
  return self.asText() ? textMethods().at(names[nameIndex])(interpreter, self, arguments) : Value();
}

Value trim(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "trim", arguments, {"chars"});
  Value self = interpreter.text(interpreter.str(input));
  Value set = bound.has(0) ? bound[0] : Value::none();
  return self.asText() ? textMethods().at("strip")(interpreter, self, {{set}, {}}) : Value();
}

/// Words begin after spaces, hyphens and opening brackets, unlike str.title's.
Value title(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "title", arguments, {});
  MarkedText text = interpreter.str(input);
  if (!interpreter.sandbox.handle(text.size() * 8))
    return Value();
  auto separates = [](char32_t c) { return isSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<'; };
  MarkedText result;
  for (size_t begin = 0; begin < text.size();) {
    bool separator = separates(decodeUtf8(text.bytes(), begin).value);
    size_t end = begin, first = begin;
    while (end < text.size()) {
      Utf8Step step = decodeUtf8(text.bytes(), end);
      if (separates(step.value) != separator)
        break;
      end += step.length;
    }
    if (!separator) {
      first += decodeUtf8(text.bytes(), begin).length;
      result.append(toUpper(text.slice(begin, first)));
    }
    result.append(toLower(text.slice(first, end)));
    begin = end;
  }
  return interpreter.text(std::move(result));
}

Value replace(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "replace", arguments, {"old", "new", "count"}, 2);
  MarkedText text = interpreter.str(input), old = interpreter.str(bound[0]), with = interpreter.str(bound[1]);
  int64_t limit = bound[2].isNone() ? -1 : bound.integer(2, -1);
  if (!interpreter.sandbox.handle(text.size() * (1 + old.size() / 16)))
    return Value();
  return interpreter.text(replaceAll(text, old, with, limit, interpreter.sandbox.limits.textBytes));
}

Value indent(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "indent", arguments, {"width", "first", "blank"});
  MarkedText margin;
  if (bound[0].asText())
    margin = bound.text(0);
  else
    margin.append(std::string(size_t(std::clamp<int64_t>(bound.integer(0, 4), 0, 1000)), ' '), false);
  MarkedText text = interpreter.str(input);
  text.append("\n", false);
  std::vector<TextRange> lines = splitLines(text, /*keepEnds=*/false);
  MarkedText result;
  for (size_t i = 0; i < lines.size() && result.size() <= interpreter.sandbox.limits.textBytes; ++i) {
    result.append(i ? "\n" : "", false);
    auto [begin, end] = lines[i];
    if (i ? bound.flag(2, false) || begin != end : bound.flag(1, false))
      result.append(margin);
    result.append(text, begin, end);
  }
  return interpreter.text(std::move(result));
}

Value escape(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "escape", arguments, {});
  if (input.asText() && input.asText()->markup)
    return input;
  return interpreter.text(escapeMarkup(interpreter.str(input)), /*markup=*/true);
}

Value forceEscape(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "forceescape", arguments, {});
  return interpreter.text(escapeMarkup(interpreter.str(input)), /*markup=*/true);
}

Value safe(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "safe", arguments, {});
  return interpreter.text(interpreter.str(input), /*markup=*/true);
}

Value string(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "string", arguments, {});
  return input.asText() ? input : interpreter.text(interpreter.str(input));
}

Value center(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "center", arguments, {"width"});
  Value self = interpreter.text(interpreter.str(input));
  Value width(bound.integer(0, 80));
  return self.asText() ? textMethods().at("center")(interpreter, self, {{width}, {}}) : Value();
}

Value truncate(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "truncate", arguments, {"length", "killwords", "end", "leeway"});
  MarkedText text = interpreter.str(input), end = bound.has(2) ? bound.text(2) : MarkedText("...");
  int64_t length = bound.integer(0, 255), leeway = bound.integer(3, 5), endLength = int64_t(end.length());
  if (length < endLength || leeway < 0 || leeway > INT64_MAX - length)
    return interpreter.fail("truncate: found a length of " + std::to_string(length) + "; expected at least " +
                            std::to_string(endLength));
  if (int64_t(text.length()) <= length + leeway)
    return interpreter.text(std::move(text));
  MarkedText kept = text.slice(0, text.offsetOf(size_t(length - endLength)));
  if (size_t space = kept.bytes().rfind(' '); !bound.flag(1, false) && space != std::string::npos)
    kept = kept.slice(0, space);
  kept.append(end);
  return interpreter.text(std::move(kept));
}

Value wordCount(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "wordcount", arguments, {});
  MarkedText text = interpreter.str(input);
  int64_t words = 0;
  bool inWord = false;
  for (size_t i = 0; i < text.size();) {
    Utf8Step step = decodeUtf8(text.bytes(), i);
    bool part = step.value == '_' || isLetter(step.value) || isNumeric(step.value);
    words += part && !inWord;
    inWord = part;
    i += step.length;
  }
  return Value(words);
}

void appendUrlQuoted(const MarkedText &text, bool query, MarkedText &out) {
  const std::string &bytes = text.bytes();
  for (size_t i = 0; i < bytes.size(); ++i) {
    unsigned char c = static_cast<unsigned char>(bytes[i]);
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '.' ||
                 c == '-' || c == '~' || (c == '/' && !query);
    static constexpr char digits[] = "0123456789ABCDEF";
    char quoted[] = {'%', digits[c >> 4], digits[c & 15]};
    if (plain)
      out.append(std::string_view(&bytes[i], 1), text.isUser(i));
    else if (c == ' ' && query)
      out.append("+", text.isUser(i));
    else
      out.append(std::string_view(quoted, 3), text.isUser(i));
  }
}

Value urlEncode(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "urlencode", arguments, {});
  MarkedText out;
  if (input.asText() || !Interpreter::isIterable(input)) {
    appendUrlQuoted(interpreter.str(input), false, out);
    return interpreter.text(std::move(out));
  }
  Value pairs = input.asDict() ? interpreter.filter("items", input, {}) : input;
  for (const Value &pair : interpreter.iterate(pairs)) {
    std::vector<Value> parts = interpreter.iterate(pair);
    if (parts.size() != 2)
      return interpreter.failType("urlencode", pair, "pairs of key and value");
    out.append(out.empty() ? "" : "&", false);
    appendUrlQuoted(interpreter.str(parts[0]), true, out);
    out.append("=", false);
    appendUrlQuoted(interpreter.str(parts[1]), true, out);
  }
  return interpreter.text(std::move(out));
}

Value format(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  if (!arguments.positional.empty() && !arguments.named.empty())
    return interpreter.fail("format: found positional and named arguments; expected one kind");
  Value values;
  if (arguments.named.empty()) {
    values = interpreter.sequence(arguments.positional, SequenceKind::tuple);
  } else {
    Dict named;
    for (const auto &[name, value] : arguments.named)
      named.set(interpreter.sandbox, arguments.nameValue(name), value);
    values = interpreter.dict(std::move(named));
  }
  return formatPercent(interpreter, interpreter.str(input), values);
}

} // namespace

const Builtins &jinja::textFilters() {
  static const Builtins filters = {
      {"capitalize", byMethod<2>},  {"center", center},       {"e", escape},          {"escape", escape},
      {"forceescape", forceEscape}, {"format", format},       {"indent", indent},     {"lower", byMethod<1>},
      {"replace", replace},         {"safe", safe},           {"string", string},     {"title", title},
      {"tojson", toJson},           {"trim", trim},           {"truncate", truncate}, {"upper", byMethod<0>},
      {"urlencode", urlEncode},     {"wordcount", wordCount},
  };
  return filters;
}
