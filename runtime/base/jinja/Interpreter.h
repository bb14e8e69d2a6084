//===- Interpreter.h - Evaluating a template --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Walks the tree of a template with the results of jinja2. Errors are kept in
// the sandbox: functions return a meaningless value then, and callers need not
// look until they have something to lose.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_INTERPRETER_H
#define PLAIT_RUNTIME_BASE_JINJA_INTERPRETER_H

#include "runtime/base/jinja/Ast.h"
#include "runtime/base/jinja/Sandbox.h"
#include "runtime/base/jinja/Value.h"

#include <ctime>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plait::jinja {

class Interpreter {
public:
  using Variables = std::map<std::string, Value, std::less<>>;

  /// `now` is what strftime_now() tells, as local time.
  Interpreter(Sandbox &sandbox, std::time_t now);
  ~Interpreter();

  /// Makes `variables` known everywhere.
  void define(Variables variables);
  MarkedText run(const Block &block);

  Sandbox &sandbox;
  const std::time_t now;

  // What built-in functions are made of.

  /// Records an error; returns something to return.
  Value fail(const std::string &message);
  Value failType(const std::string &where, const Value &found, const std::string &expected);
  Value text(MarkedText text, bool markup = false);
  Value text(std::string bytes) { return text(MarkedText(std::move(bytes))); }
  Value sequence(std::vector<Value> items, SequenceKind kind = SequenceKind::list);
  Value dict(Dict items);
  Value newNamespace(Dict attributes);
  Value method(std::string name, const Value &self,
               Value (*function)(Interpreter &, const Value &self, const Arguments &));

  /// The items of what can be iterated over; an error for other values.
  std::vector<Value> iterate(const Value &value);
  static bool isIterable(const Value &value);
  Value attribute(const Value &object, std::string_view name);
  Value item(const Value &object, const Value &index);
  Value slice(const Value &object, const Value &begin, const Value &end, const Value &step);
  bool contains(const Value &container, const Value &value);
  Value binary(std::string_view symbol, const Value &left, const Value &right);
  Value call(const Value &callee, const Arguments &arguments);
  Value filter(std::string_view name, const Value &input, const Arguments &arguments);
  bool test(std::string_view name, const Value &input, const Arguments &arguments);

  /// Python's str() and repr().
  MarkedText str(const Value &value);
  void appendStr(MarkedText &out, const Value &value);
  void appendRepr(MarkedText &out, const Value &value);

private:
  struct Scope;
  using ScopePtr = std::shared_ptr<Scope>;
  class ScopeSwitch;
  enum class Flow { normal, leaveLoop, continueLoop };

  Flow execute(const Block &block);
  Flow execute(const Statement &statement);
  Flow executeLoop(const Statement &statement);
  Flow executeBranch(const Statement &statement);
  Flow executeWith(const Statement &statement);
  Flow executeSetBlock(const Statement &statement);
  Flow executeFilterBlock(const Statement &statement);
  void executeCallBlock(const Statement &statement);
  /// The text that `block` prints, in a scope of its own. Sets `flow`, if given, to
  /// how it was left: the text of one that a loop's statement leaves is lost.
  MarkedText capture(const Block &block, ScopePtr scope, Flow *flow = nullptr);
  void print(const Value &value);
  void account(size_t bytes);
  bool handleSelf(const Value &self);
  void assign(const Expression &target, const Value &value);
  Value makeMacro(const std::string &name, const Parameters &parameters, const Block &body);
  Value callMacro(const std::string &name, const Parameters &parameters, const Block &body, const ScopePtr &scope,
                  const Arguments &arguments);

  Value evaluate(const Expression &expression);
  Value evaluateLogical(const Expression &expression);
  Value evaluateCompare(const Expression &expression);
  Value evaluateDict(const Expression &expression);
  Value lookUp(const std::string &name);
  std::vector<Value> evaluateAll(const std::vector<ExpressionPtr> &expressions, size_t first = 0);
  Arguments evaluateArguments(const Expression &expression);

  Variables globals;
  ScopePtr scope;
  std::vector<ScopePtr> closures;                     ///< scopes that macros still read
  std::vector<std::shared_ptr<Namespace>> namespaces; ///< all of them: they may form cycles
  MarkedText *output = nullptr;
  Value body; ///< of the filter or set block under way
};

/// Matches the arguments of a call with parameters as Python does.
class Bound {
public:
  Bound(Interpreter &interpreter, std::string_view function, const Arguments &arguments,
        std::initializer_list<std::string_view> names, size_t required = 0);

  bool has(size_t index) const { return values[index] != nullptr; }
  const Value &operator[](size_t index) const;
  int64_t integer(size_t index, int64_t absent);
  bool flag(size_t index, bool absent) const { return has(index) ? values[index]->truthy() : absent; }
  /// A string; an error for other values.
  const MarkedText &text(size_t index);

private:
  Interpreter &interpreter;
  std::string function;
  std::vector<const Value *> values;
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_INTERPRETER_H
