//===- NumberFilters.cpp - Filters of numbers -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/TextTools.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>

using namespace plait;
using namespace plait::jinja;

namespace {

/// `text` without the space around it and underscores between digits; nothing
/// if they are elsewhere.
std::optional<std::string> digitsOf(const MarkedText &text) {
  std::string stripped = strip(text, nullptr, true, true).bytes(), digits;
  for (size_t i = 0; i < stripped.size(); ++i) {
    auto isDigit = [&](size_t at) {
      return at < stripped.size() && std::isxdigit(static_cast<unsigned char>(stripped[at]));
    };
    if (stripped[i] != '_')
      digits += stripped[i];
    else if (i == 0 || !isDigit(i - 1) || !isDigit(i + 1))
      return std::nullopt;
  }
  return digits;
}

/// Python's int(text, base); nothing if it is no integer. Sets `big` if it is
/// one that 64 bits do not hold.
std::optional<int64_t> parseInteger(const MarkedText &text, int base, bool &big) {
  std::optional<std::string> digits = digitsOf(text);
  if (!digits || digits->empty())
    return std::nullopt;
  std::string_view rest = *digits;
  bool negative = rest[0] == '-';
  if (negative || rest[0] == '+')
    rest.remove_prefix(1);
  if (rest.size() > 2 && rest[0] == '0') {
    char c = char(rest[1] | 0x20);
    int named = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
    if (named && (base == named || base == 0)) {
      base = named;
      rest.remove_prefix(2);
    }
  }
  if (base == 0)
    base = 10;
  std::string number = (negative ? "-" : "") + std::string(rest);
  int64_t value = 0;
  auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value, base);
  if (end != number.data() + number.size() || rest.empty() || rest[0] == '-')
    return std::nullopt;
  big = error == std::errc::result_out_of_range;
  return error == std::errc() ? std::optional<int64_t>(value) : std::nullopt;
}

/// Python's float(text).
std::optional<double> parseFloat(const MarkedText &text) {
  std::optional<std::string> digits = digitsOf(text);
  if (!digits || digits->empty())
    return std::nullopt;
  std::string_view rest = *digits;
  bool negative = rest[0] == '-';
  if (negative || rest[0] == '+')
    rest.remove_prefix(1);
  if (rest.empty() || rest[0] == '-' || rest.find('(') != std::string_view::npos)
    return std::nullopt;
  double value = 0;
  auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), value);
  if (end != rest.data() + rest.size())
    return std::nullopt;
  if (error == std::errc::result_out_of_range) // too large, or too small to tell from zero
    value = std::strtod(std::string(rest).c_str(), nullptr);
  return negative ? -value : value;
}

Value integer(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "int", arguments, {"default", "base"});
  Value absent = bound.has(0) ? bound[0] : Value(int64_t(0));
  if (input.isUndefined())
    return interpreter.failType("int", input, "a number or a string");
  if (std::optional<int64_t> value = input.asInteger())
    return Value(*value);
  std::optional<double> number = input.asNumber();
  if (const Text *text = input.asText()) {
    int64_t base = bound.integer(1, 10);
    bool big = false;
    if (base == 1 || base < 0 || base > 36)
      return interpreter.fail("int: found the base " + std::to_string(base) + "; expected 0 or 2 to 36");
    if (std::optional<int64_t> value = parseInteger(text->text, int(base), big))
      return Value(*value);
    if (big)
      return interpreter.fail("int: found an integer that needs more than 64 bits");
    number = parseFloat(text->text);
  }
  if (input.asFloat() && std::isinf(*number))
    return interpreter.fail("int: found infinity; expected a finite number");
  if (!number || !std::isfinite(*number))
    return absent;
  if (std::abs(*number) >= 9.2e18)
    return interpreter.fail("int: found an integer that needs more than 64 bits");
  return Value(int64_t(*number));
}

Value floating(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "float", arguments, {"default"});
  if (input.isUndefined())
    return interpreter.failType("float", input, "a number or a string");
  std::optional<double> number = input.asText() ? parseFloat(input.asText()->text) : input.asNumber();
  if (number)
    return Value(*number);
  return bound.has(0) ? bound[0] : Value(0.0);
}

Value absolute(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "abs", arguments, {});
  if (std::optional<int64_t> value = input.asInteger())
    return *value < 0 ? interpreter.binary("negate", Value(*value), Value()) : Value(*value);
  if (const double *value = input.asFloat())
    return Value(std::abs(*value));
  return interpreter.failType("abs", input, "a number");
}

/// Python's round: to the nearest, ties to even, of the exact binary value.
double roundHalfEven(double value, int precision) {
  char buffer[512];
  std::snprintf(buffer, sizeof(buffer), "%.*f", precision, value);
  return std::strtod(buffer, nullptr);
}

Value round(Interpreter &interpreter, const Value &input, const Arguments &arguments) {
  Bound bound(interpreter, "round", arguments, {"precision", "method"});
  std::string method = bound.has(1) ? bound.text(1).bytes() : "common";
  int64_t precision = bound.integer(0, 0);
  std::optional<double> number = input.asNumber();
  if (!number)
    return interpreter.failType("round", input, "a number");
  if (precision < 0 || precision > 100)
    return interpreter.fail("round: found a precision of " + std::to_string(precision) + "; expected 0 to 100");
  if (method == "common") {
    if (std::optional<int64_t> whole = input.asInteger())
      return Value(*whole);
    return Value(std::isfinite(*number) ? roundHalfEven(*number, int(precision)) : *number);
  }
  if (method != "ceil" && method != "floor")
    return interpreter.fail("round: found another method; expected common, ceil or floor");
  double scale = std::pow(10.0, double(precision)), scaled = *number * scale;
  if (!std::isfinite(scaled))
    return interpreter.fail("round: found a number that is not finite");
  return Value((method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale);
}

} // namespace

const Builtins &jinja::numberFilters() {
  static const Builtins filters = {
      {"abs", absolute},
      {"float", floating},
      {"int", integer},
      {"round", round},
  };
  return filters;
}
