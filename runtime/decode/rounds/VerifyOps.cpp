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

using namespace plait;

using Operands = std::span<const RoundValue *const>;
using Results = std::span<RoundValue>;

/// From the root to the first node whose choice was not drafted after it.
static DraftPath walk(const DraftBlock &block, const NodeChoices &choices) {
  DraftPath path{{0}, {choices.nodes[0]}};
  while (path.chosen.back().status == PLAIT_LEAF_OK) {
    int32_t node = path.nodes.back(), next = -1;
    for (int32_t child = node + 1; child < block.size() && next < 0; ++child)
      if (block.parents[size_t(child)] == node && block.tokens[size_t(child)] == path.chosen.back().token)
        next = child;
    // A forward may have computed the first nodes alone.
    if (next < 0 || size_t(next) >= choices.nodes.size())
      break;
    path.nodes.push_back(next);
    path.chosen.push_back(choices.nodes[size_t(next)]);
  }
  return path;
}

static Expected<std::unique_ptr<RoundOp>> readWalk(const JsonView &) {
  return makeRoundOp([](RoundContext &, Operands operands, Results results) {
    results[0] = walk(std::get<DraftBlock>(*operands[0]), std::get<NodeChoices>(*operands[1]));
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
  constexpr size_t block = kindOf<DraftBlock>, choices = kindOf<NodeChoices>, path = kindOf<DraftPath>,
                   list = kindOf<TokenList>, hidden = kindOf<HiddenRows>;
  static const std::vector<RoundOpKind> kinds = {
      {"walk", {block, choices}, false, {path}, readWalk},
      {"walk_guesses", {block, choices}, false, {path, list}, readWalkGuesses},
      {"leaf", {hidden, path}, false, {hidden}, readLeaf},
  };
  return kinds;
}
