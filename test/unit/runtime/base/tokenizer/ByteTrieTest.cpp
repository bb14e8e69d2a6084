//===- ByteTrieTest.cpp - Finds known strings at a place in a text -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/ByteTrie.h"

#include "gtest/gtest.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

using namespace plait;

TEST(ByteTrie, FindsPrefixesShortestFirst) {
  ByteTrie trie({{"ab", 1}, {"a", 2}, {"abcd", 3}, {"b", 4}, {"", 5}, {"ab", 6}, {"\xff", 7}});
  using Found = std::vector<std::pair<size_t, int32_t>>;
  auto prefixesOf = [&](std::string_view text) {
    Found found;
    trie.forEachPrefix(text, [&](size_t length, int32_t value) { found.emplace_back(length, value); });
    return found;
  };
  EXPECT_EQ(prefixesOf("abcde"), (Found{{1, 2}, {2, 6}, {4, 3}}));
  EXPECT_EQ(prefixesOf("abc"), (Found{{1, 2}, {2, 6}}));
  EXPECT_EQ(prefixesOf("\xff\xff"), (Found{{1, 7}}));
  EXPECT_EQ(prefixesOf("c"), Found());
  EXPECT_EQ(prefixesOf(""), Found());
  EXPECT_EQ(trie.find("abcd"), 3);
  EXPECT_EQ(trie.find("abc"), -1);
  EXPECT_EQ(trie.find(""), -1);
  EXPECT_FALSE(trie.empty());
  EXPECT_TRUE(ByteTrie().empty());
  EXPECT_EQ(ByteTrie().find("a"), -1);
  EXPECT_TRUE(ByteTrie(std::vector<ByteTrie::Entry>()).empty());
}

TEST(ByteTrie, AgreesWithAMap) {
  // Numbers in base 3 have many common prefixes.
  std::map<std::string, int32_t> map;
  for (int32_t i = 0; i < 2000; ++i) {
    std::string key;
    for (int32_t n = i * 7 % 2187; n > 0; n /= 3)
      key += static_cast<char>('a' + n % 3);
    map[key + "x"] = i;
  }
  ByteTrie trie(std::vector<ByteTrie::Entry>(map.begin(), map.end()));
  for (const auto &[key, value] : map)
    EXPECT_EQ(trie.find(key), value);
}
