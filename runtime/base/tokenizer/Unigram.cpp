//===- Unigram.cpp - Most probable segmentation ---------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Unigram.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <limits>

namespace plait {

/// How much less probable an unknown character is than the rarest token.
static constexpr double unknownPenalty = 10.0;

/// Bounds the work at one position of a text.
static constexpr size_t maxTokenBytes = 4096;

Expected<TokenModelPtr> Unigram::read(const JsonView &view, unsigned) {
  auto model = std::make_unique<Unigram>();
  PLAIT_ASSIGN_OR_RETURN(JsonView vocabulary, view.get("vocab"));
  PLAIT_RETURN_IF_ERROR(model->readVocabulary(vocabulary));
  PLAIT_ASSIGN_OR_RETURN(int64_t unknown, view.getInt("unk_id", 0, static_cast<int64_t>(model->tokens.size()) - 1, -1));
  model->unknown = static_cast<int32_t>(unknown);
  PLAIT_ASSIGN_OR_RETURN(model->byteFallback, view.getBool("byte_fallback", false));
  for (size_t byte = 0; byte < 256; ++byte)
    model->byteIds[byte] = model->find(tokenOfByte(static_cast<uint8_t>(byte)));
  return TokenModelPtr(std::move(model));
}

Status Unigram::readVocabulary(const JsonView &view) {
  // Entries are read directly: a view of each would copy the file's name and
  // the pointer hundreds of thousands of times.
  const auto *array = view.json().get_ptr<const Json::array_t *>();
  if (!array)
    return view.error("an array of [token, score]");
  if (array->size() > size_t(std::numeric_limits<int32_t>::max()))
    return unsupported(view.where() + ": found too many tokens");
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < array->size(); ++i) {
    const Json &entry = (*array)[i];
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      PLAIT_ASSIGN_OR_RETURN(JsonView entryView, view.at(i));
      return entryView.error("[token, score]");
    }
    tokens.push_back(entry[0].get<std::string>());
    scores.push_back(entry[1].get<double>());
    if (tokens.back().size() > maxTokenBytes)
      return unsupported(view.where() + "/" + std::to_string(i) + "/0: found " + std::to_string(tokens.back().size()) +
                         " bytes; expected at most " + std::to_string(maxTokenBytes));
    least = std::min(least, scores.back());
  }
  unknownScore = least - unknownPenalty;
  std::vector<ByteTrie::Entry> entries;
  for (size_t id = 0; id < tokens.size(); ++id)
    entries.emplace_back(tokens[id], static_cast<int32_t>(id));
  trie = ByteTrie(entries);
  return Status::success();
}

void Unigram::forEachToken(const std::function<void(std::string_view, int32_t)> &visit) const {
  for (size_t id = 0; id < tokens.size(); ++id)
    visit(tokens[id], static_cast<int32_t>(id));
}

/// Appends the ids of a run of unknown characters. A token that spells the whole
/// run is known after all, as Hugging Face tokenizers looks pieces up again.
Status Unigram::appendUnknown(std::string_view text, std::vector<int32_t> &ids) const {
  if (int32_t id = find(text); id >= 0) {
    ids.push_back(id);
    return Status::success();
  }
  auto idOf = [&](char byte) { return byteIds[static_cast<uint8_t>(byte)]; };
  if (byteFallback && std::all_of(text.begin(), text.end(), [&](char byte) { return idOf(byte) >= 0; }))
    for (char byte : text)
      ids.push_back(idOf(byte));
  else
    ids.push_back(unknown);
  return Status::success();
}

/// Viterbi's algorithm: the best way to each position, then back from the end.
class Unigram::WordEncoder : public TokenModel::Encoder {
public:
  explicit WordEncoder(const Unigram &model) : model(model) {}

  Status encode(std::string_view word, std::vector<int32_t> &ids) override {
    best.assign(word.size() + 1, {});
    for (size_t begin = 0; begin < word.size();) {
      size_t character = decodeUtf8(word, begin).length;
      bool spelled = false;
      model.trie.forEachPrefix(word.substr(begin), [&](size_t length, int32_t id) {
        relax(begin, begin + length, id, model.scores[static_cast<size_t>(id)]);
        spelled |= length == character;
      });
      if (!spelled) {
        if (model.unknown < 0)
          return invalidArgument("encode: found " + quoteForMessage(word.substr(begin, character)) +
                                 ", which no token spells; expected a vocabulary with an unk_id or a text without it");
        relax(begin, begin + character, model.unknown, model.unknownScore);
      }
      begin += character;
    }

    path.clear();
    for (size_t end = word.size(); end > 0; end = best[end].begin)
      path.push_back(end);
    size_t begin = 0;
    for (size_t i = path.size(); i-- > 0;) {
      size_t end = path[i];
      if (best[end].id != model.unknown) {
        ids.push_back(best[end].id);
        begin = end;
      } else if (i == 0 || best[path[i - 1]].id != model.unknown) {
        PLAIT_RETURN_IF_ERROR(model.appendUnknown(word.substr(begin, end - begin), ids));
        begin = end;
      }
    }
    return Status::success();
  }

private:
  static constexpr uint32_t unreached = UINT32_MAX;
  struct Best {
    double score = 0;
    uint32_t begin = unreached; ///< where the last token of the best way begins
    int32_t id = -1;
  };

  void relax(size_t begin, size_t end, int32_t id, double score) {
    double sum = score + best[begin].score;
    if (best[end].begin == unreached || sum > best[end].score)
      best[end] = {sum, static_cast<uint32_t>(begin), id};
  }

  const Unigram &model;
  std::vector<Best> best;   // by the end of the way
  std::vector<size_t> path; // ends of the tokens, the last first
};

std::unique_ptr<TokenModel::Encoder> Unigram::makeEncoder() const { return std::make_unique<WordEncoder>(*this); }

} // namespace plait
