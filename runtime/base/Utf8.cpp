//===- Utf8.cpp - Decoding, checking and repairing UTF-8 ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"

#include "runtime/base/File.h"

#include <cstdint>
#include <cstring>

namespace plait {

static constexpr char32_t replacementCharacter = 0xFFFD;

Utf8Step decodeUtf8(std::string_view text, size_t position) {
  auto byteAt = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  uint8_t lead = byteAt(position);
  if (lead < 0x80)
    return {Utf8Step::complete, lead, 1};

  // The second byte's range excludes overlong forms, surrogates and > U+10FFFF.
  size_t length;
  uint8_t low = 0x80, high = 0xBF;
  char32_t value;
  if (lead >= 0xC2 && lead <= 0xDF) {
    length = 2;
    value = lead & 0x1F;
  } else if (lead >= 0xE0 && lead <= 0xEF) {
    length = 3;
    value = lead & 0x0F;
    if (lead == 0xE0)
      low = 0xA0;
    else if (lead == 0xED)
      high = 0x9F;
  } else if (lead >= 0xF0 && lead <= 0xF4) {
    length = 4;
    value = lead & 0x07;
    if (lead == 0xF0)
      low = 0x90;
    else if (lead == 0xF4)
      high = 0x8F;
  } else {
    return {Utf8Step::invalid, replacementCharacter, 1};
  }

  for (size_t i = 1; i < length; ++i) {
    if (position + i == text.size())
      return {Utf8Step::truncated, replacementCharacter, i};
    uint8_t byte = byteAt(position + i);
    if (byte < low || byte > high)
      return {Utf8Step::invalid, replacementCharacter, i};
    value = (value << 6) | (byte & 0x3F);
    low = 0x80;
    high = 0xBF;
  }
  return {Utf8Step::complete, value, length};
}

size_t lastUtf8Start(std::string_view text) {
  size_t i = text.size() - 1;
  while (i > 0 && (static_cast<uint8_t>(text[i]) & 0xC0) == 0x80)
    --i;
  return i;
}

size_t findInvalidUtf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    // Prompts are mostly ASCII: step over it eight bytes at a time.
    uint64_t word;
    if (i + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof(word));
      if ((word & 0x8080808080808080u) == 0) {
        i += sizeof(word);
        continue;
      }
    }
    Utf8Step step = decodeUtf8(text, i);
    if (step.kind != Utf8Step::complete)
      return i;
    i += step.length;
  }
  return std::string_view::npos;
}

void appendUtf8(std::string &text, char32_t value) {
  auto add = [&](uint32_t byte) { text += static_cast<char>(byte); };
  if (value < 0x80) {
    add(value);
  } else if (value < 0x800) {
    add(0xC0 | (value >> 6));
    add(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    add(0xE0 | (value >> 12));
    add(0x80 | ((value >> 6) & 0x3F));
    add(0x80 | (value & 0x3F));
  } else {
    add(0xF0 | (value >> 18));
    add(0x80 | ((value >> 12) & 0x3F));
    add(0x80 | ((value >> 6) & 0x3F));
    add(0x80 | (value & 0x3F));
  }
}

void moveValidUtf8(std::string &bytes, std::string &text, bool final) {
  size_t i = 0;
  while (i < bytes.size()) {
    Utf8Step step = decodeUtf8(bytes, i);
    if (step.kind == Utf8Step::truncated && !final)
      break;
    if (step.kind == Utf8Step::complete)
      text.append(bytes, i, step.length);
    else
      appendUtf8(text, replacementCharacter);
    i += step.length;
  }
  bytes.erase(0, i);
}

bool isUnicodeSpace(char32_t value) {
  return (value >= 0x9 && value <= 0xD) || value == 0x20 || value == 0x85 || value == 0xA0 || value == 0x1680 ||
         (value >= 0x2000 && value <= 0x200A) || value == 0x2028 || value == 0x2029 || value == 0x202F ||
         value == 0x205F || value == 0x3000;
}

std::string quoteForMessage(std::string_view text) { return "\"" + printable(text, /*maxBytes=*/80) + "\""; }

} // namespace plait
