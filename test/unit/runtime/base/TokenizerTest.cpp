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
#include "runtime/base/OnigurumaPattern.h"
#include "runtime/base/TokenizerRegex.h"
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

TEST(Tokenizer, Gpt2StyleGoldens) {
  expectGoldenFile(goldenPath("gpt2-style.json"), goldenPath("gpt2-style.golden.json"));
}

TEST(Tokenizer, Llama3StyleGoldens) {
  expectGoldenFile(goldenPath("llama3-style.json"), goldenPath("llama3-style.golden.json"));
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

TEST(Tokenizer, NamesUnsupportedComponents) {
  auto expectUnsupported = [](const char *changes, const char *part) {
    SCOPED_TRACE(changes);
    expectError(makeTokenizer(object(changes)), StatusCode::unsupported, part);
  };
  expectUnsupported(R"({"normalizer": {"type": "Lowercase"}})", "found \"Lowercase\"");
  expectUnsupported(R"({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFKC"}]}})",
                    "/normalizer/normalizers/0/type: found \"NFKC\"");
  expectUnsupported(R"({"pre_tokenizer": {"type": "Metaspace"}})", "found \"Metaspace\"");
  expectUnsupported(R"({"post_processor": {"type": "BertProcessing"}})", "found \"BertProcessing\"");
  expectUnsupported(R"({"decoder": {"type": "WordPiece"}})", "found \"WordPiece\"");
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
  expectModelUnsupported(R"({"type": "Unigram"})", "found \"Unigram\"");
  expectModelUnsupported(R"({"byte_fallback": true})", "/model/byte_fallback");
  expectModelUnsupported(R"({"dropout": 0.1})", "/model/dropout");
  expectModelUnsupported(R"({"continuing_subword_prefix": "##"})", "/continuing_subword_prefix");
  expectModelUnsupported(R"({"end_of_word_suffix": "</w>"})", "/model/end_of_word_suffix");
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
  expectTemplate(R"({"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "x"}}],
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

TEST(TokenizerRegex, RunawayBacktrackingIsAnError) {
  auto regex = TokenizerRegex::compile("(a+)+$|(?:a|aa)+c");
  ASSERT_TRUE(regex.ok()) << regex.status().message();
  std::vector<TokenizerRegex::Match> matches;
  Status status = regex->findAll(std::string(64, 'a') + "b", matches);
  EXPECT_EQ(status.code(), StatusCode::resource) << status.message();
  EXPECT_TRUE(regex->findAll("aaa", matches).ok());
  EXPECT_EQ(matches, (std::vector<TokenizerRegex::Match>{{0, 3}}));

  // Deep but harmless recursion is not an error.
  auto deep = TokenizerRegex::compile("(?:\\p{N}{1,3}|x)+");
  ASSERT_TRUE(deep.ok());
  EXPECT_TRUE(deep->findAll(std::string(300'000, '7'), matches).ok());
  EXPECT_EQ(matches.size(), 1u);
}

TEST(TokenizerRegex, RefusesWhatItCannotTranslate) {
  for (const char *pattern : {"(",
                              ")",
                              "a)",
                              "(?",
                              "(?<n>a)",
                              "(?m)a",
                              "(?x)a",
                              "(?#c)",
                              "(?~a)",
                              "(?(1)a)",
                              "(a)\\1",
                              "\\k<n>",
                              "\\g<0>",
                              "\\G",
                              "\\K",
                              "\\X",
                              "\\R",
                              "\\N",
                              "\\O",
                              "\\q",
                              "\\",
                              "*",
                              "+a",
                              "|*",
                              "a**",
                              "a+*",
                              "a{2}{3}",
                              "(?=a)*",
                              "^*",
                              "\\b+",
                              "a{3,2}",
                              "a{99999}",
                              "[",
                              "[a",
                              "[]",
                              "[]a]",
                              "[^]",
                              "[a-",
                              "[z-a]",
                              "[a-\\d]",
                              "[\\d-x]",
                              "[[:punct:]]",
                              "[[:alpha:]",
                              "[:alpha:]x[:",
                              "[a&&]",
                              "[&&a]",
                              "\\p",
                              "\\pL",
                              "\\p{",
                              "\\p{}",
                              "\\p{NoSuchScript}",
                              "\\p{\xc3\xa9}",
                              "\\x{110000}",
                              "\\x{d800}",
                              "\\x{}",
                              "\\x8",
                              "\\x80",
                              "\\u12",
                              "(?i)ss",
                              "(?i)\xc3\x9f",
                              "(?i)\\p{Lu}",
                              "(?i)[\xc3\x9f]",
                              "(?i)[^\\p{L}]",
                              "(?i:f)(?i:fl)",
                              "(?<=a+)b",
                              "(*VERB)",
                              "\xff"}) {
    auto regex = TokenizerRegex::compile(pattern);
    EXPECT_FALSE(regex.ok()) << pattern;
  }
  EXPECT_FALSE(TokenizerRegex::compile(std::string(100'000, 'a')).ok());
  EXPECT_FALSE(TokenizerRegex::compile(std::string(1000, '(') + std::string(1000, ')')).ok());
  EXPECT_FALSE(TokenizerRegex::compile(std::string(1000, '[') + "a" + std::string(1000, ']')).ok());
}

TEST(Utf8, ReplacesMaximalSubparts) {
  auto repair = [](std::string bytes) {
    std::string text;
    moveValidUtf8(bytes, text, /*final=*/true);
    EXPECT_TRUE(bytes.empty());
    return text;
  };
  EXPECT_EQ(repair(""), "");
  EXPECT_EQ(repair("a\xc3\xa9"), "a\u00e9");
  EXPECT_EQ(repair("\x61\xf1\x80\x80\xe1\x80\xc2\x62\x80\x63\x80\xbf\x64"), "a\ufffd\ufffd\ufffdb\ufffdc\ufffd\ufffdd");
  EXPECT_EQ(repair("\xed\xa0\x80"), "\ufffd\ufffd\ufffd");
  EXPECT_EQ(repair("\xf4\x90\x80\x80"), "\ufffd\ufffd\ufffd\ufffd");
  EXPECT_EQ(repair("\xf0\x9f\x98"), "\ufffd");
  EXPECT_EQ(repair("\xc0\xaf"), "\ufffd\ufffd");
}
