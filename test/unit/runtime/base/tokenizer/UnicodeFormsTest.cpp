//===- UnicodeFormsTest.cpp - Unicode normalization --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/UnicodeForms.h"

#include "gtest/gtest.h"

using namespace plait;

TEST(UnicodeForms, NormalizesAsUnicodeSays) {
  struct Case {
    const char *text, *nfc, *nfd, *nfkc, *nfkd;
  };
  // From the standard annex 15 and NormalizationTest.txt.
  for (const Case &c : {
           Case{"", "", "", "", ""},
           Case{"plain ASCII", "plain ASCII", "plain ASCII", "plain ASCII", "plain ASCII"},
           Case{"caf\u00e9 e\u0301!", "caf\u00e9 \u00e9!", "cafe\u0301 e\u0301!", "caf\u00e9 \u00e9!",
                "cafe\u0301 e\u0301!"},
           Case{"\u1e9b\u0323", "\u1e9b\u0323", "\u017f\u0323\u0307", "\u1e69", "s\u0323\u0307"},
           Case{"\ufb01 2\u2075", "\ufb01 2\u2075", "\ufb01 2\u2075", "fi 25", "fi 25"},
           Case{"\u1e0c\u0307", "\u1e0c\u0307", "D\u0323\u0307", "\u1e0c\u0307", "D\u0323\u0307"},
           Case{"\u1e0a\u0323", "\u1e0c\u0307", "D\u0323\u0307", "\u1e0c\u0307", "D\u0323\u0307"},
           Case{"\uac01", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8"},
           Case{"\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8", "\uac01", "\u1100\u1161\u11a8"},
           Case{"\u212b \u2126", "\u00c5 \u03a9", "A\u030a \u03a9", "\u00c5 \u03a9", "A\u030a \u03a9"},
           Case{"\u0958", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c", "\u0915\u093c"}, // excluded from composition
           Case{"\u0301a", "\u0301a", "\u0301a", "\u0301a", "\u0301a"},
           Case{"a\u0300\u0301", "\u00e0\u0301", "a\u0300\u0301", "\u00e0\u0301", "a\u0300\u0301"}, // blocked
       }) {
    EXPECT_EQ(*toUnicodeForm(c.text, UnicodeForm::nfc), c.nfc);
    EXPECT_EQ(*toUnicodeForm(c.text, UnicodeForm::nfd), c.nfd);
    EXPECT_EQ(*toUnicodeForm(c.text, UnicodeForm::nfkc), c.nfkc);
    EXPECT_EQ(*toUnicodeForm(c.text, UnicodeForm::nfkd), c.nfkd);
  }
}

TEST(UnicodeForms, LeavesNewerCharactersAlone) {
  // Unicode 13 composes these two; U+0898 is a mark of Unicode 14.
  EXPECT_EQ(*toUnicodeForm("\U00011935\U00011930", UnicodeForm::nfc), "\U00011935\U00011930");
  EXPECT_EQ(*toUnicodeForm("\U00011938", UnicodeForm::nfd), "\U00011938");
  EXPECT_EQ(*toUnicodeForm("a\u0898\u0301", UnicodeForm::nfc), "a\u0898\u0301");
  EXPECT_TRUE(isUnicodeMark(0x301));
  EXPECT_TRUE(isUnicodeMark(0x1CF2));
  EXPECT_FALSE(isUnicodeMark(0x898));
  EXPECT_FALSE(isUnicodeMark('a'));
}
