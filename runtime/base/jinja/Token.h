//===- Token.h - The words of a template ------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_TOKEN_H
#define PLAIT_RUNTIME_BASE_JINJA_TOKEN_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plait::jinja {

enum class TokenKind {
  data,
  variableBegin,
  variableEnd,
  blockBegin,
  blockEnd,
  name,
  string,
  integer,
  number,
  symbol, ///< an operator or a bracket
  end,
};

struct Token {
  TokenKind kind;
  int line;
  std::string text; ///< data, name, symbol; of a string its value
  int64_t integer = 0;
  double number = 0;

  bool isName(std::string_view name) const { return kind == TokenKind::name && text == name; }
  bool isSymbol(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
};

/// Cuts a template into tokens; the last one is `end`. Whitespace around tags is
/// treated as transformers sets jinja2 up: trim_blocks and lstrip_blocks are on,
/// one newline at the end of the template is dropped. Errors begin with `name`.
Expected<std::vector<Token>> tokenize(std::string_view source, const std::string &name);

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_TOKEN_H
