//===- RoundForwards.cpp - The forwards of a round ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/RoundForwards.h"

#include <algorithm>

using namespace plait;

namespace {

/// Goes through the ops once, with what is known of each value: a text's model, and how many
/// nodes a block has at most.
class Walk {
public:
  explicit Walk(const RoundProgram &program) : program(program), facts(program.kinds.size(), 1) {
    for (size_t text = 0; text < program.models.size(); ++text)
      facts[text] =
          std::find(program.models.begin(), program.models.end(), program.models[text]) - program.models.begin();
  }

  std::vector<RoundForward> run() {
    for (const RoundInstruction &op : program.begin)
      visit(op, 1, false);
    visit(program.round, program.inits, 1, false);
    return std::move(forwards);
  }

private:
  void visit(const RoundBody &body, const std::vector<int32_t> &inits, int64_t times, bool perToken) {
    for (size_t i = 0; i < inits.size(); ++i)
      fact(body.arguments[i]) = fact(inits[i]);
    for (const RoundInstruction &op : body.ops)
      visit(op, times, perToken);
  }

  void visit(const RoundInstruction &op, int64_t times, bool perToken) {
    if (op.body) {
      visit(*op.body, op.operands, times * op.count, perToken || op.times >= 0);
      for (size_t i = 0; i < op.results.size(); ++i)
        fact(op.results[i]) = std::max(fact(op.operands[i]), fact(op.body->yield[i]));
    } else if (op.isHead || op.recurs) {
      // No forward: it begins where one has ended.
    } else if (!op.op) {
      forwards.push_back({size_t(fact(op.operands[0])), op.step, fact(op.operands[1]), times, perToken});
    } else {
      for (int32_t result : op.results)
        if (kind(result) == kindOf<DraftBlock>)
          fact(result) = std::max<int64_t>(op.op->mostNodes(), 1);
        else if (kind(result) == kindOf<TextHandle> && kind(op.operands[0]) == kindOf<TextHandle>)
          fact(result) = fact(op.operands[0]);
    }
  }

  int64_t &fact(int32_t value) { return facts[size_t(value)]; }
  size_t kind(int32_t value) const { return program.kinds[size_t(value)]; }

  const RoundProgram &program;
  std::vector<int64_t> facts;
  std::vector<RoundForward> forwards;
};

} // namespace

std::vector<RoundForward> plait::forwardsOf(const RoundProgram &program) { return Walk(program).run(); }
