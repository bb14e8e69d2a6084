//===- Prompts.cpp - Where the prompts of a run come from -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Prompts.h"

#include "runtime/base/File.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/Console.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>

#include <unistd.h>

using namespace plait;

namespace {

constexpr size_t kMaxInput = size_t(1) << 30;

Expected<std::string> readStandardInput() {
  if (isatty(STDIN_FILENO))
    return invalidArgument("prompt: found none; expected --prompt, --prompt-file, --token-ids or "
                           "text on standard input");
  std::string text;
  char buffer[65536];
  while (true) {
    ssize_t count = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (count == 0)
      break;
    if (count < 0 && interrupted())
      return Status::error(StatusCode::cancelled, "interrupted");
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return resourceError("standard input: " + std::error_code(errno, std::generic_category()).message());
    text.append(buffer, size_t(count));
    if (text.size() > kMaxInput)
      return invalidArgument("standard input: found more than 1 GiB; expected a prompt");
  }
  if (text.ends_with('\n'))
    text.pop_back();
  if (text.empty())
    return invalidArgument("prompt: found nothing on standard input; expected text, or --prompt");
  return text;
}

Status readPromptFile(const std::string &path, std::vector<Prompt> &prompts) {
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(path, kMaxInput));
  size_t before = prompts.size();
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r'))
      line.pop_back();
    if (!line.empty())
      prompts.push_back({std::move(line), {}});
    begin = end + 1;
  }
  if (prompts.size() == before)
    return invalidArgument(
        fmt::format("--prompt-file: found no line with text in {}; expected one prompt per line", printable(path)));
  return Status::success();
}

} // namespace

Expected<std::vector<Prompt>> plait::readPrompts(const PromptSources &sources) {
  std::vector<Prompt> prompts;
  for (const std::string &text : sources.texts)
    prompts.push_back({text, {}});
  if (!sources.file.empty())
    PLAIT_RETURN_IF_ERROR(readPromptFile(sources.file, prompts));
  for (const std::string &text : sources.tokenIds) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, parseTokenIds(text));
    prompts.push_back({std::nullopt, std::move(ids)});
  }
  if (prompts.empty()) {
    PLAIT_ASSIGN_OR_RETURN(std::string text, readStandardInput());
    prompts.push_back({std::move(text), {}});
  }
  return prompts;
}

Status plait::encodePrompts(std::vector<Prompt> &prompts, const Tokenizer *tokenizer, bool addBos) {
  for (size_t i = 0; i < prompts.size(); ++i) {
    Prompt &prompt = prompts[i];
    if (!prompt.text)
      continue;
    std::string where = prompts.size() == 1 ? "prompt" : fmt::format("prompt {}", i);
    if (!tokenizer)
      return invalidArgument(where + ": found text, but the model has no tokenizer.json; expected "
                                     "--token-ids");
    Expected<std::vector<int32_t>> tokens = tokenizer->encode(*prompt.text, addBos);
    if (!tokens)
      return tokens.status().withContext(where);
    if (tokens->empty())
      return invalidArgument(where + ": found no text; expected at least one token");
    prompt.tokens = tokens.take();
  }
  return Status::success();
}

std::string plait::escapeLine(std::string_view text) {
  std::string line;
  for (char c : text) {
    switch (c) {
    case '\\':
      line += "\\\\";
      break;
    case '\n':
      line += "\\n";
      break;
    case '\r':
      line += "\\r";
      break;
    case '\t':
      line += "\\t";
      break;
    default:
      line += c;
    }
  }
  return line;
}
