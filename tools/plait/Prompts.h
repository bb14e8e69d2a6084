//===- Prompts.h - Where the prompts of a run come from --------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_PROMPTS_H
#define PLAIT_TOOLS_PLAIT_PROMPTS_H

#include "runtime/base/Status.h"
#include "runtime/base/Tokenizer.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plait {

struct PromptSources {
  std::vector<std::string> texts;    ///< --prompt
  std::string file;                  ///< --prompt-file, one prompt per line
  std::string jsonLines;             ///< --prompt-jsonl, one JSON value per line
  std::vector<std::string> tokenIds; ///< --token-ids
};

struct Prompt {
  std::optional<std::string> text; ///< none for token ids
  std::vector<int32_t> tokens;     ///< filled by `encodePrompts` for a text
  std::string strategy = "";       ///< that it is to be decoded with; empty: that of the run
  std::string where = "";          ///< what errors call the place that `strategy` is from
};

/// Reads the prompts; with no source given, all of standard input is one, less
/// one newline at its end. Wrong token ids are usage errors.
Expected<std::vector<Prompt>> readPrompts(const PromptSources &sources);

Status encodePrompts(std::vector<Prompt> &prompts, const Tokenizer *tokenizer, bool addBos);

/// `text` on one line: a backslash, newline, carriage return and tab become
/// \\, \n, \r and \t, and bytes that are not UTF-8 \xNN.
std::string escapeLine(std::string_view text);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_PROMPTS_H
