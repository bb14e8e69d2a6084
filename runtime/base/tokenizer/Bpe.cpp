//===- Bpe.cpp - Byte pair encoding ---------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Bpe.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace plait {

// Words repeat, long ones seldom; the bounds keep the cache small whatever the
// text.
static constexpr size_t maxCachedWordBytes = 256;
static constexpr size_t maxCachedWords = 1 << 16;

Expected<TokenModelPtr> Bpe::read(const JsonView &view, unsigned) {
  auto bpe = std::make_unique<Bpe>();
  PLAIT_ASSIGN_OR_RETURN(double dropout, view.getDouble("dropout", 0.0));
  if (dropout != 0.0)
    return unsupported(view.where() + "/dropout: found " + std::to_string(dropout) +
                       "; expected null (encoding must be deterministic)");
  PLAIT_ASSIGN_OR_RETURN(bpe->prefix, view.getString("continuing_subword_prefix", ""));
  PLAIT_ASSIGN_OR_RETURN(bpe->suffix, view.getString("end_of_word_suffix", ""));
  PLAIT_ASSIGN_OR_RETURN(bpe->fuseUnknown, view.getBool("fuse_unk", false));
  PLAIT_ASSIGN_OR_RETURN(bpe->ignoreMerges, view.getBool("ignore_merges", false));
  PLAIT_ASSIGN_OR_RETURN(bpe->byteFallback, view.getBool("byte_fallback", false));
  if (view.has("unk_token")) {
    PLAIT_ASSIGN_OR_RETURN(bpe->unknownToken, view.getString("unk_token"));
  }

  PLAIT_ASSIGN_OR_RETURN(JsonView vocabView, view.get("vocab"));
  PLAIT_RETURN_IF_ERROR(bpe->readVocabulary(vocabView));
  for (size_t byte = 0; byte < 256; ++byte)
    bpe->byteIds[byte] = bpe->find(tokenOfByte(static_cast<uint8_t>(byte)));
  PLAIT_ASSIGN_OR_RETURN(JsonView mergesView, view.get("merges"));
  PLAIT_RETURN_IF_ERROR(bpe->readMerges(mergesView));
  return TokenModelPtr(std::move(bpe));
}

Status Bpe::readVocabulary(const JsonView &view) {
  // Entries are read directly: a view of each would copy the file's name and
  // the pointer hundreds of thousands of times.
  const auto *object = view.json().get_ptr<const Json::object_t *>();
  if (!object)
    return view.error("an object of token: id");
  std::unordered_map<int32_t, std::string_view> tokenOf;
  tokenOf.reserve(object->size());
  vocab.reserve(object->size());
  for (const auto &[token, value] : *object) {
    const auto *natural = value.get_ptr<const Json::number_unsigned_t *>();
    if (!natural || *natural > uint64_t(std::numeric_limits<int32_t>::max())) {
      PLAIT_ASSIGN_OR_RETURN(JsonView entry, view.get(token));
      return entry.error("an id in 0..2147483647");
    }
    int32_t id = static_cast<int32_t>(*natural);
    if (auto [other, isNew] = tokenOf.try_emplace(id, token); !isNew)
      return corrupt(view.where() + ": found id " + std::to_string(id) + " for both " + quoteForMessage(other->second) +
                     " and " + quoteForMessage(token) + "; expected distinct ids");
    vocab.emplace(token, id);
  }
  return Status::success();
}

Status Bpe::readMerges(const JsonView &view) {
  const auto *array = view.json().get_ptr<const Json::array_t *>();
  if (!array)
    return view.error("an array of merges");
  if (array->size() >= std::numeric_limits<uint32_t>::max())
    return unsupported(view.where() + ": found too many merges");
  merges.reserve(array->size());
  for (size_t i = 0; i < array->size(); ++i) {
    const Json &value = (*array)[i];
    std::string_view left, right;
    bool valid = false;
    if (const auto *line = value.get_ptr<const Json::string_t *>()) {
      if (line->rfind("#version", 0) == 0)
        continue;
      std::string_view text = *line;
      size_t space = text.find(' ');
      if (space != std::string_view::npos) {
        left = text.substr(0, space);
        right = text.substr(space + 1);
        valid = right.find(' ') == std::string_view::npos;
      }
    } else if (value.is_array() && value.size() == 2 && value[0].is_string() && value[1].is_string()) {
      left = *value[0].get_ptr<const Json::string_t *>();
      right = *value[1].get_ptr<const Json::string_t *>();
      valid = true;
    }
    if (!valid) {
      PLAIT_ASSIGN_OR_RETURN(JsonView entry, view.at(i));
      return entry.error("\"left right\" or [\"left\", \"right\"]");
    }
    if (Status status = addMerge(left, right, static_cast<uint32_t>(i)); !status)
      return status.withContext(view.where() + "/" + std::to_string(i));
  }
  return Status::success();
}

Status Bpe::addMerge(std::string_view left, std::string_view right, uint32_t rank) {
  if (right.substr(0, prefix.size()) != prefix)
    return corrupt("found " + quoteForMessage(right) + " on the right; expected the continuing_subword_prefix " +
                   quoteForMessage(prefix) + " there");
  std::string merged(left);
  merged += right.substr(prefix.size());
  int32_t ids[3];
  int32_t *id = ids;
  for (std::string_view token : {left, right, std::string_view(merged)}) {
    *id = find(token);
    if (*id++ < 0)
      return corrupt("found " + quoteForMessage(token) +
                     ", which is not in the vocabulary; expected a merge of known tokens into a "
                     "known token");
  }
  uint64_t key = uint64_t(uint32_t(ids[0])) << 32 | uint32_t(ids[1]);
  merges[key] = {rank, ids[2]}; // a repeated pair counts where it comes last
  return Status::success();
}

int32_t Bpe::find(std::string_view token) const {
  auto it = vocab.find(token);
  return it == vocab.end() ? -1 : it->second;
}

const Bpe::Merge *Bpe::findMerge(int32_t left, int32_t right) const {
  auto it = merges.find(uint64_t(uint32_t(left)) << 32 | uint32_t(right));
  return it == merges.end() ? nullptr : &it->second;
}

void Bpe::forEachToken(const std::function<void(std::string_view, int32_t)> &visit) const {
  for (const auto &[token, id] : vocab)
    visit(token, id);
}

class Bpe::WordEncoder : public TokenModel::Encoder {
public:
  explicit WordEncoder(const Bpe &bpe) : bpe(bpe) {}
  Status encode(std::string_view word, std::vector<int32_t> &ids) override;

private:
  struct Symbol {
    int32_t id; // negative: merged into the symbol on its left
    int32_t previous, next;
  };
  struct Candidate {
    uint32_t rank;
    int32_t position;
    int32_t merged;
  };

  Status loadSymbols(std::string_view word);
  bool addBytes(std::string_view text);
  void addSymbol(int32_t id) {
    int32_t index = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  }
  void mergeSymbols();

  const Bpe &bpe;
  std::vector<Symbol> symbols;
  std::vector<Candidate> queue;
  std::string affixed; // a character with its prefix and suffix
  std::vector<int32_t> cachedIds;
  std::unordered_map<std::string_view, std::pair<size_t, size_t>> cache; // range of cachedIds
};

std::unique_ptr<TokenModel::Encoder> Bpe::makeEncoder() const { return std::make_unique<WordEncoder>(*this); }

/// Adds the tokens of the bytes of `text`, if each has one.
bool Bpe::WordEncoder::addBytes(std::string_view text) {
  auto idOf = [&](char byte) { return bpe.byteIds[static_cast<uint8_t>(byte)]; };
  if (!std::all_of(text.begin(), text.end(), [&](char byte) { return idOf(byte) >= 0; }))
    return false;
  for (char byte : text)
    addSymbol(idOf(byte));
  return true;
}

/// One symbol for each character of `word`; see the class for those without a
/// token.
Status Bpe::WordEncoder::loadSymbols(std::string_view word) {
  symbols.clear();
  // An unknown token waits for a token to come, so that more unknown characters
  // can join it. Tokens of bytes pass it by, as in Hugging Face tokenizers.
  bool unknownWaits = false;
  int32_t unknown = -1;
  for (size_t i = 0; i < word.size();) {
    size_t length = decodeUtf8(word, i).length;
    std::string_view character = word.substr(i, length);
    bool first = i == 0;
    i += length;
    bool last = i == word.size();
    if ((!first && !bpe.prefix.empty()) || (last && !bpe.suffix.empty())) {
      affixed = first ? "" : bpe.prefix;
      affixed += character;
      affixed += last ? bpe.suffix : "";
      character = affixed;
    }
    if (int32_t id = bpe.find(character); id >= 0) {
      if (std::exchange(unknownWaits, false))
        addSymbol(unknown);
      addSymbol(id);
      continue;
    }
    if (bpe.byteFallback && addBytes(character))
      continue;
    if (!bpe.unknownToken)
      continue;
    unknown = bpe.find(*bpe.unknownToken);
    if (unknown < 0)
      return corrupt("encode: found a character without a token, " + quoteForMessage(character) +
                     ", and an unk_token " + quoteForMessage(*bpe.unknownToken) +
                     " that is not in the vocabulary; expected either there");
    if (unknownWaits && !bpe.fuseUnknown)
      addSymbol(unknown);
    unknownWaits = true;
  }
  if (unknownWaits)
    addSymbol(unknown);
  if (!symbols.empty())
    symbols.back().next = -1;
  return Status::success();
}

/// Applies the merge of the least rank, leftmost first, until none applies.
/// A queue of candidates over a linked list makes this O(n log n).
void Bpe::WordEncoder::mergeSymbols() {
  auto later = [](const Candidate &a, const Candidate &b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };

  queue.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    if (const Merge *merge = bpe.findMerge(symbols[i].id, symbols[i + 1].id))
      queue.push_back({merge->rank, static_cast<int32_t>(i), merge->merged});
  std::make_heap(queue.begin(), queue.end(), later);

  auto push = [&](int32_t position) {
    const Symbol &symbol = symbols[position];
    if (const Merge *merge = bpe.findMerge(symbol.id, symbols[symbol.next].id)) {
      queue.push_back({merge->rank, position, merge->merged});
      std::push_heap(queue.begin(), queue.end(), later);
    }
  };

  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    Candidate top = queue.back();
    queue.pop_back();
    Symbol &symbol = symbols[top.position];
    if (symbol.id < 0 || symbol.next < 0)
      continue;
    // Neighbours may have merged since the candidate was queued.
    Symbol &right = symbols[symbol.next];
    const Merge *merge = bpe.findMerge(symbol.id, right.id);
    if (!merge || merge->merged != top.merged)
      continue;
    symbol.id = top.merged;
    symbol.next = right.next;
    right.id = -1;
    if (symbol.next >= 0) {
      symbols[symbol.next].previous = top.position;
      push(top.position);
    }
    if (symbol.previous >= 0)
      push(symbol.previous);
  }
}

Status Bpe::WordEncoder::encode(std::string_view word, std::vector<int32_t> &ids) {
  if (bpe.ignoreMerges) {
    if (int32_t id = bpe.find(word); id >= 0) {
      ids.push_back(id);
      return Status::success();
    }
  }
  bool cacheable = word.size() <= maxCachedWordBytes;
  if (cacheable) {
    if (auto hit = cache.find(word); hit != cache.end()) {
      auto begin = cachedIds.begin();
      ids.insert(ids.end(), begin + static_cast<ptrdiff_t>(hit->second.first),
                 begin + static_cast<ptrdiff_t>(hit->second.second));
      return Status::success();
    }
  }

  PLAIT_RETURN_IF_ERROR(loadSymbols(word));
  mergeSymbols();
  size_t first = ids.size();
  for (const Symbol &symbol : symbols)
    if (symbol.id >= 0)
      ids.push_back(symbol.id);

  if (cacheable && cache.size() < maxCachedWords) {
    size_t begin = cachedIds.size();
    cachedIds.insert(cachedIds.end(), ids.begin() + static_cast<ptrdiff_t>(first), ids.end());
    cache.emplace(word, std::make_pair(begin, cachedIds.size()));
  }
  return Status::success();
}

} // namespace plait
