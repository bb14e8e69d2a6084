//===- Bpe.cpp - Byte pair encoding ---------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Bpe.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <limits>

namespace plait {

// Words repeat, long ones seldom; the bounds keep the cache small whatever the
// text.
static constexpr size_t maxCachedWordBytes = 256;
static constexpr size_t maxCachedWords = 1 << 16;

Expected<Bpe> Bpe::fromJson(const Json &model, const std::string &what) {
  JsonView view(model, what, "/model");
  // The oldest files have no type: such a model is BPE if it has merges.
  PLAIT_ASSIGN_OR_RETURN(std::string type, view.getString("type", view.has("merges") ? "BPE" : ""));
  if (type != "BPE")
    return unsupported(what + ": /model/type: found " + quoteForMessage(type) + "; expected \"BPE\"");

  Bpe bpe;
  PLAIT_ASSIGN_OR_RETURN(bool byteFallback, view.getBool("byte_fallback", false));
  if (byteFallback)
    return unsupported(what + ": /model/byte_fallback: found true; expected false (byte-level "
                              "BPE has a token for every byte)");
  PLAIT_ASSIGN_OR_RETURN(double dropout, view.getDouble("dropout", 0.0));
  if (dropout != 0.0)
    return unsupported(what + ": /model/dropout: found " + std::to_string(dropout) +
                       "; expected null (encoding must be deterministic)");
  for (const char *key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
    PLAIT_ASSIGN_OR_RETURN(std::string affix, view.getString(key, ""));
    if (!affix.empty())
      return unsupported(what + ": /model/" + key + ": found " + quoteForMessage(affix) + "; expected null or \"\"");
  }
  PLAIT_ASSIGN_OR_RETURN(bpe.fuseUnknown, view.getBool("fuse_unk", false));
  PLAIT_ASSIGN_OR_RETURN(bpe.ignoreMerges, view.getBool("ignore_merges", false));
  bpe.hasUnknownToken = view.has("unk_token");
  PLAIT_ASSIGN_OR_RETURN(bpe.unknownToken, view.getString("unk_token", ""));

  PLAIT_ASSIGN_OR_RETURN(JsonView vocabView, view.get("vocab"));
  PLAIT_RETURN_IF_ERROR(bpe.readVocabulary(vocabView.json(), what));
  PLAIT_ASSIGN_OR_RETURN(JsonView mergesView, view.get("merges"));
  PLAIT_RETURN_IF_ERROR(bpe.readMerges(mergesView.json(), what));
  return bpe;
}

/// `key` as one step of a JSON pointer.
static std::string pointerStep(std::string_view key) {
  std::string step = "/";
  for (char c : key)
    step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return step;
}

Status Bpe::readVocabulary(const Json &json, const std::string &what) {
  // Entries are read directly: a view of each would copy the file's name and
  // the pointer hundreds of thousands of times.
  const auto *object = json.get_ptr<const Json::object_t *>();
  if (!object)
    return JsonView(json, what, "/model/vocab").error("an object of token: id");
  std::unordered_map<int32_t, std::string_view> tokenOf;
  tokenOf.reserve(object->size());
  vocab.reserve(object->size());
  for (const auto &[token, value] : *object) {
    const auto *natural = value.get_ptr<const Json::number_unsigned_t *>();
    if (!natural || *natural > uint64_t(std::numeric_limits<int32_t>::max()))
      return JsonView(value, what, "/model/vocab" + pointerStep(token)).error("an id in 0..2147483647");
    int32_t id = static_cast<int32_t>(*natural);
    if (auto [other, isNew] = tokenOf.try_emplace(id, token); !isNew)
      return corrupt(what + ": /model/vocab: found id " + std::to_string(id) + " for both " +
                     quoteForMessage(other->second) + " and " + quoteForMessage(token) + "; expected distinct ids");
    vocab.emplace(token, id);
  }
  return Status::success();
}

Status Bpe::readMerges(const Json &json, const std::string &what) {
  const auto *array = json.get_ptr<const Json::array_t *>();
  if (!array)
    return JsonView(json, what, "/model/merges").error("an array of merges");
  if (array->size() >= std::numeric_limits<uint32_t>::max())
    return unsupported(what + ": /model/merges: found too many merges");
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
    if (!valid)
      return JsonView(value, what, "/model/merges/" + std::to_string(i))
          .error("\"left right\" or [\"left\", \"right\"]");

    const std::string where = "/model/merges/" + std::to_string(i);
    PLAIT_RETURN_IF_ERROR(addMerge(left, right, static_cast<uint32_t>(i), where).withContext(what));
  }
  return Status::success();
}

Status Bpe::addMerge(std::string_view left, std::string_view right, uint32_t rank, const std::string &where) {
  std::string merged(left);
  merged += right;
  int32_t ids[3];
  int32_t *id = ids;
  for (std::string_view token : {left, right, std::string_view(merged)}) {
    *id = find(token);
    if (*id++ < 0)
      return corrupt(where + ": found " + quoteForMessage(token) +
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

/// One symbol for each character of `word`; characters without a token become
/// the unknown token, or vanish where there is none.
Status Bpe::loadSymbols(std::string_view word, std::vector<Scratch::Symbol> &symbols) const {
  symbols.clear();
  auto add = [&](int32_t id) {
    int32_t index = static_cast<int32_t>(symbols.size());
    symbols.push_back({id, index - 1, index + 1});
  };
  bool afterUnknown = false;
  for (size_t i = 0; i < word.size();) {
    size_t length = decodeUtf8(word, i).length;
    int32_t id = find(word.substr(i, length));
    if (id >= 0) {
      add(id);
      afterUnknown = false;
    } else if (hasUnknownToken) {
      int32_t unknown = find(unknownToken);
      if (unknown < 0)
        return corrupt("encode: found a character without a token, " + quoteForMessage(word.substr(i, length)) +
                       ", and an unk_token " + quoteForMessage(unknownToken) +
                       " that is not in the vocabulary; expected either there");
      if (!afterUnknown || !fuseUnknown)
        add(unknown);
      afterUnknown = true;
    }
    i += length;
  }
  if (!symbols.empty())
    symbols.back().next = -1;
  return Status::success();
}

/// Applies the merge of the least rank, leftmost first, until none applies.
/// A queue of candidates over a linked list makes this O(n log n).
void Bpe::mergeSymbols(Scratch &scratch) const {
  auto &symbols = scratch.symbols;
  auto &queue = scratch.queue;
  using Candidate = Scratch::Candidate;
  auto later = [](const Candidate &a, const Candidate &b) {
    return a.rank != b.rank ? a.rank > b.rank : a.position > b.position;
  };

  queue.clear();
  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    if (const Merge *merge = findMerge(symbols[i].id, symbols[i + 1].id))
      queue.push_back({merge->rank, static_cast<int32_t>(i), merge->merged});
  std::make_heap(queue.begin(), queue.end(), later);

  auto push = [&](int32_t position) {
    const Scratch::Symbol &symbol = symbols[position];
    if (const Merge *merge = findMerge(symbol.id, symbols[symbol.next].id)) {
      queue.push_back({merge->rank, position, merge->merged});
      std::push_heap(queue.begin(), queue.end(), later);
    }
  };

  while (!queue.empty()) {
    std::pop_heap(queue.begin(), queue.end(), later);
    Candidate top = queue.back();
    queue.pop_back();
    Scratch::Symbol &symbol = symbols[top.position];
    if (symbol.id < 0 || symbol.next < 0)
      continue;
    // Neighbours may have merged since the candidate was queued.
    Scratch::Symbol &right = symbols[symbol.next];
    const Merge *merge = findMerge(symbol.id, right.id);
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

Status Bpe::encode(std::string_view word, Scratch &scratch, std::vector<int32_t> &ids) const {
  if (ignoreMerges) {
    if (int32_t id = find(word); id >= 0) {
      ids.push_back(id);
      return Status::success();
    }
  }
  bool cacheable = word.size() <= maxCachedWordBytes;
  if (cacheable) {
    if (auto hit = scratch.cache.find(word); hit != scratch.cache.end()) {
      auto begin = scratch.cachedIds.begin();
      ids.insert(ids.end(), begin + static_cast<ptrdiff_t>(hit->second.first),
                 begin + static_cast<ptrdiff_t>(hit->second.second));
      return Status::success();
    }
  }

  PLAIT_RETURN_IF_ERROR(loadSymbols(word, scratch.symbols));
  mergeSymbols(scratch);
  size_t first = ids.size();
  for (const Scratch::Symbol &symbol : scratch.symbols)
    if (symbol.id >= 0)
      ids.push_back(symbol.id);

  if (cacheable && scratch.cache.size() < maxCachedWords) {
    size_t begin = scratch.cachedIds.size();
    scratch.cachedIds.insert(scratch.cachedIds.end(), ids.begin() + static_cast<ptrdiff_t>(first), ids.end());
    scratch.cache.emplace(word, std::make_pair(begin, scratch.cachedIds.size()));
  }
  return Status::success();
}

} // namespace plait
