//===- DraftOps.cpp - Draft sources of round programs ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the ops mean is said in dialects/Decode/DecodeDraftOps.td.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Philox.h"
#include "runtime/decode/rounds/RoundOp.h"

#include <algorithm>
#include <limits>

using namespace plait;

using Operands = std::span<const RoundValue *const>;
using Results = std::span<RoundValue>;

static constexpr int64_t kMostNodes = 1024;

static DraftBlock rootOf(const RoundContext &context, const RoundText &text) {
  return {{text.tokens.back()}, {-1}, context.deepest(text)};
}

/// Whether a chain may have one more node, of `size` at most.
static bool hasRoom(const DraftBlock &block, int64_t size) { return block.size() < std::min(size, block.deepest + 1); }

//===----------------------------------------------------------------------===//
// Chains
//===----------------------------------------------------------------------===//

static Expected<std::unique_ptr<RoundOp>> readPending(const JsonView &) {
  return makeRoundOp([](RoundContext &context, Operands operands,
                        Results results) { results[0] = rootOf(context, context.text(*operands[0])); },
                     1);
}

static Expected<std::unique_ptr<RoundOp>> readAppend(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(int64_t size, op.getInt("size", 1, kMostNodes));
  return makeRoundOp(
      [size](RoundContext &, Operands operands, Results results) {
        DraftBlock block = std::get<DraftBlock>(*operands[0]);
        const LeafResult &next = std::get<DraftPath>(*operands[1]).chosen.back();
        // After a stop id there is nothing to verify.
        if (next.status == PLAIT_LEAF_OK && hasRoom(block, size))
          block.add(next.token, block.size() - 1);
        results[0] = std::move(block);
      },
      size);
}

/// Where the last `size` tokens of `text` stand before: the index after them, or 0.
static size_t findBefore(std::span<const int32_t> text, size_t size) {
  auto tail = text.last(size);
  for (size_t end = text.size() - 1; end >= size; --end)
    if (std::equal(tail.begin(), tail.end(), text.begin() + ptrdiff_t(end - size)))
      return end;
  return 0;
}

static Expected<std::unique_ptr<RoundOp>> readLookup(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(int64_t size, op.getInt("size", 1, kMostNodes));
  PLAIT_ASSIGN_OR_RETURN(int64_t longest, op.getInt("longest", 1, kMostNodes));
  PLAIT_ASSIGN_OR_RETURN(int64_t shortest, op.getInt("shortest", 1, longest));
  return makeRoundOp(
      [=](RoundContext &context, Operands operands, Results results) {
        const RoundText &text = context.text(*operands[0]);
        DraftBlock block = rootOf(context, text);
        for (int64_t length = std::min<int64_t>(longest, int64_t(text.tokens.size())); length >= shortest; --length)
          if (size_t at = findBefore(text.tokens, size_t(length))) {
            for (; at < text.tokens.size() && hasRoom(block, size); ++at)
              block.add(text.tokens[at], block.size() - 1);
            break;
          }
        results[0] = std::move(block);
      },
      size);
}

/// A token for `position` of which nothing is known.
static int32_t anyToken(const RoundContext &context, int64_t position) {
  float draw = uniformDraw(context.seed, context.sequence, uint32_t(position), RandomPurpose::draft);
  return int32_t(std::min(int64_t(double(draw) * double(context.vocabulary)), context.vocabulary - 1));
}

static Expected<std::unique_ptr<RoundOp>> readCarry(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(int64_t size, op.getInt("size", 1, kMostNodes));
  return makeRoundOp(
      [size](RoundContext &context, Operands operands, Results results) {
        const RoundText &text = context.text(*operands[0]);
        const std::vector<int32_t> &guesses = std::get<TokenList>(*operands[1]).tokens;
        DraftBlock block = rootOf(context, text);
        for (int32_t node = 1; hasRoom(block, size); ++node)
          block.add(size_t(node) <= guesses.size() ? guesses[size_t(node) - 1] : anyToken(context, text.root() + node),
                    node - 1);
        results[0] = std::move(block);
      },
      size);
}

//===----------------------------------------------------------------------===//
// Trees
//===----------------------------------------------------------------------===//

static Expected<std::vector<int32_t>> readParents(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("parents"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  if (entries.empty() || int64_t(entries.size()) > kMostNodes)
    return list.error("1 to " + std::to_string(kMostNodes) + " parents");
  std::vector<int32_t> parents;
  for (size_t node = 0; node < entries.size(); ++node) {
    int64_t least = node ? 0 : -1;
    PLAIT_ASSIGN_OR_RETURN(int64_t parent, entries[node].asInt(least, int64_t(node) - 1));
    parents.push_back(int32_t(parent));
  }
  return parents;
}

/// The nodes of a static tree as far as `tokenOf(token of the parent, depth, place among
/// the siblings)` has a token, which is not negative, for them.
template <typename TokenOf>
static DraftBlock grow(const RoundContext &context, const RoundText &text, const std::vector<int32_t> &parents,
                       TokenOf tokenOf) {
  DraftBlock block = rootOf(context, text);
  std::vector<int32_t> numbers = {0}, places(parents.size(), 0);
  for (size_t node = 1; node < parents.size(); ++node) {
    int32_t place = places[size_t(parents[node])]++, parent = numbers[size_t(parents[node])];
    numbers.push_back(-1);
    if (parent < 0)
      continue;
    int32_t depth = block.depth(parent) + 1, token = tokenOf(block.tokens[size_t(parent)], depth, place);
    if (token < 0 || depth > block.deepest)
      continue;
    numbers.back() = block.size();
    block.add(token, parent);
  }
  return block;
}

/// Whether a node has several children.
static bool branches(const std::vector<int32_t> &parents) {
  std::vector<int32_t> sorted = parents;
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

static int32_t at(const std::vector<int32_t> &tokens, int32_t place) {
  return size_t(place) < tokens.size() ? tokens[size_t(place)] : -1;
}

static Expected<std::unique_ptr<RoundOp>> readExpand(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> parents, readParents(op));
  return makeRoundOp(
      [parents](RoundContext &context, Operands operands, Results results) {
        results[0] = grow(context, context.text(*operands[0]), parents, [&](int32_t, int32_t depth, int32_t place) {
          return size_t(depth) < operands.size() ? at(std::get<TokenList>(*operands[size_t(depth)]).tokens, place) : -1;
        });
      },
      int64_t(parents.size()), branches(parents));
}

static Expected<std::unique_ptr<RoundOp>> readRecall(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> parents, readParents(op));
  return makeRoundOp(
      [parents](RoundContext &context, Operands operands, Results results) {
        const auto &entries = std::get<std::shared_ptr<SuccessorTable>>(*operands[1])->entries;
        results[0] = grow(context, context.text(*operands[0]), parents, [&](int32_t token, int32_t, int32_t place) {
          auto it = entries.find(token);
          return it == entries.end() ? -1 : at(it->second, place);
        });
      },
      int64_t(parents.size()), branches(parents));
}

//===----------------------------------------------------------------------===//
// What a draft is made of
//===----------------------------------------------------------------------===//

static std::vector<int32_t> topTokens(const LeafResult &leaf, int64_t count) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < leaf.top.size() && int64_t(i) < count; ++i)
    tokens.push_back(leaf.top[i].token);
  return tokens;
}

static Expected<std::unique_ptr<RoundOp>> readLearn(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(int64_t count, op.getInt("count", 1, kMostNodes));
  return makeRoundOp([count](RoundContext &, Operands operands, Results results) {
    // A sequence has its table alone, so it may change in place.
    auto table = std::get<std::shared_ptr<SuccessorTable>>(*operands[0]);
    const auto &block = std::get<DraftBlock>(*operands[1]);
    const auto &choices = std::get<NodeChoices>(*operands[2]);
    for (size_t node = 0; node < std::min(choices.nodes.size(), block.tokens.size()); ++node)
      table->entries[block.tokens[node]] = topTokens(choices.nodes[node], count);
    results[0] = std::move(table);
  });
}

template <typename T> static Expected<std::unique_ptr<RoundOp>> readNew(const JsonView &) {
  return makeRoundOp([](RoundContext &, Operands, Results results) { results[0] = T(); });
}

static Expected<std::unique_ptr<RoundOp>> readNewSuccessors(const JsonView &) {
  return makeRoundOp(
      [](RoundContext &, Operands, Results results) { results[0] = std::make_shared<SuccessorTable>(); });
}

std::span<const RoundOpKind> plait::draftRoundOps() {
  constexpr size_t text = kindOf<TextHandle>, block = kindOf<DraftBlock>, path = kindOf<DraftPath>,
                   list = kindOf<TokenList>, table = kindOf<std::shared_ptr<SuccessorTable>>,
                   choices = kindOf<NodeChoices>;
  static const std::vector<RoundOpKind> kinds = {
      {"pending", {text}, false, {block}, readPending},
      {"append", {block, path}, false, {block}, readAppend},
      {"lookup", {text}, false, {block}, readLookup},
      {"carry", {text, list}, false, {block}, readCarry},
      {"expand", {text, list}, true, {block}, readExpand},
      {"recall", {text, table}, false, {block}, readRecall},
      {"learn", {table, block, choices}, false, {table}, readLearn},
      {"new_guesses", {}, false, {list}, readNew<TokenList>},
      {"new_candidates", {}, false, {list}, readNew<TokenList>},
      {"new_successors", {}, false, {table}, readNewSuccessors},
  };
  return kinds;
}
