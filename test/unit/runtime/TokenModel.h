//===- TokenModel.h - A model whose pages hold tokens -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_TOKENMODEL_H
#define PLAIT_TEST_UNIT_RUNTIME_TOKENMODEL_H

#include "runtime/core/StepRunner.h"

#include <functional>
#include <memory>
#include <vector>

namespace plait::demo {

/// What a text chooses next: the token, -1 for logits that are not finite, and the top ones.
struct TokenChoice {
  int32_t token = 0;
  float logprob = 0;
  std::vector<TokenLogprob> top;
};
using ChooseToken = std::function<TokenChoice(const std::vector<int32_t> &text, const StepLeaf &leaf)>;

/// Logits of `vocabulary` tokens that hash the last two tokens, edited, with noise by
/// (seed, sequence, position) if they are sampled. Texts soon repeat themselves. Of contexts
/// one of `wrongOf` has other logits: a draft that is wrong now and then. After position
/// `nanAt` they are not finite.
TokenChoice chooseByHash(const std::vector<int32_t> &text, const StepLeaf &leaf, int32_t vocabulary, int wrongOf = 0,
                         int64_t nanAt = INT64_MAX);

/// What a head chooses after the hidden state of a token.
using ChooseHead = std::function<TokenChoice(const std::vector<float> &hidden, const StepLeaf &leaf, int32_t step)>;

/// Runs steps over pages of token ids: `choose` sees the text, or the path of a tree, that is in a
/// row's pages, and a page that is not the text's own, was given back or not written is an error of
/// the step. So is, for another step, what one that leaves out layers has written ("ar_skip_1").
/// Of a token that sees some behind it, the text goes on to the last one of these. Hidden states are the last two
/// tokens.
class TokenModel final : public StepRunner {
public:
  TokenModel(std::shared_ptr<const Model> manifest, StepLimits limits, ChooseToken choose);

  Expected<StepResult> run(StepBatch batch, StepProfile *profile = nullptr) override;
  Status copyPage(size_t table, int32_t from, int32_t to) override;
  Status moveCells(std::span<const CellMove> moves) override;
  Status beginHandover(const HandoverMessage &) override { return unsupported("no handover"); }
  Expected<uint64_t> finishHandover() override { return unsupported("no handover"); }
  int64_t replica() const override { return 0; }
  ReplicaRole role() const override { return ReplicaRole::all; }
  const Model &model() const override { return *described; }
  const StepLimits &limits() const override { return stepLimits; }
  bool hasLogits() const override { return false; }
  unsigned threads() const override { return 1; }

  ChooseToken chooseSkipping = nullptr; ///< of steps that leave out layers
  ChooseHead chooseHead = nullptr;
  /// A fault: a node's position is its place in the row, as if that were a chain.
  bool countsPositionsByIndex = false;
  int64_t numSteps = 0, numRows = 0, numTokens = 0, numMoves = 0, numHeads = 0;

private:
  struct Cell {
    int32_t token = -1;
    int64_t position = -1;
    bool isWhole = true; ///< written for all layers
  };
  Cell &cell(size_t table, const StepRow &row, int64_t position);
  Expected<std::vector<int32_t>> textOf(const StepRow &row, int64_t token, bool skips);

  std::shared_ptr<const Model> described;
  StepLimits stepLimits;
  ChooseToken choose;
  std::vector<std::vector<Cell>> cells; ///< of each page table
};

} // namespace plait::demo

#endif // PLAIT_TEST_UNIT_RUNTIME_TOKENMODEL_H
