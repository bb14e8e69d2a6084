//===- Prompts.cpp - Where the prompts of a run come from -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Prompts.h"

#include "runtime/base/File.h"
#include "runtime/base/Json.h"
#include "runtime/base/Utf8.h"
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
    return invalidArgument("prompt: found none; expected --prompt, --prompt-file, --prompt-jsonl, "
                           "--token-ids or text on standard input");
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

Expected<Prompt> promptOfLine(const std::string &line, const std::string &) { return Prompt{line, {}}; }

/// What an object says besides its prompt.
Status readStrategy(const JsonView &object, Prompt &prompt) {
  if (!object.has("strategy"))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView member, object.get("strategy"));
  PLAIT_ASSIGN_OR_RETURN(prompt.strategy, member.asString());
  if (prompt.strategy.find_first_not_of(" \t") == std::string::npos)
    return member.error("the name of a strategy, or ar for plain decoding");
  return Status::success();
}

/// "text", [1, 2, 3], or an object with one of these as "prompt", and perhaps a "strategy";
/// other members are the user's own business.
Expected<Prompt> promptOfJson(const std::string &line, const std::string &where) {
  PLAIT_ASSIGN_OR_RETURN(Json json, parseJson(line, where));
  JsonView view(json, where);
  Prompt prompt;
  prompt.where = where;
  if (json.is_object()) {
    PLAIT_RETURN_IF_ERROR(readStrategy(view, prompt));
    PLAIT_ASSIGN_OR_RETURN(view, view.get("prompt"));
  }
  if (view.json().is_string()) {
    prompt.text = view.json().get<std::string>();
    return prompt;
  }
  if (!view.json().is_array() || view.json().empty())
    return view.error("a text, token ids such as [1, 2, 3], or an object with one of these as \"prompt\"");
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> ids, view.asArray());
  for (const JsonView &id : ids) {
    PLAIT_ASSIGN_OR_RETURN(int64_t value, id.asInt(0, INT32_MAX));
    prompt.tokens.push_back(int32_t(value));
  }
  return prompt;
}

/// Adds what `read` makes of each line of a file that is not empty.
Status readLines(const std::string &option, const std::string &path,
                 Expected<Prompt> (*read)(const std::string &line, const std::string &where),
                 std::vector<Prompt> &prompts) {
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(path, kMaxInput));
  size_t before = prompts.size(), number = 0;
  for (size_t begin = 0; begin < text.size();) {
    size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    ++number;
    begin = end + 1;
    if (line.ends_with('\r'))
      line.pop_back();
    if (line.empty())
      continue;
    PLAIT_ASSIGN_OR_RETURN(Prompt prompt, read(line, fmt::format("{}: the JSON of line {}", path, number)));
    prompts.push_back(std::move(prompt));
  }
  if (prompts.size() == before)
    return invalidArgument(
        fmt::format("{}: found no line with text in {}; expected one prompt per line", option, printable(path)));
  return Status::success();
}

} // namespace

Expected<std::vector<Prompt>> plait::readPrompts(const PromptSources &sources) {
  std::vector<Prompt> prompts;
  for (const std::string &text : sources.texts)
    prompts.push_back({text, {}});
  if (!sources.file.empty())
    PLAIT_RETURN_IF_ERROR(readLines("--prompt-file", sources.file, promptOfLine, prompts));
  if (!sources.jsonLines.empty())
    PLAIT_RETURN_IF_ERROR(readLines("--prompt-jsonl", sources.jsonLines, promptOfJson, prompts));
  for (const std::string &text : sources.tokenIds) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, parseTokenIds("--token-ids", text));
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
  constexpr std::string_view escaped = "\\\n\r\t", names = "\\nrt";
  std::string line;
  while (!text.empty()) {
    Utf8Step step = decodeUtf8(text, 0);
    bool valid = step.kind == Utf8Step::complete;
    std::string_view bytes = text.substr(0, valid ? step.length : 1);
    if (size_t at = escaped.find(bytes[0]); at != std::string_view::npos)
      line += {'\\', names[at]};
    else if (valid)
      line += bytes;
    else
      line += fmt::format("\\x{:02x}", static_cast<unsigned char>(bytes[0]));
    text.remove_prefix(bytes.size());
  }
  return line;
}
