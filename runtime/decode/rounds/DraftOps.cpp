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
#include <numeric>

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

static Expected<std::vector<int32_t>> readParents(const JsonView &list) {
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

static Expected<std::vector<int32_t>> readOwnParents(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("parents"));
  return readParents(list);
}

/// The nodes of a static tree as far as `tokenOf(token of the parent, depth, place among
/// the siblings)` has a token, which is not negative, for them. `numbers` become those of the
/// tree's nodes in the block, or -1.
template <typename TokenOf>
static DraftBlock grow(const RoundContext &context, const RoundText &text, const std::vector<int32_t> &parents,
                       std::vector<int32_t> &numbers, TokenOf tokenOf) {
  DraftBlock block = rootOf(context, text);
  numbers = {0};
  std::vector<int32_t> places(parents.size(), 0);
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

template <typename TokenOf>
static DraftBlock grow(const RoundContext &context, const RoundText &text, const std::vector<int32_t> &parents,
                       TokenOf tokenOf) {
  std::vector<int32_t> numbers;
  return grow(context, text, parents, numbers, tokenOf);
}

/// Whether a node has several children.
static bool branches(const std::vector<int32_t> &parents) {
  std::vector<int32_t> sorted = parents;
  std::sort(sorted.begin(), sorted.end());
  return std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end();
}

/// How many nodes there are down to each depth.
static std::vector<int64_t> nodesWithin(const std::vector<int32_t> &parents) {
  std::vector<int64_t> depths(parents.size(), 0), counts = {1};
  for (size_t node = 1; node < parents.size(); ++node) {
    depths[node] = depths[size_t(parents[node])] + 1;
    counts.resize(std::max(counts.size(), size_t(depths[node]) + 1));
    ++counts[size_t(depths[node])];
  }
  std::partial_sum(counts.begin(), counts.end(), counts.begin());
  return counts;
}

static int32_t at(const std::vector<int32_t> &tokens, int32_t place) {
  return size_t(place) < tokens.size() ? tokens[size_t(place)] : -1;
}

/// Candidate `place` of those for `depth`, which are operands from 1 on.
static int32_t candidateAt(Operands operands, int32_t depth, int32_t place) {
  return size_t(depth) < operands.size() ? at(std::get<TokenList>(*operands[size_t(depth)]).tokens, place) : -1;
}

static Expected<std::unique_ptr<RoundOp>> readExpand(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> parents, readOwnParents(op));
  return makeRoundOp(
      [parents](RoundContext &context, Operands operands, Results results) {
        results[0] = grow(context, context.text(*operands[0]), parents,
                          [&](int32_t, int32_t depth, int32_t place) { return candidateAt(operands, depth, place); });
      },
      int64_t(parents.size()), branches(parents), nodesWithin(parents));
}

namespace {
/// A tree, and how many prompts come behind each of its nodes.
struct PromptedTree {
  std::vector<int32_t> parents;
  std::vector<int64_t> prompts;
};
} // namespace

static Expected<std::vector<PromptedTree>> readPromptedTrees(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(JsonView trees, op.get("trees"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> parents, trees.asArray());
  PLAIT_ASSIGN_OR_RETURN(JsonView prompts, op.get("prompts"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> counts, prompts.asArray());
  if (parents.empty() || parents.size() != counts.size())
    return prompts.error("a list for each of the trees, of which there is one at least");
  std::vector<PromptedTree> read(parents.size());
  for (size_t i = 0; i < parents.size(); ++i) {
    PLAIT_ASSIGN_OR_RETURN(read[i].parents, readParents(parents[i]));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, counts[i].asArray());
    if (entries.size() != read[i].parents.size())
      return counts[i].error("a number of prompts for each node of the tree");
    int64_t nodes = int64_t(entries.size());
    for (const JsonView &entry : entries) {
      PLAIT_ASSIGN_OR_RETURN(int64_t count, entry.asInt(0, kMostNodes));
      read[i].prompts.push_back(count);
      nodes += count;
    }
    if (nodes > kMostNodes)
      return counts[i].error("at most " + std::to_string(kMostNodes) + " nodes and prompts");
  }
  return read;
}

static Expected<std::unique_ptr<RoundOp>> readExpandPrompts(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<PromptedTree> trees, readPromptedTrees(op));
  PLAIT_ASSIGN_OR_RETURN(int64_t mask, op.getInt("mask", 0, INT32_MAX, -1));
  PLAIT_ASSIGN_OR_RETURN(int64_t together, op.getInt("together", 1, kMostNodes, 1));
  int64_t most = 1;
  for (const PromptedTree &tree : trees)
    most = std::max(most, std::accumulate(tree.prompts.begin(), tree.prompts.end(), int64_t(tree.parents.size())));
  return makeRoundOp(
      [trees, mask, together](RoundContext &context, Operands operands, Results results) {
        const auto *length = std::get_if<int64_t>(operands.back());
        if (length)
          operands = operands.first(operands.size() - 1);
        bool asks = !length || *length > 0;
        size_t known = 0;
        while (known + 1 < operands.size() && !std::get<TokenList>(*operands[known + 1]).tokens.empty())
          ++known;
        const PromptedTree &tree = trees[std::min(known, trees.size() - 1)];
        std::vector<int32_t> numbers;
        DraftBlock block =
            grow(context, context.text(*operands[0]), tree.parents, numbers,
                 [&](int32_t, int32_t depth, int32_t place) { return candidateAt(operands, depth, place); });
        block.together = int32_t(together);
        for (size_t node = 0; node < numbers.size(); ++node) {
          int32_t parent = numbers[node];
          int64_t prompts = asks ? tree.prompts[node] : 0;
          for (int64_t i = 0; i < prompts && parent >= 0 && block.depth(parent) < block.deepest; ++i) {
            block.add(int32_t(mask >= 0 ? mask : context.vocabulary + i), parent);
            parent = block.size() - 1;
            ++block.prompts;
          }
        }
        results[0] = std::move(block);
      },
      most, true, {1, most});
}

static Expected<std::unique_ptr<RoundOp>> readRecall(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> parents, readOwnParents(op));
  return makeRoundOp(
      [parents](RoundContext &context, Operands operands, Results results) {
        const auto &entries = std::get<std::shared_ptr<SuccessorTable>>(*operands[1])->entries;
        results[0] = grow(context, context.text(*operands[0]), parents, [&](int32_t token, int32_t, int32_t place) {
          auto it = entries.find(token);
          return it == entries.end() ? -1 : at(it->second, place);
        });
      },
      int64_t(parents.size()), branches(parents), nodesWithin(parents));
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

/// Candidates after each prompt of the last accepted node; none where there is no prompt, or no
/// forward of it.
static Expected<std::unique_ptr<RoundOp>> readPrompted(const JsonView &op) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, op.get("counts"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  std::vector<int64_t> counts;
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(int64_t count, entry.asInt(1, kMostNodes));
    counts.push_back(count);
  }
  return makeRoundOp([counts](RoundContext &, Operands operands, Results results) {
    const auto &block = std::get<DraftBlock>(*operands[0]);
    const auto &choices = std::get<NodeChoices>(*operands[1]);
    int32_t at = std::get<DraftPath>(*operands[2]).nodes.back();
    size_t place = 0;
    for (int32_t node = block.numTokens(); node < block.size() && place < results.size(); ++node) {
      if (block.parents[size_t(node)] != at || size_t(node) >= choices.nodes.size())
        continue;
      results[place] = TokenList{topTokens(choices.nodes[size_t(node)], counts[std::min(place, counts.size() - 1)])};
      ++place;
      at = node;
    }
    for (; place < results.size(); ++place)
      results[place] = TokenList();
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
      {"expand_prompts", {text, list}, true, {block}, readExpandPrompts, false, kindOf<int64_t>},
      {"prompted", {block, choices, path}, false, {list}, readPrompted, true},
      {"recall", {text, table}, false, {block}, readRecall},
      {"learn", {table, block, choices}, false, {table}, readLearn},
      {"new_guesses", {}, false, {list}, readNew<TokenList>},
      {"new_candidates", {}, false, {list}, readNew<TokenList>},
      {"new_successors", {}, false, {table}, readNewSuccessors},
  };
  return kinds;
}
