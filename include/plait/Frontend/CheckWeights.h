//===- CheckWeights.h - Whether a checkpoint fits a model -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_CHECKWEIGHTS_H
#define PLAIT_FRONTEND_CHECKWEIGHTS_H

#include "plait/Frontend/ModelConfig.h"
#include "plait/Frontend/ModelFamily.h"
#include "runtime/base/Checkpoint.h"

#include "dialects/Lm/Lm.h"

namespace plait {

/// Checks that the checkpoint of `folder` has a tensor of the right shape and
/// of a supported type for every lm.weight (and layer) of `model`, and that the
/// model uses every tensor but those known not to matter.
Status checkWeights(lm::ModelOp model, const ModelFamily &family, const ModelConfig &config,
                    const Checkpoint &checkpoint, const std::string &folder, std::vector<std::string> &warnings);

} // namespace plait

#endif // PLAIT_FRONTEND_CHECKWEIGHTS_H
