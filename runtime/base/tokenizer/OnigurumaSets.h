//===- OnigurumaSets.h - Character sets of Oniguruma ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sets of characters as Oniguruma 6.9.10 knows them, written as the inside of a
// PCRE2 bracket ("items").
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_ONIGURUMASETS_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_ONIGURUMASETS_H

#include <string>
#include <string_view>

namespace plait::oniguruma {

// Spelled out because PCRE2's \s and \w differ from Oniguruma's: \s of PCRE2
// holds U+180E, and its \w lacks marks and connector punctuation.
inline constexpr std::string_view spaceItems =
    "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}"
    "\\x{205f}\\x{3000}";
inline constexpr std::string_view wordItems = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}";
inline constexpr std::string_view hexDigitItems = "0-9A-Fa-f";

/// Outside of brackets Oniguruma also counts these among \w: a quirk of its
/// tables for Latin-1.
inline constexpr std::string_view bareWordItems = "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}";

/// The items of \p{name}, given in lower case without spaces, '-' and '_'. A
/// name that is no category is taken for a script.
std::string propertyItems(std::string_view name);

/// `items` with what they lack where PCRE2 knows an older Unicode version.
std::string withNewerCharacters(std::string_view items);

} // namespace plait::oniguruma

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_ONIGURUMASETS_H
