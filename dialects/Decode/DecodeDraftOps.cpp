//===- DecodeDraftOps.cpp - Verification of draft sources -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

using namespace plait;
using namespace plait::decode;

static BlockType typeOf(Value block) { return cast<BlockType>(block.getType()); }

static LogicalResult verifyChain(Operation *op, Value block) {
  if (typeOf(block).getTree() || typeOf(block).getPrompts())
    return op->emitOpError("expected a chain but got ") << block.getType();
  return success();
}

/// `limits[d]` bounds the children of a node of depth d; beyond them there are none.
static LogicalResult verifyChildren(Operation *op, ArrayRef<int64_t> parents, function_ref<int64_t(int64_t)> limit,
                                    const Twine &tree) {
  SmallVector<int64_t> depths(parents.size(), 0), children(depths);
  for (size_t node = 1; node < parents.size(); ++node) {
    size_t parent = size_t(parents[node]);
    depths[node] = depths[parent] + 1;
    if (++children[parent] > limit(depths[parent]))
      return op->emitOpError("expected at most ")
             << limit(depths[parent]) << " nodes after node " << parent << " of " << tree;
  }
  return success();
}

static std::string textOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << "'" << type << "'";
  return text;
}

static LogicalResult verifyTree(Operation *op, BlockType type, function_ref<int64_t(int64_t depth)> limit) {
  if (type.getParents().empty())
    return op->emitOpError("expected a static tree but got ") << type;
  return verifyChildren(op, type.getParents().take_front(size_t(type.getNumTokens())), limit, textOf(type));
}

/// Candidates of the depth after that of a node.
static int64_t countAt(OperandRange candidates, int64_t depth) {
  return depth < int64_t(candidates.size()) ? cast<CandidatesType>(candidates[unsigned(depth)].getType()).getCount()
                                            : 0;
}

LogicalResult PendingOp::verify() { return verifyChain(*this, getBlock()); }

LogicalResult AppendOp::verify() { return verifyChain(*this, getBlock()); }

LogicalResult ShortenOp::verify() {
  if (typeOf(getBlock()).getPrompts())
    return emitOpError("expected a block without prompts but got ") << getBlock().getType();
  return success();
}

LogicalResult LookupOp::verify() {
  if (getLongest() < getShortest())
    return emitOpError("expected longest >= shortest but got ") << getLongest() << " and " << getShortest();
  return verifyChain(*this, getBlock());
}

LogicalResult ExpandOp::verify() {
  if (getCandidates().empty())
    return emitOpError("expected candidates for one depth at least");
  return verifyTree(*this, typeOf(getBlock()), [&](int64_t depth) { return countAt(getCandidates(), depth); });
}

SmallVector<PromptedTree> ExpandPromptsOp::getPromptedTrees() {
  SmallVector<PromptedTree> trees;
  auto numbers = [](Attribute list) {
    return llvm::map_to_vector(cast<ArrayAttr>(list).getAsRange<IntegerAttr>(),
                               [](IntegerAttr number) { return number.getInt(); });
  };
  for (auto [parents, prompts] : llvm::zip(getTrees(), getPrompts()))
    trees.push_back({numbers(parents), numbers(prompts)});
  return trees;
}

int64_t ExpandPromptsOp::getLongest() {
  int64_t longest = 0;
  for (const PromptedTree &tree : getPromptedTrees())
    for (int64_t count : tree.prompts)
      longest = std::max(longest, count);
  return longest;
}

LogicalResult ExpandPromptsOp::verify() {
  if (getCandidates().empty() || getTrees().empty() || getTrees().size() != getPrompts().size())
    return emitOpError("expected candidates for one depth at least, and as many trees as lists of prompts but got ")
           << getTrees().size() << " and " << getPrompts().size();
  int64_t depths = int64_t(getCandidates().size()), most = 0, mostPrompts = 0;
  for (auto [i, tree] : llvm::enumerate(getPromptedTrees())) {
    std::string what = "tree " + std::to_string(i);
    for (auto [node, parent] : llvm::enumerate(tree.parents))
      if (node == 0 ? parent != -1 : parent < 0 || parent >= int64_t(node))
        return emitOpError("expected ") << (node == 0 ? "no parent (-1)" : "a node before it") << " as parent of node "
                                        << node << " of " << what << " but got " << parent;
    if (tree.parents.empty() || tree.parents.size() != tree.prompts.size())
      return emitOpError("expected a number of prompts for each node of ")
             << what << " but got " << tree.prompts.size() << " for " << tree.parents.size();
    auto limit = [&](int64_t depth) { return countAt(getCandidates(), depth); };
    if (failed(verifyChildren(*this, tree.parents, limit, what)))
      return failure();
    int64_t prompts = 0;
    for (int64_t count : tree.prompts) {
      if (count < 0 || count > depths)
        return emitOpError("expected 0 to ")
               << depths << " prompts behind a node, as there are candidates of so many depths, but got " << count;
      prompts += count;
    }
    most = std::max(most, int64_t(tree.parents.size()) + prompts);
    mostPrompts = std::max(mostPrompts, prompts);
  }
  BlockType type = typeOf(getBlock());
  if (!type.getTree() || !type.getParents().empty() || type.getSize() < most || type.getPrompts() < mostPrompts)
    return emitOpError("expected a block <tree ")
           << most << " prompts " << mostPrompts << ">, for the largest tree, but got " << type;
  return success();
}

LogicalResult RecurOp::verify() {
  if (getSequence().getType().getModel() != getHidden().getType().getModel())
    return emitOpError("expected a sequence and a hidden state of one model but got ")
           << getSequence().getType() << " and " << getHidden().getType();
  return success();
}

LogicalResult RecallOp::verify() {
  return verifyTree(*this, typeOf(getBlock()),
                    [&](int64_t) { return cast<SuccessorsType>(getSuccessors().getType()).getCount(); });
}

LogicalResult CarryOp::verify() {
  int64_t guesses = cast<GuessesType>(getGuesses().getType()).getCount();
  if (getMaxTokens() != guesses + 1)
    return emitOpError("expected a block of ")
           << guesses + 1 << " nodes for " << guesses << " guesses but got " << getBlock().getType();
  return verifyChain(*this, getBlock());
}

static LogicalResult verifyLengths(Operation *op, ArrayRef<int64_t> lengths) {
  for (size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] < 0 || (i && lengths[i] <= lengths[i - 1]))
      return op->emitOpError("expected ascending lengths of at least 0 but got [") << lengths << "]";
  return lengths.empty() ? op->emitOpError("expected lengths to choose from") : success();
}

LogicalResult ChooseVariantOp::verify() { return verifyLengths(*this, getLengths()); }

LogicalResult ChooseLengthOp::verify() {
  ArrayRef<int64_t> lengths = getLengths();
  if (failed(verifyLengths(*this, lengths)))
    return failure();
  if (getCosts() &&
      (getCosts()->size() != lengths.size() || llvm::any_of(*getCosts(), [](double cost) { return !(cost > 0); })))
    return emitOpError("expected ") << lengths.size() << " positive costs, one for each length";
  return success();
}
