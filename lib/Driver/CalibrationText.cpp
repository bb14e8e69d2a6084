//===- CalibrationText.cpp - Text to look at a model with -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CalibrationText.h"

#include "runtime/base/File.h"
#include "runtime/base/Tokenizer.h"

#include <algorithm>

using namespace plait;

int64_t plait::countParameters(lm::ModelOp model) {
  int64_t parameters = 1;
  for (lm::WeightOp weight : model.getOps<lm::WeightOp>()) {
    auto type = cast<lm::WeightType>(weight.getType());
    parameters += type.getRows() * type.getCols() * weight.getSlices();
  }
  return parameters;
}

int64_t plait::calibrationWindow(lm::ModelOp model) { return std::min<int64_t>(256, int64_t(model.getMaxPositions())); }

static Expected<Tokenizer> openTokenizer(const ImportedModel &imported) {
  for (const auto &[file, text] : imported.companions)
    if (file == "tokenizer.json")
      return Tokenizer::fromJsonText(text, imported.source.label(file));
  return notFound("--calibration: found no tokenizer.json in " + printable(imported.source.path()) +
                  "; expected one, as the calibration is text");
}

Expected<CalibrationText> plait::readCalibrationText(const std::string &path, const ImportedModel &imported,
                                                     int64_t window, int64_t count) {
  PLAIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, openTokenizer(imported));
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
  CalibrationText result;
  for (size_t at = 0; at < tokens.size(); at += step) {
    std::vector<int64_t> &sequence = result.sequences.emplace_back(leading);
    sequence.insert(sequence.end(), tokens.begin() + ptrdiff_t(at),
                    tokens.begin() + ptrdiff_t(std::min(tokens.size(), at + step)));
    result.tokens += int64_t(sequence.size());
  }
  return result;
}
