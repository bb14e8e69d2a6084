//===- Operators.cpp - Arithmetic -----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Markup.h"

#include <cmath>

using namespace plait;
using namespace plait::jinja;

MarkedText jinja::escapeMarkup(const MarkedText &text) {
  const std::string &bytes = text.bytes();
  MarkedText result;
  size_t plain = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const char *entity = nullptr;
    switch (bytes[i]) {
    case '&':
      entity = "&amp;";
      break;
    case '<':
      entity = "&lt;";
      break;
    case '>':
      entity = "&gt;";
      break;
    case '\'':
      entity = "&#39;";
      break;
    case '"':
      entity = "&#34;";
      break;
    }
    if (!entity)
      continue;
    result.append(text, plain, i);
    result.append(entity, text.isUser(i));
    plain = i + 1;
  }
  result.append(text, plain, bytes.size());
  return result;
}

namespace {

Value overflow(Interpreter &interpreter) {
  return interpreter.fail("found a result that is no integer of 64 bits; expected a smaller one");
}

/// Towards minus infinity, as Python's // and %.
Value divideIntegers(Interpreter &interpreter, std::string_view symbol, int64_t a, int64_t b) {
  if (b == 0)
    return interpreter.fail("found a division by zero");
  if (symbol == "/")
    return Value(double(a) / double(b));
  if (a == INT64_MIN && b == -1)
    return symbol == "%" ? Value(int64_t(0)) : overflow(interpreter);
  int64_t quotient = a / b, rest = a % b;
  if (rest != 0 && (rest < 0) != (b < 0)) {
    --quotient;
    rest += b;
  }
  return Value(symbol == "%" ? rest : quotient);
}

Value raiseInteger(Interpreter &interpreter, int64_t base, int64_t exponent) {
  if (exponent < 0) {
    if (base == 0)
      return interpreter.fail("found zero raised to a negative power");
    return Value(std::pow(double(base), double(exponent)));
  }
  int64_t result = 1;
  if (base == 0 || base == 1)
    return Value(exponent == 0 ? int64_t(1) : base);
  if (base == -1)
    return Value(int64_t(exponent % 2 ? -1 : 1));
  for (int64_t i = 0; i < exponent; ++i) // it overflows after 63 rounds
    if (__builtin_mul_overflow(result, base, &result))
      return overflow(interpreter);
  return Value(result);
}

Value onIntegers(Interpreter &interpreter, std::string_view symbol, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflows = false;
  if (symbol == "+")
    overflows = __builtin_add_overflow(a, b, &result);
  else if (symbol == "-")
    overflows = __builtin_sub_overflow(a, b, &result);
  else if (symbol == "*")
    overflows = __builtin_mul_overflow(a, b, &result);
  else if (symbol == "**")
    return raiseInteger(interpreter, a, b);
  else
    return divideIntegers(interpreter, symbol, a, b);
  return overflows ? overflow(interpreter) : Value(result);
}

Value onFloats(Interpreter &interpreter, std::string_view symbol, double a, double b) {
  if (symbol == "+")
    return Value(a + b);
  if (symbol == "-")
    return Value(a - b);
  if (symbol == "*")
    return Value(a * b);
  if (symbol == "**") {
    double result = std::pow(a, b);
    if (a == 0 && b < 0)
      return interpreter.fail("found zero raised to a negative power");
    if ((std::isinf(result) && std::isfinite(a) && std::isfinite(b)) || (std::isnan(result) && a < 0))
      return interpreter.fail("found a power that is no finite real number");
    return Value(result);
  }
  if (b == 0)
    return interpreter.fail("found a division by zero");
  if (symbol == "/")
    return Value(a / b);
  double rest = std::fmod(a, b);
  if (rest != 0 && (rest < 0) != (b < 0))
    rest += b;
  else if (rest == 0)
    rest = std::copysign(0.0, b);
  if (symbol == "%")
    return Value(rest);
  double quotient = (a - rest) / b, whole = std::floor(quotient);
  return Value(quotient - whole > 0.5 ? whole + 1 : whole);
}

/// A text or a list, several times over.
Value repeat(Interpreter &interpreter, const Value &value, int64_t count) {
  count = std::max<int64_t>(count, 0);
  if (const Text *text = value.asText()) {
    size_t size = text->text.size();
    // Checked before a byte of it is made.
    if (size && uint64_t(count) > interpreter.sandbox.limits.textBytes / size)
      return interpreter.fail("found a string of " + std::to_string(size) + " bytes times " + std::to_string(count) +
                              "; expected at most " + std::to_string(interpreter.sandbox.limits.textBytes) +
                              " bytes together");
    MarkedText result;
    for (int64_t i = 0; i < count && size; ++i)
      result.append(text->text);
    return interpreter.text(std::move(result), text->markup);
  }
  const Sequence &sequence = *value.asSequence();
  size_t size = sequence.items.size();
  if (size && uint64_t(count) > interpreter.sandbox.limits.textBytes / sizeof(Value) / size)
    return interpreter.fail("found a list of " + std::to_string(size) + " items times " + std::to_string(count) +
                            "; expected fewer items");
  std::vector<Value> items;
  for (int64_t i = 0; i < count && size; ++i)
    items.insert(items.end(), sequence.items.begin(), sequence.items.end());
  return interpreter.sequence(std::move(items), sequence.kind);
}

bool isRepeatable(const Value &value) {
  const Sequence *sequence = value.asSequence();
  return value.asText() || (sequence && sequence->kind <= SequenceKind::tuple);
}

Value addTexts(Interpreter &interpreter, const Text &left, const Text &right) {
  bool markup = left.markup || right.markup;
  MarkedText result = markup && !left.markup ? escapeMarkup(left.text) : left.text;
  result.append(markup && !right.markup ? escapeMarkup(right.text) : right.text);
  return interpreter.text(std::move(result), markup);
}

} // namespace

Value Interpreter::binary(std::string_view symbol, const Value &left, const Value &right) {
  if (!sandbox.ok())
    return Value();
  auto a = left.asInteger(), b = right.asInteger();
  auto x = left.asNumber(), y = right.asNumber();
  if (symbol == "negate" || symbol == "plus") {
    if (a)
      return onIntegers(*this, symbol == "plus" ? "+" : "-", 0, *a);
    return x ? Value(symbol == "plus" ? *x : -*x) : failType("sign", left, "a number");
  }
  if (symbol == "%" && left.asText())
    return formatPercent(*this, left.asText()->text, right);
  if (a && b)
    return onIntegers(*this, symbol, *a, *b);
  if (x && y)
    return onFloats(*this, symbol, *x, *y);
  if (symbol == "+" && left.asText() && right.asText())
    return addTexts(*this, *left.asText(), *right.asText());
  if (symbol == "*" && isRepeatable(left) && b)
    return repeat(*this, left, *b);
  if (symbol == "*" && isRepeatable(right) && a)
    return repeat(*this, right, *a);
  const Sequence *first = left.asSequence(), *second = right.asSequence();
  if (symbol == "+" && first && second && first->kind == second->kind && first->kind <= SequenceKind::tuple) {
    std::vector<Value> items = first->items;
    items.insert(items.end(), second->items.begin(), second->items.end());
    return sequence(std::move(items), first->kind);
  }
  for (const Value *value : {&left, &right})
    if (value->isUndefined())
      return failType("operator " + std::string(symbol), *value, "a value");
  return fail("found " + left.typeName() + " " + std::string(symbol) + " " + right.typeName() +
              "; expected values that have this operation");
}
