//===- VerifyOps.cpp - Verify rules of round programs ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ops mean is said in dialects/Decode/DecodeVerifyOps.td. What is chosen at a node
// was chosen by the step.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/RoundOp.h"

#include <algorithm>
#include <cmath>

using namespace plait;

using Operands = std::span<const RoundValue *const>;
using Results = std::span<RoundValue>;

/// From the root to the first node whose choice was not drafted after it. `choose` gives that
/// of the last node of a path.
template <typename Choose> static DraftPath walk(const DraftBlock &block, size_t forwarded, Choose choose) {
  DraftPath path{{0}, {}};
  path.chosen.push_back(choose(path));
  while (path.chosen.back().status == PLAIT_LEAF_OK) {
    int32_t node = path.nodes.back(), next = -1;
    for (int32_t child = node + 1; child < block.numTokens() && next < 0; ++child)
      if (block.parents[size_t(child)] == node && block.tokens[size_t(child)] == path.chosen.back().token)
        next = child;
    // A forward may have computed the first nodes alone.
    if (next < 0 || size_t(next) >= forwarded)
      break;
    path.nodes.push_back(next);
    path.chosen.push_back(choose(path));
  }
  return path;
}

/// Along what the step has chosen.
static DraftPath walk(const DraftBlock &block, const NodeChoices &choices) {
  return walk(block, choices.nodes.size(),
              [&](const DraftPath &path) { return choices.nodes[size_t(path.nodes.back())]; });
}

static Expected<std::unique_ptr<RoundOp>> readWalk(const JsonView &) {
  return makeRoundOp([](RoundContext &, Operands operands, Results results) {
    results[0] = walk(std::get<DraftBlock>(*operands[0]), std::get<NodeChoices>(*operands[1]));
  });
}

/// How many of the last tokens of `text` and `token` stand earlier in the text; `most` at most.
static size_t countRepeated(std::span<const int32_t> text, int32_t token, size_t most) {
  size_t longest = 0;
  for (size_t place = 0; place < text.size() && longest < most; ++place) {
    if (text[place] != token)
      continue;
    size_t count = 1, limit = std::min(most, place + 1);
    while (count < limit && text[place - count] == text[text.size() - count])
      ++count;
    longest = std::max(longest, count);
  }
  return longest;
}

/// The successor of the last node by decode.verify_momentum, of the tokens that the step
/// reports there.
static LeafResult chooseByMomentum(LeafResult leaf, std::span<const int32_t> text, double alpha,
                                   const std::vector<double> &resistance, const std::vector<int32_t> &stops) {
  if (leaf.status == PLAIT_LEAF_NONFINITE || leaf.top.empty())
    return {-1, PLAIT_LEAF_NONFINITE};
  const TokenLogprob *best = nullptr;
  double most = 0;
  for (const TokenLogprob &candidate : leaf.top) {
    size_t repeated = countRepeated(text, candidate.token, resistance.size());
    double score = std::exp(double(candidate.logprob)) - (repeated ? alpha * resistance[repeated - 1] : 0);
    if (best && score <= most)
      continue;
    best = &candidate;
    most = score;
  }
  leaf.token = best->token;
  leaf.logprob = best->logprob;
  bool stopped = std::find(stops.begin(), stops.end(), leaf.token) != stops.end();
  leaf.status = stopped ? PLAIT_LEAF_STOPPED : PLAIT_LEAF_OK;
  return leaf;
}

static Expected<std::unique_ptr<RoundOp>> readWalkMomentum(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(JsonView weight, op.get("alpha"));
  PLAIT_ASSIGN_OR_RETURN(double alpha, weight.asDouble());
  PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("resistance"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  std::vector<double> resistance;
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(double value, entry.asDouble());
    if (!(value >= 0) || !std::isfinite(value))
      return entry.error("a finite resistance that is not negative");
    resistance.push_back(value);
  }
  if (resistance.empty())
    return list.error("at least one resistance");
  if (!(alpha >= 0) || !std::isfinite(alpha))
    return weight.error("a finite weight that is not negative");
  return makeRoundOp([=](RoundContext &context, Operands operands, Results results) {
    const auto &block = std::get<DraftBlock>(*operands[0]);
    const auto &choices = std::get<NodeChoices>(*operands[1]);
    std::vector<int32_t> text = context.text(*operands[2]).tokens;
    results[0] = walk(block, choices.nodes.size(), [&](const DraftPath &path) {
      if (path.nodes.size() > 1)
        text.push_back(block.tokens[size_t(path.nodes.back())]);
      return chooseByMomentum(choices.nodes[size_t(path.nodes.back())], text, alpha, resistance, context.stops);
    });
  });
}

/// Guesses for the positions after the next pending token: what was chosen after nodes that
/// were not accepted.
static Expected<std::unique_ptr<RoundOp>> readWalkGuesses(const JsonView &) {
  return makeRoundOp([](RoundContext &, Operands operands, Results results) {
    const auto &choices = std::get<NodeChoices>(*operands[1]);
    DraftPath path = walk(std::get<DraftBlock>(*operands[0]), choices);
    TokenList guesses;
    for (size_t node = path.nodes.size(); node < choices.nodes.size() && choices.nodes[node].token >= 0; ++node)
      guesses.tokens.push_back(choices.nodes[node].token);
    results[0] = std::move(path);
    results[1] = std::move(guesses);
  });
}

/// The hidden state of the last accepted node.
static Expected<std::unique_ptr<RoundOp>> readLeaf(const JsonView &) {
  return makeRoundOp([](RoundContext &, Operands operands, Results results) {
    const auto &rows = std::get<HiddenRows>(*operands[0]).rows;
    size_t node = size_t(std::get<DraftPath>(*operands[1]).nodes.back());
    results[0] = HiddenRows{{node < rows.size() ? rows[node] : nullptr}};
  });
}

std::span<const RoundOpKind> plait::verifyRoundOps() {
  constexpr size_t text = kindOf<TextHandle>, block = kindOf<DraftBlock>, choices = kindOf<NodeChoices>,
                   path = kindOf<DraftPath>, list = kindOf<TokenList>, hidden = kindOf<HiddenRows>;
  static const std::vector<RoundOpKind> kinds = {
      {"walk", {block, choices}, false, {path}, readWalk},
      {"walk_momentum", {block, choices, text}, false, {path}, readWalkMomentum},
      {"walk_guesses", {block, choices}, false, {path, list}, readWalkGuesses},
      {"leaf", {hidden, path}, false, {hidden}, readLeaf},
  };
  return kinds;
}
