//===- ChatTemplateTest.cpp - Where templates come from -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/ChatTemplate.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace plait;

namespace {

class ChatTemplateTest : public testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/plait-chat-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder); }
  void write(const std::string &name, const std::string &text) { std::ofstream(folder + "/" + name) << text; }
  std::string render(bool forTools = false) {
    auto found = ChatTemplate::ofModel(readerOfFolder(folder), forTools);
    if (!found.ok())
      return found.status().message();
    if (!*found)
      return "none";
    auto chat = (*found)->render({});
    return chat.ok() ? chat->text : chat.status().message();
  }

  std::string folder;
};

TEST_F(ChatTemplateTest, TheFileGoesBeforeTheConfiguration) {
  EXPECT_EQ(render(), "none");
  write("tokenizer_config.json", R"({"bos_token": "<s>"})");
  EXPECT_EQ(render(), "none");
  write("tokenizer_config.json", R"({"bos_token": "<s>", "chat_template": "config {{ bos_token }}"})");
  EXPECT_EQ(render(), "config <s>");
  write("chat_template.jinja", "file {{ bos_token }}{{ eos_token }}");
  EXPECT_EQ(render(), "file <s>");
  write("special_tokens_map.json", R"({"bos_token": "other", "eos_token": {"content": "</s>", "lstrip": false}})");
  EXPECT_EQ(render(), "file <s></s>");
}

TEST_F(ChatTemplateTest, NamedTemplates) {
  write("tokenizer_config.json", R"({"chat_template": [{"name": "tool_use", "template": "t"},
                                                       {"name": "default", "template": "d"}]})");
  EXPECT_EQ(render(), "d");
  EXPECT_EQ(render(true), "t");
  write("tokenizer_config.json", R"({"chat_template": [{"name": "rag", "template": "r"}]})");
  EXPECT_NE(render().find("expected a template that is named \"default\""), std::string::npos) << render();
  write("tokenizer_config.json", R"({"chat_template": 5})");
  EXPECT_NE(render().find("/chat_template: found 5 (integer); expected"), std::string::npos) << render();
}

TEST_F(ChatTemplateTest, ErrorsNameTheFile) {
  write("chat_template.jinja", "a\n{% if %}");
  EXPECT_EQ(render(), folder + "/chat_template.jinja: line 2: found \"%}\"; expected an expression");
  write("chat_template.jinja", std::string((1 << 20) + 1, 'a'));
  EXPECT_NE(render().find("chat_template.jinja"), std::string::npos);
}

TEST_F(ChatTemplateTest, WithoutATemplate) {
  EXPECT_EQ(noChatTemplate("m").message(),
            "m: found no chat template (no chat_template.jinja, and no \"chat_template\" in tokenizer_config.json); "
            "expected one, as models for conversations have it; pass one with --chat-template FILE|TEXT, or use "
            "`plait run`");
}

} // namespace
