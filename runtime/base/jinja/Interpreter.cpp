//===- Interpreter.cpp - Evaluating expressions ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Interpreter.h"

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Builtins.h"
#include "runtime/base/jinja/Scope.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

Interpreter::Interpreter(Sandbox &sandbox, std::time_t now) : sandbox(sandbox), now(now), globals(globalFunctions()) {}

void Interpreter::define(Variables variables) {
  for (auto &[name, value] : variables)
    globals.insert_or_assign(name, std::move(value));
}

Interpreter::~Interpreter() {
  for (const std::shared_ptr<Namespace> &space : namespaces)
    space->attributes = Dict(); // they may hold each other
}

//===----------------------------------------------------------------------===//
// Making values
//===----------------------------------------------------------------------===//

Value Interpreter::fail(const std::string &message) {
  sandbox.fail(message);
  return Value();
}

Value Interpreter::failType(const std::string &where, const Value &found, const std::string &expected) {
  if (const Undefined *undefined = std::get_if<Undefined>(&found.storage); undefined && undefined->why)
    return fail(*undefined->why);
  return fail(where + ": found " + found.typeName() + "; expected " + expected);
}

Value Interpreter::text(MarkedText text, bool markup) {
  if (!sandbox.growText(text.size()))
    return Value();
  return Value::text(std::move(text), markup);
}

static unsigned depthOf(const std::vector<Value> &items) {
  unsigned depth = 0;
  for (const Value &item : items)
    depth = std::max(depth, item.depth());
  return depth;
}

Value Interpreter::sequence(std::vector<Value> items, SequenceKind kind) {
  if (!sandbox.step(1 + items.size()) || !sandbox.grow(64 + items.size() * sizeof(Value)))
    return Value();
  auto result = std::make_shared<Sequence>();
  result->kind = kind;
  result->depth = 1 + depthOf(items);
  if (result->depth > sandbox.limits.valueDepth)
    return fail("found lists nested deeper than " + std::to_string(sandbox.limits.valueDepth));
  result->items = std::move(items);
  return Value(Value::Storage(std::move(result)));
}

Value Interpreter::dict(Dict items) {
  if (!sandbox.step(1 + items.items().size()) || !sandbox.grow(128 + items.items().size() * 160))
    return Value();
  if (items.depth() > sandbox.limits.valueDepth)
    return fail("found dicts nested deeper than " + std::to_string(sandbox.limits.valueDepth));
  return Value(Value::Storage(std::make_shared<const Dict>(std::move(items))));
}

Value Interpreter::newNamespace(Dict attributes) {
  if (!sandbox.grow(256))
    return Value();
  namespaces.push_back(std::make_shared<Namespace>(Namespace{std::move(attributes)}));
  return Value(Value::Storage(namespaces.back()));
}

Value Interpreter::method(std::string name, const Value &self, Builtin function) {
  if (!sandbox.grow(128))
    return Value();
  Callable callable;
  callable.name = std::move(name);
  callable.depth = 1 + self.depth();
  if (callable.depth > sandbox.limits.valueDepth)
    return fail("found values nested deeper than " + std::to_string(sandbox.limits.valueDepth));
  callable.call = [self, function](Interpreter &interpreter, const Arguments &arguments) {
    return interpreter.handleSelf(self) ? function(interpreter, self, arguments) : Value();
  };
  return Value(Value::Storage(std::make_shared<const Callable>(std::move(callable))));
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

Value Interpreter::call(const Value &callee, const Arguments &arguments) {
  Sandbox::Level level(sandbox);
  if (!sandbox.step())
    return Value();
  const Callable *callable = callee.asCallable();
  if (!callable)
    return failType("call", callee, "a function or a macro");
  return callable->call(*this, arguments);
}

Value Interpreter::filter(std::string_view name, const Value &input, const Arguments &arguments) {
  Sandbox::Level level(sandbox);
  if (!sandbox.step())
    return Value();
  if (!handleSelf(input))
    return Value();
  for (const Builtins *table : {&textFilters(), &sequenceFilters(), &numberFilters()})
    if (auto found = table->find(name); found != table->end())
      return found->second(*this, input, arguments);
  return fail("found the filter " + quoteForMessage(name) + ", which is not known");
}

/// Built-in functions read all of the text that they are applied to, at least.
bool Interpreter::handleSelf(const Value &self) {
  const Text *text = self.asText();
  return !text || sandbox.handle(text->text.size());
}

bool Interpreter::test(std::string_view name, const Value &input, const Arguments &arguments) {
  if (!sandbox.step() || !handleSelf(input))
    return false;
  if (auto found = tests().find(name); found != tests().end())
    return found->second(*this, input, arguments).truthy();
  fail("found the test " + quoteForMessage(name) + ", which is not known");
  return false;
}

Bound::Bound(Interpreter &interpreter, std::string_view function, const Arguments &arguments,
             std::initializer_list<std::string_view> names, size_t required)
    : interpreter(interpreter), function(function), values(names.size(), nullptr) {
  if (arguments.positional.size() > names.size())
    interpreter.fail(this->function + ": found " + std::to_string(arguments.positional.size()) +
                     " arguments; expected at most " + std::to_string(names.size()));
  for (size_t i = 0; i < std::min(arguments.positional.size(), names.size()); ++i)
    values[i] = &arguments.positional[i];
  for (const auto &[name, value] : arguments.named) {
    size_t index = size_t(std::find(names.begin(), names.end(), name) - names.begin());
    if (index == names.size())
      interpreter.fail(this->function + ": found the argument " + quoteForMessage(name) + ", which it does not have");
    else if (values[index])
      interpreter.fail(this->function + ": found the argument " + quoteForMessage(name) + " twice");
    else
      values[index] = &value;
  }
  for (size_t i = 0; i < required; ++i)
    if (!values[i])
      interpreter.fail(this->function + ": found no argument " + quoteForMessage(*(names.begin() + i)));
}

const Value &Bound::operator[](size_t index) const {
  static const Value missing;
  return values[index] ? *values[index] : missing;
}

int64_t Bound::integer(size_t index, int64_t absent) {
  if (!has(index))
    return absent;
  std::optional<int64_t> value = values[index]->asInteger();
  if (!value)
    interpreter.failType(function, *values[index], "an integer");
  return value.value_or(absent);
}

const MarkedText &Bound::text(size_t index) {
  static const MarkedText empty;
  const Text *text = (*this)[index].asText();
  if (!text)
    interpreter.failType(function, (*this)[index], "a string");
  return text ? text->text : empty;
}

//===----------------------------------------------------------------------===//
// Expressions
//===----------------------------------------------------------------------===//

Value Interpreter::lookUp(const std::string &name) {
  for (Scope *where = scope.get(); where; where = where->parent.get())
    if (auto found = where->variables.find(name); found != where->variables.end())
      return found->second;
  if (auto found = globals.find(name); found != globals.end())
    return found->second;
  return Value::undefined(quoteForMessage(name) + " is undefined");
}

std::vector<Value> Interpreter::evaluateAll(const std::vector<ExpressionPtr> &expressions, size_t first) {
  std::vector<Value> values;
  for (size_t i = first; i < expressions.size() && sandbox.ok(); ++i)
    values.push_back(evaluate(*expressions[i]));
  return values;
}

Arguments Interpreter::evaluateArguments(const Expression &expression) {
  Arguments arguments;
  arguments.positional = evaluateAll(expression.operands, 1);
  for (const auto &[name, value] : expression.named)
    arguments.named.emplace_back(name, evaluate(*value));
  if (expression.spread)
    for (Value &value : iterate(evaluate(*expression.spread)))
      arguments.positional.push_back(std::move(value));
  if (expression.namedSpread) {
    Value more = evaluate(*expression.namedSpread);
    const Dict *named = more.asDict();
    if (!named)
      failType("call", more, "a dict after **");
    for (size_t i = 0; named && i < named->items().size(); ++i) {
      const auto &[key, value] = named->items()[i];
      if (const Text *name = key.asText()) {
        arguments.named.emplace_back(name->text.bytes(), value);
        if (name->text.hasUser())
          arguments.userNames.insert(name->text.bytes());
      } else
        failType("call", key, "strings as names of arguments");
    }
  }
  return arguments;
}

Value Interpreter::evaluateLogical(const Expression &expression) {
  Value left = evaluate(*expression.operands[0]);
  bool isAnd = expression.kind == ExpressionKind::logicalAnd;
  return left.truthy() == isAnd ? evaluate(*expression.operands[1]) : left;
}

Value Interpreter::evaluateCompare(const Expression &expression) {
  Value left = evaluate(*expression.operands[0]);
  for (size_t i = 0; i < expression.operators.size() && sandbox.ok(); ++i) {
    Value right = evaluate(*expression.operands[i + 1]);
    const std::string &symbol = expression.operators[i];
    bool holds = false;
    if (symbol == "==" || symbol == "!=")
      holds = equal(sandbox, left, right) == (symbol == "==");
    else if (symbol == "in" || symbol == "not in")
      holds = contains(right, left) == (symbol == "in");
    else if (int order = compare(sandbox, left, right); symbol[0] == '<')
      holds = order < 0 || (order == 0 && symbol == "<=");
    else
      holds = order > 0 || (order == 0 && symbol == ">=");
    if (!holds)
      return Value(false);
    left = std::move(right);
  }
  return Value(true);
}

Value Interpreter::evaluateDict(const Expression &expression) {
  Dict items;
  for (size_t i = 0; i + 1 < expression.operands.size() && sandbox.ok(); i += 2) {
    Value key = evaluate(*expression.operands[i]);
    if (!items.set(sandbox, key, evaluate(*expression.operands[i + 1])))
      failType("dict", key, "a key that is a string, a number, a boolean, none or a tuple");
  }
  return dict(std::move(items));
}

Value Interpreter::evaluate(const Expression &expression) {
  Sandbox::Level level(sandbox);
  sandbox.line = expression.line;
  if (!sandbox.step())
    return Value();
  const auto &operands = expression.operands;
  switch (expression.kind) {
  case ExpressionKind::constant:
    return expression.constant;
  case ExpressionKind::name:
    return lookUp(expression.name);
  case ExpressionKind::body:
    return body;
  case ExpressionKind::list:
    return sequence(evaluateAll(operands));
  case ExpressionKind::tuple:
    return sequence(evaluateAll(operands), SequenceKind::tuple);
  case ExpressionKind::dict:
    return evaluateDict(expression);
  case ExpressionKind::attribute:
    return attribute(evaluate(*operands[0]), expression.name);
  case ExpressionKind::item: {
    Value object = evaluate(*operands[0]);
    return item(object, evaluate(*operands[1]));
  }
  case ExpressionKind::slice: {
    Value parts[4];
    for (size_t i = 0; i < 4; ++i)
      parts[i] = operands[i] ? evaluate(*operands[i]) : Value::none();
    return slice(parts[0], parts[1], parts[2], parts[3]);
  }
  case ExpressionKind::call: {
    Value callee = evaluate(*operands[0]);
    Arguments arguments = evaluateArguments(expression);
    sandbox.line = expression.line;
    return call(callee, arguments);
  }
  case ExpressionKind::filter: {
    Value input = evaluate(*operands[0]);
    Arguments arguments = evaluateArguments(expression);
    sandbox.line = expression.line;
    return filter(expression.name, input, arguments);
  }
  case ExpressionKind::test: {
    Value input = evaluate(*operands[0]);
    Arguments arguments = evaluateArguments(expression);
    sandbox.line = expression.line;
    return Value(test(expression.name, input, arguments));
  }
  case ExpressionKind::negate:
    return binary("negate", evaluate(*operands[0]), Value());
  case ExpressionKind::plus:
    return binary("plus", evaluate(*operands[0]), Value());
  case ExpressionKind::logicalNot:
    return Value(!evaluate(*operands[0]).truthy());
  case ExpressionKind::logicalAnd:
  case ExpressionKind::logicalOr:
    return evaluateLogical(expression);
  case ExpressionKind::conditional:
    if (evaluate(*operands[0]).truthy())
      return evaluate(*operands[1]);
    return operands[2] ? evaluate(*operands[2])
                       : Value::undefined("the inline if-expression was false and has no else");
  case ExpressionKind::compare:
    return evaluateCompare(expression);
  case ExpressionKind::concat: {
    MarkedText joined;
    for (const ExpressionPtr &operand : operands)
      appendStr(joined, evaluate(*operand));
    return text(std::move(joined));
  }
  case ExpressionKind::binary: {
    Value left = evaluate(*operands[0]);
    Value right = evaluate(*operands[1]);
    sandbox.line = expression.line;
    return binary(expression.name, left, right);
  }
  }
  return Value();
}
