//===- TokenizerRegexTest.cpp - Regular expressions of tokenizers -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/TokenizerRegex.h"

#include "gtest/gtest.h"

using namespace plait;

TEST(TokenizerRegex, RunawayBacktrackingIsAnError) {
  auto regex = TokenizerRegex::compile("(a+)+$|(?:a|aa)+c");
  ASSERT_TRUE(regex.ok()) << regex.status().message();
  TokenizerRegex::Matches matches;
  Status status = regex->findAll(std::string(64, 'a') + "b", matches);
  EXPECT_EQ(status.code(), StatusCode::resource) << status.message();
  EXPECT_TRUE(regex->findAll("aaa", matches).ok());
  EXPECT_EQ(matches.found, (std::vector<TokenizerRegex::Match>{{0, 3}}));

  // Deep but harmless recursion is not an error.
  auto deep = TokenizerRegex::compile("(?:\\p{N}{1,3}|x)+");
  ASSERT_TRUE(deep.ok());
  EXPECT_TRUE(deep->findAll(std::string(300'000, '7'), matches).ok());
  EXPECT_EQ(matches.found.size(), 1u);
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
