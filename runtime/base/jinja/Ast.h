//===- Ast.h - The parsed form of a template --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_AST_H
#define PLAIT_RUNTIME_BASE_JINJA_AST_H

#include "runtime/base/Status.h"
#include "runtime/base/jinja/Token.h"
#include "runtime/base/jinja/Value.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace plait::jinja {

struct Expression;
struct Statement;
using ExpressionPtr = std::unique_ptr<Expression>;
using StatementPtr = std::unique_ptr<Statement>;
using Block = std::vector<StatementPtr>;

enum class ExpressionKind {
  constant,    ///< `constant`
  name,        ///< `name`
  body,        ///< the text that a filter block or a set block has produced
  list,        ///< operands
  tuple,       ///< operands
  dict,        ///< operands: key, value, key, value, ...
  attribute,   ///< operands: object; `name`. As a target: the namespace and what to set
  item,        ///< operands: object, index
  slice,       ///< operands: object, begin, end, step; the last three may be null
  call,        ///< operands: callee, positional arguments; named, spread
  filter,      ///< operands: input, positional arguments; `name`, named, spread
  test,        ///< operands: input, positional arguments; `name`, named, spread
  negate,      ///< operands: one
  plus,        ///< operands: one
  logicalNot,  ///< operands: one
  logicalAnd,  ///< operands: two
  logicalOr,   ///< operands: two
  conditional, ///< operands: condition, value, other value or null
  compare,     ///< operands: one more than `operators`
  concat,      ///< operands: two or more
  binary,      ///< operands: two; `name` is the operator
};

struct Expression {
  ExpressionKind kind;
  int line;
  unsigned depth = 1; ///< of the tree below
  std::string name;
  Value constant;
  std::vector<ExpressionPtr> operands;
  std::vector<std::string> operators;                       ///< of a comparison: "<", "in", "not in", ...
  std::vector<std::pair<std::string, ExpressionPtr>> named; ///< arguments NAME=...
  ExpressionPtr spread, namedSpread;                        ///< arguments *... and **...
};

/// The parameters of a macro or of a call block.
struct Parameters {
  std::vector<std::string> names;
  std::vector<ExpressionPtr> defaults; ///< of the last of `names`
  // Whether the body reads these names, which makes the macro accept more.
  bool usesCaller = false, usesNamed = false, usesPositional = false;
};

enum class StatementKind {
  data,         ///< `text`
  print,        ///< value
  set,          ///< target, value
  setBlock,     ///< target, value (filters of the body) or null, body
  loop,         ///< target, value, condition or null, body, otherwise
  branch,       ///< conditions, each with one of `bodies`; otherwise
  with,         ///< targets, values, body
  macro,        ///< `text` is its name; parameters, body
  callBlock,    ///< value is a call; parameters, body
  filterBlock,  ///< value, body
  generation,   ///< body
  leaveLoop,    ///< break
  continueLoop, ///< continue
};

struct Statement {
  Statement(StatementKind kind, int line) : kind(kind), line(line) {}

  StatementKind kind;
  int line;
  std::string text;
  ExpressionPtr target, value, condition;
  std::vector<ExpressionPtr> targets, values; ///< also: the conditions of a branch
  std::vector<Block> bodies;
  Block body, otherwise;
  Parameters parameters;
};

/// Parses a template; errors begin with `name` and the line. What jinja2 knows
/// and Plait does not (import, recursive loops, ...) is an error that names it.
Expected<Block> parse(std::vector<Token> tokens, const std::string &name);

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_AST_H
