//===- Print.cpp - Values as text -----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Characters.h"
#include "runtime/base/jinja/Loop.h"

#include <charconv>
#include <cmath>
#include <cstdio>

using namespace plait;
using namespace plait::jinja;

std::string jinja::floatText(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  std::string text(buffer, end);
  size_t e = text.find('e');
  int exponent = std::atoi(text.c_str() + e + 1);
  if (exponent >= -4 && exponent < 16) {
    end = std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::fixed).ptr;
    text.assign(buffer, end);
    return text.find('.') == std::string::npos ? text + ".0" : text;
  }
  return text; // at least two digits of exponent, as Python has it
}

static void appendTextRepr(MarkedText &out, const MarkedText &text) {
  const std::string &bytes = text.bytes();
  bool doubleQuoted = bytes.find('\'') != std::string::npos && bytes.find('"') == std::string::npos;
  char quote = doubleQuoted ? '"' : '\'';
  out.append(std::string_view(&quote, 1), false);
  size_t plain = 0; // begin of the characters that stay as they are
  for (size_t i = 0; i < bytes.size();) {
    Utf8Step step = decodeUtf8(bytes, i);
    char32_t c = step.value;
    char escape[16] = "";
    if (c == U'\\' || c == char32_t(quote))
      std::snprintf(escape, sizeof(escape), "\\%c", char(c));
    else if (c == U'\n' || c == U'\r' || c == U'\t')
      std::snprintf(escape, sizeof(escape), "\\%c", c == U'\n' ? 'n' : c == U'\r' ? 'r' : 't');
    else if (!isPrintable(c))
      std::snprintf(escape, sizeof(escape), c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", unsigned(c));
    if (*escape) {
      out.append(text, plain, i);
      out.append(escape, text.isUser(i));
      plain = i + step.length;
    }
    i += step.length;
  }
  out.append(text, plain, bytes.size());
  out.append(std::string_view(&quote, 1), false);
}

static void appendItems(Interpreter &interpreter, MarkedText &out, const Sequence &sequence) {
  for (size_t i = 0; i < sequence.items.size() && interpreter.sandbox.ok(); ++i) {
    out.append(i ? ", " : "", false);
    interpreter.appendRepr(out, sequence.items[i]);
  }
}

static void appendSequence(Interpreter &interpreter, MarkedText &out, const Sequence &sequence) {
  if (sequence.kind == SequenceKind::range) {
    out.append("range(" + std::to_string(sequence.first) + ", " + std::to_string(sequence.stop) +
                   (sequence.stride == 1 ? "" : ", " + std::to_string(sequence.stride)) + ")",
               false);
    return;
  }
  if (sequence.kind == SequenceKind::generator) {
    interpreter.fail("found a generator to print; expected a list: add the filter \"list\" or \"join\"");
    return;
  }
  // In the order of SequenceKind.
  static constexpr std::string_view opening[] = {"[", "(", "", "", "dict_keys([", "dict_values([", "dict_items(["};
  static constexpr std::string_view closing[] = {"]", ")", "", "", "])", "])", "])"};
  out.append(opening[size_t(sequence.kind)], false);
  appendItems(interpreter, out, sequence);
  if (sequence.kind == SequenceKind::tuple && sequence.items.size() == 1)
    out.append(",", false);
  out.append(closing[size_t(sequence.kind)], false);
}

static void appendDict(Interpreter &interpreter, MarkedText &out, const Dict &dict) {
  out.append("{", false);
  bool first = true;
  for (const auto &[key, value] : dict.items()) {
    out.append(std::exchange(first, false) ? "" : ", ", false);
    interpreter.appendRepr(out, key);
    out.append(": ", false);
    interpreter.appendRepr(out, value);
    if (!interpreter.sandbox.ok())
      return;
  }
  out.append("}", false);
}

void Interpreter::appendRepr(MarkedText &out, const Value &value) {
  Sandbox::Level level(sandbox);
  if (!sandbox.step())
    return;
  if (out.size() > sandbox.limits.textBytes) {
    sandbox.growText(out.size());
    return;
  }
  if (value.isUndefined())
    out.append("Undefined", false);
  else if (value.isNone())
    out.append("None", false);
  else if (const bool *boolean = value.asBool())
    out.append(*boolean ? "True" : "False", false);
  else if (const double *number = value.asFloat())
    out.append(floatText(*number), false);
  else if (std::optional<int64_t> integer = value.asInteger())
    out.append(std::to_string(*integer), false);
  else if (const Text *text = value.asText()) {
    if (text->markup)
      out.append("Markup(", false);
    if (sandbox.handle(text->text.size()))
      appendTextRepr(out, text->text);
    if (text->markup)
      out.append(")", false);
  } else if (const Sequence *sequence = value.asSequence())
    appendSequence(*this, out, *sequence);
  else if (const Dict *dict = value.asDict())
    appendDict(*this, out, *dict);
  else if (const Namespace *space = value.asNamespace()) {
    out.append("<Namespace ", false);
    appendDict(*this, out, space->attributes);
    out.append(">", false);
  } else if (Loop *loop = value.asLoop())
    out.append(loop->describe(), false);
  else if (const Callable *callable = value.asCallable()) {
    if (callable->isMacro)
      out.append("<Macro '" + callable->name + "'>", false);
    else
      fail("found the function " + quoteForMessage(callable->name) + " to print; expected a call of it");
  }
}

void Interpreter::appendStr(MarkedText &out, const Value &value) {
  if (const Text *text = value.asText())
    out.append(text->text);
  else if (!value.isUndefined())
    appendRepr(out, value);
}

MarkedText Interpreter::str(const Value &value) {
  MarkedText out;
  appendStr(out, value);
  sandbox.growText(out.size());
  return out;
}
