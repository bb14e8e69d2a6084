//===- OnigurumaPattern.h - Oniguruma patterns for PCRE2 --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Hugging Face tokenizers match with Oniguruma (its Ruby syntax); Plait matches
// with PCRE2. The two backtrack alike but differ in what many constructs mean.
// What both can do is rewritten so that PCRE2 means what Oniguruma means; the
// rest is an error instead of a silently different split.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_ONIGURUMAPATTERN_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_ONIGURUMAPATTERN_H

#include "runtime/base/Status.h"

#include <string>
#include <string_view>

namespace plait {

/// Translates an Oniguruma pattern to one for PCRE2 with UTF, UCP, MULTILINE and
/// "\n" as the only newline.
Expected<std::string> translateOnigurumaPattern(std::string_view pattern);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_ONIGURUMAPATTERN_H
