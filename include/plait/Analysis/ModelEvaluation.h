//===- ModelEvaluation.h - A model under reference evaluation ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_MODELEVALUATION_H
#define PLAIT_ANALYSIS_MODELEVALUATION_H

#include "plait/Analysis/Evaluate.h"

#include "dialects/Lm/Lm.h"

namespace plait {

/// Runs `@forward` and `@head` of a model over ragged steps and keeps the state
/// of its sequences: what a runtime does, without a compiled program.
class ModelEvaluation {
public:
  /// Checks the signatures of the two functions; `weights` outlives the result.
  static FailureOr<ModelEvaluation> create(lm::ModelOp model, WeightSource &weights);

  /// Appends `tokens[r]`, which may be empty, to sequence r, in one step.
  /// Returns the logits [number of tokens, vocabulary], sequence by sequence.
  FailureOr<DenseValue> step(ArrayRef<std::vector<int64_t>> tokens);

  /// `count` more tokens for each sequence, each the one of the largest logit
  /// (ties: the lowest id). `logits` are those of the last token of each.
  FailureOr<std::vector<std::vector<int64_t>>> continueGreedily(DenseValue logits, int64_t count);

  void observe(ReferenceEvaluator::Observer function) { evaluator.observe(std::move(function)); }

  /// Tokens of sequence r so far.
  int64_t length(size_t r) const { return r < lengths.size() ? lengths[r] : 0; }

private:
  ModelEvaluation(lm::ModelOp model, lm::FuncOp forward, lm::FuncOp head, WeightSource &weights)
      : model(model), forward(forward), head(head), evaluator(weights) {
    for (size_t i = 0; i < forward.getStateTypes().size(); ++i)
      states.push_back(std::make_shared<StateValue>());
  }

  lm::ModelOp model;
  lm::FuncOp forward, head;
  ReferenceEvaluator evaluator;
  std::vector<std::shared_ptr<StateValue>> states;
  std::vector<int64_t> lengths;
};

/// The rows of `matrix` that are the last of each of the `groups` consecutive
/// groups of rows; `groups` gives their sizes, all positive.
DenseValue lastRows(const DenseValue &matrix, ArrayRef<int64_t> groups);

/// Index of the largest of `count` values, the first of equals.
int64_t argMax(const double *values, int64_t count);

} // namespace plait

#endif // PLAIT_ANALYSIS_MODELEVALUATION_H
