//===- Vocabulary.cpp - The tokens of a tokenizer -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Vocabulary.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

namespace plait {

Expected<Vocabulary> Vocabulary::build(const TokenModel &model, std::vector<AddedToken> added,
                                       const Normalizer *normalizer) {
  Vocabulary v;
  v.model = &model;
  v.added = std::move(added);
  v.tokens.reserve(model.tokenCount() + v.added.size());
  model.forEachToken([&](std::string_view token, int32_t id) {
    v.tokens[id] = {token};
    v.largest = std::max(v.largest, int64_t(id));
  });

  std::unordered_set<std::string_view> specialContents;
  for (const AddedToken &token : v.added)
    if (token.special)
      specialContents.insert(token.content);

  std::vector<AddedTokenMatcher::Pattern> rawPatterns, normalizedPatterns;
  for (const AddedToken &token : v.added) {
    auto clash = [&](const std::string &found) {
      return corrupt("/added_tokens: found " + found + " for " + quoteForMessage(token.content) +
                     "; expected one id for each token");
    };
    std::string_view text = token.content;
    if (token.normalized && normalizer) {
      NormalizedText content{token.content};
      PLAIT_RETURN_IF_ERROR(normalizer->normalize(content));
      text = v.normalizedContents.emplace_back(std::move(content.text));
    }
    if (!v.addedIds.emplace(token.content, token.id).second)
      return clash("a second entry");
    int32_t inModel = model.find(token.content);
    if (inModel >= 0 && inModel != token.id)
      return clash("id " + std::to_string(token.id) + " and, in the model, " + std::to_string(inModel));
    Token decoded{text, token.special, false};
    auto [known, isNew] = v.tokens.try_emplace(token.id, decoded);
    if (!isNew && (inModel < 0 || known->second.text != token.content))
      return clash("id " + std::to_string(token.id) + " of " + quoteForMessage(known->second.text));
    known->second = decoded;
    v.largest = std::max(v.largest, int64_t(token.id));
    (token.normalized ? normalizedPatterns : rawPatterns).emplace_back(&token, text);
  }
  PLAIT_ASSIGN_OR_RETURN(v.raw, AddedTokenMatcher::build(rawPatterns));
  PLAIT_ASSIGN_OR_RETURN(v.normalized, AddedTokenMatcher::build(normalizedPatterns));
  // What spells a special token is skipped like it, wherever it comes from.
  for (auto &[id, token] : v.tokens)
    token.skipped = specialContents.count(token.text) != 0;
  return v;
}

const Vocabulary::Token *Vocabulary::token(int32_t id) const {
  auto it = tokens.find(id);
  return it == tokens.end() ? nullptr : &it->second;
}

int32_t Vocabulary::find(std::string_view content) const {
  auto it = addedIds.find(content);
  return it != addedIds.end() ? it->second : model->find(content);
}

} // namespace plait
