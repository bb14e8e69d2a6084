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
static LogicalResult verifyTree(Operation *op, BlockType type, function_ref<int64_t(int64_t depth)> limit) {
  if (type.getParents().empty())
    return op->emitOpError("expected a static tree but got ") << type;
  SmallVector<int64_t> depths(type.getParents().size(), 0), children(depths);
  for (int64_t node = 1; node < type.getNumTokens(); ++node) {
    int64_t parent = type.getParents()[size_t(node)];
    depths[size_t(node)] = depths[size_t(parent)] + 1;
    if (++children[size_t(parent)] > limit(depths[size_t(parent)]))
      return op->emitOpError("expected at most ")
             << limit(depths[size_t(parent)]) << " nodes after node " << parent << " of " << type;
  }
  return success();
}

LogicalResult PendingOp::verify() { return verifyChain(*this, getBlock()); }

LogicalResult AppendOp::verify() { return verifyChain(*this, getBlock()); }

LogicalResult ShortenOp::verify() { return verifyChain(*this, getBlock()); }

LogicalResult LookupOp::verify() {
  if (getLongest() < getShortest())
    return emitOpError("expected longest >= shortest but got ") << getLongest() << " and " << getShortest();
  return verifyChain(*this, getBlock());
}

LogicalResult ExpandOp::verify() {
  if (getCandidates().empty())
    return emitOpError("expected candidates for one depth at least");
  return verifyTree(*this, typeOf(getBlock()), [&](int64_t depth) -> int64_t {
    return depth < int64_t(getCandidates().size())
               ? cast<CandidatesType>(getCandidates()[size_t(depth)].getType()).getCount()
               : 0;
  });
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

LogicalResult ChooseLengthOp::verify() {
  ArrayRef<int64_t> lengths = getLengths();
  for (size_t i = 0; i < lengths.size(); ++i)
    if (lengths[i] < 0 || (i && lengths[i] <= lengths[i - 1]))
      return emitOpError("expected ascending lengths of at least 0 but got [") << lengths << "]";
  if (lengths.empty())
    return emitOpError("expected lengths to choose from");
  if (getCosts() &&
      (getCosts()->size() != lengths.size() || llvm::any_of(*getCosts(), [](double cost) { return !(cost > 0); })))
    return emitOpError("expected ") << lengths.size() << " positive costs, one for each length";
  return success();
}
