//===- CharsMapTest.cpp - SentencePiece's compiled normalization -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/CharsMap.h"

#include "gtest/gtest.h"

#include <cstdint>
#include <string>
#include <vector>

using namespace plait;

namespace {

std::string base64(const std::string &bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  uint32_t bits = 0;
  int count = 0;
  for (char byte : bytes) {
    bits = bits << 8 | static_cast<uint8_t>(byte);
    for (count += 8; count >= 6; count -= 6)
      text += digits[bits >> (count - 6) & 63];
  }
  if (count > 0)
    text += digits[bits << (6 - count) & 63];
  text.append((4 - text.size() % 4) % 4, '=');
  return text;
}

std::string words(const std::vector<uint32_t> &values) {
  std::string bytes;
  for (uint32_t value : values)
    for (int i = 0; i < 4; ++i)
      bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

// Fields of a unit of Darts-clone.
constexpr uint32_t value = 1u << 31, leaf = 1u << 8;
constexpr uint32_t offset(uint32_t n) { return n << 10; }

/// A trie that maps "a" to what begins at `at`: the root's children are at 256 ^
/// label, and the leaf of "a" at 512.
std::string mapOfA(uint32_t at, const std::string &replacements) {
  std::vector<uint32_t> units(513, 0);
  units[0] = offset(256);
  units[256 ^ 'a'] = 'a' | leaf | offset(256 ^ 'a' ^ 512);
  units[512] = value | at;
  std::string trie = words(units);
  return base64(words({static_cast<uint32_t>(trie.size())}) + trie + replacements);
}

void expectError(const std::string &text, const std::string &part) {
  auto map = CharsMap::fromBase64(text);
  ASSERT_FALSE(map.ok()) << text.substr(0, 80);
  EXPECT_EQ(map.status().code(), StatusCode::corrupt);
  EXPECT_NE(map.status().message().find(part), std::string::npos) << map.status().message();
}

} // namespace

TEST(CharsMap, MapsClustersByTheirShortestSource) {
  auto map = CharsMap::fromBase64(mapOfA(2, std::string("x\0yz\0", 5)));
  ASSERT_TRUE(map.ok()) << map.status().message();
  EXPECT_EQ(map->apply(""), "");
  EXPECT_EQ(map->apply("banana"), "byznyznyz");
  // The cluster of less than six bytes goes as a whole, the other does not.
  EXPECT_EQ(map->apply("a\u0301b"), "yzb");
  EXPECT_EQ(map->apply("a\u0301\u0302\u0303b"), "yz\u0301\u0302\u0303b");
  EXPECT_EQ(map->apply(std::string("\0a\0", 3)), std::string("\0yz\0", 4));
  // A replacement may run to the end, and be empty there.
  EXPECT_EQ(CharsMap::fromBase64(mapOfA(1, "xy"))->apply("a"), "y");
  EXPECT_EQ(CharsMap::fromBase64(mapOfA(2, "xy"))->apply("ab"), "b");
}

TEST(CharsMap, RefusesWhatCannotBeRead) {
  for (const char *text : {"A", "AAAA=", "AA=A", "A===", "AB*D", "AAA=AAAA", "====", "AAA\n"})
    expectError(text, "malformed base64");
  expectError("", "found 0 bytes");
  expectError("AAAA", "found 3 bytes");
  expectError(base64(words({0})), "a trie of 0 bytes");
  expectError(base64(words({3, 0})), "a trie of 3 bytes");
  expectError(base64(words({8, 0})), "a trie of 8 bytes in 8 bytes");
  expectError(base64(words({0xFFFFFFFC, 0})), "a trie of 4294967292 bytes");
  expectError(base64(words({4, offset(256)})), "unit 0 that leads outside");
  expectError(base64(words({4, leaf})), "unit 0 that leads outside");
  expectError(base64(words({4, value})), "unit 0 that leads outside");
  expectError(mapOfA(3, "xy"), "unit 512 that leads outside");
  expectError(mapOfA(1, "\u00e9"), "unit 512 that leads outside");
  expectError(mapOfA(0, "x\xff"), "invalid UTF-8 at byte 1 of the replacements");
}
