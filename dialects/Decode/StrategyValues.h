//===- StrategyValues.h - Values of strategies under evaluation -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What the types of a strategy hold in the reference evaluation. Staged keys and values
// are the cells of the state at and beyond `published`: dropping a stage costs nothing,
// the next one overwrites it, and so does what a fork has drafted.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_STRATEGYVALUES_H
#define PLAIT_DIALECTS_DECODE_STRATEGYVALUES_H

#include "dialects/Decode/Decode.h"

#include <optional>

namespace plait::decode {

/// !decode.group
struct GroupValue {
  SequenceValue trunk; ///< what branched
  std::vector<SequenceValue> members;
};

/// !decode.block
struct BlockValue {
  struct Node {
    int64_t token;
    int64_t parent;                ///< or -1
    std::vector<double> drawnFrom; ///< the weights that a token was drawn by; else empty
    bool isPrompt = false;         ///< stands for no token
  };
  SequenceValue sequence;
  int64_t maxPositions;        ///< of the sequence's model
  std::vector<int64_t> forced; ///< pending tokens before the root
  std::vector<Node> nodes;
  int64_t together = 1; ///< prompts in a row that see each other

  int64_t depth(int64_t node) const { return node == 0 ? 0 : 1 + depth(nodes[size_t(node)].parent); }
  /// The position of what continues a node.
  int64_t successorPosition(int64_t node) const {
    return sequence.layout.positionOf(sequence.published + int64_t(forced.size()) + depth(node) + 1);
  }
  std::vector<int64_t> children(int64_t node) const;
  /// The prompts in a row behind a node.
  std::vector<int64_t> promptsOf(int64_t node) const;
  /// The last node that `node` sees: itself, or the last one of its group of prompts.
  int64_t lastSeenBy(int64_t node) const;
  /// The nodes from the root to `node`.
  std::vector<int64_t> pathTo(int64_t node) const;
  /// Whether the model has a position for a node of `depth`.
  bool hasRoom(int64_t depth) const { return int64_t(sequence.tokens.size()) + depth <= maxPositions; }
};

/// !decode.stage: the states after the forward of each root-to-leaf path of a block.
struct StageValue {
  struct Branch {
    std::vector<int64_t> nodes;
    std::vector<std::shared_ptr<StateValue>> states;
  };
  std::vector<Branch> branches;
};

/// !decode.hidden and !decode.logits: a row per node of the block, or of one node. And
/// !decode.choices: the edited logits, from which follows what is chosen.
struct NodeRowsValue {
  struct Typical {
    double threshold, alpha;
  };
  BlockValue block;
  DenseValue rows;
  std::optional<Typical> typical = {}; ///< of choices: the rule of a step that accepts by it
  int64_t recurred = 0;                ///< of hidden states: how often, since they were those of a leaf
  std::optional<DenseValue> exit = {}; ///< of a tap: the final hidden states if the model ended there

  /// `rows` of one node are the last one's.
  llvm::ArrayRef<double> of(int64_t node) const {
    return llvm::ArrayRef(rows.row(rows.rows() == 1 ? 0 : node), size_t(rows.rowSize()));
  }
};

/// !decode.path: the accepted nodes, root first, and what follows.
struct PathValue {
  std::vector<int64_t> accepted;
  std::vector<int64_t> tokens; ///< of the accepted nodes but the root
  Choice next;
  std::vector<double> drawnFrom;     ///< the weights that `next` was drawn by, for a draft
  int64_t drawnFor = -1;             ///< position whose random number that was
  std::vector<double> logprobs = {}; ///< of `tokens`, as that of `next`
};

/// !decode.guesses: for the positions after the pending token.
struct GuessesValue {
  std::vector<BlockValue::Node> guesses;
};

/// !decode.candidates
struct CandidatesValue {
  std::vector<int64_t> tokens;
};

/// !decode.successors, by token
struct SuccessorsValue {
  std::map<int64_t, std::vector<int64_t>> entries;
};

/// !decode.acceptance: of each variant that drafted, by place in the draft
struct AcceptanceValue {
  struct Rate {
    double accepted = 0, seen = 0;
  };
  std::map<size_t, std::vector<Rate>> variants;
};

/// Runs `function` of `model` over the block operands[1] of the sequence operands[0], without
/// the sublayers `skip`: the block's hidden states, a stage, and taps of the layers `tapped` and of the function's own
/// are appended to `results`.
llvm::LogicalResult evaluateForward(mlir::Operation *op, Evaluator &evaluator, mlir::FlatSymbolRefAttr model,
                                    llvm::StringRef function, llvm::ArrayRef<int64_t> skip,
                                    llvm::ArrayRef<int64_t> tapped, llvm::ArrayRef<EvalValue> operands,
                                    std::vector<EvalValue> &results);

/// Logits by a function of `model`.
llvm::FailureOr<NodeRowsValue> evaluateHead(mlir::Operation *op, Evaluator &evaluator, mlir::FlatSymbolRefAttr model,
                                            llvm::StringRef function, const NodeRowsValue &hidden);

/// The function `name` of `model`, with a body of one block; `fits` says whether it is one of
/// `signature`.
llvm::FailureOr<lm::FuncOp> findFunction(mlir::Operation *op, mlir::FlatSymbolRefAttr model, llvm::StringRef name,
                                         llvm::StringRef signature, llvm::function_ref<bool(lm::FuncOp)> fits);

/// Stages what layers that are made to draft keep of the text, of the tokens before `next` in `rows`, whose
/// final hidden states are `hidden` (`stagingsOf`). Their states are the last of `states`.
llvm::LogicalResult evaluateStaging(lm::ModelOp model, Evaluator &evaluator, const DenseValue &next,
                                    const DenseValue &positions, const RowsValue &rows, const DenseValue &hidden,
                                    llvm::ArrayRef<std::shared_ptr<StateValue>> states);

/// The most probable tokens of the last node, in falling order.
CandidatesValue candidatesOf(const NodeRowsValue &logits, int64_t count);

/// Edits the logits of each node as `sequence` asks.
void editRows(const SequenceValue &sequence, NodeRowsValue &logits, History history);

/// Fails, with an error, unless there are as many `logits` as nodes in `block`, or those of
/// one node.
llvm::LogicalResult verifyRows(mlir::Operation *op, const BlockValue &block, const NodeRowsValue &logits);

/// The sequence's values for the warps that are listed.
WarpValues warpsOf(const SequenceValue &sequence, mlir::ArrayAttr warps);

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_STRATEGYVALUES_H
