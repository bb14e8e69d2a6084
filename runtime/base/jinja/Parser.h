//===- Parser.h - Tokens to expressions and statements ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_PARSER_H
#define PLAIT_RUNTIME_BASE_JINJA_PARSER_H

#include "runtime/base/jinja/Ast.h"

#include <initializer_list>
#include <string_view>

namespace plait::jinja {

/// Recursive descent with the grammar of jinja2. After an error the position is
/// the end of the template, so that every loop ends.
class Parser {
public:
  Parser(std::vector<Token> tokens, const std::string &name) : tokens(std::move(tokens)), name(name) {}
  Expected<Block> run();

private:
  using Names = std::initializer_list<std::string_view>;

  const Token &current() const { return tokens[position]; }
  const Token &following() const { return tokens[std::min(position + 1, tokens.size() - 1)]; }
  Token next();
  bool atEnd() const { return current().kind == TokenKind::end; }
  bool skipName(std::string_view text);
  bool skipSymbol(std::string_view text);
  void expectSymbol(std::string_view text);
  void expectKind(TokenKind kind);
  std::string expectName();
  std::string describeCurrent() const;
  void fail(int line, const std::string &message);
  void failExpected(const std::string &what);

  // Statements.
  Block parseBody();
  Block parseUntil(Names ends);
  StatementPtr parseStatement();
  StatementPtr parseSet(StatementPtr statement);
  StatementPtr parseFor(StatementPtr statement);
  StatementPtr parseIf(StatementPtr statement);
  StatementPtr parseWith(StatementPtr statement);
  StatementPtr parseMacro(StatementPtr statement);
  StatementPtr parseCallBlock(StatementPtr statement);
  void parseParameters(Parameters &parameters);
  void parseMacroBody(Statement &statement, std::string_view end);

  // Expressions.
  ExpressionPtr make(ExpressionKind kind, int line, std::vector<ExpressionPtr> operands = {}, std::string name = "");
  template <typename... T> ExpressionPtr makeOf(ExpressionKind kind, int line, std::string name, T... operands) {
    std::vector<ExpressionPtr> list;
    (list.push_back(std::move(operands)), ...);
    return make(kind, line, std::move(list), std::move(name));
  }
  ExpressionPtr grown(ExpressionPtr node);
  ExpressionPtr parseTarget(Names ends, bool withNamespace);
  ExpressionPtr parseExpression(bool withConditional = true);
  ExpressionPtr parseTuple(bool simplified, bool withConditional, Names ends, bool parentheses, bool withNamespace);
  ExpressionPtr parseOr();
  ExpressionPtr parseAnd();
  ExpressionPtr parseNot();
  ExpressionPtr parseCompare();
  ExpressionPtr parseSum();
  ExpressionPtr parseConcat();
  ExpressionPtr parseProduct();
  ExpressionPtr parsePower();
  ExpressionPtr parseUnary(bool withFilter);
  ExpressionPtr parsePrimary(bool withNamespace);
  ExpressionPtr parsePostfix(ExpressionPtr node);
  ExpressionPtr parseFilterChain(ExpressionPtr node);
  ExpressionPtr parseFilters(ExpressionPtr node, bool first);
  ExpressionPtr parseTest(ExpressionPtr node);
  ExpressionPtr parseSubscript(ExpressionPtr node);
  ExpressionPtr parseCall(ExpressionPtr node);
  void parseArguments(Expression &node);
  bool atTupleEnd(Names ends) const;

  /// Bounds the nesting of the parser's own calls.
  struct Level;

  std::vector<Token> tokens;
  const std::string &name;
  size_t position = 0;
  Status status;
  unsigned depth = 0;
  unsigned loops = 0;               ///< for statements around
  std::vector<Parameters *> macros; ///< macros around
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_PARSER_H
