//===- Builtins.h - Functions that templates can name -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_BUILTINS_H
#define PLAIT_RUNTIME_BASE_JINJA_BUILTINS_H

#include "runtime/base/jinja/Interpreter.h"

#include <map>
#include <string>
#include <string_view>

namespace plait::jinja {

/// A filter gets its input, a method its object, as `self`.
using Builtin = Value (*)(Interpreter &, const Value &self, const Arguments &);
using Builtins = std::map<std::string_view, Builtin>;

const Builtins &textFilters();     ///< TextFilters.cpp
const Builtins &sequenceFilters(); ///< SequenceFilters.cpp
const Builtins &numberFilters();   ///< NumberFilters.cpp
const Builtins &textMethods();     ///< TextMethods.cpp
const Builtins &textPredicates();  ///< TextPredicates.cpp: methods that ask a question
const Builtins &tests();           ///< Tests.cpp
/// Functions of the global scope: range, namespace, ... (Functions.cpp)
Interpreter::Variables globalFunctions();

Value toJson(Interpreter &interpreter, const Value &value, const Arguments &arguments); ///< Json.cpp
/// Python's `template % arguments` and `template.format(...)` (Format.cpp).
Value formatPercent(Interpreter &interpreter, const MarkedText &format, const Value &arguments);
Value formatBraces(Interpreter &interpreter, const Value &format, const Arguments &arguments);

/// repr() of a float: the shortest digits that read back as the same number.
std::string floatText(double value);

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_BUILTINS_H
