//===- LogitRules.cpp - What a sequence asks of its logits ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/LogitRules.h"

#include <string>
#include <unordered_set>

using namespace plait;

static Status checkRange(const std::string &what, double value, double min, double max) {
  if (value >= min && value <= max)
    return Status::success();
  auto text = [](double number) { // without the zeros of std::to_string
    std::string digits = std::to_string(number);
    digits.erase(digits.find_last_not_of('0') + 1);
    return digits.ends_with('.') ? digits.substr(0, digits.size() - 1) : digits;
  };
  return invalidArgument(what + ": found " + text(value) + "; expected " + text(min) + " to " + text(max));
}

Status plait::checkLogitRules(const LogitRules &rules, int64_t vocabulary) {
  PLAIT_RETURN_IF_ERROR(
      checkRange("repetition penalty", rules.repetition, LogitRules::kLeastRepetition, LogitRules::kMostRepetition));
  for (auto [what, value] : {std::pair("presence penalty", rules.presence), {"frequency penalty", rules.frequency}})
    PLAIT_RETURN_IF_ERROR(checkRange(what, value, -LogitRules::kMostPenalty, LogitRules::kMostPenalty));
  std::unordered_set<int32_t> seen;
  for (auto [token, value] : rules.bias) {
    if (token < 0 || token >= vocabulary)
      return invalidArgument("logit bias: found token id " + std::to_string(token) + "; expected 0 to " +
                             std::to_string(vocabulary - 1));
    if (!seen.insert(token).second)
      return invalidArgument("logit bias: found token id " + std::to_string(token) + " twice; expected each id once");
    PLAIT_RETURN_IF_ERROR(checkRange("logit bias of token " + std::to_string(token), value, -LogitRules::kMostBias,
                                     LogitRules::kMostBias));
  }
  if (rules.minTokens < 0)
    return invalidArgument("min tokens: found " + std::to_string(rules.minTokens) + "; expected at least 0");
  return Status::success();
}

SequenceEdits::SequenceEdits(const LogitRules &rules, std::span<const int32_t> prompt, std::span<const int32_t> stops)
    : rules(rules) {
  for (auto [token, value] : rules.bias)
    entries[indexOf(token)].bias = value;
  if (rules.repetition != 1)
    for (int32_t token : prompt)
      entries[indexOf(token)].scale = rules.repetition;
  if (rules.minTokens > 0) {
    this->stops.assign(stops.begin(), stops.end());
    setStopBiases(/*masked=*/true);
  }
}

size_t SequenceEdits::indexOf(int32_t token) {
  auto [it, fresh] = index.emplace(token, entries.size());
  if (fresh) {
    entries.push_back({.token = token});
    counts.push_back(0);
  }
  return it->second;
}

void SequenceEdits::setStopBiases(bool masked) {
  for (int32_t stop : stops) {
    float own = 0;
    for (auto [token, value] : rules.bias)
      own = token == stop ? value : own;
    entries[indexOf(stop)].bias = masked ? LogitEdit::kMask : own;
  }
}

void SequenceEdits::accept(int32_t token) {
  if (rules.repetition != 1)
    entries[indexOf(token)].scale = rules.repetition;
  if (rules.presence != 0 || rules.frequency != 0) {
    size_t entry = indexOf(token);
    entries[entry].offset = float(double(rules.presence) + double(rules.frequency) * double(++counts[entry]));
  }
  if (++generated == rules.minTokens) {
    setStopBiases(/*masked=*/false);
    stops.clear();
  }
}
