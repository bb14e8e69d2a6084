//===- ParserLevel.h - How deep the parser may nest -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_PARSERLEVEL_H
#define PLAIT_RUNTIME_BASE_JINJA_PARSERLEVEL_H

#include "runtime/base/jinja/Parser.h"

namespace plait::jinja {

/// Of nested statements and expressions; real templates stay under 20.
constexpr unsigned kMaxNesting = 200;

struct Parser::Level {
  explicit Level(Parser &parser) : parser(parser) {
    if (++parser.depth > kMaxNesting)
      parser.fail(parser.current().line,
                  "found statements or expressions nested deeper than " + std::to_string(kMaxNesting));
  }
  ~Level() { --parser.depth; }
  Parser &parser;
};

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_PARSERLEVEL_H
