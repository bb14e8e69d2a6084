//===- TokenizerTest.cpp - tokenizer.json ---------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Compares with what Hugging Face `tokenizers` gives for the same files (see
// test/golden/make_tokenizer_goldens.py), and checks that bad files and texts
// are errors.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Tokenizer.h"

#include "runtime/base/Json.h"
#include "runtime/base/Utf8.h"

#include "gtest/gtest.h"

#include <chrono>
#include <cstdlib>
#include <utility>

using namespace plait;

namespace {

std::string goldenPath(const std::string &name) {
#ifdef PLAIT_GOLDEN_DIR
  return std::string(PLAIT_GOLDEN_DIR) + "/tokenizers/" + name;
#else
  std::string file = __FILE__;
  return file.substr(0, file.rfind("unit/runtime/base/")) + "golden/tokenizers/" + name;
#endif
}

std::vector<int32_t> idsOf(const Json &array) {
  std::vector<int32_t> ids;
  for (const Json &id : array)
    ids.push_back(id.get<int32_t>());
  return ids;
}

void expectDecoded(const Tokenizer &tokenizer, const std::vector<int32_t> &ids, const Json &golden) {
  auto decoded = tokenizer.decode(ids, /*skipSpecialTokens=*/false);
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  EXPECT_EQ(*decoded, golden["decoded"].get<std::string>());
  auto skipped = tokenizer.decode(ids);
  ASSERT_TRUE(skipped.ok()) << skipped.status().message();
  EXPECT_EQ(*skipped, golden["decoded_skip"].get<std::string>());

  Tokenizer::Stream stream(tokenizer);
  std::string streamed;
  for (int32_t id : ids) {
    std::string part = stream.push(id);
    EXPECT_EQ(findInvalidUtf8(part), std::string::npos);
    streamed += part;
  }
  streamed += stream.finish();
  EXPECT_EQ(streamed, *skipped);
}

void expectEncoded(const Tokenizer &tokenizer, const Json &golden, const char *key, bool addSpecial,
                   bool parseSpecial) {
  auto ids = tokenizer.encode(golden["text"].get<std::string>(), addSpecial, parseSpecial);
  ASSERT_TRUE(ids.ok()) << ids.status().message();
  EXPECT_EQ(*ids, idsOf(golden[key])) << key;
}

/// Checks all cases of one golden; returns how many there were.
size_t expectGolden(const Tokenizer &tokenizer, const Json &golden) {
  EXPECT_EQ(tokenizer.vocabularySize(), golden["vocabulary_size"].get<int64_t>());
  for (const Json &test : golden["encode"]) {
    SCOPED_TRACE(test["text"].dump());
    expectEncoded(tokenizer, test, "ids", false, true);
    expectEncoded(tokenizer, test, "ids_special", true, true);
    expectEncoded(tokenizer, test, "ids_no_parse", false, false);
    expectDecoded(tokenizer, idsOf(test["ids_special"]), test);
  }
  for (const Json &test : golden["decode"]) {
    SCOPED_TRACE(test["ids"].dump());
    expectDecoded(tokenizer, idsOf(test["ids"]), test);
  }
  return golden["encode"].size() + golden["decode"].size();
}

void expectGoldenFile(const std::string &tokenizerPath, const std::string &path) {
  auto tokenizer = Tokenizer::fromFile(tokenizerPath);
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  auto golden = readJsonFile(path);
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  EXPECT_GE(expectGolden(*tokenizer, *golden), 60u);
}

/// A tokenizer over the letters a, b and ab, with `changes` to its members.
Expected<Tokenizer> makeTokenizer(const Json &changes, const Json &modelChanges = Json::object()) {
  Json json = {
      {"version", "1.0"},
      {"added_tokens", Json::array()},
      {"normalizer", nullptr},
      {"pre_tokenizer", nullptr},
      {"post_processor", nullptr},
      {"decoder", nullptr},
      {"model", {{"type", "BPE"}, {"vocab", {{"a", 0}, {"b", 1}, {"ab", 2}}}, {"merges", Json::array({"a b"})}}}};
  for (const auto &[key, value] : changes.items())
    json[key] = value;
  for (const auto &[key, value] : modelChanges.items())
    json["model"][key] = value;
  return Tokenizer::fromJsonText(json.dump(), "test.json");
}

void expectError(const Expected<Tokenizer> &tokenizer, StatusCode code, const std::string &part) {
  ASSERT_FALSE(tokenizer.ok());
  EXPECT_EQ(tokenizer.status().code(), code) << tokenizer.status().message();
  EXPECT_NE(tokenizer.status().message().find(part), std::string::npos) << tokenizer.status().message();
  EXPECT_EQ(tokenizer.status().message().rfind("test.json", 0), 0u) << tokenizer.status().message();
}

Json addedToken(int64_t id, const std::string &content) {
  return {{"id", id}, {"content", content}, {"special", true}};
}

Json object(const char *text) { return Json::parse(text); }

} // namespace

TEST(Tokenizer, GoldensOfEveryKind) {
  for (const char *kind : {"albert", "clip", "deepseek", "falcon", "gemma", "gpt2", "llama2", "llama3", "mistral",
                           "neox", "phi3", "qwen2", "t5"}) {
    SCOPED_TRACE(kind);
    std::string path = goldenPath(std::string(kind) + "-style");
    expectGoldenFile(path + ".json", path + ".golden.json");
  }
}

TEST(Tokenizer, VariantGoldens) {
  auto goldens = readJsonFile(goldenPath("variants.golden.json"));
  ASSERT_TRUE(goldens.ok()) << goldens.status().message();
  const Json &all = *goldens;
  for (const Json &variant : all["variants"]) {
    SCOPED_TRACE(variant["name"].get<std::string>());
    Json json = variant["members"];
    json["model"] = all["model"];
    for (const auto &[key, value] : variant["model_changes"].items())
      json["model"][key] = value;
    auto tokenizer = Tokenizer::fromJsonText(json.dump(), "variant");
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    expectGolden(*tokenizer, variant);
  }
}

// Any other pair of files from make_tokenizer_goldens.py, such as random ones.
TEST(Tokenizer, GoldensGivenByEnvironment) {
  const char *tokenizer = std::getenv("PLAIT_TEST_TOKENIZER");
  const char *golden = std::getenv("PLAIT_TEST_TOKENIZER_GOLDEN");
  if (!tokenizer || !golden)
    GTEST_SKIP() << "PLAIT_TEST_TOKENIZER and PLAIT_TEST_TOKENIZER_GOLDEN are not set";
  expectGoldenFile(tokenizer, golden);
}

TEST(Tokenizer, KnowsItsTokens) {
  auto tokenizer = Tokenizer::fromFile(goldenPath("llama3-style.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  int32_t begin = tokenizer->idOf("<|begin_of_text|>");
  EXPECT_GE(begin, 0);
  EXPECT_TRUE(tokenizer->isSpecial(begin));
  EXPECT_FALSE(tokenizer->isSpecial(tokenizer->idOf("a")));
  EXPECT_FALSE(tokenizer->isSpecial(-1));
  EXPECT_EQ(tokenizer->idOf("no such token"), -1);
  Tokenizer moved = tokenizer.take();
  EXPECT_EQ(moved.idOf("<|begin_of_text|>"), begin);
  EXPECT_EQ(moved.encode("")->size(), 1u);
}

TEST(Tokenizer, SpecialTokensInUntrustedPartsStayText) {
  auto tokenizer = Tokenizer::fromFile(goldenPath("llama3-style.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  std::string token = "<|begin_of_text|>", text = token + "It's " + token + " or not" + token;
  int32_t id = tokenizer->idOf(token);
  auto count = [&](const std::vector<TextRange> &plain) {
    auto ids = tokenizer->encodeParts(text, plain);
    EXPECT_TRUE(ids.ok()) << ids.status().message();
    EXPECT_EQ(*tokenizer->decode(*ids, /*skipSpecialTokens=*/false), text);
    return std::count(ids->begin(), ids->end(), id);
  };
  size_t first = token.size(), second = first + 5, third = text.size() - token.size();
  EXPECT_EQ(count({}), 3);
  EXPECT_EQ(count({{0, text.size()}}), 0);
  EXPECT_EQ(count({{first, third}}), 2);
  EXPECT_EQ(count({{second, second + 1}}), 2) << "one byte is enough";
  EXPECT_EQ(count({{0, 1}, {text.size() - 1, text.size()}}), 1);
  EXPECT_EQ(count({{first, second}, {second + token.size(), third}}), 3) << "touching at the edge only";
  // Parts without special tokens make no difference.
  for (size_t cut = first; cut < second; ++cut)
    EXPECT_EQ(*tokenizer->encodeParts(text, {{first, cut}}), *tokenizer->encode(text, false));
  EXPECT_EQ(*tokenizer->encodeParts(text, {{0, text.size()}}), *tokenizer->encode(text, false, false));
  EXPECT_FALSE(tokenizer->encodeParts("\xff", {}).ok());
}

TEST(Tokenizer, NamesUnsupportedComponents) {
  auto expectUnsupported = [](const char *changes, const char *part) {
    SCOPED_TRACE(changes);
    expectError(makeTokenizer(object(changes)), StatusCode::unsupported, part);
  };
  expectUnsupported(R"({"normalizer": {"type": "BertNormalizer"}})", "found \"BertNormalizer\"");
  expectUnsupported(R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFX"}]}})",
                    "/normalizer/normalizers/0/type: found \"NFX\"");
  expectUnsupported(R"({"pre_tokenizer": {"type": "UnicodeScripts"}})", "found \"UnicodeScripts\"");
  expectUnsupported(R"({"post_processor": {"type": "Other"}})", "found \"Other\"");
  expectUnsupported(R"({"decoder": {"type": "WordPiece"}})", "found \"WordPiece\"");
  expectUnsupported(R"({"decoder": {"type": "CTC"}})", "found \"CTC\"");
  expectUnsupported(R"({"decoder": {"type": "BPEDecoder", "suffix": ""}})", "/decoder/suffix");
  expectUnsupported(R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "prepend_scheme": "often"}})",
                    "found \"often\"");
  expectUnsupported(R"({"post_processor": {"type": "Sequence", "processors": [
                        {"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 1]},
                        {"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 1]}]}})",
                    "found two processors that add tokens");
  expectUnsupported(R"({"version": "2.0"})", "found \"2.0\"");
  expectUnsupported(R"({"pre_tokenizer": {"type": "Split", "behavior": "Sometimes",
                        "pattern": {"String": "x"}, "invert": false}})",
                    "found \"Sometimes\"");
  expectUnsupported(R"({"pre_tokenizer": {"type": "Split", "behavior": "Isolated",
                        "pattern": {"Regex": "(a)\\1"}, "invert": false}})",
                    "found the escape");

  auto expectModelUnsupported = [](const char *changes, const char *part) {
    SCOPED_TRACE(changes);
    expectError(makeTokenizer(Json::object(), object(changes)), StatusCode::unsupported, part);
  };
  expectModelUnsupported(R"({"type": "WordPiece"})", "found \"WordPiece\"");
  expectModelUnsupported(R"({"type": "WordLevel"})", "found \"WordLevel\"");
  expectModelUnsupported(R"({"dropout": 0.1})", "/model/dropout");
}

TEST(Tokenizer, RefusesContradictoryFiles) {
  auto expectModel = [](const char *changes, const char *part) {
    SCOPED_TRACE(changes);
    auto tokenizer = makeTokenizer(Json::object(), object(changes));
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_NE(tokenizer.status().message().find(part), std::string::npos) << tokenizer.status().message();
  };
  expectModel(R"({"merges": ["a c"]})", "/model/merges/0: found \"c\", which is not");
  expectModel(R"({"merges": ["b a"]})", "found \"ba\", which is not");
  expectModel(R"({"merges": ["ab"]})", "/model/merges/0");
  expectModel(R"({"merges": ["a b c"]})", "/model/merges/0");
  expectModel(R"({"merges": [["a"]]})", "/model/merges/0");
  expectModel(R"({"merges": [["a", 1]]})", "/model/merges/0");
  expectModel(R"({"merges": {"a": "b"}})", "/model/merges");
  expectModel(R"({"merges": null})", "merges");
  expectModel(R"({"vocab": {"a": 0, "b": 0}})", "found id 0 for both \"a\" and \"b\"");
  expectModel(R"({"vocab": {"a": -1}})", "/model/vocab/a");
  expectModel(R"({"vocab": {"a/b": 2147483648}})", "/model/vocab/a~1b");
  expectModel(R"({"vocab": {"a": 18446744073709551615}})", "/model/vocab/a");
  expectModel(R"({"vocab": {"a": 1.5}})", "/model/vocab/a");
  expectModel(R"({"vocab": {"a": "1"}})", "/model/vocab/a");
  expectModel(R"({"vocab": []})", "/model/vocab");
  expectModel(R"({"vocab": null})", "vocab");
  expectModel(R"({"continuing_subword_prefix": "##"})", "found \"b\" on the right");
  expectModel(R"({"type": "Unigram"})", "/model/vocab");
  expectModel(R"({"type": "Unigram", "vocab": [["a", 0.0], ["b"]]})", "/model/vocab/1");
  expectModel(R"({"type": "Unigram", "vocab": [["a", 0.0], [1, 0.0]]})", "/model/vocab/1");
  expectModel(R"({"type": "Unigram", "vocab": [["a", "x"]]})", "/model/vocab/0");
  expectModel(R"({"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 1})", "/model/unk_id");
  expectModel(R"({"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": -1})", "/model/unk_id");
  std::string longToken = R"({"type": "Unigram", "vocab": [[")" + std::string(5000, 'x') + R"(", 0.0]]})";
  expectModel(longToken.c_str(), "found 5000 bytes");

  auto expectMember = [](const char *changes, const char *part) {
    SCOPED_TRACE(changes);
    auto tokenizer = makeTokenizer(object(changes));
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_NE(tokenizer.status().message().find(part), std::string::npos) << tokenizer.status().message();
  };
  expectMember(R"({"pre_tokenizer": {"type": "Metaspace"}})", "replacement");
  expectMember(R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "ab"}})", "a string of one character");
  expectMember(R"({"pre_tokenizer": {"type": "Metaspace", "replacement": "_", "add_prefix_space": false,
                   "prepend_scheme": "first"}})",
               "\"add_prefix_space\" is false");
  expectMember(R"({"pre_tokenizer": {"type": "FixedLength", "length": 0}})", "/pre_tokenizer/length");
  expectMember(R"({"pre_tokenizer": {"type": "CharDelimiterSplit", "delimiter": ""}})", "a string of one character");
  expectMember(R"({"pre_tokenizer": {"type": "Split", "behavior": "Isolated", "pattern": "x"}})", "/pattern");
  expectMember(R"({"normalizer": {"type": "Replace", "pattern": {"Regex": "("}, "content": ""}})",
               "/normalizer/pattern");
  expectMember(R"({"normalizer": {"type": "Prepend"}})", "prepend");
  expectMember(R"({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "AAA"}})", "malformed base64");
  expectMember(R"({"decoder": {"type": "Strip", "content": " ", "start": -1, "stop": 0}})", "/decoder/start");
  expectMember(R"({"post_processor": {"type": "BertProcessing", "cls": ["a", 0], "sep": ["b", 77]}})", "found id 77");
  expectMember(R"({"normalizer": {"type": "Strip"}, "added_tokens": [{"id": 7, "content": " ", "normalized": true,
                   "special": false}]})",
               "of which the normalizer leaves nothing");
  expectMember(R"({"normalizer": {"type": "Lowercase"}, "added_tokens": [
                   {"id": 7, "content": "X", "normalized": true, "special": false},
                   {"id": 8, "content": "x", "normalized": true, "special": false}]})",
               "found \"x\" twice");

  auto expectAdded = [](const Json &tokens, const char *part) {
    SCOPED_TRACE(tokens.dump());
    auto tokenizer = makeTokenizer({{"added_tokens", tokens}});
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_NE(tokenizer.status().message().find(part), std::string::npos) << tokenizer.status().message();
  };
  expectAdded(Json::array({addedToken(0, "<s>")}), "found id 0 of \"a\" for \"<s>\"");
  expectAdded(Json::array({addedToken(7, "a")}), "found id 7 and, in the model, 0");
  expectAdded(Json::array({addedToken(7, "<s>"), addedToken(7, "<t>")}), "found id 7 of \"<s>\"");
  expectAdded(Json::array({addedToken(7, "<s>"), addedToken(8, "<s>")}), "a second entry");
  expectAdded(Json::array({addedToken(-1, "<s>")}), "/added_tokens/0/id");
  expectAdded(Json::array({addedToken(int64_t(1) << 31, "<s>")}), "/added_tokens/0/id");
  expectAdded(Json::array({addedToken(7, std::string(5000, 'x'))}), "found 5000 bytes");
  expectAdded("none", "/added_tokens");
  Json many = Json::array();
  for (int i = 0; i < 1'000'001; ++i)
    many.push_back(0);
  auto tooMany = makeTokenizer({{"added_tokens", many}});
  ASSERT_FALSE(tooMany.ok());
  EXPECT_NE(tooMany.status().message().find("found 1000001 added tokens"), std::string::npos);

  auto expectTemplate = [](const char *processor, const char *part) {
    SCOPED_TRACE(processor);
    auto tokenizer = makeTokenizer({{"post_processor", object(processor)}});
    ASSERT_FALSE(tokenizer.ok());
    EXPECT_NE(tokenizer.status().message().find(part), std::string::npos) << tokenizer.status().message();
  };
  expectTemplate(R"({"type": "TemplateProcessing", "single": []})", "found no sequence");
  expectTemplate(R"({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "B"}}]})", "\"B\"");
  expectTemplate(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}],
                     "special_tokens": {}})",
                 "/special_tokens");
  expectTemplate(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}, {"Sequence": {"id": "A"}}],
                     "special_tokens": {"x": {"id": "x", "ids": [99], "tokens": ["x"]}}})",
                 "found id 99");

  std::string nested = R"({"type": "ByteLevel"})";
  for (int i = 0; i < 40; ++i)
    nested = R"({"type": "Sequence", "pretokenizers": [)" + nested + "]}";
  expectError(makeTokenizer({{"pre_tokenizer", Json::parse(nested)}}), StatusCode::unsupported, "nested too deeply");
  for (const char *text : {"", "{}", "[]", "null", "{\"model\": 3}", "{\"model\": {}}"})
    EXPECT_FALSE(Tokenizer::fromJsonText(text, "test.json").ok()) << text;
  EXPECT_FALSE(Tokenizer::fromFile(goldenPath("no-such-file.json")).ok());
}

TEST(Tokenizer, AcceptsGapsAndOldForms) {
  auto tokenizer = makeTokenizer({{"added_tokens", Json::array({addedToken(2147483647, "<last>")})}},
                                 object(R"({"type": null, "vocab": {"a": 5, "b": 100, "ab": 70},
                               "merges": ["#version: 0.2", "a b"]})"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  EXPECT_EQ(tokenizer->vocabularySize(), int64_t(1) << 31);
  EXPECT_EQ(*tokenizer->encode("abba<last>"), (std::vector<int32_t>{70, 100, 5, 2147483647}));
  // Without an unknown token, unknown characters vanish.
  EXPECT_EQ(*tokenizer->encode("a?b"), (std::vector<int32_t>{70}));
}

TEST(Tokenizer, RefusesInvalidUtf8) {
  auto tokenizer = makeTokenizer(Json::object());
  ASSERT_TRUE(tokenizer.ok());
  const std::pair<std::string, size_t> cases[] = {
      {"\x80", 0},
      {"abcdefghijk\xff", 11},
      {"a\xc3", 1},
      {"a\xc0\x80", 1},            // overlong NUL
      {"aa\xe0\x80\x80", 2},       // overlong
      {"\xf0\x80\x80\x80", 0},     // overlong
      {"aaa\xed\xa0\x80", 3},      // surrogate
      {"\xf4\x90\x80\x80", 0},     // above U+10FFFF
      {"\xc3\xa9\xe2\x82\x28", 2}, // cut short
  };
  for (const auto &[text, offset] : cases) {
    auto ids = tokenizer->encode(text);
    ASSERT_FALSE(ids.ok());
    EXPECT_EQ(ids.status().code(), StatusCode::invalidArgument);
    EXPECT_NE(ids.status().message().find("at byte " + std::to_string(offset) + " "), std::string::npos)
        << ids.status().message();
  }
}

TEST(Tokenizer, RefusesUnknownIds) {
  auto tokenizer = makeTokenizer(Json::object(), object(R"({"vocab": {"a": 0, "b": 3, "ab": 9}})"));
  ASSERT_TRUE(tokenizer.ok());
  for (int32_t id : {-1, 1, 10, 2147483647, -2147483647 - 1}) {
    auto text = tokenizer->decode({0, id});
    ASSERT_FALSE(text.ok());
    EXPECT_NE(text.status().message().find("found id " + std::to_string(id) + " at index 1"), std::string::npos)
        << text.status().message();
    Tokenizer::Stream stream(*tokenizer);
    EXPECT_EQ(stream.push(id), "");
  }
  EXPECT_EQ(*tokenizer->decode({}), "");
}

TEST(Tokenizer, UnknownTokenMustExistWhenNeeded) {
  auto tokenizer = makeTokenizer(Json::object(), object(R"({"unk_token": "<unk>"})"));
  ASSERT_TRUE(tokenizer.ok());
  EXPECT_TRUE(tokenizer->encode("ab").ok());
  EXPECT_FALSE(tokenizer->encode("abc").ok());
}

TEST(Tokenizer, RunawayPatternIsAnError) {
  auto tokenizer = makeTokenizer(object(R"({"pre_tokenizer": {"type": "Split", "behavior": "Isolated", "invert": false,
                                            "pattern": {"Regex": "(a+)+$|(?:a|aa)+c"}}})"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  auto ids = tokenizer->encode(std::string(64, 'a') + "b");
  ASSERT_FALSE(ids.ok());
  EXPECT_EQ(ids.status().code(), StatusCode::resource);
  EXPECT_TRUE(tokenizer->encode("aaa").ok());
}

TEST(Tokenizer, TextsThatGrowAreAnError) {
  Json replace = {{"type", "Replace"}, {"pattern", {{"String", "a"}}}, {"content", std::string(1 << 20, 'a')}};
  auto tokenizer = makeTokenizer({{"normalizer", replace}});
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  auto ids = tokenizer->encode(std::string(1 << 20, 'a'));
  ASSERT_FALSE(ids.ok());
  EXPECT_EQ(ids.status().code(), StatusCode::invalidArgument);
  EXPECT_TRUE(tokenizer->encode("b").ok());
  Json added = {{{"id", 9}, {"content", "ca"}, {"special", false}, {"normalized", true}}};
  expectError(makeTokenizer({{"normalizer", replace}, {"added_tokens", added}}), StatusCode::unsupported,
              "found \"ca\", of which the normalizer makes 1048577 bytes; expected at most 4096");
}

TEST(Tokenizer, StreamHoldsBackIncompleteCharacters) {
  auto tokenizer = Tokenizer::fromFile(goldenPath("gpt2-style.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  // U+1F9FF as four single bytes.
  std::vector<int32_t> ids;
  for (const char *token : {"\u00f0", "\u0141", "\u00a7", "\u00bf"})
    ids.push_back(tokenizer->idOf(token));
  Tokenizer::Stream stream(*tokenizer);
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.push(ids[2]), "");
  EXPECT_EQ(stream.push(ids[3]), "\U0001f9ff");
  EXPECT_EQ(stream.finish(), "");
  // A character that is never finished becomes one U+FFFD.
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.push(ids[1]), "");
  EXPECT_EQ(stream.push(tokenizer->idOf("a")), "\ufffda");
  EXPECT_EQ(stream.push(ids[0]), "");
  EXPECT_EQ(stream.finish(), "\ufffd");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Tokenizer, StreamHoldsBackRowsOfByteTokens) {
  auto tokenizer = Tokenizer::fromFile(goldenPath("llama2-style.json"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  Tokenizer::Stream stream(*tokenizer);
  int32_t word = tokenizer->idOf("\u2581the");
  EXPECT_EQ(stream.push(tokenizer->idOf("<s>")), "");
  EXPECT_EQ(stream.push(word), "the"); // the first space was put there
  EXPECT_EQ(stream.push(word), " the");
  for (const char *byte : {"<0xE2>", "<0x82>", "<0xAC>"})
    EXPECT_EQ(stream.push(tokenizer->idOf(byte)), "");
  EXPECT_EQ(stream.push(word), "\u20ac the");
  // One bad byte spoils the row.
  for (const char *byte : {"<0xE2>", "<0x82>", "<0xAC>", "<0xFF>"})
    EXPECT_EQ(stream.push(tokenizer->idOf(byte)), "");
  EXPECT_EQ(stream.finish(), "\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(stream.push(word), "the");
}

/// Where nothing is normalized away, the pieces together are the bytes of the text.
TEST(Tokenizer, PiecesAreBytes) {
  const std::string text = "The the  fox\n\u4f60\u597d \U0001f642, 1611";
  for (auto [name, before] : {std::pair("gpt2-style.json", ""),
                              {"llama3-style.json", ""},
                              {"qwen2-style.json", ""},
                              {"llama2-style.json", " "}}) {
    auto tokenizer = Tokenizer::fromFile(goldenPath(name));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    auto ids = tokenizer->encode(text, /*addSpecialTokens=*/false);
    ASSERT_TRUE(ids.ok()) << ids.status().message();
    std::string pieces;
    for (int32_t id : *ids)
      pieces += tokenizer->pieceOf(id);
    EXPECT_EQ(pieces, before + text) << name;
  }
  auto tokenizer = Tokenizer::fromFile(goldenPath("llama2-style.json"));
  EXPECT_EQ(tokenizer->pieceOf(tokenizer->idOf("\u2581the")), " the");
  EXPECT_EQ(tokenizer->pieceOf(tokenizer->idOf("<0xE2>")), "\xe2");
  EXPECT_EQ(tokenizer->pieceOf(tokenizer->idOf("<s>")), "<s>");
  EXPECT_EQ(tokenizer->pieceOf(-1), "");
  auto strip = makeTokenizer(object(R"({"decoder": {"type": "Sequence", "decoders": [
                   {"type": "Replace", "pattern": {"Regex": "^a"}, "content": "x"},
                   {"type": "BPEDecoder", "suffix": "x"}, {"type": "Strip", "content": " ", "start": 1, "stop": 1}]}})"));
  ASSERT_TRUE(strip.ok()) << strip.status().message();
  EXPECT_EQ(strip->pieceOf(0), " ");
  EXPECT_EQ(strip->pieceOf(1), "b");
}

TEST(Tokenizer, DecodersBeyondTheGoldens) {
  // Hugging Face tokenizers panics where an end is stripped off too little.
  auto strip = makeTokenizer(object(R"({"decoder": {"type": "Sequence", "decoders": [{"type": "Fuse"},
                   {"type": "Strip", "content": "a", "start": 1, "stop": 2}]}})"));
  ASSERT_TRUE(strip.ok()) << strip.status().message();
  EXPECT_EQ(*strip->decode({}), "");
  EXPECT_EQ(*strip->decode({0, 0}), "");
  EXPECT_EQ(*strip->decode({0, 1, 0}), "b");
  EXPECT_EQ(*strip->decode({0, 0, 1, 0, 0, 0}), "aba");
  Tokenizer::Stream stream(*strip);
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.push(0), "");
  EXPECT_EQ(stream.push(0), "a");
  EXPECT_EQ(stream.push(1), "aab");
  EXPECT_EQ(stream.finish(), "");
}

TEST(Tokenizer, LargeTextsAreNotQuadratic) {
  for (const char *name : {"gpt2-style.json", "llama3-style.json"}) {
    auto tokenizer = Tokenizer::fromFile(goldenPath(name));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    auto start = std::chrono::steady_clock::now();
    // Empty stands for NUL.
    for (std::string unit : {"a", " ", "\n", "9", "e\u0301", "\u5929", "\U0001f600", "ab ", "\n ", "'s", "\t", "<",
                             "<|eot_id|>", "x'", ""}) {
      size_t size = unit == "a" ? 1 << 20 : 1 << 18;
      if (unit.empty())
        unit = std::string(1, '\0');
      std::string text;
      while (text.size() < size)
        text += unit;
      auto ids = tokenizer->encode(text, /*addSpecialTokens=*/false);
      ASSERT_TRUE(ids.ok()) << ids.status().message();
      auto decoded = tokenizer->decode(*ids, /*skipSpecialTokens=*/false);
      ASSERT_TRUE(decoded.ok());
      EXPECT_TRUE(*decoded == text) << unit;
    }
    // Quadratic steps would take hours; the bound only has to tell them apart.
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(3));
  }
  // The words of these are as long as the text.
  for (const char *name : {"llama2-style.json", "mistral-style.json", "albert-style.json", "t5-style.json"}) {
    auto tokenizer = Tokenizer::fromFile(goldenPath(name));
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    auto start = std::chrono::steady_clock::now();
    for (std::string unit : {"a", " ", "the ", "e\u0301", "\u5929", "\u2581", "\u00ad"}) {
      std::string text;
      while (text.size() < (1 << 20))
        text += unit;
      auto ids = tokenizer->encode(text);
      ASSERT_TRUE(ids.ok()) << ids.status().message();
      EXPECT_TRUE(tokenizer->decode(*ids).ok());
    }
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::minutes(3)) << name;
  }
  // Marks in the wrong order make a slow canonical ordering quadratic, and
  // strips could look at the same spaces again and again.
  auto tokenizer = makeTokenizer(object(R"({"normalizer": {"type": "NFC"}, "added_tokens": [
                 {"id": 9, "content": " ", "lstrip": true, "rstrip": true, "special": false,
                  "normalized": false}]})"));
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
  std::string marks = "a";
  while (marks.size() < (1 << 20))
    marks += "\u0301\u0323";
  EXPECT_TRUE(tokenizer->encode(marks).ok());
  EXPECT_TRUE(tokenizer->encode(std::string(1 << 20, ' ')).ok());
}
