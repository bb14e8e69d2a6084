//===- Importance.h - Which columns of weights matter -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_IMPORTANCE_H
#define PLAIT_ANALYSIS_IMPORTANCE_H

#include "plait/Support/Evaluation.h"
#include "runtime/base/QuantizedTensor.h"

#include "dialects/Lm/Lm.h"

namespace plait {

/// The mean square of each column of the input of each product in `model`, over all
/// tokens of `sequences`, by the reference evaluation. Error in a weight's column
/// changes the product in proportion: J. Lin et al., AWQ: Activation-aware Weight
/// Quantization, MLSys 2024, protect such columns by scaling; here, as with the
/// importance matrix of llama.cpp, they weigh in the choice of scales instead, which
/// leaves the formats as they are. One layer's weights are in memory at a time.
llvm::FailureOr<WeightImportance> measureImportance(lm::ModelOp model, WeightSource &weights,
                                                    llvm::ArrayRef<std::vector<int64_t>> sequences);

} // namespace plait

#endif // PLAIT_ANALYSIS_IMPORTANCE_H
