//===- Calibrate.cpp - What a text says of weights ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Calibrate.h"

#include "CalibrationText.h"
#include "plait/Analysis/CheckpointWeights.h"
#include "plait/Analysis/Importance.h"
#include "runtime/base/File.h"

#include <algorithm>

using namespace plait;

/// Tokens that are looked at.
static constexpr int64_t kMaxTokens = 4096;
/// Multiply-adds of the reference evaluation that take a few minutes.
static constexpr int64_t kBudget = 300'000'000'000;

Expected<WeightImportance> plait::calibrate(MLIRContext &context, const CompileOptions &options,
                                            const ImportedModel &imported, std::string &line) {
  // The model as its checkpoint is, before anything is rounded.
  PLAIT_ASSIGN_OR_RETURN(ImportedModel exact, importModel(context, imported.source.path()));
  auto model = *exact.module->getOps<lm::ModelOp>().begin();
  int64_t window = calibrationWindow(model);
  int64_t count = std::clamp(kBudget / countParameters(model), window, std::max(window, kMaxTokens));
  PLAIT_ASSIGN_OR_RETURN(CalibrationText text, readCalibrationText(options.calibration, imported, window, count));
  CheckpointWeights weights(*exact.checkpoint);
  auto importance = measureImportance(model, weights, text.sequences);
  if (failed(importance))
    return internalError("calibration failed; see the messages above");
  line = "calibrated on " + std::to_string(text.tokens) + " tokens of " + printable(options.calibration);
  return std::move(*importance);
}
