//===- SequenceOps.cpp - Texts of round programs --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ops mean is said in dialects/Decode/DecodeStrategyOps.td.
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/rounds/RoundOp.h"

#include <algorithm>

using namespace plait;

using Operands = std::span<const RoundValue *const>;
using Results = std::span<RoundValue>;

/// Tokens are chosen one after the other, until one ends the text: those that were accepted
/// first, even if what follows them is not finite.
static void commit(RoundText &text, const DraftPath &path) {
  int64_t root = text.root();
  for (const LeafResult &leaf : path.chosen) {
    if (text.ended)
      break;
    text.chosen.push_back(leaf);
    if (leaf.status == PLAIT_LEAF_OK) {
      text.tokens.push_back(leaf.token);
      --text.budget;
    }
    text.nonfinite = leaf.status == PLAIT_LEAF_NONFINITE;
    text.ended = leaf.status != PLAIT_LEAF_OK || text.budget <= 0;
  }
  // All but the last token have been forwarded, be it with what was dropped. Node n of the
  // block lies n positions behind the root, and a path only leaves nodes out.
  text.published = text.root();
  for (int64_t depth = 1; root + depth < text.published; ++depth)
    if (int64_t node = path.nodes[size_t(depth)]; node != depth)
      text.strays.emplace_back(root + depth, root + node);
}

static Expected<std::unique_ptr<RoundOp>> readCommit(const JsonView &) {
  return makeRoundOp([](RoundContext &context, Operands operands, Results results) {
    commit(context.text(*operands[0]), std::get<DraftPath>(*operands[1]));
    results[0] = *operands[0];
  });
}

static Expected<std::unique_ptr<RoundOp>> readFollow(const JsonView &) {
  return makeRoundOp([](RoundContext &context, Operands operands, Results results) {
    RoundText &text = context.text(*operands[0]);
    const RoundText &other = context.text(*operands[1]);
    size_t limit = size_t(std::min(text.published, other.root()));
    auto end = std::mismatch(text.tokens.begin(), text.tokens.begin() + ptrdiff_t(limit), other.tokens.begin());
    text.published = end.first - text.tokens.begin();
    text.tokens = other.tokens;
    text.ended = other.ended;
    text.nonfinite = other.nonfinite;
    text.budget = other.budget;
    text.chosen.clear();
    results[0] = *operands[0];
  });
}

static Expected<std::unique_ptr<RoundOp>> readFork(const JsonView &) {
  return makeRoundOp([](RoundContext &context, Operands operands, Results results) {
    RoundText fork = context.text(*operands[0]);
    if (fork.base < 0)
      fork.base = std::get<TextHandle>(*operands[0]).number;
    fork.chosen.clear();
    fork.strays.clear();
    auto place =
        std::find_if(context.texts.begin(), context.texts.end(), [](const RoundText &text) { return text.dropped; });
    results[0] = TextHandle{int(place - context.texts.begin())};
    if (place == context.texts.end())
      context.texts.push_back(std::move(fork));
    else
      *place = std::move(fork);
  });
}

static Expected<std::unique_ptr<RoundOp>> readDrop(const JsonView &) {
  return makeRoundOp([](RoundContext &context, Operands operands, Results) {
    RoundText &text = context.text(*operands[0]);
    text.dropped = text.base >= 0;
  });
}

static Expected<std::unique_ptr<RoundOp>> readStop(const JsonView &) {
  return makeRoundOp(
      [](RoundContext &context, Operands operands, Results results) { results[0] = context.text(*operands[0]).ended; });
}

std::span<const RoundOpKind> plait::sequenceRoundOps() {
  constexpr size_t text = kindOf<TextHandle>, path = kindOf<DraftPath>, flag = kindOf<bool>;
  static const std::vector<RoundOpKind> kinds = {
      {"commit", {text, path}, false, {text}, readCommit}, {"follow", {text, text}, false, {text}, readFollow},
      {"fork", {text}, false, {text}, readFork},           {"drop", {text}, false, {}, readDrop},
      {"stop", {text}, false, {flag}, readStop},
  };
  return kinds;
}

const RoundOpKind *plait::findRoundOp(std::string_view name) {
  for (std::span<const RoundOpKind> kinds : {draftRoundOps(), lengthRoundOps(), verifyRoundOps(), sequenceRoundOps()})
    for (const RoundOpKind &kind : kinds)
      if (kind.name == name)
        return &kind;
  return nullptr;
}
