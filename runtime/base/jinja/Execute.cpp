//===- Execute.cpp - Running statements -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Loop.h"
#include "runtime/base/jinja/Scope.h"

#include <algorithm>
#include <set>

using namespace plait;
using namespace plait::jinja;

MarkedText Interpreter::run(const Block &block) {
  MarkedText result = capture(block, std::make_shared<Scope>(nullptr));
  return result;
}

MarkedText Interpreter::capture(const Block &block, ScopePtr inner, Flow *flow) {
  MarkedText result;
  ScopeSwitch in(*this, std::move(inner));
  MarkedText *outer = std::exchange(output, &result);
  Flow left = execute(block);
  if (flow)
    *flow = left;
  output = outer;
  return result;
}

void Interpreter::print(const Value &value) {
  size_t before = output->size();
  appendStr(*output, value);
  account(output->size() - before);
}

/// For what was added to the output.
void Interpreter::account(size_t bytes) {
  sandbox.growText(output->size() > sandbox.limits.textBytes ? output->size() : bytes);
}

Interpreter::Flow Interpreter::execute(const Block &block) {
  for (const StatementPtr &statement : block) {
    if (Flow flow = execute(*statement); flow != Flow::normal)
      return flow;
    if (!sandbox.ok())
      break;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::execute(const Statement &statement) {
  Sandbox::Level level(sandbox);
  sandbox.line = statement.line;
  if (!sandbox.step())
    return Flow::normal;
  switch (statement.kind) {
  case StatementKind::data:
    output->append(statement.text, /*isUser=*/false);
    account(statement.text.size());
    break;
  case StatementKind::print:
    print(evaluate(*statement.value));
    break;
  case StatementKind::set:
    assign(*statement.target, evaluate(*statement.value));
    break;
  case StatementKind::setBlock:
    return executeSetBlock(statement);
  case StatementKind::loop:
    return executeLoop(statement);
  case StatementKind::branch:
    return executeBranch(statement);
  case StatementKind::with:
    return executeWith(statement);
  case StatementKind::macro:
    scope->variables[statement.text] = makeMacro(statement.text, statement.parameters, statement.body);
    break;
  case StatementKind::callBlock:
    executeCallBlock(statement);
    break;
  case StatementKind::filterBlock:
    return executeFilterBlock(statement);
  case StatementKind::generation:
    print(text(capture(statement.body, std::make_shared<Scope>(scope))));
    break;
  case StatementKind::leaveLoop:
    return Flow::leaveLoop;
  case StatementKind::continueLoop:
    return Flow::continueLoop;
  }
  return Flow::normal;
}

Interpreter::Flow Interpreter::executeFilterBlock(const Statement &statement) {
  Flow flow;
  MarkedText captured = capture(statement.body, std::make_shared<Scope>(scope), &flow);
  if (flow != Flow::normal)
    return flow;
  Value outer = std::exchange(body, text(std::move(captured)));
  Value filtered = evaluate(*statement.value);
  body = std::move(outer);
  print(filtered);
  return Flow::normal;
}

Interpreter::Flow Interpreter::executeSetBlock(const Statement &statement) {
  Flow flow;
  MarkedText captured = capture(statement.body, std::make_shared<Scope>(scope), &flow);
  if (flow != Flow::normal)
    return flow;
  Value value = text(std::move(captured));
  if (statement.value) {
    Value outer = std::exchange(body, std::move(value));
    value = evaluate(*statement.value);
    body = std::move(outer);
  }
  assign(*statement.target, value);
  return Flow::normal;
}

Interpreter::Flow Interpreter::executeBranch(const Statement &statement) {
  for (size_t i = 0; i < statement.values.size() && sandbox.ok(); ++i)
    if (evaluate(*statement.values[i]).truthy())
      return execute(statement.bodies[i]);
  return execute(statement.otherwise);
}

Interpreter::Flow Interpreter::executeWith(const Statement &statement) {
  auto inner = std::make_shared<Scope>(scope);
  std::vector<Value> values = evaluateAll(statement.values); // before any is visible
  ScopeSwitch in(*this, std::move(inner));
  for (size_t i = 0; i < values.size() && sandbox.ok(); ++i)
    assign(*statement.targets[i], values[i]);
  return execute(statement.body);
}

Interpreter::Flow Interpreter::executeLoop(const Statement &statement) {
  Value source = evaluate(*statement.value);
  Loop::Filter filter;
  if (statement.condition)
    filter = [&, outer = scope](const Value &item) {
      ScopeSwitch in(*this, std::make_shared<Scope>(outer));
      assign(*statement.target, item);
      return sandbox.ok() && evaluate(*statement.condition).truthy();
    };
  auto loop = std::make_shared<Loop>(iterate(source), std::move(filter));
  Value loopValue{Value::Storage(loop)};
  bool empty = true;
  Flow flow = Flow::normal;
  while (sandbox.ok() && flow != Flow::leaveLoop && loop->advance()) {
    empty = false;
    if (!sandbox.step() || !sandbox.grow(sizeof(Scope) + 128))
      break;
    ScopeSwitch in(*this, std::make_shared<Scope>(scope));
    scope->variables["loop"] = loopValue;
    assign(*statement.target, loop->item());
    flow = execute(statement.body);
  }
  loop->end();
  if (!empty || !sandbox.ok())
    return Flow::normal;
  ScopeSwitch in(*this, std::make_shared<Scope>(scope));
  return execute(statement.otherwise);
}

void Interpreter::assign(const Expression &target, const Value &value) {
  if (!sandbox.ok())
    return;
  if (target.kind == ExpressionKind::name) {
    scope->variables.insert_or_assign(target.name, value);
    return;
  }
  if (target.kind == ExpressionKind::attribute) {
    Value object = lookUp(target.operands[0]->name);
    Namespace *space = object.asNamespace();
    if (!space) {
      failType("set", object, "a namespace() before \"." + target.name + "\"");
      return;
    }
    if (target.name.starts_with('_')) {
      fail("found the attribute " + quoteForMessage(target.name) + "; expected a name without a leading underscore");
      return;
    }
    if (sandbox.grow(target.name.size() + 160))
      space->attributes.set(sandbox, Value::text(target.name), value);
    return;
  }
  std::vector<Value> items = iterate(value);
  if (items.size() != target.operands.size() && sandbox.ok())
    fail("found " + std::to_string(items.size()) + " values to assign; expected " +
         std::to_string(target.operands.size()));
  for (size_t i = 0; i < target.operands.size() && sandbox.ok(); ++i)
    assign(*target.operands[i], items[i]);
}

//===----------------------------------------------------------------------===//
// Macros
//===----------------------------------------------------------------------===//

Value Interpreter::makeMacro(const std::string &name, const Parameters &parameters, const Block &block) {
  if (!sandbox.grow(256))
    return Value();
  // The scope holds the macro, so the macro must not hold the scope.
  if (closures.empty() || closures.back() != scope)
    closures.push_back(scope);
  Callable macro;
  macro.name = name;
  macro.isMacro = true;
  macro.call = [&parameters, &block, name, definedIn = std::weak_ptr<Scope>(scope)](Interpreter &interpreter,
                                                                                    const Arguments &arguments) {
    return interpreter.callMacro(name, parameters, block, definedIn.lock(), arguments);
  };
  return Value(Value::Storage(std::make_shared<const Callable>(std::move(macro))));
}

Value Interpreter::callMacro(const std::string &name, const Parameters &parameters, const Block &block,
                             const ScopePtr &definedIn, const Arguments &arguments) {
  std::string where = "macro " + quoteForMessage(name);
  auto inner = std::make_shared<Scope>(definedIn);
  auto &variables = inner->variables;
  size_t count = parameters.names.size(), given = arguments.positional.size();
  for (size_t i = 0; i < std::min(count, given); ++i)
    variables[parameters.names[i]] = arguments.positional[i];
  if (given > count && !parameters.usesPositional)
    return fail(where + ": found " + std::to_string(given) + " arguments; expected at most " + std::to_string(count));
  Dict rest;
  bool takesCaller = parameters.usesCaller;
  for (const auto &[argument, value] : arguments.named) {
    bool isParameter = std::find(parameters.names.begin(), parameters.names.end(), argument) != parameters.names.end();
    if (isParameter && variables.count(argument) && !parameters.usesNamed)
      return fail(where + ": found the argument " + quoteForMessage(argument) + " twice");
    if (isParameter ? !variables.count(argument) : argument == "caller" && takesCaller)
      variables[argument] = value;
    else if (parameters.usesNamed)
      rest.set(sandbox, arguments.nameValue(argument), value);
    else
      return fail(where + ": found the argument " + quoteForMessage(argument) + ", which it does not have");
  }
  if (takesCaller && !variables.count("caller"))
    variables["caller"] = Value::undefined("no caller defined");
  if (parameters.usesNamed)
    variables["kwargs"] = dict(std::move(rest));
  if (parameters.usesPositional)
    variables["varargs"] =
        sequence({arguments.positional.begin() + ptrdiff_t(std::min(count, given)), arguments.positional.end()},
                 SequenceKind::tuple);
  size_t firstDefault = count - parameters.defaults.size();
  {
    ScopeSwitch in(*this, inner);
    for (size_t i = 0; i < count && sandbox.ok(); ++i)
      if (const std::string &parameter = parameters.names[i]; !variables.count(parameter)) {
        Value value = i < firstDefault
                          ? Value::undefined("parameter " + quoteForMessage(parameter) + " was not provided")
                          : evaluate(*parameters.defaults[i - firstDefault]);
        variables[parameter] = std::move(value);
      }
  }
  if (!sandbox.ok())
    return Value();
  int line = sandbox.line;
  Value result = text(capture(block, std::move(inner)));
  if (sandbox.ok())
    sandbox.line = line;
  return result;
}

void Interpreter::executeCallBlock(const Statement &statement) {
  const Expression &node = *statement.value;
  Value callee = evaluate(*node.operands[0]);
  Arguments arguments = evaluateArguments(node);
  arguments.named.emplace_back("caller", makeMacro("caller", statement.parameters, statement.body));
  print(call(callee, arguments));
}
