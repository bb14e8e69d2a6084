//===- RandomStringsTest.cpp - Every kind of tokenizer at random ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Makes the strings of test/golden/tokenizer_strings.py again and compares the
// checksums over what every kind of tokenizer makes of each thousand of them
// with those that Hugging Face `tokenizers` gave.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"
#include "runtime/base/Tokenizer.h"
#include "runtime/base/Utf8.h"

#include "gtest/gtest.h"

#include <array>
#include <utility>
#include <vector>

using namespace plait;

namespace {

std::string goldenPath(const std::string &name) { return std::string(PLAIT_GOLDEN_DIR) + "/tokenizers/" + name; }

/// CRC-32 of IEEE 802.3, as zlib computes it.
class Crc32 {
public:
  void add(std::string_view bytes) {
    for (char byte : bytes)
      value = table[(value ^ static_cast<uint8_t>(byte)) & 0xFF] ^ value >> 8;
  }
  void add(int32_t number) {
    char bytes[4];
    for (int i = 0; i < 4; ++i)
      bytes[i] = static_cast<char>(static_cast<uint32_t>(number) >> (8 * i));
    add(std::string_view(bytes, 4));
  }
  uint32_t get() const { return ~value; }

private:
  static constexpr std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries{};
    for (uint32_t i = 0; i < 256; ++i) {
      entries[i] = i;
      for (int bit = 0; bit < 8; ++bit)
        entries[i] = entries[i] >> 1 ^ ((entries[i] & 1) != 0 ? 0xEDB88320u : 0);
    }
    return entries;
  }();
  uint32_t value = ~0u;
};

class Strings {
public:
  explicit Strings(const Json &description) : state(description["seed"].get<uint64_t>()) {
    for (const Json &ranges : description["pools"]) {
      Pool &pool = pools.emplace_back();
      for (const Json &range : ranges) {
        pool.ranges.emplace_back(range[0].get<char32_t>(), range[1].get<uint32_t>());
        pool.total += pool.ranges.back().second;
      }
    }
    fragments = description["fragments"].get<std::vector<std::string>>();
  }

  std::string next() {
    std::string text;
    const Pool *pool = &pools[below(pools.size())];
    for (uint64_t parts = 1 + below(10); parts > 0; --parts) {
      uint64_t choice = below(8);
      if (choice < 2) {
        text += fragments[below(fragments.size())];
        continue;
      }
      if (choice == 2)
        pool = &pools[below(pools.size())];
      uint64_t index = below(pool->total);
      for (auto [first, count] : pool->ranges) {
        if (index < count) {
          appendUtf8(text, first + static_cast<char32_t>(index));
          break;
        }
        index -= count;
      }
    }
    return text;
  }

private:
  struct Pool {
    std::vector<std::pair<char32_t, uint32_t>> ranges;
    uint64_t total = 0;
  };

  /// SplitMix64.
  uint64_t below(uint64_t bound) {
    uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return ((z ^ z >> 31) >> 32) * bound >> 32;
  }

  uint64_t state;
  std::vector<Pool> pools;
  std::vector<std::string> fragments;
};

void addIds(Crc32 &crc, const std::vector<int32_t> &ids) {
  crc.add(static_cast<int32_t>(ids.size()));
  for (int32_t id : ids)
    crc.add(id);
}

void addText(Crc32 &crc, const std::string &text) {
  crc.add(static_cast<int32_t>(text.size()));
  crc.add(text);
}

/// The checksums of one chunk of strings, of ids and of texts.
std::pair<uint32_t, uint32_t> checksums(const Tokenizer &tokenizer, const std::string *strings, size_t count) {
  Crc32 ids, texts;
  for (size_t i = 0; i < count; ++i) {
    auto parsed = tokenizer.encode(strings[i]);
    auto literal = tokenizer.encode(strings[i], /*addSpecialTokens=*/false, /*parseSpecial=*/false);
    EXPECT_TRUE(parsed.ok() && literal.ok()) << strings[i];
    addIds(ids, *parsed);
    addIds(ids, *literal);
    auto whole = tokenizer.decode(*parsed, /*skipSpecialTokens=*/false);
    auto skipped = tokenizer.decode(*parsed);
    EXPECT_TRUE(whole.ok() && skipped.ok()) << strings[i];
    addText(texts, *whole);
    addText(texts, *skipped);

    Tokenizer::Stream stream(tokenizer);
    std::string streamed;
    for (int32_t id : *parsed)
      streamed += stream.push(id);
    EXPECT_EQ(streamed + stream.finish(), *skipped);
  }
  return {ids.get(), texts.get()};
}

} // namespace

TEST(Tokenizer, RandomStringsOfEveryKind) {
  auto goldens = readJsonFile(goldenPath("random.golden.json"));
  ASSERT_TRUE(goldens.ok()) << goldens.status().message();
  const Json &all = *goldens;
  size_t count = all["count"].get<size_t>();
  Strings source(all["description"]);
  std::vector<std::string> strings(count);
  for (std::string &text : strings)
    text = source.next();

  constexpr size_t chunk = 1000;
  for (const auto &[kind, golden] : all["kinds"].items()) {
    SCOPED_TRACE(kind);
    auto tokenizer = Tokenizer::fromFile(goldenPath(kind + ".json"));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    ASSERT_EQ(golden["ids"].size(), count / chunk);
    for (size_t i = 0; i < count / chunk; ++i) {
      auto [ids, texts] = checksums(*tokenizer, &strings[i * chunk], chunk);
      EXPECT_EQ(ids, golden["ids"][i].get<uint32_t>()) << "ids of strings from " << i * chunk;
      EXPECT_EQ(texts, golden["texts"][i].get<uint32_t>()) << "texts of strings from " << i * chunk;
    }
  }
}
