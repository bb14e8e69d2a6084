//===- StopStringsTest.cpp - Tests of stop strings ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/CompletionText.h"
#include "runtime/decode/StopStrings.h"

#include "gtest/gtest.h"

#include <random>

using namespace plait;

namespace {

StopStrings create(std::vector<std::string> stops) {
  auto created = StopStrings::create(std::move(stops));
  EXPECT_TRUE(created) << created.status().message();
  return created.take();
}

using Texts = std::vector<std::string>;

/// What each piece releases, then what the end does.
Texts pushAll(StopStrings stops, const Texts &pieces) {
  Texts released;
  for (const std::string &piece : pieces)
    released.push_back(stops.push(piece));
  released.push_back(stops.finish());
  return released;
}

TEST(StopStringsTest, NoneLetsAllPass) {
  EXPECT_EQ(pushAll({}, {"ab", "", "c"}), (Texts{"ab", "", "c", ""}));
  EXPECT_EQ(StopStrings().found(), nullptr);
}

TEST(StopStringsTest, HoldsBackAndReleases) {
  // Only what may begin a stop string waits, and no longer than it may.
  EXPECT_EQ(pushAll(create({"STOP"}), {"xS", "T", "A", "ST", "OPy", "z"}), (Texts{"x", "", "STA", "", "", "", ""}));
  EXPECT_EQ(pushAll(create({"STOP"}), {"a STO"}), (Texts{"a ", "STO"}));
  EXPECT_EQ(pushAll(create({"aab"}), {"a", "a", "a", "c"}), (Texts{"", "", "a", "aac", ""}));
  EXPECT_EQ(pushAll(create({"abab", "bc"}), {"aba", "c"}), (Texts{"", "abac", ""}));
}

TEST(StopStringsTest, CutsBeforeTheFirst) {
  struct Case {
    Texts stops;
    std::string text, kept, found;
  };
  for (const Case &test : {
           Case{{"b"}, "abc", "a", "b"},
           {{"abc"}, "abc", "", "abc"},
           {{"c", "b"}, "abc", "a", "b"},
           {{"abcd", "bc"}, "abcd", "a", "bc"}, // complete before the one that began earlier
           {{"bc", "abc"}, "xabc", "x", "abc"}, // of two that end together the longer
           {{"aab"}, "aaab", "a", "aab"},       // overlaps itself
           {{"abac"}, "ababac", "ab", "abac"},
           {{"\n\n"}, "a\n\n\nb", "a", "\n\n"},
           {{"\u4f60\u597d"}, "x\u4f60\u4f60\u597d!", "x\u4f60", "\u4f60\u597d"},
           {{"\u00e9"}, "\u00e8\u00e9", "\u00e8", "\u00e9"}, // the same first byte
           {{"\U0001f642"}, "\U0001f641\U0001f642", "\U0001f641", "\U0001f642"},
       }) {
    StopStrings stops = create(test.stops);
    std::string kept = stops.push(test.text);
    EXPECT_EQ(kept + stops.finish(), test.kept) << test.text;
    ASSERT_TRUE(stops.found()) << test.text;
    EXPECT_EQ(*stops.found(), test.found);
  }
}

/// A plain search in the whole text, however it is cut into pieces.
TEST(StopStringsTest, AnyPieces) {
  std::mt19937 random(3);
  auto randomText = [&](size_t least, size_t most) {
    std::string text;
    for (size_t n = least + random() % (most - least + 1); n-- > 0;)
      text += char('a' + random() % 2);
    return text;
  };
  int64_t matches = 0;
  for (int round = 0; round < 3000; ++round) {
    Texts list;
    for (size_t n = 1 + random() % 3; n-- > 0;)
      list.push_back(randomText(1, 5));
    std::string text = randomText(0, 14), expected = text;
    bool found = false;
    for (size_t end = 1; end <= text.size() && !found; ++end)
      for (const std::string &stop : list)
        if (std::string_view(text).substr(0, end).ends_with(stop)) {
          expected = text.substr(0, std::min(found ? expected.size() : end, end - stop.size()));
          found = true;
        }
    StopStrings stops = create(list);
    std::string got;
    for (size_t at = 0; at < text.size();) {
      size_t count = 1 + random() % 4;
      std::string released = stops.push(std::string_view(text).substr(at, count));
      got += released;
      at += count;
    }
    got += stops.finish();
    EXPECT_EQ(got, expected) << text;
    EXPECT_EQ(stops.found() != nullptr, found) << text;
    matches += found;
  }
  EXPECT_GT(matches, 1000);
  EXPECT_LT(matches, 2900);
}

TEST(StopStringsTest, MayNotStopYet) {
  StopStrings stops = create({"ab"});
  EXPECT_EQ(stops.push("xab", false), "xab");
  EXPECT_EQ(stops.push("a", false), "");
  EXPECT_EQ(stops.push("b", true), ""); // begins before, ends after
  EXPECT_TRUE(stops.found());
}

TEST(StopStringsTest, Refused) {
  auto message = [](const std::string &stop) { return StopStrings::create({"ok", stop}).status().message(); };
  EXPECT_EQ(message(""), "stop string: found an empty one; expected text");
  EXPECT_NE(message("ab\xc3").find("found a byte at offset 2 that is no UTF-8; expected valid UTF-8"),
            std::string::npos)
      << message("ab\xc3");
}

class CompletionTextTest : public testing::Test {
protected:
  void SetUp() override {
    auto read = Tokenizer::fromFile(std::string(PLAIT_TEST_DIR) + "/models/kjv-2m/tokenizer.json");
    ASSERT_TRUE(read) << read.status().message();
    tokenizer.emplace(read.take());
  }
  std::vector<int32_t> encode(const std::string &text) { return *tokenizer->encode(text, false); }

  std::optional<Tokenizer> tokenizer;
};

TEST_F(CompletionTextTest, StopsAcrossTokens) {
  std::string text = "And God said, Let there be light: and there was \u4f60\u597d light.";
  std::vector<int32_t> ids = encode(text);
  for (std::string stop : {"light", " there was", "d said, Let th", "\u597d", "e be l", "."}) {
    CompletionText completion(*tokenizer, create({stop}));
    std::string got;
    size_t count = 0;
    for (; count < ids.size() && !completion.stopped(); ++count)
      got += completion.push(ids[count]);
    got += completion.finish();
    EXPECT_EQ(got, text.substr(0, text.find(stop)));
    ASSERT_TRUE(completion.stopString()) << stop;
    EXPECT_EQ(*completion.stopString(), stop);
    // No token more than it took.
    std::vector<int32_t> used(ids.begin(), ids.begin() + ptrdiff_t(count));
    EXPECT_NE(tokenizer->decode(used)->find(stop), std::string::npos);
    used.pop_back();
    EXPECT_EQ(tokenizer->decode(used)->find(stop), std::string::npos);
  }
}

TEST_F(CompletionTextTest, NeverFound) {
  std::string text = "In the beginning \U0001f642";
  CompletionText completion(*tokenizer, create({"beginnings", "\U0001f642!"}));
  std::string got;
  for (int32_t id : encode(text))
    got += completion.push(id);
  EXPECT_EQ(got + completion.finish(), text);
  EXPECT_FALSE(completion.stopped());
}

TEST_F(CompletionTextTest, MinTokens) {
  std::vector<int32_t> ids = encode("a, b, c, d, e");
  for (size_t least = 0; least <= ids.size(); ++least) {
    CompletionText completion(*tokenizer, create({","}), int64_t(least));
    std::string got;
    size_t count = 0;
    for (; count < ids.size() && !completion.stopped(); ++count)
      got += completion.push(ids[count]);
    EXPECT_GE(count, least);
    if (least <= 1)
      EXPECT_EQ(got, "a");
  }
}

} // namespace
