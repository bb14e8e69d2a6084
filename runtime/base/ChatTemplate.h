//===- ChatTemplate.h - Conversations as prompts ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Instruction models are trained on conversations in a format of their own, and
// a Jinja template that comes with the model writes it. Templates are evaluated
// as transformers 5 does it with jinja2, in a sandbox with budgets, and the
// result says which of its bytes are user text: those never spell a special
// token.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_CHATTEMPLATE_H
#define PLAIT_RUNTIME_BASE_CHATTEMPLATE_H

#include "runtime/base/Json.h"
#include "runtime/base/ModelReader.h"
#include "runtime/base/Status.h"
#include "runtime/base/TextRange.h"
#include "runtime/base/jinja/Sandbox.h"

#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// What a template is given.
struct ChatInput {
  Json messages = Json::array();       ///< [{"role": ..., "content": ...}, ...]
  Json tools = nullptr;                ///< a list of JSON schemas, or null
  Json documents = nullptr;            ///< a list of {"title": ..., "text": ...}, or null
  bool addGenerationPrompt = true;     ///< end with the beginning of an answer
  Json variables = Json::object();     ///< others by name, e.g. "enable_thinking"
  std::optional<std::time_t> now = {}; ///< of strftime_now(); else the clock's
};

/// A prompt and what of it came from messages, tools and documents. Well-known
/// roles ("user", "assistant", ...) are not user text: templates build special
/// tokens with them.
struct RenderedChat {
  std::string text;
  std::vector<TextRange> userText; ///< in order and apart from each other
};

/// A parsed template. Immutable; may be used from several threads.
class ChatTemplate {
public:
  /// `name` is what errors begin with. `specialTokens` are variables of every
  /// rendering ("bos_token", ...).
  static Expected<ChatTemplate> parse(std::string_view source, const std::string &name,
                                      std::map<std::string, std::string> specialTokens = {});

  /// The template of a model: chat_template.jinja, else "chat_template" of
  /// tokenizer_config.json, which is a text or a list of {"name", "template"}. Of
  /// several, the one named "default" is taken, or "tool_use" where `forTools`.
  /// Nothing if the model has none.
  static Expected<std::optional<ChatTemplate>> ofModel(const ModelReader &read, bool forTools = false);

  /// The special tokens that tokenizer_config.json and special_tokens_map.json
  /// of a model name, by variable.
  static Expected<std::map<std::string, std::string>> readSpecialTokens(const ModelReader &read);

  ~ChatTemplate();
  ChatTemplate(ChatTemplate &&) noexcept;
  ChatTemplate &operator=(ChatTemplate &&) noexcept;

  /// Fails with one line that has the template's line, whatever the template
  /// does: it may run out of `limits`, or call raise_exception().
  Expected<RenderedChat> render(const ChatInput &input, const jinja::Limits &limits = {}) const;

  const std::map<std::string, std::string> &specialTokens() const;

private:
  ChatTemplate();
  struct Impl;
  std::unique_ptr<Impl> impl;
};

/// The error for a model without a template; `model` is its path.
Status noChatTemplate(const std::string &model);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_CHATTEMPLATE_H
