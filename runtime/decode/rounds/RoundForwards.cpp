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

/// Goes through the ops once, with what is known of each value: a text's model, how much was
/// staged behind it, and how many nodes a block has at most, also down to each depth.
class Walk {
public:
  explicit Walk(const RoundProgram &program) : program(program), facts(program.kinds.size()) {
    for (size_t text = 0; text < program.models.size(); ++text) {
      facts[text].number =
          std::find(program.models.begin(), program.models.end(), program.models[text]) - program.models.begin();
      facts[text].text = text;
      texts.push_back({text, 0});
    }
    for (const RoundInstruction &op : program.begin)
      visit(op, 1, false);
    visit(program.round, program.inits, 1, false);
  }

  std::vector<RoundForward> takeForwards() { return std::move(forwards); }

  std::map<std::string, int64_t> sumStaged() const {
    std::map<std::string, int64_t> sums;
    for (size_t base = 0; base < program.models.size(); ++base) {
      int64_t most = 0;
      for (const Text &text : texts)
        if (text.base == base)
          most = std::max(most, text.staged);
      sums[program.models[base]] += most;
    }
    return sums;
  }

private:
  struct Fact {
    int64_t number = 1;
    std::vector<int64_t> within;
    size_t text = 0; ///< of a text: which one of `texts`
  };
  struct Text {
    size_t base; ///< itself, or of what it is a fork
    int64_t staged;
  };

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
        fact(op.results[i]) = largest(fact(op.operands[i]), fact(op.body->yield[i]));
    } else if (op.isHead || op.recurs) {
      forwards.push_back({0, op.step, 1, times, perToken, {}, /*isHead=*/true, {}});
    } else if (!op.op) {
      const Fact &block = fact(op.operands[1]);
      forwards.push_back({size_t(fact(op.operands[0]).number), op.step, block.number, times, perToken, block.within,
                          /*isHead=*/false, op.others});
      texts[fact(op.operands[0]).text].staged += block.number * times;
    } else {
      for (int32_t result : op.results)
        if (kind(result) == kindOf<DraftBlock>)
          fact(result) = {std::max<int64_t>(op.op->mostNodes(), 1), withinOf(op)};
        else if (kind(result) == kindOf<TextHandle> && kind(op.operands[0]) == kindOf<TextHandle>) {
          fact(result) = fact(op.operands[0]);
          if (op.operands.size() == 1) { // a text of nothing else is a fork
            Text fork = texts[fact(result).text];
            fact(result).text = texts.size();
            texts.push_back(fork);
          }
        }
    }
  }

  static const Fact &largest(const Fact &a, const Fact &b) { return a.number < b.number ? b : a; }
  /// An op makes blocks of one shape, or leaves of those of another one what it takes them for.
  std::vector<int64_t> withinOf(const RoundInstruction &op) {
    bool shortens = !op.operands.empty() && kind(op.operands[0]) == kindOf<DraftBlock>;
    return shortens ? fact(op.operands[0]).within : op.op->nodesWithin();
  }
  Fact &fact(int32_t value) { return facts[size_t(value)]; }
  size_t kind(int32_t value) const { return program.kinds[size_t(value)]; }

  const RoundProgram &program;
  std::vector<Fact> facts;
  std::vector<Text> texts;
  std::vector<RoundForward> forwards;
};

} // namespace

std::vector<RoundForward> plait::forwardsOf(const RoundProgram &program) { return Walk(program).takeForwards(); }

std::map<std::string, int64_t> plait::stagedTokens(const RoundProgram &program) { return Walk(program).sumStaged(); }
