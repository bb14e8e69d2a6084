//===- StrategyPrograms.h - Round programs for tests ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_STRATEGYPROGRAMS_H
#define PLAIT_TEST_UNIT_RUNTIME_STRATEGYPROGRAMS_H

#include "runtime/decode/rounds/RoundProgram.h"

#include <memory>
#include <stdexcept>
#include <string>

namespace plait::programs {

inline std::shared_ptr<const RoundProgram> parse(const std::string &text) {
  auto json = parseJson(text, "program");
  auto program = json ? RoundProgram::read(JsonView(*json, "program")) : json.status();
  if (!program)
    throw std::runtime_error(program.status().message());
  return *program;
}

inline std::string replaced(std::string text, const std::string &from, const std::string &to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// What followed the last tokens before.
inline std::shared_ptr<const RoundProgram> lookup(int nodes = 5) {
  return parse(replaced(R"({"name": "prompt_lookup", "exact": "identical", "models": ["main"],
    "values": 7, "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      {"op": "lookup", "operands": [1], "results": [2], "size": NODES, "longest": 3, "shortest": 1},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar"},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5], "stop": 6}})",
                        "NODES", std::to_string(nodes)));
}

/// What was chosen after guesses that were not accepted.
inline std::shared_ptr<const RoundProgram> jacobi(int nodes = 4) {
  return parse(replaced(R"({"name": "jacobi", "exact": "identical", "models": ["main"], "values": 10,
    "begin": [{"op": "new_guesses", "operands": [], "results": [7]}], "inits": [0, 7], "arguments": [1, 8],
    "round": {"ops": [
      {"op": "carry", "operands": [1, 8], "results": [2], "size": NODES},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar"},
      {"op": "walk_guesses", "operands": [2, 3], "results": [4, 9]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5, 9], "stop": 6}})",
                        "NODES", std::to_string(nodes)));
}

/// The model drafts for itself, with a fork of its text; it reports `top` tokens.
inline std::shared_ptr<const RoundProgram> forks(int count = 4) {
  return parse(replaced(replaced(R"({"name": "swift", "exact": "identical", "models": ["main"], "values": 20,
    "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      {"op": "pending", "operands": [1], "results": [2]},
      {"op": "fork", "operands": [1], "results": [3]},
      {"op": "repeat", "count": COUNT, "operands": [2, 3], "arguments": [4, 5], "results": [6, 7], "body": {"ops": [
        {"op": "pending", "operands": [5], "results": [8]},
        {"op": "forward", "operands": [5, 8], "results": [9], "step": "ar", "top": 2},
        {"op": "walk", "operands": [8, 9], "results": [10]},
        {"op": "commit", "operands": [5, 10], "results": [11]},
        {"op": "append", "operands": [4, 10], "results": [12], "size": NODES}], "yield": [12, 11]}},
      {"op": "drop", "operands": [7], "results": []},
      {"op": "forward", "operands": [1, 6], "results": [13], "step": "ar", "top": 1},
      {"op": "walk", "operands": [6, 13], "results": [14]},
      {"op": "commit", "operands": [1, 14], "results": [15]},
      {"op": "stop", "operands": [15], "results": [16]}], "yield": [15], "stop": 16}})",
                                 "COUNT", std::to_string(count)),
                        "NODES", std::to_string(count + 1)));
}

/// Another model drafts, as many tokens as pay.
inline std::shared_ptr<const RoundProgram> spec(const std::string &model = "draft") {
  return parse(replaced(R"({"name": "spec", "exact": "distribution", "models": ["main", "MODEL"], "values": 24,
    "begin": [{"op": "new_acceptance", "operands": [], "results": [22]}],
    "inits": [0, 1, 22], "arguments": [2, 3, 4], "round": {"ops": [
      {"op": "choose_length", "operands": [4], "results": [5], "lengths": [0, 1, 3, 5], "costs": [1, 1.1, 1.2, 1.4]},
      {"op": "pending", "operands": [2], "results": [6]},
      {"op": "repeat", "count": 5, "times": 5, "operands": [6, 3], "arguments": [7, 8], "results": [9, 10],
       "body": {"ops": [
        {"op": "pending", "operands": [8], "results": [11]},
        {"op": "forward", "operands": [8, 11], "results": [12], "step": "ar"},
        {"op": "walk", "operands": [11, 12], "results": [13]},
        {"op": "commit", "operands": [8, 13], "results": [14]},
        {"op": "append", "operands": [7, 13], "results": [15], "size": 6}], "yield": [15, 14]}},
      {"op": "forward", "operands": [2, 9], "results": [16], "step": "ar"},
      {"op": "walk", "operands": [9, 16], "results": [17]},
      {"op": "observe", "operands": [4, 9, 17], "results": [18]},
      {"op": "commit", "operands": [2, 17], "results": [19]},
      {"op": "follow", "operands": [10, 19], "results": [20]},
      {"op": "stop", "operands": [19], "results": [21]}], "yield": [19, 20, 18], "stop": 21}})",
                        "MODEL", model));
}

} // namespace plait::programs

#endif // PLAIT_TEST_UNIT_RUNTIME_STRATEGYPROGRAMS_H
