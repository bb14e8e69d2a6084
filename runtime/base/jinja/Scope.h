//===- Scope.h - Variables of a template ------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_SCOPE_H
#define PLAIT_RUNTIME_BASE_JINJA_SCOPE_H

#include "runtime/base/jinja/Interpreter.h"

#include <map>
#include <utility>

namespace plait::jinja {

/// `set` assigns in the innermost scope. Loops (once per item), macros and some
/// blocks have one; `if` has none.
struct Interpreter::Scope {
  explicit Scope(ScopePtr parent) : parent(std::move(parent)) {}
  ScopePtr parent;
  std::map<std::string, Value, std::less<>> variables;
};

/// Another innermost scope, as long as it lives.
class Interpreter::ScopeSwitch {
public:
  ScopeSwitch(Interpreter &interpreter, ScopePtr scope)
      : interpreter(interpreter), outer(std::exchange(interpreter.scope, std::move(scope))) {}
  ~ScopeSwitch() { interpreter.scope = std::move(outer); }

private:
  Interpreter &interpreter;
  ScopePtr outer;
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_SCOPE_H
