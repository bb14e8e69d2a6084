//===- GenerationOptions.cpp - How tokens are chosen ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/GenerationOptions.h"

#include "tools/plait/Arguments.h"

using namespace plait;

void plait::addGenerationOptions(CLI::App &command, GenerationTexts &texts) {
  command.add_option("--temperature", texts.temperature, "0 chooses greedily (default: the model's)");
  command.add_option("--top-k", texts.topK, "keep the k most probable; 0 keeps all");
  command.add_option("--top-p", texts.topP, "keep the smallest set of this probability");
  command.add_option("--min-p", texts.minP, "keep those of this share of the maximum");
  command.add_option("--seed", texts.seed, "of the random numbers (default 0)");
  command.add_option("--repetition-penalty", texts.repetition,
                     "divides logits of tokens in prompt and text (default: the model's); 1: none");
  command.add_option("--presence-penalty", texts.presence, "taken off logits of generated tokens, -2 to 2 (default 0)");
  command.add_option("--frequency-penalty", texts.frequency, "the same for each time, -2 to 2 (default 0)");
  command.add_option("--logit-bias", texts.logitBias, "ID:VALUE, added to a token's logit, -100 to 100; repeatable")
      ->allow_extra_args(false);
  command.add_option("--min-tokens", texts.minTokens, "tokens before the text may end (default: the model's)");
  command.add_option("--stop", texts.stops, "text that ends the text and is not part of it; repeatable")
      ->allow_extra_args(false);
}

Generation plait::generationDefaults(const Manifest &manifest) {
  Generation defaults;
  defaults.sampling.temperature = manifest.temperature;
  defaults.sampling.topK = manifest.topK;
  defaults.sampling.topP = manifest.topP > 0 ? manifest.topP : 1;
  defaults.sampling.minP = manifest.minP;
  defaults.rules.repetition = manifest.repetitionPenalty;
  defaults.rules.minTokens = manifest.minTokens;
  return defaults;
}

static Status parseSampling(const GenerationTexts &texts, Sampling &sampling) {
  if (!texts.temperature.empty()) {
    PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--temperature", texts.temperature, 0, 3e38));
    sampling.temperature = float(value);
  }
  if (!texts.topK.empty()) {
    PLAIT_ASSIGN_OR_RETURN(int64_t value, parseInteger("--top-k", texts.topK, 0, INT32_MAX));
    sampling.topK = int32_t(value);
  }
  if (!texts.topP.empty()) {
    PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--top-p", texts.topP, 0, 1));
    if (float(value) == 0)
      return wrongValue("--top-p", texts.topP, "a number greater than 0 and at most 1");
    sampling.topP = float(value);
  }
  if (!texts.minP.empty()) {
    PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--min-p", texts.minP, 0, 1));
    sampling.minP = float(value);
  }
  if (!texts.seed.empty()) {
    PLAIT_ASSIGN_OR_RETURN(sampling.seed, parseSeed("--seed", texts.seed));
  }
  return Status::success();
}

/// "ID:VALUE"; whether the model has the token shows when it is used.
static Expected<std::pair<int32_t, float>> parseBias(const std::string &text) {
  size_t colon = text.find(':');
  if (colon == std::string::npos)
    return wrongValue("--logit-bias", text, "ID:VALUE, such as 42:-1.5");
  PLAIT_ASSIGN_OR_RETURN(int64_t id, parseInteger("--logit-bias", text.substr(0, colon), 0, INT32_MAX));
  double most = LogitRules::kMostBias;
  PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--logit-bias", text.substr(colon + 1), -most, most));
  return std::pair(int32_t(id), float(value));
}

static Status parseRules(const GenerationTexts &texts, LogitRules &rules) {
  if (!texts.repetition.empty()) {
    PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--repetition-penalty", texts.repetition,
                                                     LogitRules::kLeastRepetition, LogitRules::kMostRepetition));
    rules.repetition = float(value);
  }
  double most = LogitRules::kMostPenalty;
  if (!texts.presence.empty()) {
    PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--presence-penalty", texts.presence, -most, most));
    rules.presence = float(value);
  }
  if (!texts.frequency.empty()) {
    PLAIT_ASSIGN_OR_RETURN(double value, parseNumber("--frequency-penalty", texts.frequency, -most, most));
    rules.frequency = float(value);
  }
  for (const std::string &text : texts.logitBias) {
    PLAIT_ASSIGN_OR_RETURN(auto bias, parseBias(text));
    rules.bias.push_back(bias);
  }
  if (!texts.minTokens.empty()) {
    PLAIT_ASSIGN_OR_RETURN(rules.minTokens, parseInteger("--min-tokens", texts.minTokens, 0, INT64_MAX / 2));
  }
  return Status::success();
}

Expected<Generation> plait::parseGeneration(const GenerationTexts &texts, const Generation &defaults) {
  Generation generation = defaults;
  PLAIT_RETURN_IF_ERROR(parseSampling(texts, generation.sampling));
  PLAIT_RETURN_IF_ERROR(parseRules(texts, generation.rules));
  Expected<StopStrings> stops = StopStrings::create(texts.stops);
  if (!stops)
    return stops.status().withContext("--stop");
  generation.stops = stops.take();
  return generation;
}
