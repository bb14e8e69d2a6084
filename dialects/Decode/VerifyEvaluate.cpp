//===- VerifyEvaluate.cpp - Reference semantics of verify rules -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/StrategyValues.h"

#include <cmath>

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

WarpValues decode::warpsOf(const SequenceValue &x, ArrayAttr warps) {
  WarpValues values;
  for (auto warp : warps.getAsRange<WarpAttr>()) {
    switch (warp.getValue()) {
    case Warp::temperature:
      values.temperature = x.temperature;
      break;
    case Warp::top_k:
      values.topK = x.topK;
      break;
    case Warp::top_p:
      values.topP = x.topP;
      break;
    case Warp::min_p:
      values.minP = x.minP;
      break;
    }
  }
  return values;
}

namespace {

/// A walk from the root, at some node.
class Walk {
public:
  Walk(Values operands)
      : block(valueAs<BlockValue>(operands[0])), logits(valueAs<NodeRowsValue>(operands[1])), path{{0}, {}, {}, {}} {}

  const BlockValue &block;
  const NodeRowsValue &logits;
  PathValue path;

  int64_t node() const { return path.accepted.back(); }
  int64_t successorPosition() const { return block.successorPosition(node()); }
  ArrayRef<double> row() const { return logits.of(node()); }
  std::vector<int64_t> children() const { return block.children(node()); }
  int64_t tokenOf(int64_t child) const { return block.nodes[size_t(child)].token; }
  void accept(int64_t child) {
    path.logprobs.push_back(choiceOf(row(), tokenOf(child)).logprob);
    path.accepted.push_back(child);
    path.tokens.push_back(tokenOf(child));
  }

  /// The child whose token is `token`, or -1.
  int64_t childWith(int64_t token) const {
    for (int64_t child : children())
      if (tokenOf(child) == token)
        return child;
    return -1;
  }

  /// A decision on the successor of the node at work.
  Draws::Key key(RandomPurpose purpose, uint32_t index = 0) const {
    const SequenceValue &x = block.sequence;
    return {x.seed, x.sequence, successorPosition(), purpose, index};
  }
  int64_t pick(ArrayRef<double> weights, const Draws::Key &key) const {
    return block.sequence.draws->pick(weights, key);
  }
};

} // namespace

/// Follows the choices of `choose` as far as they were drafted.
static PathValue follow(Walk walk, llvm::function_ref<Choice(const Walk &)> choose) {
  while (true) {
    Choice choice = choose(walk);
    int64_t child = choice.nonfinite ? -1 : walk.childWith(choice.token);
    if (child < 0) {
      walk.path.next = choice;
      return walk.path;
    }
    walk.accept(child);
  }
}

/// Draws the successor of the node at work; greedily at temperature 0.
static Choice draw(const Walk &at, const WarpValues &warps, RandomPurpose purpose) {
  std::vector<double> weights = warpedWeights(at.row(), warps);
  if (weights.empty())
    return {-1, true, 0};
  if (!(warps.temperature > 0))
    return chooseGreedily(at.row());
  return choiceOf(at.row(), at.pick(weights, at.key(purpose)));
}

LogicalResult VerifyGreedyOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk walk(operands);
  if (failed(verifyRows(*this, walk.block, walk.logits)))
    return failure();
  results.push_back(follow(walk, [](const Walk &at) { return chooseGreedily(at.row()); }));
  return success();
}

LogicalResult VerifySampleOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk walk(operands);
  if (failed(verifyRows(*this, walk.block, walk.logits)))
    return failure();
  WarpValues warps = warpsOf(walk.block.sequence, getWarps());
  bool isDraft = getPurpose() == Purpose::draft;
  RandomPurpose purpose = isDraft ? RandomPurpose::draft : RandomPurpose::sample;
  PathValue path = follow(walk, [&](const Walk &at) { return draw(at, warps, purpose); });
  if (isDraft && !path.next.nonfinite) {
    walk.path = path;
    path.drawnFrom = warpedWeights(walk.row(), warps);
    path.drawnFor = walk.successorPosition();
  }
  results.push_back(std::move(path));
  return success();
}

/// The distribution that a drafted token is from: one that was not drawn was certain.
template <typename Number> static std::vector<Number> draftedFrom(const BlockValue::Node &node, size_t vocabulary) {
  if (!node.drawnFrom.empty())
    return distributionOf<Number>(node.drawnFrom);
  std::vector<Number> certain(vocabulary, Number(0));
  certain[size_t(node.token)] = Number(1);
  return certain;
}

/// What rejection sampling goes by.
struct Rejection {
  WarpValues warps;
  WarpValues bonus;     ///< at the end of a block
  bool isFresh = false; ///< children are tested against the distribution of this round
};

/// Rejection sampling from the root on.
template <typename Number, typename DrawsT> static void reject(Walk &walk, DrawsT &draws, const Rejection &rule) {
  while (true) {
    std::vector<int64_t> children = walk.children();
    const WarpValues &warps = children.empty() ? rule.bonus : rule.warps;
    std::vector<Number> p = distributionOf<Number>(warpedWeights(walk.row(), warps));
    if (p.empty()) {
      walk.path.next = {-1, true, 0};
      return;
    }
    int64_t accepted = -1;
    for (auto [i, child] : llvm::enumerate(children)) {
      std::vector<Number> q = rule.isFresh ? p : draftedFrom<Number>(walk.block.nodes[size_t(child)], p.size());
      size_t token = size_t(walk.tokenOf(child));
      Number chance = acceptanceOf(p[token], q[token]);
      std::vector<Number> rest = residualOf(p, q); // none: p and q are equal, for doubles up to rounding
      if (!(chance < Number(1)) || rest.empty() ||
          (Number(0) < chance && draws.flip(chance, walk.key(RandomPurpose::accept, uint32_t(i))))) {
        accepted = child;
        break;
      }
      p = std::move(rest);
    }
    if (accepted < 0) {
      RandomPurpose purpose = children.empty() ? RandomPurpose::sample : RandomPurpose::residual;
      int64_t next =
          warps.temperature > 0 ? draws.pick(llvm::ArrayRef(p), walk.key(purpose)) : llvm::max_element(p) - p.begin();
      walk.path.next = choiceOf(walk.row(), next);
      return;
    }
    walk.accept(accepted);
  }
}

static void reject(Walk &walk, const Rejection &rule) {
  Draws &draws = *walk.block.sequence.draws;
  if (ExactDraws *exact = draws.exact())
    reject<Fraction>(walk, *exact, rule);
  else
    reject<double>(walk, draws, rule);
}

LogicalResult VerifyRejectOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk walk(operands);
  if (failed(verifyRows(*this, walk.block, walk.logits)))
    return failure();
  WarpValues warps = warpsOf(walk.block.sequence, getWarps());
  WarpValues bonus = getBonus() ? warpsOf(walk.block.sequence, *getBonus()) : warps;
  if (getBonus() && getBonus()->empty())
    bonus.temperature = warps.temperature > 0 ? 1 : 0;
  reject(walk, {warps, bonus});
  results.push_back(std::move(walk.path));
  return success();
}

/// A child that is accepted, or a draw.
static Choice chooseTypically(const Walk &at, const WarpValues &warps, const NodeRowsValue::Typical &rule) {
  std::vector<double> weights = warpedWeights(at.row(), warps);
  std::vector<int64_t> drafted;
  for (int64_t child : at.children())
    drafted.push_back(at.tokenOf(child));
  bool isDrawn = weights.empty() || !(warps.temperature > 0);
  int64_t accepted = isDrawn ? -1 : acceptTypical(weights, drafted, rule.threshold, rule.alpha);
  return accepted < 0 ? draw(at, warps, RandomPurpose::sample) : choiceOf(at.row(), drafted[size_t(accepted)]);
}

LogicalResult VerifyTypicalOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk walk(operands);
  if (failed(verifyRows(*this, walk.block, walk.logits)))
    return failure();
  WarpValues warps = warpsOf(walk.block.sequence, getWarps());
  NodeRowsValue::Typical rule{getThreshold().convertToDouble(), getAlpha().convertToDouble()};
  results.push_back(follow(walk, [&](const Walk &at) { return chooseTypically(at, warps, rule); }));
  return success();
}

static Choice chooseByMomentum(const Walk &at, int64_t top, double alpha, ArrayRef<double> resistance) {
  std::vector<MomentumCandidate> candidates;
  for (auto [token, logprob] : topLogprobs(at.row(), top))
    candidates.push_back({token, std::exp(logprob)});
  std::vector<int64_t> text = at.block.sequence.tokens;
  for (int64_t node : ArrayRef(at.path.accepted).drop_front())
    text.push_back(at.tokenOf(node));
  int64_t chosen = chooseMomentum(candidates, text, alpha, resistance);
  return chosen < 0 ? Choice{-1, true, 0} : choiceOf(at.row(), candidates[size_t(chosen)].token);
}

LogicalResult VerifyMomentumOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk walk(operands);
  if (failed(verifyRows(*this, walk.block, walk.logits)))
    return failure();
  results.push_back(follow(walk, [&](const Walk &at) {
    return chooseByMomentum(at, int64_t(getTop()), getAlpha().convertToDouble(), getResistance());
  }));
  return success();
}

LogicalResult VerifyJacobiOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk walk(operands);
  if (failed(verifyRows(*this, walk.block, walk.logits)))
    return failure();
  WarpValues warps = warpsOf(walk.block.sequence, getWarps());
  reject(walk, {warps, warps, getAgainst() == Context::fresh});
  // The node after the accepted ones speaks of the token after the successor.
  GuessesValue guesses;
  Walk rest = walk;
  while (!walk.path.next.nonfinite && !rest.children().empty()) {
    rest.accept(rest.children().front());
    std::vector<double> weights = warpedWeights(rest.row(), warps);
    if (weights.empty())
      break;
    int64_t token = warps.temperature > 0 ? rest.pick(weights, rest.key(RandomPurpose::draft))
                                          : llvm::max_element(weights) - weights.begin();
    guesses.guesses.push_back({token, -1, std::move(weights)});
  }
  results.push_back(std::move(walk.path));
  results.push_back(std::move(guesses));
  return success();
}

//===----------------------------------------------------------------------===//
// Along what a step has chosen
//===----------------------------------------------------------------------===//

/// What a step chooses after the node at work: with all warps.
static Choice chosenBy(const Walk &at) {
  const SequenceValue &x = at.block.sequence;
  WarpValues warps{x.temperature, x.topK, x.topP, x.minP};
  return at.logits.typical ? chooseTypically(at, warps, *at.logits.typical) : draw(at, warps, RandomPurpose::sample);
}

LogicalResult WalkOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  results.push_back(follow(Walk(operands), chosenBy));
  return success();
}

LogicalResult WalkMomentumOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  int64_t top = int64_t(getChoices().getDefiningOp<RunOp>().getTop());
  results.push_back(follow(Walk(operands), [&](const Walk &at) {
    return chooseByMomentum(at, top, getAlpha().convertToDouble(), getResistance());
  }));
  return success();
}

LogicalResult WalkGuessesOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  Walk rest(operands);
  rest.path = follow(rest, chosenBy);
  results.push_back(rest.path);
  GuessesValue guesses;
  // The node after the accepted ones speaks of the token after the successor.
  while (!rest.path.next.nonfinite && !rest.children().empty()) {
    rest.accept(rest.children().front());
    Choice choice = chosenBy(rest);
    if (choice.nonfinite)
      break;
    guesses.guesses.push_back({choice.token, -1, {}});
  }
  results.push_back(std::move(guesses));
  return success();
}
