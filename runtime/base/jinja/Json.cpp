//===- Json.cpp - The filter tojson ---------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As Python's json.dumps(value, ensure_ascii=False), which is what transformers
// puts in the place of jinja2's own filter.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Sort.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace plait;
using namespace plait::jinja;

namespace {

class Writer {
public:
  Writer(Interpreter &interpreter) : interpreter(interpreter) {}

  bool asciiOnly = false, sortKeys = false;
  std::optional<MarkedText> indent;
  MarkedText itemSeparator, keySeparator;
  MarkedText out;

  void write(const Value &value) {
    Sandbox::Level level(interpreter.sandbox);
    if (!interpreter.sandbox.step())
      return;
    if (out.size() > interpreter.sandbox.limits.textBytes) {
      interpreter.sandbox.growText(out.size());
      return;
    }
    if (const Text *text = value.asText())
      writeText(text->text);
    else if (const Dict *dict = value.asDict())
      writeDict(*dict);
    else if (const Sequence *list = value.asSequence();
             list && (list->kind == SequenceKind::list || list->kind == SequenceKind::tuple))
      writeList(list->items);
    else if (std::optional<std::string> scalar = scalarText(value))
      out.append(*scalar, false);
    else
      interpreter.failType("tojson", value, "a dict, a list, a string, a number, a boolean or none");
  }

private:
  static std::optional<std::string> scalarText(const Value &value) {
    if (value.isNone())
      return "null";
    if (const bool *boolean = value.asBool())
      return *boolean ? "true" : "false";
    if (std::optional<int64_t> integer = value.asInteger())
      return std::to_string(*integer);
    const double *number = value.asFloat();
    if (!number)
      return std::nullopt;
    if (std::isnan(*number))
      return "NaN";
    if (std::isinf(*number))
      return *number < 0 ? "-Infinity" : "Infinity";
    return floatText(*number);
  }

  /// How `c` is written in a string; empty if as it is.
  std::string escapeOf(char32_t c) const {
    constexpr std::u32string_view from = U"\"\\\n\r\t\f\b";
    if (size_t found = from.find(c); found != std::u32string_view::npos)
      return std::string("\\") + "\"\\nrtfb"[found];
    if (c >= 0x20 && (c < 0x7F || !asciiOnly))
      return "";
    char buffer[16];
    if (c < 0x10000)
      std::snprintf(buffer, sizeof(buffer), "\\u%04x", unsigned(c));
    else
      std::snprintf(buffer, sizeof(buffer), "\\u%04x\\u%04x", unsigned(0xD800 + ((c - 0x10000) >> 10)),
                    unsigned(0xDC00 + (c & 0x3FF)));
    return buffer;
  }

  void writeText(const MarkedText &text) {
    const std::string &bytes = text.bytes();
    if (!interpreter.sandbox.handle(bytes.size()))
      return;
    out.append("\"", false);
    size_t plain = 0;
    for (size_t i = 0; i < bytes.size();) {
      Utf8Step step = decodeUtf8(bytes, i);
      if (std::string escape = escapeOf(step.value); !escape.empty()) {
        out.append(text, plain, i);
        out.append(escape, text.isUser(i));
        plain = i + step.length;
      }
      i += step.length;
    }
    out.append(text, plain, bytes.size());
    out.append("\"", false);
  }

  void newLine() {
    if (!indent)
      return;
    out.append("\n", false);
    for (unsigned i = 0; i < depth; ++i)
      out.append(*indent);
  }

  /// Brackets around items that `writeItem(i)` writes.
  template <typename F> void writeItems(std::string_view brackets, size_t count, F writeItem) {
    out.append(brackets.substr(0, 1), false);
    ++depth;
    for (size_t i = 0; i < count && interpreter.sandbox.ok(); ++i) {
      if (i)
        out.append(itemSeparator);
      newLine();
      writeItem(i);
    }
    --depth;
    if (count)
      newLine();
    out.append(brackets.substr(1), false);
  }

  void writeList(const std::vector<Value> &items) {
    writeItems("[]", items.size(), [&](size_t i) { write(items[i]); });
  }

  void writeDict(const Dict &dict) {
    std::vector<Dict::Item> items = dict.items();
    if (sortKeys)
      sortStable(items, [&](const Dict::Item &a, const Dict::Item &b) {
        return compare(interpreter.sandbox, a.first, b.first) < 0;
      });
    writeItems("{}", items.size(), [&](size_t i) {
      const auto &[key, value] = items[i];
      if (const Text *text = key.asText())
        writeText(text->text);
      else if (std::optional<std::string> scalar = scalarText(key))
        out.append("\"" + *scalar + "\"", false);
      else
        interpreter.failType("tojson", key, "a key that is a string, a number, a boolean or none");
      out.append(keySeparator);
      write(value);
    });
  }

  Interpreter &interpreter;
  unsigned depth = 0;
};

} // namespace

Value jinja::toJson(Interpreter &interpreter, const Value &value, const Arguments &arguments) {
  Bound bound(interpreter, "tojson", arguments, {"ensure_ascii", "indent", "separators", "sort_keys"});
  Writer writer(interpreter);
  writer.asciiOnly = bound.flag(0, false);
  writer.sortKeys = bound.flag(3, false);
  if (bound.has(1) && !bound[1].isNone()) {
    if (const Text *text = bound[1].asText())
      writer.indent = text->text;
    else
      writer.indent = MarkedText(std::string(size_t(std::clamp<int64_t>(bound.integer(1, 0), 0, 1000)), ' '));
  }
  writer.itemSeparator.append(writer.indent ? "," : ", ", false);
  writer.keySeparator.append(": ", false);
  if (bound.has(2) && !bound[2].isNone()) {
    std::vector<Value> separators = interpreter.iterate(bound[2]);
    if (separators.size() != 2 || !separators[0].asText() || !separators[1].asText())
      return interpreter.failType("tojson", bound[2], "two strings as separators");
    writer.itemSeparator = separators[0].asText()->text;
    writer.keySeparator = separators[1].asText()->text;
  }
  writer.write(value);
  return interpreter.text(std::move(writer.out));
}
