//===- ChatTemplateFuzz.cpp - Fuzzes chat templates -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An input is a template; it is rendered with a conversation in small budgets.
// All user text consists of the letter U+E000, which no template writes: where it
// comes out, the marks of user text must cover it, and nothing else may be lost.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/ChatTemplate.h"
#include "runtime/base/Utf8.h"
#include "test/fuzz/Fuzz.h"

using namespace plait;
using namespace plait::fuzz;

static constexpr std::string_view userLetter = "\xEE\x80\x80";

static ChatInput conversation() {
  std::string text;
  for (int i = 0; i < 3; ++i)
    text += userLetter;
  ChatInput input;
  input.messages = Json::array({{{"role", "system"}, {"content", text}},
                                {{"role", "user"}, {"content", text + text}},
                                {{"role", "assistant"}, {"content", Json::array({{{"type", "text"}, {"text", text}}})}},
                                {{"role", "user"}, {"content", text}}});
  input.variables = {{"enable_thinking", false}, {"count", 3}};
  input.now = 0;
  return input;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view source = textOf(data, size);
  Expected<ChatTemplate> chat = ChatTemplate::parse(source, "template", {{"bos_token", "<s>"}, {"eos_token", "</s>"}});
  if (!chat) {
    checkRefusal(chat.status());
    return 0;
  }
  static const ChatInput input = conversation();
  jinja::Limits limits;
  limits.steps = 20'000;
  limits.textBytes = 1 << 16;
  limits.totalBytes = 1 << 22;
  Expected<RenderedChat> rendered = chat->render(input, limits);
  if (!rendered) {
    checkRefusal(rendered.status());
    return 0;
  }
  require(rendered->text.size() <= limits.textBytes, "the text stays in its budget");
  require(findInvalidUtf8(rendered->text) == std::string_view::npos, "the text is UTF-8");
  size_t end = 0;
  for (const TextRange &range : rendered->userText) {
    require(range.begin >= end && range.begin < range.end && range.end <= rendered->text.size(),
            "user text is in order and apart");
    end = range.end;
  }
  for (std::string_view writer : {userLetter, std::string_view("\\"), std::string_view("%c")})
    if (source.find(writer) != std::string_view::npos)
      return 0; // the template may write the letter itself
  auto range = rendered->userText.begin();
  for (size_t at = 0; (at = rendered->text.find(userLetter, at)) != std::string::npos; ++at) {
    while (range != rendered->userText.end() && range->end <= at)
      ++range;
    require(range != rendered->userText.end() && range->begin <= at && at + userLetter.size() <= range->end,
            "user text is marked");
  }
  return 0;
}
