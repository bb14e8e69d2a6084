//===- ParseStatements.cpp - The statements of a template -----------------===//
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

//===----------------------------------------------------------------------===//
// Tokens and errors
//===----------------------------------------------------------------------===//

void Parser::fail(int line, const std::string &message) {
  if (status.ok())
    status = invalidArgument(name + ": line " + std::to_string(line) + ": " + message);
  position = tokens.size() - 1;
}

std::string Parser::describeCurrent() const {
  switch (current().kind) {
  case TokenKind::end:
    return "the end of the template";
  case TokenKind::variableEnd:
    return "\"}}\"";
  case TokenKind::blockEnd:
    return "\"%}\"";
  case TokenKind::integer:
  case TokenKind::number:
    return "a number";
  case TokenKind::string:
    return "a string";
  default:
    return quoteForMessage(current().text);
  }
}

void Parser::failExpected(const std::string &what) {
  fail(current().line, "found " + describeCurrent() + "; expected " + what);
}

Token Parser::next() {
  Token token = current();
  if (!atEnd())
    ++position;
  return token;
}

bool Parser::skipName(std::string_view text) {
  bool found = current().isName(text);
  position += found;
  return found;
}

bool Parser::skipSymbol(std::string_view text) {
  bool found = current().isSymbol(text);
  position += found;
  return found;
}

void Parser::expectSymbol(std::string_view text) {
  if (!skipSymbol(text))
    failExpected(quoteForMessage(text));
}

void Parser::expectKind(TokenKind kind) {
  if (current().kind == kind)
    next();
  else
    failExpected(kind == TokenKind::variableEnd ? "\"}}\"" : "\"%}\"");
}

std::string Parser::expectName() {
  if (current().kind == TokenKind::name)
    return next().text;
  failExpected("a name");
  return "";
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

Expected<Block> Parser::run() {
  Block body = parseBody();
  if (status.ok() && !atEnd())
    failExpected("a statement that is open here");
  if (!status.ok())
    return status;
  return body;
}

/// Statements up to the end or to a tag that none begins with; its "{%" is skipped.
Block Parser::parseBody() {
  Level level(*this);
  Block body;
  auto add = [&](StatementKind kind) -> Statement & {
    body.push_back(std::make_unique<Statement>(kind, current().line));
    return *body.back();
  };
  while (!atEnd()) {
    if (current().kind == TokenKind::data) {
      Statement &data = add(StatementKind::data);
      data.text = next().text;
    } else if (current().kind == TokenKind::variableBegin) {
      Statement &print = add(StatementKind::print);
      next();
      print.value = parseTuple(false, true, {}, false, false);
      expectKind(TokenKind::variableEnd);
    } else {
      next(); // "{%"
      const Token &tag = current();
      if (tag.kind == TokenKind::name && (tag.text.starts_with("end") || tag.text == "else" || tag.text == "elif"))
        return body;
      if (StatementPtr statement = parseStatement())
        body.push_back(std::move(statement));
      expectKind(TokenKind::blockEnd);
    }
  }
  return body;
}

/// The body of a statement up to one of `ends`, which is the current token then.
Block Parser::parseUntil(Names ends) {
  skipSymbol(":");
  int line = current().line;
  expectKind(TokenKind::blockEnd);
  Block body = parseBody();
  std::string wanted;
  for (std::string_view end : ends) {
    if (current().isName(end))
      return body;
    wanted += std::string(wanted.empty() ? "" : " or ") + "{% " + std::string(end) + " %}";
  }
  failExpected(wanted + " for the statement of line " + std::to_string(line));
  return body;
}

StatementPtr Parser::parseStatement() {
  Level level(*this);
  auto statement = std::make_unique<Statement>(StatementKind::data, current().line);
  int line = current().line;
  std::string tag = expectName();
  if (tag == "set")
    return parseSet(std::move(statement));
  if (tag == "for")
    return parseFor(std::move(statement));
  if (tag == "if")
    return parseIf(std::move(statement));
  if (tag == "with")
    return parseWith(std::move(statement));
  if (tag == "macro")
    return parseMacro(std::move(statement));
  if (tag == "call")
    return parseCallBlock(std::move(statement));
  if (tag == "print") {
    statement->kind = StatementKind::print;
    statement->value = parseExpression();
    return statement;
  }
  if (tag == "filter" || tag == "generation") {
    statement->kind = tag == "filter" ? StatementKind::filterBlock : StatementKind::generation;
    if (tag == "filter")
      statement->value = parseFilters(make(ExpressionKind::body, line), /*first=*/true);
    std::string end = "end" + tag;
    statement->body = parseUntil({end});
    next();
    return statement;
  }
  if (tag == "break" || tag == "continue") {
    statement->kind = tag == "break" ? StatementKind::leaveLoop : StatementKind::continueLoop;
    if (loops == 0)
      fail(line, "found " + quoteForMessage(tag) + " outside of a for statement");
    return statement;
  }
  fail(line, "found the statement " + quoteForMessage(tag) +
                 "; expected break, call, continue, filter, for, generation, if, macro, print, raw, set or with");
  return nullptr;
}

StatementPtr Parser::parseSet(StatementPtr statement) {
  statement->target = parseTarget({}, /*withNamespace=*/true);
  if (skipSymbol("=")) {
    statement->kind = StatementKind::set;
    statement->value = parseTuple(false, true, {}, false, false);
    return statement;
  }
  statement->kind = StatementKind::setBlock;
  if (current().isSymbol("|"))
    statement->value = parseFilters(make(ExpressionKind::body, statement->line), /*first=*/false);
  statement->body = parseUntil({"endset"});
  next();
  return statement;
}

StatementPtr Parser::parseFor(StatementPtr statement) {
  statement->kind = StatementKind::loop;
  statement->target = parseTarget({"in"}, /*withNamespace=*/false);
  if (!skipName("in"))
    failExpected("\"in\"");
  statement->value = parseTuple(false, /*withConditional=*/false, {"recursive"}, false, false);
  if (skipName("if"))
    statement->condition = parseExpression();
  if (current().isName("recursive"))
    fail(current().line, "found a recursive for statement, which is not supported; use a macro that calls itself");
  ++loops;
  statement->body = parseUntil({"endfor", "else"});
  --loops;
  if (next().text == "else") {
    statement->otherwise = parseUntil({"endfor"});
    next();
  }
  return statement;
}

StatementPtr Parser::parseIf(StatementPtr statement) {
  statement->kind = StatementKind::branch;
  std::string tag;
  do {
    statement->values.push_back(parseTuple(false, /*withConditional=*/false, {}, false, false));
    statement->bodies.push_back(parseUntil({"elif", "else", "endif"}));
    tag = next().text;
  } while (tag == "elif");
  if (tag == "else") {
    statement->otherwise = parseUntil({"endif"});
    next();
  }
  return statement;
}

StatementPtr Parser::parseWith(StatementPtr statement) {
  statement->kind = StatementKind::with;
  while (!atEnd() && current().kind != TokenKind::blockEnd) {
    if (!statement->targets.empty())
      expectSymbol(",");
    statement->targets.push_back(parseTarget({}, /*withNamespace=*/false));
    expectSymbol("=");
    statement->values.push_back(parseExpression());
  }
  statement->body = parseUntil({"endwith"});
  next();
  return statement;
}

void Parser::parseParameters(Parameters &parameters) {
  expectSymbol("(");
  while (!atEnd() && !current().isSymbol(")")) {
    if (!parameters.names.empty())
      expectSymbol(",");
    int line = current().line;
    parameters.names.push_back(expectName());
    if (skipSymbol("="))
      parameters.defaults.push_back(parseExpression());
    else if (!parameters.defaults.empty())
      fail(line, "found the parameter " + quoteForMessage(parameters.names.back()) +
                     " without a default after one that has one");
  }
  expectSymbol(")");
}

void Parser::parseMacroBody(Statement &statement, std::string_view end) {
  unsigned outerLoops = std::exchange(loops, 0);
  macros.push_back(&statement.parameters);
  statement.body = parseUntil({end});
  macros.pop_back();
  loops = outerLoops;
  next();
}

StatementPtr Parser::parseMacro(StatementPtr statement) {
  statement->kind = StatementKind::macro;
  statement->text = expectName();
  parseParameters(statement->parameters);
  parseMacroBody(*statement, "endmacro");
  return statement;
}

StatementPtr Parser::parseCallBlock(StatementPtr statement) {
  statement->kind = StatementKind::callBlock;
  if (current().isSymbol("("))
    parseParameters(statement->parameters);
  statement->value = parseExpression();
  if (status.ok() && statement->value->kind != ExpressionKind::call)
    fail(statement->line, "found no call in this call statement; expected {% call NAME(...) %}");
  parseMacroBody(*statement, "endcall");
  return statement;
}

Expected<Block> jinja::parse(std::vector<Token> tokens, const std::string &name) {
  return Parser(std::move(tokens), name).run();
}
