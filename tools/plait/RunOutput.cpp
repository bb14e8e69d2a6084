//===- RunOutput.cpp - What plait run prints ------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/RunOutput.h"

#include <fmt/format.h>

using namespace plait;

RunOutput::RunOutput(Options given, const std::vector<Prompt> &prompts, const Tokenizer *tokenizer)
    : options(std::move(given)), prompts(prompts), tokenizer(tokenizer),
      streaming(prompts.size() == 1 && options.completions == 1) {
  if (tokenizer)
    for (size_t i = 0, e = prompts.size() * size_t(options.completions); i != e; ++i)
      results.push_back({CompletionText(*tokenizer, options.stops, options.minTokens), ""});
}

bool RunOutput::token(size_t index, const TokenEvent &event) {
  std::string text;
  if (tokenizer) {
    text = results[index].decoder.push(event.token);
    results[index].text += text;
  }
  if (streaming && options.format == "ids")
    out.write(fmt::format("{}{}", event.index ? "," : "", event.token));
  else if (streaming && options.format == "text")
    out.write(text);
  return stopped(index);
}

void RunOutput::finished(size_t index, SequenceResult &result) {
  std::string rest;
  if (tokenizer) {
    rest = results[index].decoder.finish();
    results[index].text += rest;
  }
  if (stopped(index)) // with its very last token, perhaps
    result.reason = FinishReason::stop;
  if (streaming && result.reason == FinishReason::error && result.tokens.empty())
    return; // nothing was generated; the error says why
  if (!streaming && result.reason == FinishReason::cancelled)
    return; // of an interrupted batch only whole results are printed
  std::string line;
  if (options.format == "json")
    line = json(index, result);
  else if (streaming)
    line = options.format == "text" ? rest : "";
  else if (options.format == "ids")
    line = fmt::format("{}", fmt::join(result.tokens, ","));
  else
    line = escapeLine(results[index].text);
  ready.emplace(index, line + "\n");
  for (auto it = ready.begin(); it != ready.end() && it->first == next; ++next) {
    out.write(it->second);
    it = ready.erase(it);
  }
}

/// For each token, the most probable ones in its place.
Json RunOutput::topLogprobs(const SequenceResult &result) const {
  Json places = Json::array();
  for (const std::vector<TokenLogprob> &place : result.top) {
    Json tokens = Json::array();
    for (auto [token, logprob] : place) {
      tokens.push_back({{"token", token},
                        {"logprob", logprob},
                        {"text", tokenizer ? Json(tokenizer->pieceOf(token)) : Json(nullptr)}});
    }
    places.push_back(std::move(tokens));
  }
  return places;
}

/// Members of options that were not given are left out.
std::string RunOutput::json(size_t index, const SequenceResult &result) const {
  size_t promptIndex = index / size_t(options.completions);
  const Prompt &prompt = prompts[promptIndex];
  Json object = {{"index", promptIndex}};
  if (options.completions > 1)
    object["completion"] = result.completion;
  object["prompt"] = prompt.text ? Json(*prompt.text) : Json(nullptr);
  object["prompt_tokens"] = prompt.tokens.size();
  object["text"] = tokenizer ? Json(results[index].text) : Json(nullptr);
  object["tokens"] = result.tokens;
  object["logprobs"] = result.logprobs;
  if (options.topLogprobs)
    object["top_logprobs"] = topLogprobs(result);
  object["finish_reason"] = finishReasonName(result.reason);
  object["stop_token"] = result.stopToken >= 0 ? Json(result.stopToken) : Json(nullptr);
  if (options.hasStops)
    object["stop_string"] = stopped(index) ? Json(*results[index].decoder.stopString()) : Json(nullptr);
  if (options.hasStatistics)
    object["drafting"] = {{"strategy", prompt.strategy},
                          {"rounds", result.drafting.rounds},
                          {"drafted", result.drafting.draftedTokens},
                          {"accepted", result.drafting.acceptedTokens},
                          {"moved", result.drafting.movedTokens},
                          {"tokens_per_round", result.drafting.tokensPerRound()}};
  if (!result.note.empty())
    object["note"] = result.note;
  if (!result.error.ok())
    object["error"] = result.error.message();
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}
