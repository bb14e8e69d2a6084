//===- UnicodeForms.h - Unicode normalization -------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The four normalization forms of Unicode (UAX #15) and two maps of single
// characters, as Hugging Face tokenizers 0.23 computes them: it knows the
// decompositions and the marks of Unicode 9. Newer characters are left alone
// here too, so that a text gets the ids that a model was trained with.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_UNICODEFORMS_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_UNICODEFORMS_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace plait {

enum class UnicodeForm { nfc, nfd, nfkc, nfkd };

/// `text`, which must be valid UTF-8, in a normalization form.
Expected<std::string> toUnicodeForm(std::string_view text, UnicodeForm form);

/// How many bytes of that form stem from the first `prefix` bytes of `text`.
Expected<size_t> formedPrefix(std::string_view text, size_t prefix, UnicodeForm form);

/// Whether `c` is of a general category Mn, Mc or Me.
bool isUnicodeMark(char32_t c);

/// Appends what the character `c` is in lower case, whatever is around it.
void appendLowercase(std::string &text, char32_t c);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_UNICODEFORMS_H
