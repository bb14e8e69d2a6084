//===- JsonTest.cpp - Tests of strict JSON --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Json.h"

#include "runtime/base/File.h"
#include "runtime/base/Utf8.h"

#include "gtest/gtest.h"

#include <chrono>
#include <cstdlib>
#include <filesystem>

using namespace plait;

namespace {

/// The message of the error that `text` gives; checks its code.
std::string errorOf(std::string_view text, StatusCode code = StatusCode::corrupt, const JsonLimits &limits = {}) {
  Expected<Json> parsed = parseJson(text, "t.json", limits);
  if (parsed.ok()) {
    ADD_FAILURE() << "accepted: " << text.substr(0, 100);
    return "";
  }
  EXPECT_EQ(parsed.status().code(), code) << parsed.status().message();
  return parsed.status().message();
}

Json parsed(std::string_view text) {
  Expected<Json> result = parseJson(text, "t.json");
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? result.take() : Json();
}

#define EXPECT_HAS(message, part) EXPECT_PRED2(contains, message, part)
bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

TEST(JsonTest, ReadsEveryKindOfValueInOrder) {
  Json value = parsed(R"({"z": [1, -2, 3.5, true, false, null], "a": {"k~/": "\u00e9\n"}, "e": {},)"
                      R"( "l": []})");
  EXPECT_EQ(value.dump(), R"({"z":[1,-2,3.5,true,false,null],"a":{"k~/":"é\n"},"e":{},"l":[]})");
}

TEST(JsonTest, ReadsScalarsAtTheRoot) {
  EXPECT_TRUE(parsed(" null ").is_null());
  EXPECT_EQ(parsed("\"x\""), Json("x"));
  EXPECT_EQ(parsed("18446744073709551615"), Json(UINT64_MAX));
  EXPECT_EQ(parsed("-9223372036854775808"), Json(INT64_MIN));
  EXPECT_EQ(parsed("1e-999"), Json(0.0));
}

TEST(JsonTest, RefusesTextThatIsNotJson) {
  EXPECT_EQ(errorOf(""), "t.json: found end of input at line 1, column 1; expected '[', '{', or "
                         "a literal");
  EXPECT_EQ(errorOf(std::string_view()), errorOf(""));
  EXPECT_HAS(errorOf("{\"a\": [1,\n  2,]}"), "t.json: /a/2: found ']' at line 2, column 5");
  EXPECT_HAS(errorOf("{\"a\": 1"), "found end of input at line 1, column 8; expected '}'");
  EXPECT_HAS(errorOf("{\"a\" 1}"), "t.json: /a: found number literal");
  EXPECT_HAS(errorOf("{\"a\" 1}"), "expected ':'");
  EXPECT_HAS(errorOf("{1: 2}"), "expected string literal");
  EXPECT_HAS(errorOf("[tru]"), "found the invalid word 'tru'");
  EXPECT_HAS(errorOf("{'a': 1}"), "invalid word ''a''");
  EXPECT_HAS(errorOf("[01]"), "found number literal");
  EXPECT_HAS(errorOf("[1.]"), "expected digit after '.'");
  EXPECT_HAS(errorOf("[\"a]"), "missing closing quote");
  EXPECT_HAS(errorOf("[\"a\nb\"]"), "control character U+000A");
  EXPECT_HAS(errorOf("[\"\\ud800\"]"), "surrogate");
  EXPECT_HAS(errorOf("[1] // comment"), "found the invalid word '//'");
}

TEST(JsonTest, RefusesTrailingText) {
  EXPECT_HAS(errorOf("{} {}"), "found '{' at line 1, column 4; expected end of input");
  EXPECT_HAS(errorOf("[1]]"), "expected end of input");
  EXPECT_HAS(errorOf("1 x"), "found the invalid word 'x'");
}

TEST(JsonTest, RefusesNulBytes) {
  using namespace std::string_view_literals;
  EXPECT_HAS(errorOf("{}\0 garbage"sv), "found a NUL byte at line 1, column 3");
  EXPECT_HAS(errorOf("{\"a\": \0 1}"sv), "t.json: /a: found a NUL byte at line 1, column 7");
  EXPECT_HAS(errorOf("[\"a\0b\"]"sv), "t.json: /0: found a NUL byte at line 1, column 4");
  EXPECT_HAS(errorOf("\0"sv), "found a NUL byte at line 1, column 1");
  // An error before the NUL byte comes first.
  EXPECT_HAS(errorOf("[}\0"sv), "found '}'");
}

TEST(JsonTest, RefusesByteOrderMarkAndInvalidUtf8) {
  EXPECT_HAS(errorOf("\xEF\xBB\xBF{}"), "found a byte order mark; expected JSON text");
  for (const char *bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xE2\x82", "\xF5\x80\x80\x80"}) {
    std::string message = errorOf("{\"k\": \"" + std::string(bad) + "\"}");
    EXPECT_HAS(message, "t.json: /k: found a byte that is not UTF-8 at line 1");
    EXPECT_TRUE(findInvalidUtf8(message) == std::string::npos);
  }
  EXPECT_HAS(errorOf("{\"\xFF\": 1}"), "a byte that is not UTF-8");
}

TEST(JsonTest, RefusesDuplicateKeys) {
  EXPECT_EQ(errorOf(R"({"o": {"a": 1, "b/": 2, "b\u002f": 3}})"),
            "t.json: /o/b~1: found the duplicate key \"b/\"; expected every key of an object once");
  EXPECT_HAS(errorOf(R"([{"": 1, "": 1}])"), "t.json: /0/: found the duplicate key \"\"");
  // The same key in two objects is fine, and so is a prefix.
  EXPECT_EQ(parsed(R"([{"a": 1}, {"a": {"a": 1, "aa": 2}}])").size(), 2u);
}

TEST(JsonTest, RefusesNumbersThatDoNotFit) {
  EXPECT_EQ(errorOf(R"({"n": [1, 18446744073709551616]})"),
            "t.json: /n/1: found 18446744073709551616; expected an integer in [-2^63, 2^64 - 1]");
  EXPECT_HAS(errorOf("-9223372036854775809"), "t.json: found -9223372036854775809; expected");
  EXPECT_HAS(errorOf(R"({"a": 1e999})"),
             "t.json: /a: found 1e999 at line 1, column 11; expected a number in the range");
  EXPECT_HAS(errorOf("[-1e999]"), "found -1e999");
  EXPECT_HAS(errorOf("[NaN]"), "t.json: /0: found NaN at line 1, column 2; expected a finite");
  EXPECT_HAS(errorOf("[Infinity]"), "found Infinity");
  EXPECT_HAS(errorOf("[-Infinity]"), "found -Infinity");
}

TEST(JsonTest, LimitsDepth) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parseJson(nested(128), "t").ok());
  EXPECT_HAS(errorOf(nested(129), StatusCode::unsupported), "found nesting deeper than 128");
  EXPECT_HAS(errorOf(std::string(1'000'000, '['), StatusCode::unsupported), "nesting deeper");
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"a\":";
  EXPECT_HAS(errorOf(objects, StatusCode::unsupported), "t.json: /a/a/a");
  JsonLimits flat;
  flat.maxDepth = 1;
  EXPECT_HAS(errorOf("{\"a\": [0]}", StatusCode::unsupported, flat), "t.json: /a: found nesting");
  EXPECT_TRUE(parseJson("{\"a\": 0}", "t", flat).ok());
}

TEST(JsonTest, LimitsBytes) {
  JsonLimits small;
  small.maxBytes = 4;
  EXPECT_TRUE(parseJson("[10]", "t", small).ok());
  EXPECT_EQ(errorOf("[100]", StatusCode::unsupported, small),
            "t.json: found 5 bytes; expected at most 4 bytes of JSON");
}

TEST(JsonTest, LargeObjectsTakeNoQuadraticTime) {
  constexpr int count = 200'000;
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i ? ",\"token " : "\"token ") + std::to_string(i) + "\":" + std::to_string(i);
  text += "}";
  auto start = std::chrono::steady_clock::now();
  Expected<Json> value = parseJson(text, "t");
  ASSERT_TRUE(value.ok());
  auto members = JsonView(*value, "t").asObject();
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->size(), size_t(count));
  EXPECT_EQ(members->back().first, "token 199999");
  EXPECT_EQ(*members->back().second.asInt(), 199999);
  EXPECT_EQ(members->back().second.path(), "/token 199999");
  // Generous: quadratic time would take minutes.
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(20));
  text.back() = ',';
  EXPECT_HAS(errorOf(text + "\"token 7\":0}"), "duplicate key \"token 7\"");
}

TEST(JsonTest, ErrorsStayOnOneShortLine) {
  std::string message = errorOf("{\"" + std::string(100'000, 'x') + "\\n\": nul}");
  EXPECT_LT(message.size(), 2000u);
  EXPECT_EQ(message.find('\n'), std::string::npos);
  message = errorOf("[" + std::string(100'000, '9') + "]");
  EXPECT_LT(message.size(), 300u);
}

TEST(JsonTest, WritesStably) {
  Json value = parsed(R"({"b":1,"a":[1.5,"é"],"c":{}})");
  std::string text = writeJson(value);
  EXPECT_EQ(text, "{\n  \"b\": 1,\n  \"a\": [\n    1.5,\n    \"é\"\n  ],\n  \"c\": {}\n}\n");
  EXPECT_EQ(writeJson(parsed(text)), text);
  EXPECT_EQ(writeJson(Json("\xFF")), "\"\xEF\xBF\xBD\"\n");
}

TEST(JsonTest, ReadsFiles) {
  std::string folder = testing::TempDir() + "plait-json-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::string path = folder + "/config.json";
  ASSERT_TRUE(writeFileAtomic(path, "{\"a\": 1}").ok());
  EXPECT_EQ(readJsonFile(path)->dump(), "{\"a\":1}");
  JsonLimits small;
  small.maxBytes = 3;
  EXPECT_HAS(readJsonFile(path, small).status().message(), "found 8 bytes; expected at most 3");
  EXPECT_EQ(readJsonFile(folder + "/none").status().code(), StatusCode::notFound);
  EXPECT_HAS(readJsonFile(folder).status().message(), "found a directory");
  ASSERT_TRUE(writeFileAtomic(path, "{\"a\": }").ok());
  EXPECT_HAS(readJsonFile(path).status().message(), path + ": /a: found '}'");
  std::filesystem::remove_all(folder);
}

class JsonViewTest : public testing::Test {
protected:
  Json config = parsed(R"({"n": 7, "minus": -1, "big": 18446744073709551615, "x": 1.5,
                           "s": "text", "t": true, "none": null, "list": [1, [2]],
                           "o": {"a/b": {"c~": "?"}}})");
  JsonView view{config, "config.json"};
};

TEST_F(JsonViewTest, ReadsMembers) {
  EXPECT_EQ(*view.getInt("n"), 7);
  EXPECT_EQ(*view.getInt("minus"), -1);
  EXPECT_EQ(*view.getInt("n", 7, 7, 0), 7);
  EXPECT_EQ(*view.getDouble("x"), 1.5);
  EXPECT_EQ(*view.getDouble("n"), 7.0);
  EXPECT_EQ(*view.getDouble("big"), 0x1p64);
  EXPECT_TRUE(*view.getBool("t", false));
  EXPECT_EQ(*view.getString("s"), "text");
  EXPECT_TRUE(view.has("n"));
  EXPECT_FALSE(view.has("none"));
  EXPECT_FALSE(view.has("absent"));
  EXPECT_FALSE(view.get("list")->has("n"));
  auto list = view.get("list")->asArray();
  ASSERT_TRUE(list.ok());
  EXPECT_EQ((*list)[1].path(), "/list/1");
  EXPECT_EQ(*(*list)[1].at(0)->asInt(), 2);
  EXPECT_EQ(view.get("o")->get("a/b")->get("c~")->path(), "/o/a~1b/c~0");
}

TEST_F(JsonViewTest, AbsentAndNullTakeTheDefault) {
  for (const char *key : {"none", "absent"}) {
    EXPECT_EQ(*view.getInt(key, 0, 10, 99), 99);
    EXPECT_EQ(*view.getDouble(key, 2.5), 2.5);
    EXPECT_TRUE(*view.getBool(key, true));
    EXPECT_EQ(*view.getString(key, "d"), "d");
  }
}

TEST_F(JsonViewTest, ErrorsNamePointerFoundAndExpected) {
  auto message = [](const auto &result) {
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.status().code(), StatusCode::invalidArgument);
    return result.status().message();
  };
  EXPECT_EQ(message(view.getInt("s")), "config.json: /s: found \"text\" (string); expected an integer of 64 bits");
  EXPECT_EQ(message(view.getInt("minus", 1)),
            "config.json: /minus: found -1 (integer); expected an integer of at least 1");
  EXPECT_EQ(message(view.getInt("n", 1, 6)), "config.json: /n: found 7 (integer); expected an integer in [1, 6]");
  EXPECT_EQ(message(view.getInt("big")), "config.json: /big: found 18446744073709551615 "
                                         "(integer); expected an integer of 64 bits");
  EXPECT_HAS(message(view.getInt("x")), "/x: found 1.5 (number); expected an integer");
  EXPECT_HAS(message(view.getInt("none")), "/none: found null; expected an integer");
  EXPECT_EQ(message(view.getInt("absent")),
            "config.json: /absent: found nothing; expected the required member \"absent\"");
  EXPECT_HAS(message(view.getBool("n", false)), "expected true or false");
  EXPECT_HAS(message(view.getDouble("t", 1)), "found true (boolean); expected a number");
  EXPECT_HAS(message(view.getString("o")), "found an object of 1 member; expected a string");
  EXPECT_HAS(message(view.asArray()), "config.json: found an object of 9 members; expected an");
  EXPECT_HAS(message(view.get("list")->asObject()), "found an array of 2 elements");
  EXPECT_HAS(message(view.get("list")->at(2)), "/list: found an array of 2 elements");
  EXPECT_HAS(message(view.get("n")->get("a")), "expected an object with the member \"a\"");
  // The default stands for an absent member, not for a value of another type.
  EXPECT_FALSE(view.get("list")->getInt("a", 0, 1, 0).ok());
  EXPECT_FALSE(view.get("n")->getString("a", "d").ok());
}

} // namespace
