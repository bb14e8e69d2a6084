//===- DraftParts.h - Parts of a model that are made to draft ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What is trained beside a model, in files of their own, D being its hidden size and V its vocabulary:
//
// clover.safetensors, a recurrent head (after Clover, Xiao et al. 2024, without its attention):
//   h' = h + silu(hidden.weight h + token.weight E[token] + token.bias), logits of lm_head.weight h',
//   with matrices [D, D] and, if it is there, lm_head.weight [V, D]; else the model's head.
// mtp.safetensors, a layer that predicts one token further, in the names of DeepSeek-V3's
//   checkpoints ("Multi-Token Prediction (MTP) Modules"), where N is the model's number of layers:
//   model.layers.N.enorm.weight and .hnorm.weight [D], of the token's embedding and of the hidden state,
//   .eh_proj.weight [D, 2D] of both side by side, then the tensors of one of the model's layers,
//   .shared_head.norm.weight [D] and, if it is there, .shared_head.head.weight [V, D].
//   .embed_tokens.weight is the model's own and not read.
// prompt_tokens.safetensors, embeddings of tokens that stand for no text (PPD, Chen et al. 2024):
//   prompt_tokens.weight [P, D], of which the k-th asks for the token k + 1 after the next one.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_DRAFTPARTS_H
#define PLAIT_FRONTEND_DRAFTPARTS_H

#include "plait/Frontend/ModelConfig.h"
#include "runtime/base/Checkpoint.h"
#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace plait {

inline constexpr char kCloverFile[] = "clover.safetensors";
inline constexpr char kMtpFile[] = "mtp.safetensors";
inline constexpr char kPromptsFile[] = "prompt_tokens.safetensors";

/// What there is of them.
struct DraftParts {
  bool hasClover = false, hasCloverHead = false;
  bool hasMtp = false, hasMtpHead = false;
  int64_t promptTokens = 0;
  Checkpoint checkpoint;               ///< "clover.*", "mtp.*" and "prompt_tokens.*"
  std::vector<std::string> inputFiles; ///< that were read
};

/// Reads those in `folder`, which fit `model`.
Expected<DraftParts> readDraftParts(const std::string &folder, const ModelConfig &model);

} // namespace plait

#endif // PLAIT_FRONTEND_DRAFTPARTS_H
