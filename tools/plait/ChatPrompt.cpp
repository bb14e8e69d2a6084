//===- ChatPrompt.cpp - A conversation as token ids -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/ChatPrompt.h"

#include "runtime/base/File.h"

#include <filesystem>

using namespace plait;

Expected<ChatTemplate> plait::openChatTemplate(const std::string &path, const ModelReader &read,
                                               const std::string &option, bool forTools) {
  if (option.empty()) {
    PLAIT_ASSIGN_OR_RETURN(std::optional<ChatTemplate> own, ChatTemplate::ofModel(read, forTools));
    if (!own)
      return noChatTemplate(path);
    return std::move(*own);
  }
  PLAIT_ASSIGN_OR_RETURN(auto tokens, ChatTemplate::readSpecialTokens(read));
  std::error_code ignored; // a text may be too long for a file name
  if (std::filesystem::exists(option, ignored)) {
    PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(option));
    return ChatTemplate::parse(text, option, std::move(tokens));
  }
  if (option.find("{{") == std::string::npos && option.find("{%") == std::string::npos)
    return invalidArgument("--chat-template: found \"" + printable(option, 80) +
                           "\"; expected a file that exists, or a template with {{ or {%");
  return ChatTemplate::parse(option, "--chat-template", std::move(tokens));
}

Expected<ChatInput> plait::readChatInput(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(Json json, readJsonFile(path));
  ChatInput input;
  if (json.is_array()) {
    input.messages = std::move(json);
    return input;
  }
  JsonView view(json, path);
  PLAIT_ASSIGN_OR_RETURN(JsonView messages, view.get("messages"));
  PLAIT_ASSIGN_OR_RETURN(input.addGenerationPrompt, view.getBool("add_generation_prompt", true));
  for (const auto &[key, value] : json.items()) {
    if (key == "messages")
      input.messages = value;
    else if (key == "tools")
      input.tools = value;
    else if (key == "documents")
      input.documents = value;
    else if (key != "add_generation_prompt")
      input.variables[key] = value;
  }
  return input;
}

Expected<std::vector<int32_t>> plait::encodeChat(const Tokenizer &tokenizer, const RenderedChat &chat) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer.encodeParts(chat.text, chat.userText));
  if (ids.empty())
    return invalidArgument("chat template: found an empty prompt; expected at least one token");
  return ids;
}
