//===- CalibrationText.h - Text to look at a model with ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_CALIBRATIONTEXT_H
#define PLAIT_LIB_DRIVER_CALIBRATIONTEXT_H

#include "plait/Frontend/Import.h"

namespace plait {

struct CalibrationText {
  std::vector<std::vector<int64_t>> sequences; ///< each with the special tokens of a text's begin
  int64_t tokens = 0;                          ///< of all of them
};

/// The first `count` tokens of the file `path` by the tokenizer of `imported`, as sequences of `window` tokens.
Expected<CalibrationText> readCalibrationText(const std::string &path, const ImportedModel &imported, int64_t window,
                                              int64_t count);

/// Tokens of a sequence: 256, or as many as `model` has positions for.
int64_t calibrationWindow(lm::ModelOp model);

/// Weights of a model, which is about what a token takes in multiply-adds.
int64_t countParameters(lm::ModelOp model);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_CALIBRATIONTEXT_H
