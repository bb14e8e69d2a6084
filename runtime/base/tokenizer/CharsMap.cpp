//===- CharsMap.cpp - SentencePiece's compiled normalization --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/CharsMap.h"

#include "runtime/base/Utf8.h"

#include <utf8proc.h>

namespace plait {

namespace {

/// Grapheme clusters of this many bytes and more are mapped by character.
constexpr size_t clusterBytes = 6;

// The fields of a unit (Darts-clone).
bool isValue(uint32_t unit) { return unit >> 31 != 0; }
bool hasLeaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t valueOf(uint32_t unit) { return unit & 0x7FFFFFFF; }
uint32_t labelOf(uint32_t unit) { return unit & 0x800000FF; }
uint32_t offsetOf(uint32_t unit) { return (unit >> 10) << ((unit & 1 << 9) >> 6); }

int base64Value(char c) {
  if (c >= 'A' && c <= 'Z')
    return c - 'A';
  if (c >= 'a' && c <= 'z')
    return c - 'a' + 26;
  if (c >= '0' && c <= '9')
    return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

Expected<std::string> decodeBase64(std::string_view text) {
  auto malformed = [] { return corrupt("found malformed base64; expected RFC 4648 with padding"); };
  std::string bytes;
  if (text.size() % 4 != 0)
    return malformed();
  for (size_t i = 0; i < text.size(); i += 4) {
    size_t characters = text[i + 3] != '=' ? 4 : text[i + 2] != '=' ? 3 : 2;
    if (characters < 4 && i + 4 != text.size())
      return malformed();
    uint32_t group = 0;
    for (size_t j = 0; j < 4; ++j) {
      int value = j < characters ? base64Value(text[i + j]) : 0;
      if (value < 0)
        return malformed();
      group = group << 6 | static_cast<uint32_t>(value);
    }
    for (size_t j = 0; j + 1 < characters; ++j)
      bytes += static_cast<char>(group >> (16 - 8 * j) & 0xFF);
  }
  return bytes;
}

} // namespace

Expected<CharsMap> CharsMap::fromBase64(std::string_view base64) {
  PLAIT_ASSIGN_OR_RETURN(std::string bytes, decodeBase64(base64));
  auto wordAt = [&](size_t offset) {
    uint32_t word = 0;
    for (size_t i = 4; i-- > 0;)
      word = word << 8 | static_cast<uint8_t>(bytes[offset + i]);
    return word;
  };
  if (bytes.size() < 4)
    return corrupt("found " + std::to_string(bytes.size()) + " bytes; expected the size of a trie and the trie");
  size_t trieBytes = wordAt(0);
  if (trieBytes == 0 || trieBytes % 4 != 0 || trieBytes > bytes.size() - 4)
    return corrupt("found a trie of " + std::to_string(trieBytes) + " bytes in " + std::to_string(bytes.size()) +
                   " bytes; expected a multiple of four that fits");
  CharsMap map;
  // A step goes from a node to any place in its block of 256.
  map.units.resize((trieBytes / 4 + 255) / 256 * 256, 0);
  for (size_t i = 0; i < trieBytes / 4; ++i)
    map.units[i] = wordAt(4 + 4 * i);
  map.replacements = bytes.substr(4 + trieBytes);
  if (size_t bad = findInvalidUtf8(map.replacements); bad != std::string_view::npos)
    return corrupt("found invalid UTF-8 at byte " + std::to_string(bad) + " of the replacements; expected valid UTF-8");

  for (size_t i = 0; i < map.units.size(); ++i) {
    uint32_t unit = map.units[i];
    bool valid = i != 0 || !isValue(unit); // a search begins with the root's offset
    if (!isValue(unit)) {
      size_t child = i ^ offsetOf(unit);
      valid = child < map.units.size() && (!hasLeaf(unit) || isValue(map.units[child]));
    } else {
      size_t at = valueOf(unit);
      valid &= at <= map.replacements.size() &&
               (at == map.replacements.size() || (static_cast<uint8_t>(map.replacements[at]) & 0xC0) != 0x80);
    }
    if (!valid)
      return corrupt("found a unit " + std::to_string(i) + " that leads outside; expected a double-array trie");
  }
  return map;
}

/// What the shortest source that is a prefix of `chunk` becomes.
std::optional<std::string_view> CharsMap::replacementOf(std::string_view chunk) const {
  size_t position = offsetOf(units[0]);
  for (char c : chunk) {
    uint32_t byte = static_cast<uint8_t>(c);
    if (byte == 0)
      break;
    position ^= byte;
    uint32_t unit = units[position];
    if (labelOf(unit) != byte)
      break;
    position ^= offsetOf(unit);
    if (hasLeaf(unit)) {
      std::string_view rest = std::string_view(replacements).substr(valueOf(units[position]));
      return rest.substr(0, rest.find('\0'));
    }
  }
  return std::nullopt;
}

std::string CharsMap::apply(std::string_view text) const {
  std::string result;
  result.reserve(text.size());
  auto append = [&](std::string_view chunk) {
    std::optional<std::string_view> replacement = replacementOf(chunk);
    if (replacement)
      result += *replacement;
    return replacement.has_value();
  };
  utf8proc_int32_t state = 0;
  for (size_t begin = 0; begin < text.size();) {
    Utf8Step last = decodeUtf8(text, begin);
    size_t end = begin + last.length;
    while (end < text.size()) {
      Utf8Step next = decodeUtf8(text, end);
      if (utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(last.value),
                                           static_cast<utf8proc_int32_t>(next.value), &state))
        break;
      end += next.length;
      last = next;
    }
    std::string_view cluster = text.substr(begin, end - begin);
    begin = end;
    if (cluster.size() < clusterBytes && append(cluster))
      continue;
    for (size_t i = 0; i < cluster.size();) {
      size_t length = decodeUtf8(cluster, i).length;
      if (!append(cluster.substr(i, length)))
        result += cluster.substr(i, length);
      i += length;
    }
  }
  return result;
}

} // namespace plait
