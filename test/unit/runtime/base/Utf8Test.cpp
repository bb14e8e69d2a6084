//===- Utf8Test.cpp - Repairing UTF-8 -----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Utf8.h"

#include "gtest/gtest.h"

using namespace plait;

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
