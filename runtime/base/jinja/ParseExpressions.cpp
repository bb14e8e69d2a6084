//===- ParseExpressions.cpp - The expressions of a template ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"
#include "runtime/base/jinja/Parser.h"
#include "runtime/base/jinja/ParserLevel.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

ExpressionPtr Parser::make(ExpressionKind kind, int line, std::vector<ExpressionPtr> operands, std::string text) {
  auto node = std::make_unique<Expression>();
  node->kind = kind;
  node->line = line;
  node->name = std::move(text);
  node->operands = std::move(operands);
  return grown(std::move(node));
}

/// Notes how deep `node` is: a long chain of operators nests without the parser
/// doing so, and evaluation will.
ExpressionPtr Parser::grown(ExpressionPtr node) {
  auto include = [&](const ExpressionPtr &child) {
    if (child)
      node->depth = std::max(node->depth, child->depth + 1);
  };
  for (const ExpressionPtr &operand : node->operands)
    include(operand);
  for (const auto &[argument, value] : node->named)
    include(value);
  include(node->spread);
  include(node->namedSpread);
  if (node->depth > kMaxNesting)
    fail(node->line, "found an expression nested deeper than " + std::to_string(kMaxNesting));
  return node;
}

bool Parser::atTupleEnd(Names ends) const {
  const Token &token = current();
  if (token.kind == TokenKind::variableEnd || token.kind == TokenKind::blockEnd || atEnd() || token.isSymbol(")"))
    return true;
  return std::any_of(ends.begin(), ends.end(), [&](std::string_view end) { return token.isName(end); });
}

ExpressionPtr Parser::parseTuple(bool simplified, bool withConditional, Names ends, bool parentheses,
                                 bool withNamespace) {
  int line = current().line;
  std::vector<ExpressionPtr> items;
  bool isTuple = false;
  while (!atTupleEnd(ends)) {
    items.push_back(simplified ? parsePrimary(withNamespace) : parseExpression(withConditional));
    if (!skipSymbol(","))
      break;
    isTuple = true;
  }
  if (!isTuple && !items.empty())
    return std::move(items[0]);
  if (items.empty() && !parentheses)
    failExpected("an expression");
  return make(ExpressionKind::tuple, line, std::move(items));
}

/// What `set` and `for` assign to: a name, a tuple of them, or NAMESPACE.ATTRIBUTE.
ExpressionPtr Parser::parseTarget(Names ends, bool withNamespace) {
  ExpressionPtr target = parseTuple(/*simplified=*/true, true, ends, false, withNamespace);
  auto canAssign = [](const Expression &node, auto &self) -> bool {
    if (node.kind == ExpressionKind::tuple)
      return std::all_of(node.operands.begin(), node.operands.end(),
                         [&](const ExpressionPtr &item) { return self(*item, self); });
    return node.kind == ExpressionKind::name || node.kind == ExpressionKind::attribute;
  };
  if (status.ok() && !canAssign(*target, canAssign))
    fail(target->line, "found something that cannot be assigned to; expected a name");
  return target;
}

ExpressionPtr Parser::parseExpression(bool withConditional) {
  Level level(*this);
  int line = current().line;
  ExpressionPtr value = parseOr();
  while (withConditional && skipName("if")) {
    ExpressionPtr condition = parseOr();
    ExpressionPtr other = skipName("else") ? parseExpression() : nullptr;
    value = makeOf(ExpressionKind::conditional, line, "", std::move(condition), std::move(value), std::move(other));
  }
  return value;
}

ExpressionPtr Parser::parseOr() {
  int line = current().line;
  ExpressionPtr left = parseAnd();
  while (skipName("or"))
    left = makeOf(ExpressionKind::logicalOr, line, "", std::move(left), parseAnd());
  return left;
}

ExpressionPtr Parser::parseAnd() {
  int line = current().line;
  ExpressionPtr left = parseNot();
  while (skipName("and"))
    left = makeOf(ExpressionKind::logicalAnd, line, "", std::move(left), parseNot());
  return left;
}

ExpressionPtr Parser::parseNot() {
  Level level(*this);
  int line = current().line;
  if (skipName("not"))
    return makeOf(ExpressionKind::logicalNot, line, "", parseNot());
  return parseCompare();
}

ExpressionPtr Parser::parseCompare() {
  int line = current().line;
  std::vector<ExpressionPtr> operands;
  operands.push_back(parseSum());
  std::vector<std::string> operators;
  while (status.ok()) {
    const Token &token = current();
    if (token.kind == TokenKind::symbol && (token.text == "==" || token.text == "!=" || token.text == "<" ||
                                            token.text == "<=" || token.text == ">" || token.text == ">="))
      operators.push_back(next().text);
    else if (skipName("in"))
      operators.push_back("in");
    else if (token.isName("not") && following().isName("in")) {
      position += 2;
      operators.push_back("not in");
    } else
      break;
    operands.push_back(parseSum());
  }
  if (operators.empty())
    return std::move(operands[0]);
  ExpressionPtr node = make(ExpressionKind::compare, line, std::move(operands));
  node->operators = std::move(operators);
  return node;
}

ExpressionPtr Parser::parseSum() {
  int line = current().line;
  ExpressionPtr left = parseConcat();
  while (current().isSymbol("+") || current().isSymbol("-")) {
    std::string symbol = next().text;
    left = makeOf(ExpressionKind::binary, line, symbol, std::move(left), parseConcat());
  }
  return left;
}

ExpressionPtr Parser::parseConcat() {
  int line = current().line;
  std::vector<ExpressionPtr> operands;
  do
    operands.push_back(parseProduct());
  while (skipSymbol("~"));
  if (operands.size() == 1)
    return std::move(operands[0]);
  return make(ExpressionKind::concat, line, std::move(operands));
}

ExpressionPtr Parser::parseProduct() {
  int line = current().line;
  ExpressionPtr left = parsePower();
  while (current().isSymbol("*") || current().isSymbol("/") || current().isSymbol("//") || current().isSymbol("%")) {
    std::string symbol = next().text;
    left = makeOf(ExpressionKind::binary, line, symbol, std::move(left), parsePower());
  }
  return left;
}

ExpressionPtr Parser::parsePower() {
  int line = current().line;
  ExpressionPtr left = parseUnary(/*withFilter=*/true);
  while (skipSymbol("**")) // from left to right, unlike Python's
    left = makeOf(ExpressionKind::binary, line, "**", std::move(left), parseUnary(/*withFilter=*/true));
  return left;
}

ExpressionPtr Parser::parseUnary(bool withFilter) {
  Level level(*this);
  int line = current().line;
  ExpressionPtr node;
  if (skipSymbol("-"))
    node = makeOf(ExpressionKind::negate, line, "", parseUnary(/*withFilter=*/false));
  else if (skipSymbol("+"))
    node = makeOf(ExpressionKind::plus, line, "", parseUnary(/*withFilter=*/false));
  else
    node = parsePrimary(/*withNamespace=*/false);
  node = parsePostfix(std::move(node));
  return withFilter ? parseFilterChain(std::move(node)) : std::move(node);
}

ExpressionPtr Parser::parsePrimary(bool withNamespace) {
  Token token = next();
  auto constant = [&](Value value) {
    ExpressionPtr node = make(ExpressionKind::constant, token.line);
    node->constant = std::move(value);
    return node;
  };
  if (token.kind == TokenKind::name) {
    const std::string &text = token.text;
    if (text == "true" || text == "True" || text == "false" || text == "False")
      return constant(Value(text[0] == 't' || text[0] == 'T'));
    if (text == "none" || text == "None")
      return constant(Value::none());
    for (Parameters *macro : macros) {
      macro->usesCaller |= text == "caller";
      macro->usesNamed |= text == "kwargs";
      macro->usesPositional |= text == "varargs";
    }
    ExpressionPtr node = make(ExpressionKind::name, token.line, {}, text);
    if (withNamespace && skipSymbol("."))
      node = makeOf(ExpressionKind::attribute, token.line, expectName(), std::move(node));
    return node;
  }
  if (token.kind == TokenKind::string) {
    std::string text = token.text;
    while (current().kind == TokenKind::string)
      text += next().text;
    return constant(Value::text(std::move(text)));
  }
  if (token.kind == TokenKind::integer)
    return constant(Value(token.integer));
  if (token.kind == TokenKind::number)
    return constant(Value(token.number));
  if (token.isSymbol("(")) {
    ExpressionPtr node = parseTuple(false, true, {}, /*parentheses=*/true, false);
    expectSymbol(")");
    return node;
  }
  bool isDict = token.isSymbol("{");
  if (token.isSymbol("[") || isDict) {
    std::string_view closing = isDict ? "}" : "]";
    std::vector<ExpressionPtr> items;
    while (!atEnd() && !current().isSymbol(closing)) {
      items.push_back(parseExpression());
      if (isDict) {
        expectSymbol(":");
        items.push_back(parseExpression());
      }
      if (!current().isSymbol(closing))
        expectSymbol(",");
    }
    expectSymbol(closing);
    return make(isDict ? ExpressionKind::dict : ExpressionKind::list, token.line, std::move(items));
  }
  position -= !atEnd();
  failExpected("an expression");
  return make(ExpressionKind::constant, token.line);
}

ExpressionPtr Parser::parsePostfix(ExpressionPtr node) {
  while (true) {
    if (current().isSymbol(".") || current().isSymbol("["))
      node = parseSubscript(std::move(node));
    else if (current().isSymbol("("))
      node = parseCall(std::move(node));
    else
      return node;
  }
}

ExpressionPtr Parser::parseFilterChain(ExpressionPtr node) {
  while (true) {
    if (current().isSymbol("|"))
      node = parseFilters(std::move(node), /*first=*/false);
    else if (skipName("is"))
      node = parseTest(std::move(node));
    else if (current().isSymbol("("))
      node = parseCall(std::move(node));
    else
      return node;
  }
}

/// A chain of filters; the first "|" is left out where `first` says so.
ExpressionPtr Parser::parseFilters(ExpressionPtr node, bool first) {
  while (first || skipSymbol("|")) {
    first = false;
    int line = current().line;
    node = makeOf(ExpressionKind::filter, line, expectName(), std::move(node));
    if (current().isSymbol("("))
      parseArguments(*node);
    node = grown(std::move(node));
  }
  return node;
}

ExpressionPtr Parser::parseTest(ExpressionPtr node) {
  int line = current().line;
  bool negated = skipName("not");
  node = makeOf(ExpressionKind::test, line, expectName(), std::move(node));
  const Token &token = current();
  bool isArgument =
      token.kind == TokenKind::string || token.kind == TokenKind::integer || token.kind == TokenKind::number ||
      token.isSymbol("[") || token.isSymbol("{") ||
      (token.kind == TokenKind::name && token.text != "else" && token.text != "or" && token.text != "and");
  if (token.isSymbol("("))
    parseArguments(*node);
  else if (token.isName("is"))
    failExpected("no second test; put the first one in parentheses");
  else if (isArgument)
    node->operands.push_back(parsePostfix(parsePrimary(/*withNamespace=*/false)));
  node = grown(std::move(node));
  return negated ? makeOf(ExpressionKind::logicalNot, line, "", std::move(node)) : std::move(node);
}

ExpressionPtr Parser::parseSubscript(ExpressionPtr node) {
  int line = current().line;
  if (skipSymbol(".")) {
    if (current().kind == TokenKind::integer) {
      ExpressionPtr index = make(ExpressionKind::constant, line);
      index->constant = Value(next().integer);
      return makeOf(ExpressionKind::item, line, "", std::move(node), std::move(index));
    }
    return makeOf(ExpressionKind::attribute, line, expectName(), std::move(node));
  }
  expectSymbol("[");
  std::vector<ExpressionPtr> parts(3); // of a slice
  size_t part = 0;
  bool isSlice = false;
  while (!atEnd() && !current().isSymbol("]") && !current().isSymbol(",")) {
    if (skipSymbol(":")) {
      isSlice = true;
      if (++part == 3)
        failExpected("\"]\"");
    } else if (part < 3 && !parts[part]) {
      parts[part] = parseExpression();
    } else {
      failExpected("\"]\"");
    }
  }
  if (current().isSymbol(",") || (!isSlice && !parts[0])) {
    failExpected(parts[0] || isSlice ? "\"]\"" : "an index");
    return node;
  }
  expectSymbol("]");
  if (!isSlice)
    return makeOf(ExpressionKind::item, line, "", std::move(node), std::move(parts[0]));
  return makeOf(ExpressionKind::slice, line, "", std::move(node), std::move(parts[0]), std::move(parts[1]),
                std::move(parts[2]));
}

ExpressionPtr Parser::parseCall(ExpressionPtr node) {
  node = makeOf(ExpressionKind::call, current().line, "", std::move(node));
  parseArguments(*node);
  return grown(std::move(node));
}

void Parser::parseArguments(Expression &node) {
  expectSymbol("(");
  bool first = true;
  while (!atEnd() && !current().isSymbol(")")) {
    if (!std::exchange(first, false)) {
      expectSymbol(",");
      if (current().isSymbol(")"))
        break;
    }
    if (!node.spread && !node.namedSpread && skipSymbol("*"))
      node.spread = parseExpression();
    else if (!node.namedSpread && skipSymbol("**"))
      node.namedSpread = parseExpression();
    else if (current().kind == TokenKind::name && following().isSymbol("=") && !node.namedSpread) {
      std::string argument = next().text;
      next();
      ExpressionPtr value = parseExpression();
      if (std::any_of(node.named.begin(), node.named.end(), [&](const auto &other) { return other.first == argument; }))
        fail(node.line, "found the argument " + quoteForMessage(argument) + " twice");
      node.named.emplace_back(argument, std::move(value));
    } else if (!node.spread && !node.namedSpread && node.named.empty())
      node.operands.push_back(parseExpression());
    else
      failExpected("no positional argument after this one");
  }
  expectSymbol(")");
}
