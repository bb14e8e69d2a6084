//===- LogitRules.h - What a sequence asks of its logits -------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Penalties, biases and the least number of tokens, as the sparse edits that a
// step takes. Names and meanings are those of the OpenAI API and of vLLM; the
// repetition penalty is that of Hugging Face transformers.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_LOGITRULES_H
#define PLAIT_RUNTIME_DECODE_LOGITRULES_H

#include "runtime/base/Status.h"
#include "runtime/core/StepBatch.h"

#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace plait {

/// The defaults change nothing. In order: bias, repetition, presence and
/// frequency; then the temperature and the other warps of `Sampling`.
struct LogitRules {
  /// Ranges of the values, from and to.
  static constexpr double kLeastRepetition = 0.001, kMostRepetition = 1000;
  static constexpr double kMostPenalty = 2, kMostBias = 100;

  /// Divides the positive and multiplies the other logits of every token in
  /// prompt and text; above 1 they become less likely.
  float repetition = 1;
  /// Subtracted from the logit of every generated token, once or for each time:
  /// -2 to 2.
  float presence = 0, frequency = 0;
  /// Added to the logits of tokens, each named once: -100 to 100.
  std::vector<std::pair<int32_t, float>> bias = {};
  /// Before so many tokens are generated no stop id can be chosen.
  int64_t minTokens = 0;
};

Status checkLogitRules(const LogitRules &rules, int64_t vocabulary);

/// The edits that a sequence's next leaf takes, kept up to date token by token.
class SequenceEdits {
public:
  SequenceEdits() = default; ///< never any
  SequenceEdits(const LogitRules &rules, std::span<const int32_t> prompt, std::span<const int32_t> stops);

  /// `token` was generated.
  void accept(int32_t token);
  const std::vector<LogitEdit> &edits() const { return entries; }

private:
  /// Index of the token's entry, made if there is none.
  size_t indexOf(int32_t token);
  void setStopBiases(bool masked);

  LogitRules rules;
  std::vector<int32_t> stops; ///< while they are masked
  int64_t generated = 0;
  std::vector<LogitEdit> entries;
  std::vector<int64_t> counts; ///< how often each entry's token was generated
  std::unordered_map<int32_t, size_t> index;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_LOGITRULES_H
