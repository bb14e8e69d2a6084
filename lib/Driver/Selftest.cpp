//===- Selftest.cpp - Golden tokens inside an artifact --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Link.h"

#include "plait/Analysis/CheckpointWeights.h"
#include "plait/Analysis/ModelEvaluation.h"

#include <algorithm>
#include <cmath>

using namespace plait;

/// Double-precision multiply-adds that take about a second.
static constexpr int64_t kBudget = 300'000'000;
static constexpr int64_t kPromptTokens = 8, kNewTokens = 16;

static int64_t countParameters(lm::ModelOp model) {
  int64_t parameters = 0;
  for (lm::WeightOp weight : model.getOps<lm::WeightOp>()) {
    auto type = cast<lm::WeightType>(weight.getType());
    parameters += type.getRows() * type.getCols() * weight.getSlices();
  }
  return parameters;
}

std::optional<Selftest> plait::makeSelftest(const ImportedModel &imported, const CompileOptions &options,
                                            ModuleOp module, const WeightImportance *importance) {
  auto models = llvm::to_vector(module.getOps<lm::ModelOp>());
  if (models.size() != 1 || options.weights.kind == WeightsSpec::Kind::none ||
      countParameters(models[0]) > kBudget / (kPromptTokens + kNewTokens))
    return std::nullopt;
  if (int64_t(models[0].getMaxPositions()) < kPromptTokens + kNewTokens)
    return std::nullopt;
  std::unique_ptr<WeightSource> weights;
  if (options.weights.kind == WeightsSpec::Kind::random)
    weights = std::make_unique<RandomWeightSource>(options.weights.seed);
  else
    weights = std::make_unique<CheckpointWeights>(*imported.checkpoint, importance);
  auto evaluation = ModelEvaluation::create(models[0], *weights);
  if (failed(evaluation))
    return std::nullopt;

  Selftest test;
  int64_t vocabulary = imported.config.vocabulary;
  for (int64_t i = 0; i < kPromptTokens; ++i) // spread over the vocabulary
    test.tokens.push_back(int32_t((i * 7919 + 1) % vocabulary));
  std::vector<int64_t> next(test.tokens.begin(), test.tokens.end());
  for (int64_t n = 0; n < kNewTokens; ++n) {
    auto logits = evaluation->step({next});
    if (failed(logits))
      return std::nullopt;
    const double *last = logits->row(logits->rows() - 1);
    int64_t best = std::max_element(last, last + vocabulary) - last;
    double second = -INFINITY;
    for (int64_t v = 0; v < vocabulary; ++v) {
      test.largestLogit = std::max(test.largestLogit, std::fabs(last[v]));
      if (v != best)
        second = std::max(second, last[v]);
    }
    test.greedy.push_back(int32_t(best));
    test.margins.push_back(float(last[best] - second));
    next = {best};
  }
  return test;
}
