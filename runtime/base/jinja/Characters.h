//===- Characters.h - Classes and cases of characters -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What Python's str methods know of a character (Unicode, SpecialCasing.txt).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JINJA_CHARACTERS_H
#define PLAIT_RUNTIME_BASE_JINJA_CHARACTERS_H

#include <string>

namespace plait::jinja {

bool isSpace(char32_t c); ///< as str.isspace: White_Space and U+001C to U+001F
bool isLineEnd(char32_t c);
bool isLetter(char32_t c);
bool isDecimal(char32_t c);
bool isDigit(char32_t c);
bool isNumeric(char32_t c);
bool isUpper(char32_t c);
bool isLower(char32_t c);
bool isTitle(char32_t c);
bool isPrintable(char32_t c); ///< repr does not escape it
bool isNamePart(char32_t c);  ///< may be in an identifier

// Full mappings: one character may become several.
void appendUpper(std::string &text, char32_t c);
void appendTitle(std::string &text, char32_t c);
/// But for the final sigma, which depends on its neighbours.
void appendLower(std::string &text, char32_t c);

} // namespace plait::jinja

#endif // PLAIT_RUNTIME_BASE_JINJA_CHARACTERS_H
