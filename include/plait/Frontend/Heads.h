//===- Heads.h - Heads beside the model's own -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_HEADS_H
#define PLAIT_FRONTEND_HEADS_H

#include "plait/Frontend/ModelConfig.h"
#include "runtime/base/Checkpoint.h"
#include "runtime/base/Status.h"

#include <string>
#include <vector>

namespace plait {

/// The file of heads that guess the tokens after the next one (Medusa), as Hugging Face
/// folders have it: of head I block J is "I.J.linear.weight" and "I.J.linear.bias", and after
/// its B blocks "I.B.weight" is the projection to the vocabulary.
inline constexpr char kHeadsFile[] = "medusa_lm_head.safetensors";
/// What the names of its tensors begin with beside those of the model.
inline constexpr char kHeadsPrefix[] = "medusa.";

struct ExtraHeads {
  int64_t blocks = 0;                  ///< of each head
  std::vector<bool> hasProjection;     ///< of each head; else it has the model's
  Checkpoint checkpoint;               ///< as in the file
  std::vector<std::string> inputFiles; ///< that were read
};

/// Reads the heads in `folder`, which fit `model`. What a config.json there says of them must
/// be true.
Expected<ExtraHeads> readExtraHeads(const std::string &folder, const ModelConfig &model);

} // namespace plait

#endif // PLAIT_FRONTEND_HEADS_H
