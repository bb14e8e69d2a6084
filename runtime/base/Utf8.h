//===- Utf8.h - Decoding, checking and repairing UTF-8 ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_UTF8_H
#define PLAIT_RUNTIME_BASE_UTF8_H

#include <cstddef>
#include <string>
#include <string_view>

namespace plait {

/// One step through a byte sequence that claims to be UTF-8.
struct Utf8Step {
  enum Kind {
    complete,  ///< `value` was read from `length` bytes
    invalid,   ///< `length` bytes are a maximal ill-formed subpart (Unicode 3.9)
    truncated, ///< the text ends inside what could still become a character
  };
  Kind kind;
  char32_t value; ///< U+FFFD unless complete
  size_t length;  ///< at least 1
};

/// Reads the character at `position`, which must be inside `text`.
Utf8Step decodeUtf8(std::string_view text, size_t position);

/// The start of the last character of `text`, which must be valid and not empty.
size_t lastUtf8Start(std::string_view text);

/// The offset of the first byte that is not part of valid UTF-8, or npos.
size_t findInvalidUtf8(std::string_view text);

void appendUtf8(std::string &text, char32_t value);

/// Moves the characters of `bytes` that are settled to the end of `text` and
/// erases them; each maximal ill-formed subpart becomes one U+FFFD. A truncated
/// character stays in `bytes`, or is replaced too when `final`.
void moveValidUtf8(std::string &bytes, std::string &text, bool final);

/// Unicode White_Space, which is what `\s` means to Hugging Face tokenizers.
bool isUnicodeSpace(char32_t value);

/// `text` in quotes, printable and of bounded length, for error messages.
std::string quoteForMessage(std::string_view text);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_UTF8_H
