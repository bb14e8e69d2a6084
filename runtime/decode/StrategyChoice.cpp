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

Expected<const ManifestStrategy *> plait::chooseStrategy(const Manifest &manifest, const std::string &wanted) {
  std::vector<const ManifestStrategy *> found;
  std::string present;
  for (const ManifestStrategy &strategy : manifest.strategies) {
    if (strategy.call == wanted)
      return &strategy;
    if (Call(wanted).isPartOf(Call(strategy.call)))
      found.push_back(&strategy);
    present += (present.empty() ? "" : ", ") + printable(strategy.call);
  }
  if (found.size() == 1)
    return found.front();
  std::string what = "strategy: found \"" + printable(wanted) + "\"";
  if (present.empty())
    return notFound(what + ", and the model has none; compile it with `plait-compile --decode " + printable(wanted) +
                    "`");
  return notFound(what + (found.empty() ? "" : ", which several are") + "; expected one of " + present +
                  "; the model can be compiled with others (plait-compile --decode)");
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
