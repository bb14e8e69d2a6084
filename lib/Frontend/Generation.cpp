//===- Generation.cpp - Defaults for choosing tokens ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/Generation.h"

#include "plait/Frontend/ConfigReader.h"

#include <algorithm>

using namespace plait;

namespace {

Expected<int32_t> readToken(const JsonView &view, int64_t vocabulary) {
  PLAIT_ASSIGN_OR_RETURN(int64_t token, view.asInt(0, vocabulary - 1));
  return static_cast<int32_t>(token);
}

/// A token or an array of tokens; nothing where the key is absent or null.
Expected<std::vector<int32_t>> readTokens(const JsonView *object, const std::string &key, int64_t vocabulary) {
  std::vector<int32_t> tokens;
  if (!object || !object->has(key))
    return tokens;
  PLAIT_ASSIGN_OR_RETURN(JsonView view, object->get(key));
  std::vector<JsonView> elements{view};
  if (view.json().is_array()) {
    PLAIT_ASSIGN_OR_RETURN(elements, view.asArray());
  }
  for (const JsonView &element : elements) {
    PLAIT_ASSIGN_OR_RETURN(int32_t token, readToken(element, vocabulary));
    if (std::find(tokens.begin(), tokens.end(), token) == tokens.end())
      tokens.push_back(token);
  }
  return tokens;
}

Expected<double> readNumber(const JsonView &object, const std::string &key, double absent, bool (*isValid)(double),
                            const char *expected) {
  if (!object.has(key))
    return absent;
  PLAIT_ASSIGN_OR_RETURN(JsonView view, object.get(key));
  PLAIT_ASSIGN_OR_RETURN(double value, view.asDouble());
  if (!isValid(value))
    return view.error(expected);
  return value;
}

/// Warns of fields that would change the choice of tokens.
void warnOfUnsupported(const JsonView &generation, std::vector<std::string> &warnings) {
  struct Field {
    const char *name;
    Json neutral; ///< the value without effect; null: there is none
  };
  static const Field fields[] = {
      {"encoder_repetition_penalty", 1},
      {"no_repeat_ngram_size", 0},
      {"num_beams", 1},
      {"penalty_alpha", 0},
      {"typical_p", 1},
      {"epsilon_cutoff", 0},
      {"eta_cutoff", 0},
      {"length_penalty", 1},
      {"suppress_tokens", Json::array()},
      {"bad_words_ids", Json::array()},
      {"begin_suppress_tokens", Json::array()},
      {"forced_bos_token_id", nullptr},
      {"forced_eos_token_id", nullptr},
  };
  for (const Field &field : fields) {
    if (!generation.has(field.name))
      continue;
    JsonView view = *generation.get(field.name);
    if (view.json() != field.neutral)
      warnings.push_back(warningAbout(view, "it is ignored, as Plait does not support it"));
  }
}

} // namespace

Expected<GenerationDefaults> plait::readGenerationDefaults(const JsonView *generation, const JsonView &config,
                                                           int64_t vocabulary, std::vector<std::string> &warnings) {
  if (generation && !generation->json().is_object())
    return generation->error("an object with defaults for generation");
  GenerationDefaults result;
  for (const JsonView *source : {generation, &config}) {
    if (!result.bos && source && source->has("bos_token_id")) {
      PLAIT_ASSIGN_OR_RETURN(JsonView view, source->get("bos_token_id"));
      PLAIT_ASSIGN_OR_RETURN(result.bos, readToken(view, vocabulary));
    }
    if (result.eos.empty()) {
      PLAIT_ASSIGN_OR_RETURN(result.eos, readTokens(source, "eos_token_id", vocabulary));
    }
  }
  if (!generation)
    return result;

  // Most files that mean to sample say do_sample; those that only give a
  // temperature or a cut-off mean it too. With nothing said the choice is the
  // most probable token, as in Hugging Face transformers.
  bool tuned = false;
  for (const char *key : {"temperature", "top_k", "top_p", "min_p"})
    tuned |= generation->has(key);
  PLAIT_ASSIGN_OR_RETURN(bool sample, generation->getBool("do_sample", tuned));
  PLAIT_ASSIGN_OR_RETURN(double temperature,
                         readNumber(
                             *generation, "temperature", 1, [](double v) { return v >= 0 && v <= 1e6; },
                             "a number in [0, 1000000]; 0 means the most probable token"));
  result.temperature = sample ? temperature : 0;
  PLAIT_ASSIGN_OR_RETURN(int64_t topK, generation->getInt("top_k", 0, INT32_MAX, 0));
  result.topK = static_cast<int32_t>(topK);
  PLAIT_ASSIGN_OR_RETURN(
      result.topP,
      readNumber(*generation, "top_p", 1, [](double v) { return v > 0 && v <= 1; }, "a number above 0 and at most 1"));
  PLAIT_ASSIGN_OR_RETURN(
      result.minP,
      readNumber(*generation, "min_p", 0, [](double v) { return v >= 0 && v <= 1; }, "a number in [0, 1]"));
  PLAIT_ASSIGN_OR_RETURN(result.repetitionPenalty,
                         readNumber(
                             *generation, "repetition_penalty", 1, [](double v) { return v >= 0.001 && v <= 1000; },
                             "a number in [0.001, 1000]"));
  PLAIT_ASSIGN_OR_RETURN(result.minNewTokens, generation->getInt("min_new_tokens", 0, INT32_MAX, 0));
  warnOfUnsupported(*generation, warnings);
  return result;
}
