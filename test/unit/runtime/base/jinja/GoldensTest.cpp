//===- GoldensTest.cpp - Templates against jinja2 -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// test/golden/make_chat_goldens.py writes what is compared with.
//
//===----------------------------------------------------------------------===//

#include "ChatGoldens.h"

#include "runtime/base/File.h"
#include "runtime/base/Utf8.h"

#include <gtest/gtest.h>

using namespace plait;

namespace {

const std::string folder = PLAIT_GOLDEN_DIR "/chat_templates/";

/// Where the goldens and other renderings are; the latter on request.
std::string conversationsFile() {
  const char *other = std::getenv("PLAIT_CHAT_GOLDENS");
  return other ? other : folder + "conversations.golden.json";
}

std::string templateFolder() {
  const char *other = std::getenv("PLAIT_CHAT_TEMPLATES");
  return other ? std::string(other) + "/" : folder;
}

TEST(ChatGoldens, Expressions) {
  Expected<Json> golden = readJsonFile(folder + "expressions.golden.json");
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  ChatInput input;
  input.now = (*golden)["now"].get<std::time_t>();
  input.variables = (*golden)["variables"];
  size_t compared = 0;
  for (const Json &entry : (*golden)["cases"]) {
    const std::string &source = entry[0].get_ref<const std::string &>();
    SCOPED_TRACE(source);
    Expected<RenderedChat> rendered = renderTemplate(source, input);
    if (entry[1].is_null())
      EXPECT_FALSE(rendered.ok()) << "an error for jinja2, here \"" << rendered->text << '"';
    else if (!rendered.ok())
      ADD_FAILURE() << rendered.status().message() << "\n  expected \"" << entry[1].get<std::string>() << '"';
    else
      EXPECT_EQ(rendered->text, entry[1].get<std::string>());
    ++compared;
  }
  EXPECT_GT(compared, 800u);
}

ChatInput inputOf(const Json &golden, const Json &conversation) {
  ChatInput input;
  input.now = golden["now"].get<std::time_t>();
  input.messages = conversation["messages"];
  input.tools = conversation.value("tools", Json());
  input.documents = conversation.value("documents", Json());
  input.addGenerationPrompt = conversation.value("add_generation_prompt", true);
  input.variables = conversation.value("variables", Json::object());
  return input;
}

TEST(ChatGoldens, Conversations) {
  Expected<Json> golden = readJsonFile(conversationsFile());
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  auto tokens = (*golden)["special_tokens"].get<std::map<std::string, std::string>>();
  size_t compared = 0;
  for (const auto &[name, renderings] : (*golden)["renderings"].items()) {
    Expected<std::string> source = readFile(templateFolder() + name);
    ASSERT_TRUE(source.ok()) << source.status().message();
    for (const auto &[key, expected] : renderings.items()) {
      SCOPED_TRACE(name + ", " + key);
      Expected<RenderedChat> rendered =
          renderTemplate(*source, inputOf(*golden, (*golden)["conversations"][key]), tokens);
      if (expected.is_null())
        EXPECT_FALSE(rendered.ok()) << "an error for jinja2, here \"" << rendered->text << '"';
      else if (!rendered.ok())
        ADD_FAILURE() << rendered.status().message();
      else
        EXPECT_EQ(rendered->text, expected.get<std::string>());
      ++compared;
    }
  }
  EXPECT_GT(compared, 300u);
}

/// In this conversation all that users write, and nothing else, is in a private
/// area of Unicode, or white space.
TEST(ChatGoldens, UserTextStaysMarked) {
  Expected<Json> golden = readJsonFile(conversationsFile());
  ASSERT_TRUE(golden.ok()) << golden.status().message();
  size_t rendered = 0;
  for (const auto &[name, renderings] : (*golden)["renderings"].items()) {
    SCOPED_TRACE(name);
    Expected<std::string> source = readFile(templateFolder() + name);
    ASSERT_TRUE(source.ok()) << source.status().message();
    Expected<RenderedChat> chat = renderTemplate(*source, inputOf(*golden, (*golden)["conversations"]["private"]), {});
    if (!chat.ok())
      continue;
    ++rendered;
    size_t range = 0;
    bool differs = false;
    for (size_t i = 0; i < chat->text.size();) {
      Utf8Step step = decodeUtf8(chat->text, i);
      while (range < chat->userText.size() && chat->userText[range].end <= i)
        ++range;
      bool marked = range < chat->userText.size() && chat->userText[range].begin <= i;
      bool space = step.value == ' ' || step.value == '\n';
      differs |= !space && marked != (step.value >= 0xE000 && step.value < 0xF900);
      i += step.length;
    }
    EXPECT_FALSE(differs) << chat->text;
    EXPECT_FALSE(chat->userText.empty());
  }
  EXPECT_GT(rendered, 10u);
}

} // namespace
