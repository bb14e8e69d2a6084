//===- Characters.cpp - Classes and cases of characters -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/jinja/Characters.h"

#include "runtime/base/Utf8.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>

using namespace plait;
using namespace plait::jinja;

static utf8proc_category_t category(char32_t c) { return utf8proc_category(static_cast<utf8proc_int32_t>(c)); }

bool jinja::isSpace(char32_t c) { return isUnicodeSpace(c) || (c >= 0x1C && c <= 0x1F); }

bool jinja::isLineEnd(char32_t c) {
  return (c >= '\n' && c <= '\r') || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool jinja::isLetter(char32_t c) {
  utf8proc_category_t kind = category(c);
  return kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
}

bool jinja::isDecimal(char32_t c) { return category(c) == UTF8PROC_CATEGORY_ND; }

bool jinja::isDigit(char32_t c) {
  // Superscripts and circled digits have a digit value, most of No has not.
  return isDecimal(c) || c == 0xB2 || c == 0xB3 || c == 0xB9 || c == 0x2070 || (c >= 0x2074 && c <= 0x2079) ||
         (c >= 0x2080 && c <= 0x2089) || (c >= 0x2460 && c <= 0x2468);
}

bool jinja::isNumeric(char32_t c) {
  utf8proc_category_t kind = category(c);
  return kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL || kind == UTF8PROC_CATEGORY_NO;
}

bool jinja::isUpper(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LU; }
bool jinja::isLower(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LL || c == 0xAA || c == 0xBA; }
bool jinja::isTitle(char32_t c) { return category(c) == UTF8PROC_CATEGORY_LT; }

bool jinja::isPrintable(char32_t c) {
  switch (category(c)) {
  case UTF8PROC_CATEGORY_CN:
  case UTF8PROC_CATEGORY_CC:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_CS:
  case UTF8PROC_CATEGORY_CO:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
    return false;
  case UTF8PROC_CATEGORY_ZS:
    return c == ' ';
  default:
    return true;
  }
}

bool jinja::isNamePart(char32_t c) {
  utf8proc_category_t kind = category(c);
  return c == '_' || isLetter(c) || kind == UTF8PROC_CATEGORY_ND || kind == UTF8PROC_CATEGORY_NL ||
         kind == UTF8PROC_CATEGORY_MN || kind == UTF8PROC_CATEGORY_MC;
}

namespace {

/// Characters whose upper case is more than one (Unicode's SpecialCasing.txt);
/// their title case too, or it is one character.
struct SpecialCase {
  char32_t character;
  const char *upper;
  const char *title;
};

constexpr SpecialCase specialCases[] = {
    {0x00DF, "SS", "Ss"},
    {0x0149, "\u02BCN", "\u02BCN"},
    {0x01F0, "J\u030C", "J\u030C"},
    {0x0390, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x03B0, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x0587, "\u0535\u0552", "\u0535\u0582"},
    {0x1E96, "H\u0331", "H\u0331"},
    {0x1E97, "T\u0308", "T\u0308"},
    {0x1E98, "W\u030A", "W\u030A"},
    {0x1E99, "Y\u030A", "Y\u030A"},
    {0x1E9A, "A\u02BE", "A\u02BE"},
    {0x1F50, "\u03A5\u0313", "\u03A5\u0313"},
    {0x1F52, "\u03A5\u0313\u0300", "\u03A5\u0313\u0300"},
    {0x1F54, "\u03A5\u0313\u0301", "\u03A5\u0313\u0301"},
    {0x1F56, "\u03A5\u0313\u0342", "\u03A5\u0313\u0342"},
    {0x1F80, "\u1F08\u0399", nullptr},
    {0x1F81, "\u1F09\u0399", nullptr},
    {0x1F82, "\u1F0A\u0399", nullptr},
    {0x1F83, "\u1F0B\u0399", nullptr},
    {0x1F84, "\u1F0C\u0399", nullptr},
    {0x1F85, "\u1F0D\u0399", nullptr},
    {0x1F86, "\u1F0E\u0399", nullptr},
    {0x1F87, "\u1F0F\u0399", nullptr},
    {0x1F88, "\u1F08\u0399", nullptr},
    {0x1F89, "\u1F09\u0399", nullptr},
    {0x1F8A, "\u1F0A\u0399", nullptr},
    {0x1F8B, "\u1F0B\u0399", nullptr},
    {0x1F8C, "\u1F0C\u0399", nullptr},
    {0x1F8D, "\u1F0D\u0399", nullptr},
    {0x1F8E, "\u1F0E\u0399", nullptr},
    {0x1F8F, "\u1F0F\u0399", nullptr},
    {0x1F90, "\u1F28\u0399", nullptr},
    {0x1F91, "\u1F29\u0399", nullptr},
    {0x1F92, "\u1F2A\u0399", nullptr},
    {0x1F93, "\u1F2B\u0399", nullptr},
    {0x1F94, "\u1F2C\u0399", nullptr},
    {0x1F95, "\u1F2D\u0399", nullptr},
    {0x1F96, "\u1F2E\u0399", nullptr},
    {0x1F97, "\u1F2F\u0399", nullptr},
    {0x1F98, "\u1F28\u0399", nullptr},
    {0x1F99, "\u1F29\u0399", nullptr},
    {0x1F9A, "\u1F2A\u0399", nullptr},
    {0x1F9B, "\u1F2B\u0399", nullptr},
    {0x1F9C, "\u1F2C\u0399", nullptr},
    {0x1F9D, "\u1F2D\u0399", nullptr},
    {0x1F9E, "\u1F2E\u0399", nullptr},
    {0x1F9F, "\u1F2F\u0399", nullptr},
    {0x1FA0, "\u1F68\u0399", nullptr},
    {0x1FA1, "\u1F69\u0399", nullptr},
    {0x1FA2, "\u1F6A\u0399", nullptr},
    {0x1FA3, "\u1F6B\u0399", nullptr},
    {0x1FA4, "\u1F6C\u0399", nullptr},
    {0x1FA5, "\u1F6D\u0399", nullptr},
    {0x1FA6, "\u1F6E\u0399", nullptr},
    {0x1FA7, "\u1F6F\u0399", nullptr},
    {0x1FA8, "\u1F68\u0399", nullptr},
    {0x1FA9, "\u1F69\u0399", nullptr},
    {0x1FAA, "\u1F6A\u0399", nullptr},
    {0x1FAB, "\u1F6B\u0399", nullptr},
    {0x1FAC, "\u1F6C\u0399", nullptr},
    {0x1FAD, "\u1F6D\u0399", nullptr},
    {0x1FAE, "\u1F6E\u0399", nullptr},
    {0x1FAF, "\u1F6F\u0399", nullptr},
    {0x1FB2, "\u1FBA\u0399", "\u1FBA\u0345"},
    {0x1FB3, "\u0391\u0399", nullptr},
    {0x1FB4, "\u0386\u0399", "\u0386\u0345"},
    {0x1FB6, "\u0391\u0342", "\u0391\u0342"},
    {0x1FB7, "\u0391\u0342\u0399", "\u0391\u0342\u0345"},
    {0x1FBC, "\u0391\u0399", nullptr},
    {0x1FC2, "\u1FCA\u0399", "\u1FCA\u0345"},
    {0x1FC3, "\u0397\u0399", nullptr},
    {0x1FC4, "\u0389\u0399", "\u0389\u0345"},
    {0x1FC6, "\u0397\u0342", "\u0397\u0342"},
    {0x1FC7, "\u0397\u0342\u0399", "\u0397\u0342\u0345"},
    {0x1FCC, "\u0397\u0399", nullptr},
    {0x1FD2, "\u0399\u0308\u0300", "\u0399\u0308\u0300"},
    {0x1FD3, "\u0399\u0308\u0301", "\u0399\u0308\u0301"},
    {0x1FD6, "\u0399\u0342", "\u0399\u0342"},
    {0x1FD7, "\u0399\u0308\u0342", "\u0399\u0308\u0342"},
    {0x1FE2, "\u03A5\u0308\u0300", "\u03A5\u0308\u0300"},
    {0x1FE3, "\u03A5\u0308\u0301", "\u03A5\u0308\u0301"},
    {0x1FE4, "\u03A1\u0313", "\u03A1\u0313"},
    {0x1FE6, "\u03A5\u0342", "\u03A5\u0342"},
    {0x1FE7, "\u03A5\u0308\u0342", "\u03A5\u0308\u0342"},
    {0x1FF2, "\u1FFA\u0399", "\u1FFA\u0345"},
    {0x1FF3, "\u03A9\u0399", nullptr},
    {0x1FF4, "\u038F\u0399", "\u038F\u0345"},
    {0x1FF6, "\u03A9\u0342", "\u03A9\u0342"},
    {0x1FF7, "\u03A9\u0342\u0399", "\u03A9\u0342\u0345"},
    {0x1FFC, "\u03A9\u0399", nullptr},
    {0xFB00, "FF", "Ff"},
    {0xFB01, "FI", "Fi"},
    {0xFB02, "FL", "Fl"},
    {0xFB03, "FFI", "Ffi"},
    {0xFB04, "FFL", "Ffl"},
    {0xFB05, "ST", "St"},
    {0xFB06, "ST", "St"},
    {0xFB13, "\u0544\u0546", "\u0544\u0576"},
    {0xFB14, "\u0544\u0535", "\u0544\u0565"},
    {0xFB15, "\u0544\u053B", "\u0544\u056B"},
    {0xFB16, "\u054E\u0546", "\u054E\u0576"},
    {0xFB17, "\u0544\u053D", "\u0544\u056D"},
};

const SpecialCase *findSpecial(char32_t c) {
  auto found = std::lower_bound(std::begin(specialCases), std::end(specialCases), c,
                                [](const SpecialCase &entry, char32_t value) { return entry.character < value; });
  return found != std::end(specialCases) && found->character == c ? found : nullptr;
}

} // namespace

void jinja::appendUpper(std::string &text, char32_t c) {
  if (const SpecialCase *special = c < 0x80 ? nullptr : findSpecial(c))
    text += special->upper;
  else
    appendUtf8(text, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
}

void jinja::appendTitle(std::string &text, char32_t c) {
  const SpecialCase *special = c < 0x80 ? nullptr : findSpecial(c);
  if (special && special->title)
    text += special->title;
  else
    appendUtf8(text, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
}

void jinja::appendLower(std::string &text, char32_t c) {
  if (c == 0x130)
    text += "i\u0307";
  else
    appendUtf8(text, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}
