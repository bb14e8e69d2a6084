//===- DraftFunctions.h - Functions of a model that draft -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Beside @forward and @head a model may have functions for `decode.recur`, where `ids` are the
// tokens after those of the hidden states:
//
//   @clover(hidden, ids) -> hidden
//   @mtp(hidden, ids, positions, rows, state) -> (hidden, state)
//   @mtp_stage(hidden, ids, positions, rows, state) -> state
//
// The last one fills the state of @mtp after each forward. It comes behind those of @forward.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_DRAFTFUNCTIONS_H
#define PLAIT_DIALECTS_DECODE_DRAFTFUNCTIONS_H

#include "dialects/Lm/Lm.h"

namespace plait::decode {

/// The symbol of the weight whose rows are the embeddings of ids beyond the vocabulary: tokens that
/// stand for no text (`decode.expand_prompts`).
inline constexpr llvm::StringLiteral kPromptTokens = "prompt_tokens";

/// The one loop of @forward over the layers of a model, of one kind; null if there are several, or
/// states of other layers.
lm::LayersOp findOnlyLoop(lm::FuncOp forward);

/// Whether the type is that of @forward with the tokens of leaves as a further argument, and of each leaf
/// further hidden states as results: (ids, positions, rows, state..., leaves) -> (hidden, state..., tap...).
bool isTappedForward(lm::FuncOp function);

/// The number of tokens of a model's vocabulary, or 0 if it is not known: if there is no @head.
int64_t vocabularyOf(lm::ModelOp model);

/// Whether the type is that of @clover or @mtp above.
bool isRecurrent(lm::FuncOp function);

/// The functions of a model like @mtp_stage above, in order.
llvm::SmallVector<lm::FuncOp> stagingsOf(lm::ModelOp model);

/// The number among a sequence's states of that of `function`, one like @mtp above. An error at
/// `user` if nothing fills it.
llvm::FailureOr<size_t> stateNumberOf(mlir::Operation *user, lm::ModelOp model, lm::FuncOp function);

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_DRAFTFUNCTIONS_H
