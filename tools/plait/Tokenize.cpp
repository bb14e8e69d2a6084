//===- Tokenize.cpp - plait tokenize: text to ids and back ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/base/Json.h"
#include "runtime/base/ModelSource.h"
#include "runtime/base/Tokenizer.h"
#include "runtime/core/ArtifactSource.h"
#include "tools/plait/Arguments.h"
#include "tools/plait/ChatPrompt.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Prompts.h"

#include <fmt/format.h>

#include <filesystem>

using namespace plait;

namespace {

struct TokenizeTexts {
  std::string path, chat, chatTemplate;
  std::vector<std::string> text;
  bool ids = false, decode = false, noBos = false, skipSpecial = false, rendered = false;
};

/// What PATH names: a tokenizer, and the files of its model.
struct Source {
  std::optional<Tokenizer> tokenizer;
  ModelReader read;
};

/// The files of a compiled model, a model folder or a GGUF file; nothing for what
/// is none of these.
Expected<ModelReader> openModel(const std::string &path) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored))
    return readerOfFolder(path);
  if (ArtifactSource::isExecutable(path)) {
    PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(path));
    return ModelReader([source = std::move(source)](const std::string &file) { return source.read(file); });
  }
  if (!looksLikeGguf(path))
    return ModelReader();
  PLAIT_ASSIGN_OR_RETURN(ModelSource model, ModelSource::open(path));
  return ModelReader([model = std::move(model)](const std::string &file) -> Expected<std::optional<ModelText>> {
    PLAIT_ASSIGN_OR_RETURN(std::optional<std::string> text, model.read(file));
    return text ? std::optional<ModelText>({std::move(*text), model.label(file)}) : std::nullopt;
  });
}

Expected<Source> openSource(const std::string &path) {
  Source source;
  PLAIT_ASSIGN_OR_RETURN(source.read, openModel(path));
  if (!source.read) { // a tokenizer.json; what else there is of the model lies beside it
    PLAIT_ASSIGN_OR_RETURN(source.tokenizer, Tokenizer::fromFile(path));
    std::string folder = std::filesystem::path(path).parent_path();
    source.read = readerOfFolder(folder.empty() ? "." : folder);
    return source;
  }
  PLAIT_ASSIGN_OR_RETURN(std::optional<ModelText> text, source.read("tokenizer.json"));
  if (!text)
    return notFound(fmt::format("{}: found no tokenizer.json; expected a model with a tokenizer, or the path of a "
                                "tokenizer.json",
                                printable(path)));
  PLAIT_ASSIGN_OR_RETURN(source.tokenizer, Tokenizer::fromJsonText(text->text, text->label));
  return source;
}

std::string encodeText(const Tokenizer &tokenizer, const std::vector<int32_t> &ids, bool idsOnly) {
  if (idsOnly)
    return fmt::format("{}\n", fmt::join(ids, ","));
  std::string text;
  for (int32_t id : ids)
    text += fmt::format("{:>8}  \"{}\"\n", id, escapeLine(tokenizer.pieceOf(id)));
  return text;
}

/// The prompt that a conversation becomes, as text or as tokens.
int tokenizeChat(const TokenizeTexts &texts, const Source &source) {
  Expected<ChatInput> input = readChatInput(texts.chat);
  if (!input)
    return fail(input.status());
  Expected<ChatTemplate> chatTemplate =
      openChatTemplate(texts.path, source.read, texts.chatTemplate, !input->tools.is_null());
  if (!chatTemplate)
    return fail(chatTemplate.status());
  Expected<RenderedChat> chat = chatTemplate->render(*input);
  if (!chat)
    return fail(chat.status());
  Output out;
  if (texts.rendered) {
    out.write(chat->text + "\n");
    return out.exitCode();
  }
  Expected<std::vector<int32_t>> ids = encodeChat(*source.tokenizer, *chat);
  if (!ids)
    return fail(ids.status());
  out.write(encodeText(*source.tokenizer, *ids, texts.ids));
  return out.exitCode();
}

int tokenizeAction(const TokenizeTexts &texts) {
  Expected<Source> source = openSource(texts.path);
  if (!source)
    return fail(source.status());
  if (!texts.chat.empty())
    return tokenizeChat(texts, *source);
  const std::optional<Tokenizer> &tokenizer = source->tokenizer;
  PromptSources sources;
  sources.texts = texts.text;
  Expected<std::vector<Prompt>> inputs = readPrompts(sources);
  if (!inputs)
    return fail(inputs.status(), exitUsage);
  Output out;
  for (const Prompt &input : *inputs) {
    if (texts.decode) {
      Expected<std::vector<int32_t>> ids = parseTokenIds("--decode", *input.text);
      if (!ids)
        return fail(ids.status(), exitUsage);
      Expected<std::string> text = tokenizer->decode(*ids, texts.skipSpecial);
      if (!text)
        return fail(text.status());
      out.write(*text + "\n");
    } else {
      Expected<std::vector<int32_t>> ids = tokenizer->encode(*input.text, !texts.noBos);
      if (!ids)
        return fail(ids.status());
      out.write(encodeText(*tokenizer, *ids, texts.ids));
    }
  }
  return out.exitCode();
}

} // namespace

void plait::addTokenizeCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<TokenizeTexts>();
  CLI::App *tokenize = app.add_subcommand("tokenize", "Turn text into token ids, or back");
  tokenize->add_option("PATH", texts->path, "a folder with tokenizer.json, that file, a compiled model or a GGUF file")
      ->required();
  tokenize->add_option("TEXT", texts->text, "text, or with --decode ids (default: from stdin)")
      ->allow_extra_args(false);
  tokenize->add_flag("--ids", texts->ids, "print the ids alone: 1,2,3");
  tokenize->add_flag("--decode", texts->decode, "TEXT is ids: 1,2,3");
  tokenize->add_flag("--no-bos", texts->noBos, "add no special tokens");
  tokenize->add_flag("--skip-special", texts->skipSpecial, "with --decode: leave special tokens out");
  auto *chat =
      tokenize->add_option("--chat", texts->chat, "a JSON file: messages, or {\"messages\": ..., \"tools\": ...}");
  tokenize->add_option("--chat-template", texts->chatTemplate, "with --chat: template, as a file or as text")
      ->needs(chat);
  tokenize->add_flag("--rendered", texts->rendered, "with --chat: print the prompt itself, not its tokens")
      ->needs(chat);
  tokenize->callback([texts, &action] { action = [texts] { return tokenizeAction(*texts); }; });
}
