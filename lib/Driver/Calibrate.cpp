//===- Calibrate.cpp - What a text says of weights ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Calibrate.h"

#include "plait/Analysis/CheckpointWeights.h"
#include "plait/Analysis/Importance.h"
#include "runtime/base/File.h"
#include "runtime/base/Tokenizer.h"

#include <algorithm>

using namespace plait;

/// Tokens that are looked at, and of each sequence that they are cut into.
static constexpr int64_t kMaxTokens = 4096, kWindow = 256;
/// Multiply-adds of the reference evaluation that take a few minutes.
static constexpr int64_t kBudget = 300'000'000'000;

static Expected<Tokenizer> openTokenizer(const ImportedModel &imported) {
  for (const auto &[file, text] : imported.companions)
    if (file == "tokenizer.json")
      return Tokenizer::fromJsonText(text, imported.source.label(file));
  return notFound("--calibration: found no tokenizer.json in " + printable(imported.source.path()) +
                  "; expected one, as the calibration is text");
}

/// The text's tokens as sequences, each with the special tokens of a text's begin.
static Expected<std::vector<std::vector<int64_t>>> readSequences(const std::string &path, const Tokenizer &tokenizer,
                                                                 int64_t window, int64_t count) {
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(path, size_t(1) << 30));
  // What surely lies behind the last token is not tokenized; nor is part of a character.
  if (size_t most = size_t(count) * 64; text.size() > most) {
    while (most && (text[most] & 0xC0) == 0x80)
      --most;
    text.resize(most);
  }
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> tokens, tokenizer.encode(text, /*addSpecialTokens=*/false));
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> whole, tokenizer.encode(text, /*addSpecialTokens=*/true));
  auto begin = std::search(whole.begin(), whole.end(), tokens.begin(), tokens.end());
  std::vector<int64_t> leading(whole.begin(), begin == whole.end() ? whole.begin() : begin);
  tokens.resize(std::min<size_t>(tokens.size(), size_t(count)));
  if (tokens.empty())
    return invalidArgument(printable(path) + ": found no text; expected some to calibrate with");
  size_t step = size_t(std::max<int64_t>(window - int64_t(leading.size()), 1));
  std::vector<std::vector<int64_t>> sequences;
  for (size_t at = 0; at < tokens.size(); at += step) {
    sequences.push_back(leading);
    sequences.back().insert(sequences.back().end(), tokens.begin() + ptrdiff_t(at),
                            tokens.begin() + ptrdiff_t(std::min(tokens.size(), at + step)));
  }
  return sequences;
}

Expected<WeightImportance> plait::calibrate(MLIRContext &context, const CompileOptions &options,
                                            const ImportedModel &imported, std::string &line) {
  PLAIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, openTokenizer(imported));
  // The model as its checkpoint is, before anything is rounded.
  PLAIT_ASSIGN_OR_RETURN(ImportedModel exact, importModel(context, imported.source.path()));
  auto model = *exact.module->getOps<lm::ModelOp>().begin();
  int64_t parameters = 1;
  for (lm::WeightOp weight : model.getOps<lm::WeightOp>()) {
    auto type = cast<lm::WeightType>(weight.getType());
    parameters += type.getRows() * type.getCols() * weight.getSlices();
  }
  int64_t window = std::min<int64_t>(kWindow, int64_t(model.getMaxPositions()));
  int64_t count = std::clamp(kBudget / parameters, window, kMaxTokens);
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::vector<int64_t>> sequences,
                         readSequences(options.calibration, tokenizer, window, count));
  size_t tokens = 0;
  for (const std::vector<int64_t> &sequence : sequences)
    tokens += sequence.size();
  CheckpointWeights weights(*exact.checkpoint);
  auto importance = measureImportance(model, weights, sequences);
  if (failed(importance))
    return internalError("calibration failed; see the messages above");
  line = "calibrated on " + std::to_string(tokens) + " tokens of " + printable(options.calibration);
  return std::move(*importance);
}
