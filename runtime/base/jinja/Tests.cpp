//===- Tests.cpp - What "is" asks -----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Builtins.h"

using namespace plait;
using namespace plait::jinja;

namespace {

/// A test without arguments.
template <bool (*holds)(const Value &)>
Value plain(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "test", arguments, {});
  return Value(holds(self));
}

bool isDefined(const Value &v) { return !v.isUndefined(); }
bool isUndefined(const Value &v) { return v.isUndefined(); }
bool isNone(const Value &v) { return v.isNone(); }
bool isBoolean(const Value &v) { return v.asBool(); }
bool isTrue(const Value &v) { return v.asBool() && *v.asBool(); }
bool isFalse(const Value &v) { return v.asBool() && !*v.asBool(); }
bool isInteger(const Value &v) { return v.asInteger() && !v.asBool(); }
bool isFloat(const Value &v) { return v.asFloat(); }
bool isNumber(const Value &v) { return v.asNumber().has_value(); }
bool isString(const Value &v) { return v.asText(); }
bool isMapping(const Value &v) { return v.asDict(); }
bool isCallable(const Value &v) { return v.asCallable() || v.asLoop() || v.isUndefined(); }
bool isEscaped(const Value &v) { return v.asText() && v.asText()->markup; }
/// What has a length and items.
bool isSequence(const Value &v) {
  const Sequence *sequence = v.asSequence();
  return v.isUndefined() || v.asText() || v.asDict() || (sequence && sequence->kind <= SequenceKind::range);
}

template <bool odd> Value isParity(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "test", arguments, {});
  Value rest = interpreter.binary("%", self, Value(int64_t(2)));
  return Value(equal(interpreter.sandbox, rest, Value(int64_t(odd))));
}

Value isDivisible(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "divisibleby", arguments, {"num"}, 1);
  return Value(equal(interpreter.sandbox, interpreter.binary("%", self, bound[0]), Value(int64_t(0))));
}

template <int symbol> Value compares(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "comparison", arguments, {"other"}, 1);
  Sandbox &sandbox = interpreter.sandbox;
  switch (symbol) {
  case '=':
    return Value(equal(sandbox, self, bound[0]));
  case '!':
    return Value(!equal(sandbox, self, bound[0]));
  case '<':
    return Value(compare(sandbox, self, bound[0]) < 0);
  case 'l':
    return Value(compare(sandbox, self, bound[0]) <= 0);
  case '>':
    return Value(compare(sandbox, self, bound[0]) > 0);
  default:
    return Value(compare(sandbox, self, bound[0]) >= 0);
  }
}

Value isIn(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "in", arguments, {"seq"}, 1);
  return Value(interpreter.contains(bound[0], self));
}

Value isSame(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "sameas", arguments, {"other"}, 1);
  return Value(self.isSame(bound[0]));
}

template <bool upper> Value isCase(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Value text = interpreter.text(interpreter.str(self));
  return text.asText() ? textPredicates().at(upper ? "isupper" : "islower")(interpreter, text, arguments) : Value();
}

template <bool filter> Value isKnown(Interpreter &interpreter, const Value &self, const Arguments &arguments) {
  Bound bound(interpreter, "test", arguments, {});
  if (!self.asText())
    return Value(false);
  const std::string &name = self.asText()->text.bytes();
  return Value(filter ? textFilters().count(name) || sequenceFilters().count(name) || numberFilters().count(name)
                      : tests().count(name) > 0);
}

} // namespace

const Builtins &jinja::tests() {
  static const Builtins table = {
      {"!=", compares<'!'>},
      {"<", compares<'<'>},
      {"<=", compares<'l'>},
      {"==", compares<'='>},
      {">", compares<'>'>},
      {">=", compares<'g'>},
      {"boolean", plain<isBoolean>},
      {"callable", plain<isCallable>},
      {"defined", plain<isDefined>},
      {"divisibleby", isDivisible},
      {"eq", compares<'='>},
      {"equalto", compares<'='>},
      {"escaped", plain<isEscaped>},
      {"even", isParity<false>},
      {"false", plain<isFalse>},
      {"filter", isKnown<true>},
      {"float", plain<isFloat>},
      {"ge", compares<'g'>},
      {"greaterthan", compares<'>'>},
      {"gt", compares<'>'>},
      {"in", isIn},
      {"integer", plain<isInteger>},
      {"iterable", plain<Interpreter::isIterable>},
      {"le", compares<'l'>},
      {"lessthan", compares<'<'>},
      {"lower", isCase<false>},
      {"lt", compares<'<'>},
      {"mapping", plain<isMapping>},
      {"ne", compares<'!'>},
      {"none", plain<isNone>},
      {"number", plain<isNumber>},
      {"odd", isParity<true>},
      {"sameas", isSame},
      {"sequence", plain<isSequence>},
      {"string", plain<isString>},
      {"test", isKnown<false>},
      {"true", plain<isTrue>},
      {"undefined", plain<isUndefined>},
      {"upper", isCase<true>},
  };
  return table;
}
