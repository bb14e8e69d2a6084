//===- ByteLevel.cpp - Bytes as printable characters ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/ByteLevel.h"

#include "runtime/base/Utf8.h"

#include <array>
#include <cstdint>

namespace plait {

namespace {

struct ByteMap {
  static constexpr size_t characters = 0x144;
  std::array<uint16_t, 256> characterOf{};
  std::array<int16_t, characters> byteOf{}; // -1 where there is none
};

constexpr ByteMap makeByteMap() {
  ByteMap map;
  for (int16_t &byte : map.byteOf)
    byte = -1;
  uint16_t next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    bool printable = (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte != 0xAD);
    uint16_t character = printable ? static_cast<uint16_t>(byte) : next++;
    map.characterOf[byte] = character;
    map.byteOf[character] = static_cast<int16_t>(byte);
  }
  return map;
}

constexpr ByteMap byteMap = makeByteMap();

} // namespace

void appendByteLevel(std::string &text, std::string_view bytes) {
  for (char byte : bytes)
    appendUtf8(text, byteMap.characterOf[static_cast<uint8_t>(byte)]);
}

void appendByteLevelDecoded(std::string &bytes, std::string_view token) {
  size_t before = bytes.size();
  for (size_t i = 0; i < token.size();) {
    Utf8Step step = decodeUtf8(token, i);
    int16_t byte = step.value < ByteMap::characters ? byteMap.byteOf[step.value] : int16_t(-1);
    if (byte < 0) {
      bytes.resize(before);
      bytes += token;
      return;
    }
    bytes += static_cast<char>(byte);
    i += step.length;
  }
}

} // namespace plait
