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

/// What followed the last tokens before, as a manifest has it.
inline std::string lookupText(int nodes = 5) {
  return replaced(R"({"name": "prompt_lookup", "exact": "identical", "models": ["main"],
    "values": 7, "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      {"op": "lookup", "operands": [1], "results": [2], "size": NODES, "longest": 3, "shortest": 1},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar"},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5], "stop": 6}})",
                  "NODES", std::to_string(nodes));
}
inline std::shared_ptr<const RoundProgram> lookup(int nodes = 5) { return parse(lookupText(nodes)); }

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

/// A tree of what was probable after each token when it was last seen.
inline std::shared_ptr<const RoundProgram> recycling(const std::string &parents = "[-1, 0, 0, 1, 1, 3]") {
  return parse(replaced(R"({"name": "token_recycling", "exact": "identical", "models": ["main"], "values": 10,
    "begin": [{"op": "new_successors", "operands": [], "results": [7]}], "inits": [0, 7], "arguments": [1, 8],
    "round": {"ops": [
      {"op": "recall", "operands": [1, 8], "results": [2], "parents": PARENTS},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar", "top": 3},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "learn", "operands": [8, 2, 3], "results": [9], "count": 3},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5, 9], "stop": 6}})",
                        "PARENTS", parents));
}

/// Trees in what drafts as well: a draft model verifies trees of its own, and so does a fork.
inline std::shared_ptr<const RoundProgram> treesOfDrafts(const std::string &model) {
  std::string fork = model == "main" ? R"({"op": "fork", "operands": [2], "results": [3]},)" : "";
  std::string drop = model == "main" ? R"({"op": "drop", "operands": [10], "results": []},)" : "";
  std::string follow = model == "main" ? "" : R"({"op": "follow", "operands": [10, 19], "results": [20]},)";
  std::string program = R"({"name": "trees", "exact": "identical", "models": [MODELS], "values": 32,
    "begin": [{"op": "new_successors", "operands": [], "results": [22]},
              {"op": "new_successors", "operands": [], "results": [23]}],
    "inits": INITS, "arguments": ARGUMENTS, "round": {"ops": [
      FORK
      {"op": "pending", "operands": [2], "results": [6]},
      {"op": "repeat", "count": 2, "operands": [6, 3, 5], "arguments": [7, 8, 28], "results": [9, 10, 29],
       "body": {"ops": [
        {"op": "recall", "operands": [8, 28], "results": [11], "parents": [-1, 0, 0, 1, 2]},
        {"op": "forward", "operands": [8, 11], "results": [12], "step": "ar", "top": 2},
        {"op": "walk", "operands": [11, 12], "results": [13]},
        {"op": "learn", "operands": [28, 11, 12], "results": [30], "count": 2},
        {"op": "commit", "operands": [8, 13], "results": [14]},
        {"op": "append", "operands": [7, 13], "results": [15], "size": 4}], "yield": [15, 14, 30]}},
      DROP
      {"op": "recall", "operands": [2, 4], "results": [31], "parents": [-1, 0, 0, 1, 2, 2]},
      {"op": "forward", "operands": [2, 31], "results": [16], "step": "ar", "top": 2},
      {"op": "walk", "operands": [31, 16], "results": [17]},
      {"op": "learn", "operands": [4, 31, 16], "results": [18], "count": 2},
      {"op": "commit", "operands": [2, 17], "results": [19]},
      FOLLOW
      {"op": "stop", "operands": [19], "results": [21]}], "yield": YIELD, "stop": 21}})";
  for (auto [name, text] :
       {std::pair<std::string, std::string>{"MODELS", model == "main" ? R"("main")" : R"("main", "MODEL")"},
        {"MODEL", model},
        {"INITS", model == "main" ? "[0, 22, 23]" : "[0, 22, 23, 1]"},
        {"ARGUMENTS", model == "main" ? "[2, 4, 5]" : "[2, 4, 5, 3]"},
        {"YIELD", model == "main" ? "[19, 18, 29]" : "[19, 18, 29, 20]"},
        {"FORK", fork},
        {"DROP", drop},
        {"FOLLOW", follow}})
    program = replaced(program, name, text);
  return parse(program);
}

/// The model drafts for itself, with a fork of its text, by `step`; it reports `top` tokens.
inline std::shared_ptr<const RoundProgram> forks(int count = 4, const std::string &step = "ar") {
  return parse(replaced(replaced(replaced(R"({"name": "swift", "exact": "identical", "models": ["main"], "values": 20,
    "begin": [], "inits": [0], "arguments": [1], "round": {"ops": [
      {"op": "pending", "operands": [1], "results": [2]},
      {"op": "fork", "operands": [1], "results": [3]},
      {"op": "repeat", "count": COUNT, "operands": [2, 3], "arguments": [4, 5], "results": [6, 7], "body": {"ops": [
        {"op": "pending", "operands": [5], "results": [8]},
        {"op": "forward", "operands": [5, 8], "results": [9], "step": "STEP", "top": 2},
        {"op": "walk", "operands": [8, 9], "results": [10]},
        {"op": "commit", "operands": [5, 10], "results": [11]},
        {"op": "append", "operands": [4, 10], "results": [12], "size": NODES}], "yield": [12, 11]}},
      {"op": "drop", "operands": [7], "results": []},
      {"op": "forward", "operands": [1, 6], "results": [13], "step": "ar", "top": 1},
      {"op": "walk", "operands": [6, 13], "results": [14]},
      {"op": "commit", "operands": [1, 14], "results": [15]},
      {"op": "stop", "operands": [15], "results": [16]}], "yield": [15], "stop": 16}})",
                                          "COUNT", std::to_string(count)),
                                 "NODES", std::to_string(count + 1)),
                        "STEP", step));
}

/// Two heads guess what follows the last accepted token's successor.
inline std::shared_ptr<const RoundProgram> heads() {
  return parse(R"({"name": "medusa", "exact": "identical", "models": ["main"], "values": 15,
    "begin": [{"op": "new_candidates", "operands": [], "results": [7]},
              {"op": "new_candidates", "operands": [], "results": [8]}],
    "inits": [0, 7, 8], "arguments": [1, 9, 10], "round": {"ops": [
      {"op": "expand", "operands": [1, 9, 10], "results": [2], "parents": [-1, 0, 1]},
      {"op": "forward", "operands": [1, 2], "results": [3, 11], "step": "ar_hidden"},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "leaf", "operands": [11, 4], "results": [12]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]},
      {"op": "head", "operands": [12], "results": [13], "step": "head_first", "count": 1},
      {"op": "head", "operands": [12], "results": [14], "step": "head_second", "count": 2}],
      "yield": [5, 13, 14], "stop": 6}})");
}

/// Two prompts behind each node of a chain ask for what comes after the next token: with ids of their own, or all
/// with that of a mask. `together` of them see each other.
inline std::shared_ptr<const RoundProgram> prompts(int mask = -1, int together = 1) {
  return parse(replaced(R"({"name": "ppd", "exact": "identical", "models": ["main"], "values": 15,
    "begin": [{"op": "new_candidates", "operands": [], "results": [7]},
              {"op": "new_candidates", "operands": [], "results": [8]}],
    "inits": [0, 7, 8], "arguments": [1, 9, 10], "round": {"ops": [
      {"op": "expand_prompts", "operands": [1, 9, 10], "results": [2], MASK
       "trees": [[-1], [-1, 0], [-1, 0, 1]], "prompts": [[2], [2, 2], [2, 2, 2]]},
      {"op": "forward", "operands": [1, 2], "results": [3], "step": "ar", "top": 1},
      {"op": "walk", "operands": [2, 3], "results": [4]},
      {"op": "prompted", "operands": [2, 3, 4], "results": [11, 12], "counts": [1, 1]},
      {"op": "commit", "operands": [1, 4], "results": [5]},
      {"op": "stop", "operands": [5], "results": [6]}], "yield": [5, 11, 12], "stop": 6}})",
                        "MASK",
                        (mask < 0 ? "" : "\"mask\": " + std::to_string(mask) + ", ") +
                            (together == 1 ? "" : "\"together\": " + std::to_string(together) + ",")));
}

/// Another model drafts, as many tokens as pay; as a manifest has it.
inline std::string specText(const std::string &model = "draft") {
  return replaced(R"({"name": "spec", "exact": "distribution", "models": ["main", "MODEL"], "values": 24,
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
                  "MODEL", model);
}
inline std::shared_ptr<const RoundProgram> spec(const std::string &model = "draft") { return parse(specText(model)); }

} // namespace plait::programs

#endif // PLAIT_TEST_UNIT_RUNTIME_STRATEGYPROGRAMS_H
