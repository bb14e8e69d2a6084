//===- StrategyChoice.cpp - The strategies of a compiled model ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/StrategyChoice.h"

#include "runtime/base/File.h"

#include <algorithm>

using namespace plait;

namespace {

/// A call's name and arguments, without blanks; commas in brackets do not separate.
struct Call {
  std::string name;
  std::vector<std::string> arguments;

  explicit Call(const std::string &text) {
    std::string *part = &name;
    int depth = 0;
    for (char c : text) {
      depth += c == '(' || c == '[' ? 1 : c == ')' || c == ']' ? -1 : 0;
      if (c == ' ' || c == '\t')
        continue;
      if ((c == '(' && depth == 1) || (c == ',' && depth == 1))
        part = &arguments.emplace_back();
      else if (c != ')' || depth > 0)
        part->push_back(c);
    }
    std::erase(arguments, "");
  }

  /// Whether `other` says all that this one does.
  bool isPartOf(const Call &other) const {
    return name == other.name && std::all_of(arguments.begin(), arguments.end(), [&](const std::string &argument) {
             return std::find(other.arguments.begin(), other.arguments.end(), argument) != other.arguments.end();
           });
  }
};

} // namespace

std::string plait::strategyName(const std::string &call) { return Call(call).name; }

std::vector<size_t> plait::matchingCalls(const std::vector<std::string> &calls, const std::string &wanted) {
  std::vector<size_t> found;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (calls[i] == wanted)
      return {i};
    if (Call(wanted).isPartOf(Call(calls[i])))
      found.push_back(i);
  }
  return found;
}

/// `isPlainToo`: plain decoding is one of the choices.
static Expected<const ManifestStrategy *> choose(const Manifest &manifest, const std::string &wanted, bool isPlainToo) {
  std::vector<std::string> calls;
  for (const ManifestStrategy &strategy : manifest.strategies)
    calls.push_back(strategy.call);
  std::vector<size_t> found = matchingCalls(calls, wanted);
  if (found.size() == 1)
    return &manifest.strategies[found.front()];
  std::string what = "strategy: found \"" + printable(wanted) + "\"";
  if (calls.empty())
    return notFound(what + ", and the model has none; " + (isPlainToo ? "take ar, plain decoding, or " : "") +
                    "compile it with `plait-compile --decode " + printable(wanted) + "`");
  return notFound(what + (found.empty() ? "" : ", which several are") + "; expected one of " + listOfCalls(calls) +
                  (isPlainToo ? ", or ar, plain decoding" : "") +
                  "; the model can be compiled with others (plait-compile --decode)");
}

std::string plait::listOfCalls(const std::vector<std::string> &calls) {
  std::string list;
  for (const std::string &call : calls)
    list += (list.empty() ? "" : ", ") + printable(call);
  return list;
}

Expected<const ManifestStrategy *> plait::chooseStrategy(const Manifest &manifest, const std::string &wanted) {
  return choose(manifest, wanted, false);
}

Expected<const ManifestStrategy *> plait::chooseStrategyOrPlain(const Manifest &manifest, const std::string &wanted) {
  return isPlainDecoding(wanted) ? Expected<const ManifestStrategy *>(nullptr) : choose(manifest, wanted, true);
}

Expected<std::shared_ptr<const RoundProgram>> plait::readStrategy(const ManifestStrategy &strategy) {
  auto program = RoundProgram::read(JsonView(strategy.program, "strategy " + printable(strategy.call)));
  if (!program)
    return corrupt(program.status().message() + "; compile the model again");
  return program;
}

StrategyNeeds plait::needsOf(const RoundProgram *program) {
  return program ? StrategyNeeds{program->mostNodes, program->mostAhead + 2 * program->mostNodes} : StrategyNeeds();
}
