//===- LearnSublayers.cpp - What a strategy leaves out --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "LearnSublayers.h"

#include "CalibrationText.h"
#include "dialects/Decode/Decode.h"
#include "dialects/Decode/Sublayers.h"
#include "plait/Analysis/CheckpointWeights.h"
#include "plait/Analysis/SublayerOrder.h"
#include "runtime/base/File.h"

#include <algorithm>

using namespace plait;

/// Tokens that are looked at, at most and so that agreement on them says something.
static constexpr int64_t kMostTokens = 512, kLeastTokens = 64;
/// Multiply-adds of the reference evaluation that take a few minutes.
static constexpr int64_t kBudget = 300'000'000'000;
/// Weights that stay in memory in double precision.
static constexpr int64_t kMostKept = 100'000'000;

/// The first `count` of the order, as a set.
static std::string setOf(const SublayerOrder &order, size_t count) {
  SmallVector<int64_t> numbers(ArrayRef(order.numbers).take_front(count));
  llvm::sort(numbers);
  std::string text = decode::SublayersAttr::textOf(numbers);
  std::erase(text, ' ');
  return text;
}

static std::string percent(double share) { return std::to_string(int(share * 100 + 0.5)) + " %"; }

Expected<std::string> plait::learnSublayers(MLIRContext &context, const CompileOptions &options,
                                            const ImportedModel &imported, std::string &line) {
  // The model as its checkpoint is, before anything is rounded.
  PLAIT_ASSIGN_OR_RETURN(ImportedModel exact, importModel(context, imported.source.path()));
  auto model = *exact.module->getOps<lm::ModelOp>().begin();
  int64_t all = 2 * decode::countLayers(model.lookupSymbol<lm::FuncOp>("forward")), most = all / 2;
  int64_t parameters = countParameters(model), window = calibrationWindow(model);
  // Each sublayer by itself, and two or three looks at what comes next.
  int64_t affordable = kBudget / parameters / (all + 3 * most);
  bool isSmall = affordable >= kLeastTokens;
  int64_t tokens = isSmall ? std::min(affordable, kMostTokens) : window;
  PLAIT_ASSIGN_OR_RETURN(CalibrationText text, readCalibrationText(options.calibration, imported, window, tokens));
  CheckpointWeights weights(*exact.checkpoint);
  auto order = isSmall ? orderByAgreement(model, weights, text.sequences, most, parameters <= kMostKept)
                       : orderByInfluence(model, weights, text.sequences, most);
  if (failed(order))
    return internalError("--decode: choosing sublayers to skip failed; see the messages above");
  std::string sets;
  line = "sublayers to skip, by " + std::to_string(text.tokens) + " tokens of " + printable(options.calibration) + ": ";
  for (int64_t eighths : {2, 3, 4}) {
    size_t count = std::max<size_t>(1, size_t(all * eighths / 8));
    if (count > order->numbers.size())
      break;
    std::string set = setOf(*order, count);
    if (sets.find(set) != std::string::npos)
      continue; // of a model of few layers
    line += (sets.empty() ? "" : ", ") + set;
    if (!order->agreement.empty())
      line += " agrees in " + percent(order->agreement[count - 1]);
    sets += (sets.empty() ? "" : ",") + set;
  }
  return "[" + sets + "]";
}
