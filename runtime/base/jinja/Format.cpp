//===- Format.cpp - Python's % and str.format -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

using namespace plait;
using namespace plait::jinja;

namespace {

constexpr int64_t kMaxWidth = 10000; ///< of a field, and of a precision 300

/// How one value is to be written: both notations mean this.
struct FieldSpec {
  std::string fill = " ";
  char align = 0; ///< < > ^ =, or 0 for the type's own
  char sign = '-';
  bool alternate = false, group = false;
  int64_t width = 0, precision = -1;
  char type = 0;
};

class Formatter {
public:
  explicit Formatter(Interpreter &interpreter) : interpreter(interpreter) {}

  /// Appends `value` as `spec` says; fails for a type that does not fit.
  void append(MarkedText &out, const Value &value, const FieldSpec &spec) {
    if (spec.width > kMaxWidth || spec.precision > 300) {
      interpreter.fail("format: found a width over " + std::to_string(kMaxWidth) + " or a precision over 300");
      return;
    }
    MarkedText body;
    size_t signLength = 0;
    char align = spec.align;
    if (spec.type == 0 && !value.asText() && value.asNumber() && !value.asBool()) {
      appendNumber(body, signLength, value, spec);
      align = align ? align : '>';
    } else if (spec.type == 0 || spec.type == 's') {
      body = interpreter.str(value);
      if (spec.precision >= 0)
        body = body.slice(0, body.offsetOf(size_t(spec.precision)));
      align = align ? align : '<';
    } else {
      appendNumber(body, signLength, value, spec);
      align = align ? align : '>';
    }
    int64_t missing = std::max<int64_t>(0, spec.width - int64_t(body.length()));
    int64_t left = align == '>' ? missing : align == '^' ? missing / 2 : 0;
    pad(out, spec.fill, left);
    if (align == '=') {
      out.append(body, 0, signLength);
      pad(out, spec.fill, missing);
      out.append(body, signLength, body.size());
    } else {
      out.append(body);
      pad(out, spec.fill, missing - left);
    }
  }

private:
  static void pad(MarkedText &out, const std::string &fill, int64_t count) {
    for (int64_t i = 0; i < count; ++i)
      out.append(fill, false);
  }

  void appendNumber(MarkedText &body, size_t &signLength, const Value &value, const FieldSpec &spec) {
    std::optional<int64_t> integer = value.asInteger();
    std::optional<double> number = value.asNumber();
    bool wantsInteger = spec.type && std::string_view("dxXob").find(spec.type) != std::string_view::npos;
    bool wantsFloat = spec.type && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos;
    if (!number || (wantsInteger && !integer) || (!wantsInteger && !wantsFloat && spec.type)) {
      interpreter.failType("format " + quoteForMessage({&spec.type, 1}), value, "a number that this format can show");
      return;
    }
    bool isInteger = integer && !wantsFloat;
    bool negative = isInteger ? *integer < 0 : std::signbit(*number);
    std::string digits = isInteger ? integerDigits(*integer, spec) : floatDigits(std::abs(*number), spec);
    if (spec.group)
      digits = grouped(digits);
    std::string sign = negative ? "-" : spec.sign == '+' ? "+" : spec.sign == ' ' ? " " : "";
    signLength = sign.size();
    body.append(sign + digits, false);
  }

  static std::string integerDigits(int64_t value, const FieldSpec &spec) {
    uint64_t magnitude = value < 0 ? 0 - uint64_t(value) : uint64_t(value);
    unsigned base = spec.type == 'x' || spec.type == 'X' ? 16 : spec.type == 'o' ? 8 : spec.type == 'b' ? 2 : 10;
    std::string digits;
    do
      digits += (spec.type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef")[magnitude % base];
    while (magnitude /= base);
    while (int64_t(digits.size()) < spec.precision)
      digits += '0';
    std::reverse(digits.begin(), digits.end());
    return (spec.alternate && base != 10 ? std::string("0") + spec.type : "") + digits;
  }

  static std::string floatDigits(double value, const FieldSpec &spec) {
    if (spec.type == 0 && spec.precision < 0)
      return floatText(value);
    char type = spec.type == '%' ? 'f' : spec.type ? spec.type : 'g';
    char conversion[] = {'%', '.', '*', type, 0};
    char buffer[700];
    std::snprintf(buffer, sizeof(buffer), conversion, int(spec.precision < 0 ? 6 : spec.precision),
                  spec.type == '%' ? value * 100 : value);
    std::string digits = buffer;
    if (spec.type == 0 && digits.find_first_of(".en") == std::string::npos)
      digits += ".0"; // without a type a float keeps looking like one
    return spec.type == '%' ? digits + "%" : digits;
  }

  static std::string grouped(const std::string &digits) {
    size_t whole = std::min(digits.find_first_not_of("0123456789"), digits.size());
    std::string result;
    for (size_t i = 0; i < whole; ++i) {
      if (i && (whole - i) % 3 == 0)
        result += ',';
      result += digits[i];
    }
    return result + digits.substr(whole);
  }

  Interpreter &interpreter;
};

/// Reads digits at `position`, or nothing.
std::optional<int64_t> readDigits(std::string_view text, size_t &position) {
  if (position >= text.size() || text[position] < '0' || text[position] > '9')
    return std::nullopt;
  int64_t value = 0;
  for (; position < text.size() && text[position] >= '0' && text[position] <= '9'; ++position)
    value = std::min<int64_t>(value * 10 + (text[position] - '0'), kMaxWidth + 1);
  return value;
}

/// "[[fill]align][sign][#][0][width][,][.precision][type]"
bool parseSpec(std::string_view text, FieldSpec &spec) {
  size_t at = 0;
  size_t first = text.empty() ? 0 : decodeUtf8(text, 0).length;
  auto isAlign = [&](size_t i) {
    return i < text.size() && std::string_view("<>^=").find(text[i]) != std::string_view::npos;
  };
  if (first && isAlign(first)) {
    spec.fill = text.substr(0, first);
    spec.align = text[first];
    at = first + 1;
  } else if (isAlign(0)) {
    spec.align = text[at++];
  }
  auto skip = [&](char c) { return at < text.size() && text[at] == c && ++at; };
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' '))
    spec.sign = text[at++];
  spec.alternate = skip('#');
  if (skip('0') && !spec.align) {
    spec.fill = "0";
    spec.align = '=';
  }
  spec.width = readDigits(text, at).value_or(0);
  spec.group = skip(',');
  if (skip('.')) {
    std::optional<int64_t> precision = readDigits(text, at);
    if (!precision)
      return false;
    spec.precision = *precision;
  }
  if (at < text.size())
    spec.type = text[at++];
  return at == text.size();
}

} // namespace

Value jinja::formatPercent(Interpreter &interpreter, const MarkedText &format, const Value &arguments) {
  const std::string &text = format.bytes();
  const Sequence *tuple = arguments.asSequence();
  if (tuple && tuple->kind != SequenceKind::tuple)
    tuple = nullptr;
  const Dict *named = arguments.asDict();
  size_t used = 0, available = tuple ? tuple->items.size() : 1;
  MarkedText out;
  Formatter formatter(interpreter);
  for (size_t i = 0; i < text.size() && interpreter.sandbox.step();) {
    size_t percent = std::min(text.find('%', i), text.size());
    out.append(format, i, percent);
    if (percent == text.size())
      break;
    i = percent + 1;
    Value value;
    bool byName = i < text.size() && text[i] == '(' && named;
    if (byName) {
      size_t close = text.find(')', i);
      if (close == std::string::npos)
        return interpreter.fail("format: found no \")\" after \"%(\"");
      const Value *found = named->find(std::string_view(text).substr(i + 1, close - i - 1));
      if (!found)
        return interpreter.fail("format: found no value for " + quoteForMessage(text.substr(i + 1, close - i - 1)));
      value = *found;
      i = close + 1;
    }
    FieldSpec spec;
    bool zero = false, left = false;
    for (; i < text.size() && std::string_view("-+ #0").find(text[i]) != std::string_view::npos; ++i) {
      left |= text[i] == '-';
      zero |= text[i] == '0';
      spec.alternate |= text[i] == '#';
      if (text[i] == '+' || (text[i] == ' ' && spec.sign != '+'))
        spec.sign = text[i];
    }
    spec.width = readDigits(text, i).value_or(0);
    if (i < text.size() && text[i] == '.')
      spec.precision = readDigits(text, ++i).value_or(0);
    char type = i < text.size() ? text[i++] : 0;
    if (type == '%') {
      out.append("%", format.isUser(i - 1));
      continue;
    }
    if (std::string_view("sradiufFeEgGxXoc").find(type) == std::string_view::npos || type == 0)
      return interpreter.fail("format: found " + quoteForMessage(text.substr(percent, i - percent)) +
                              "; expected a format such as %s or %d");
    if (!byName) {
      if (used == available)
        return interpreter.fail("format: found fewer values than formats");
      value = tuple ? tuple->items[used] : arguments;
      ++used;
    }
    bool isText = type == 's' || type == 'r' || type == 'a' || type == 'c';
    spec.align = left ? '<' : zero && !isText ? '=' : '>';
    spec.fill = zero && !left && !isText ? "0" : " ";
    spec.type = type == 'i' || type == 'u' ? 'd' : isText ? 's' : type;
    if (type == 'r' || type == 'a') {
      MarkedText shown;
      interpreter.appendRepr(shown, value);
      value = interpreter.text(std::move(shown));
    }
    if (spec.type == 'd' && value.asFloat() && std::abs(*value.asFloat()) < 9e18)
      value = Value(int64_t(*value.asFloat()));
    formatter.append(out, value, spec);
    if (out.size() > interpreter.sandbox.limits.textBytes)
      break;
  }
  if (used < available && !named && interpreter.sandbox.ok() &&
      !(tuple == nullptr && used == 0 && arguments.asSequence()))
    return interpreter.fail("format: found more values than formats");
  return interpreter.text(std::move(out));
}

Value jinja::formatBraces(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  const MarkedText &format = self.asText()->text;
  const std::string &text = format.bytes();
  MarkedText out;
  Formatter formatter(interpreter);
  size_t automatic = 0;
  for (size_t i = 0; i < text.size() && interpreter.sandbox.step();) {
    size_t brace = std::min(text.find_first_of("{}", i), text.size());
    out.append(format, i, brace);
    if (brace == text.size())
      break;
    i = brace + 1;
    if (i < text.size() && text[i] == text[brace]) {
      out.append(format, brace, brace + 1);
      ++i;
      continue;
    }
    size_t close = text.find('}', i);
    if (text[brace] == '}' || close == std::string::npos)
      return interpreter.fail("format: found a single brace; expected {...}, or {{ and }} for braces");
    std::string_view field = std::string_view(text).substr(i, close - i);
    if (field.find('{') != std::string_view::npos)
      return interpreter.fail("format: found braces in braces, which is not supported");
    i = close + 1;
    size_t colon = std::min(field.find(':'), field.size()), bang = std::min(field.find('!'), colon);
    std::string_view path = field.substr(0, bang), conversion = field.substr(bang, colon - bang);
    FieldSpec spec;
    if (!parseSpec(field.substr(std::min(colon + 1, field.size())), spec))
      return interpreter.fail("format: found the format " + quoteForMessage(field) + ", which is not supported");
    size_t end = std::min(path.find_first_of(".["), path.size());
    std::string_view name = path.substr(0, end);
    size_t at = 0;
    std::optional<int64_t> index = readDigits(name, at);
    Value value;
    if (name.empty() || (index && at == name.size())) {
      size_t position = name.empty() ? automatic++ : size_t(*index);
      if (position >= arguments.positional.size())
        return interpreter.fail("format: found no value for {" + std::string(name) + "}");
      value = arguments.positional[position];
    } else {
      auto found = std::find_if(arguments.named.begin(), arguments.named.end(),
                                [&](const auto &argument) { return argument.first == name; });
      if (found == arguments.named.end())
        return interpreter.fail("format: found no value for " + quoteForMessage(name));
      value = found->second;
    }
    for (std::string_view rest = path.substr(end); !rest.empty();) {
      bool isItem = rest[0] == '[';
      size_t stop = isItem ? rest.find(']') : std::min(rest.find_first_of(".[", 1), rest.size());
      if (stop == std::string_view::npos)
        return interpreter.fail("format: found no \"]\" after \"[\"");
      std::string part(rest.substr(1, stop - 1));
      size_t digits = 0;
      std::optional<int64_t> number = readDigits(part, digits);
      if (!isItem)
        value = interpreter.attribute(value, part);
      else
        value = interpreter.item(value, number && digits == part.size() ? Value(*number) : Value::text(part));
      rest.remove_prefix(std::min(stop + isItem, rest.size()));
    }
    if (conversion == "!r") {
      MarkedText shown;
      interpreter.appendRepr(shown, value);
      value = interpreter.text(std::move(shown));
    } else if (conversion == "!s") {
      value = interpreter.text(interpreter.str(value));
    } else if (!conversion.empty()) {
      return interpreter.fail("format: found the conversion " + quoteForMessage(conversion) + "; expected !r or !s");
    }
    formatter.append(out, value, spec);
    if (out.size() > interpreter.sandbox.limits.textBytes)
      break;
  }
  return interpreter.text(std::move(out));
}
