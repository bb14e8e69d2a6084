//===- AddedTokens.cpp - Tokens found in the text itself ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/AddedTokens.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace plait {

// Real files have at most some ten thousand; the bounds keep a hostile file from
// costing much memory, and a search from costing more than this per byte of text.
static constexpr size_t maxAddedTokens = 1'000'000;
static constexpr size_t maxAddedTokenBytes = 1024;
static constexpr size_t maxAddedTokenBytesInAll = size_t(32) << 20;

Expected<std::vector<AddedToken>> readAddedTokens(const Json &array, const std::string &what) {
  const std::string where = "/added_tokens";
  const auto *elements = array.get_ptr<const Json::array_t *>();
  if (!elements)
    return JsonView(array, what, where).error("an array of added tokens");
  if (elements->size() > maxAddedTokens)
    return unsupported(what + ": " + where + ": found " + std::to_string(elements->size()) +
                       " added tokens; expected at most " + std::to_string(maxAddedTokens));
  std::vector<AddedToken> tokens;
  tokens.reserve(elements->size());
  for (size_t i = 0; i < elements->size(); ++i) {
    JsonView view((*elements)[i], what, where + "/" + std::to_string(i));
    AddedToken token;
    PLAIT_ASSIGN_OR_RETURN(int64_t id, view.getInt("id", 0, std::numeric_limits<int32_t>::max()));
    token.id = static_cast<int32_t>(id);
    PLAIT_ASSIGN_OR_RETURN(token.content, view.getString("content"));
    PLAIT_ASSIGN_OR_RETURN(token.singleWord, view.getBool("single_word", false));
    PLAIT_ASSIGN_OR_RETURN(token.leftStrip, view.getBool("lstrip", false));
    PLAIT_ASSIGN_OR_RETURN(token.rightStrip, view.getBool("rstrip", false));
    PLAIT_ASSIGN_OR_RETURN(token.special, view.getBool("special", false));
    PLAIT_ASSIGN_OR_RETURN(token.normalized, view.getBool("normalized", !token.special));
    if (token.content.size() > maxAddedTokenBytes)
      return unsupported(what + ": " + view.path() + "/content: found " + std::to_string(token.content.size()) +
                         " bytes; expected at most " + std::to_string(maxAddedTokenBytes));
    if (!token.content.empty())
      tokens.push_back(std::move(token));
  }
  return tokens;
}

Expected<AddedTokenMatcher> AddedTokenMatcher::build(const std::vector<Pattern> &patterns) {
  AddedTokenMatcher matcher;
  std::vector<ByteTrie::Entry> entries;
  size_t bytes = 0;
  for (const auto &[token, pattern] : patterns) {
    if (pattern.empty())
      return corrupt("/added_tokens: found " + quoteForMessage(token->content) +
                     ", of which the normalizer leaves nothing; expected \"normalized\": false for it");
    if (pattern.size() > 4 * maxAddedTokenBytes)
      return unsupported("/added_tokens: found " + quoteForMessage(token->content) +
                         ", of which the normalizer makes " + std::to_string(pattern.size()) +
                         " bytes; expected at most " + std::to_string(4 * maxAddedTokenBytes));
    bytes += pattern.size();
    if (bytes > maxAddedTokenBytesInAll)
      return unsupported("/added_tokens: found more than " + std::to_string(maxAddedTokenBytesInAll) +
                         " bytes of added tokens; expected fewer");
    if (token->singleWord && !matcher.wordCharacter) {
      // The join controls are word characters here, unlike in pre-tokenizers.
      PLAIT_ASSIGN_OR_RETURN(matcher.wordCharacter, TokenizerRegex::compile("[\\w\\x{200c}\\x{200d}]"));
    }
    entries.emplace_back(pattern, static_cast<int32_t>(matcher.flags.size()));
    matcher.flags.push_back({token->id, token->singleWord, token->leftStrip, token->rightStrip, token->special});
  }
  matcher.trie = ByteTrie(entries);
  for (const auto &[pattern, index] : entries)
    if (matcher.trie.find(pattern) != index)
      return corrupt("/added_tokens: found " + quoteForMessage(pattern) + " twice; expected distinct contents");
  return matcher;
}

Expected<bool> AddedTokenMatcher::isPartOfWord(std::string_view text, size_t start, size_t end) const {
  std::string_view neighbours[2];
  if (start > 0) {
    size_t before = lastUtf8Start(text.substr(0, start));
    neighbours[0] = text.substr(before, start - before);
  }
  if (end < text.size())
    neighbours[1] = text.substr(end, decodeUtf8(text, end).length);
  TokenizerRegex::Matches matches;
  for (std::string_view neighbour : neighbours) {
    PLAIT_RETURN_IF_ERROR(wordCharacter->findAll(neighbour, matches));
    if (!matches.found.empty())
      return true;
  }
  return false;
}

bool SpecialTokenPolicy::touchesPlain(std::string_view text, size_t begin, size_t end) const {
  if (!plain || plain->empty())
    return false;
  std::less_equal<const char *> notAfter;
  if (!notAfter(whole.data(), text.data()) || !notAfter(text.data() + text.size(), whole.data() + whole.size()))
    return true;
  size_t offset = static_cast<size_t>(text.data() - whole.data());
  auto range = std::upper_bound(plain->begin(), plain->end(), offset + begin,
                                [](size_t value, const TextRange &r) { return value < r.end; });
  return range != plain->end() && range->begin < offset + end;
}

Status AddedTokenMatcher::split(const TextPiece &piece, const SpecialTokenPolicy &policy,
                                std::vector<TextPiece> &pieces) const {
  std::string_view text = piece.text;
  size_t done = 0;      // where the last piece ended
  size_t spacesEnd = 0; // where the last run of spaces that was looked at ends
  auto addText = [&](size_t begin, size_t end) {
    if (begin < end)
      pieces.push_back(piece.part(begin, end));
  };

  size_t searchFrom = trie.empty() ? text.size() : 0;
  while (searchFrom < text.size()) {
    size_t length = 0;
    int32_t index = -1;
    trie.forEachPrefix(text.substr(searchFrom), [&](size_t longer, int32_t value) {
      if (flags[static_cast<size_t>(value)].special && policy.touchesPlain(text, searchFrom, searchFrom + longer))
        return;
      length = longer;
      index = value;
    });
    if (index < 0) {
      ++searchFrom;
      continue;
    }
    size_t start = searchFrom, end = start + length;
    searchFrom = end; // a match that is then discarded is consumed all the same
    const Flags &token = flags[static_cast<size_t>(index)];
    if (token.special && !policy.everywhere)
      continue;
    if (token.singleWord) {
      PLAIT_ASSIGN_OR_RETURN(bool partOfWord, isPartOfWord(text, start, end));
      if (partOfWord)
        continue;
    }
    if (token.leftStrip) {
      while (start > done) {
        size_t before = lastUtf8Start(text.substr(0, start));
        if (!isUnicodeSpace(decodeUtf8(text, before).value))
          break;
        start = before;
      }
      start = std::max(start, done);
    }
    if (token.rightStrip) {
      // Not reset: a later token inside the run ends where the run ends, and
      // walking there from each of them would be quadratic.
      size_t i = end;
      if (i < spacesEnd) {
        i = spacesEnd;
      } else {
        while (i < text.size()) {
          Utf8Step step = decodeUtf8(text, i);
          if (!isUnicodeSpace(step.value))
            break;
          i += step.length;
        }
        spacesEnd = i;
      }
      end = i;
    }
    // A match inside spaces that the previous token took is cut again, as in
    // Hugging Face tokenizers.
    if (start >= end)
      continue;
    addText(done, start);
    pieces.push_back({text.substr(start, end - start), token.id});
    done = end;
  }
  addText(done, text.size());
  return Status::success();
}

} // namespace plait
