//===- AddedTokens.cpp - Tokens found in the text itself ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/AddedTokens.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
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

Status AddedTokenMatcher::add(const AddedToken &token, std::string_view pattern) {
  if (nodes + pattern.size() > maxAddedTokenBytesInAll)
    return unsupported("added_tokens: found more than " + std::to_string(maxAddedTokenBytesInAll) +
                       " bytes of added tokens; expected fewer");
  if (token.singleWord && !wordCharacter) {
    // The join controls are word characters here, unlike in pre-tokenizers.
    PLAIT_ASSIGN_OR_RETURN(wordCharacter, TokenizerRegex::compile("[\\w\\x{200c}\\x{200d}]"));
  }
  uint32_t node = 0;
  for (char c : pattern) {
    uint8_t byte = static_cast<uint8_t>(c);
    uint32_t &edge = node == 0 ? rootEdges[byte] : edges[uint64_t(node) << 8 | byte];
    if (edge == 0)
      edge = nodes++;
    node = edge;
  }
  Flags flags{token.id, token.singleWord, token.leftStrip, token.rightStrip, token.special};
  if (node == 0 || !tokenAt.emplace(node, flags).second)
    return corrupt("added_tokens: found " + quoteForMessage(pattern) + " twice; expected distinct contents");
  return Status::success();
}

std::optional<AddedTokenMatcher::Found> AddedTokenMatcher::longestAt(std::string_view text, size_t start) const {
  std::optional<Found> found;
  uint32_t node = rootEdges[static_cast<uint8_t>(text[start])];
  for (size_t i = start + 1; node != 0; ++i) {
    if (auto token = tokenAt.find(node); token != tokenAt.end())
      found = Found{i, &token->second};
    if (i == text.size())
      break;
    auto edge = edges.find(uint64_t(node) << 8 | static_cast<uint8_t>(text[i]));
    node = edge == edges.end() ? 0 : edge->second;
  }
  return found;
}

Expected<bool> AddedTokenMatcher::isPartOfWord(std::string_view text, size_t start, size_t end) const {
  std::string_view neighbours[2];
  if (start > 0) {
    size_t before = lastUtf8Start(text.substr(0, start));
    neighbours[0] = text.substr(before, start - before);
  }
  if (end < text.size())
    neighbours[1] = text.substr(end, decodeUtf8(text, end).length);
  std::vector<TokenizerRegex::Match> matches;
  for (std::string_view neighbour : neighbours) {
    PLAIT_RETURN_IF_ERROR(wordCharacter->findAll(neighbour, matches));
    if (!matches.empty())
      return true;
  }
  return false;
}

Status AddedTokenMatcher::split(std::string_view text, bool parseSpecial, std::vector<TextPiece> &pieces) const {
  size_t done = 0;      // where the last piece ended
  size_t spacesEnd = 0; // where the last run of spaces that was looked at ends
  auto addText = [&](size_t begin, size_t end) {
    if (begin < end)
      pieces.push_back({text.substr(begin, end - begin)});
  };

  size_t searchFrom = nodes > 1 ? 0 : text.size();
  while (searchFrom < text.size()) {
    std::optional<Found> found = longestAt(text, searchFrom);
    if (!found) {
      ++searchFrom;
      continue;
    }
    size_t start = searchFrom, end = found->end;
    searchFrom = end; // a match that is then discarded is consumed all the same
    const Flags &token = *found->flags;
    if (token.special && !parseSpecial)
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
