//===- ChatTemplate.cpp - Conversations as prompts ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/ChatTemplate.h"

#include "runtime/base/File.h"
#include "runtime/base/jinja/Ast.h"
#include "runtime/base/jinja/Interpreter.h"

#include <algorithm>

using namespace plait;
using namespace plait::jinja;

namespace {

constexpr size_t kMaxTemplateBytes = size_t(1) << 20;

/// Roles that templates may put into special tokens ("<|" + role + "|>").
/// Another role counts as user text, so that it cannot name a token.
bool isWellKnownRole(const std::string &role) {
  static constexpr std::string_view roles[] = {"assistant", "developer", "function", "ipython",
                                               "model",     "system",    "tool",     "user"};
  return std::find(std::begin(roles), std::end(roles), role) != std::end(roles);
}

/// JSON as values of a template; all its strings are user text if `isUser`.
Value toValue(Interpreter &interpreter, const Json &json, bool isUser) {
  switch (json.type()) {
  case Json::value_t::boolean:
    return Value(json.get<bool>());
  case Json::value_t::number_integer:
    return Value(json.get<int64_t>());
  case Json::value_t::number_unsigned:
    if (json.get<uint64_t>() > uint64_t(INT64_MAX))
      return interpreter.fail("found the integer " + json.dump() + " in the input; expected one of 64 bits");
    return Value(int64_t(json.get<uint64_t>()));
  case Json::value_t::number_float:
    return Value(json.get<double>());
  case Json::value_t::string:
    return interpreter.text(MarkedText(json.get_ref<const std::string &>(), isUser));
  case Json::value_t::array: {
    std::vector<Value> items;
    for (const Json &item : json)
      items.push_back(toValue(interpreter, item, isUser));
    return interpreter.sequence(std::move(items));
  }
  case Json::value_t::object: {
    Dict items;
    for (const auto &[key, value] : json.items())
      items.set(interpreter.sandbox, interpreter.text(MarkedText(key, isUser)), toValue(interpreter, value, isUser));
    return interpreter.dict(std::move(items));
  }
  default:
    return Value::none();
  }
}

/// A message: older names of the reasoning stand for its present one, as in
/// transformers.
Value messageValue(Interpreter &interpreter, Json message) {
  for (const char *name : {"reasoning_content", "thinking", "reasoning"})
    if (auto found = message.find(name); found != message.end() && !found->is_null()) {
      Json reasoning = *found;
      Json aliased = {{"thinking", reasoning}};
      for (const auto &[key, value] : message.items())
        aliased[key] = value;
      aliased["reasoning_content"] = std::move(reasoning);
      message = std::move(aliased);
      break;
    }
  Dict items;
  for (const auto &[key, value] : message.items()) {
    bool isRole = key == "role" && value.is_string() && isWellKnownRole(value.get_ref<const std::string &>());
    items.set(interpreter.sandbox, interpreter.text(key), toValue(interpreter, value, !isRole));
  }
  return interpreter.dict(std::move(items));
}

Status checkMessages(const Json &messages) {
  if (!messages.is_array())
    return invalidArgument("messages: found no list; expected [{\"role\": ..., \"content\": ...}, ...]");
  for (size_t i = 0; i < messages.size(); ++i)
    if (!messages[i].is_object())
      return invalidArgument("messages: found message " + std::to_string(i) +
                             " that is no object; expected {\"role\": ..., \"content\": ...}");
  return Status::success();
}

} // namespace

struct ChatTemplate::Impl {
  std::string name;
  Block block;
  std::map<std::string, std::string> specialTokens;
};

ChatTemplate::ChatTemplate() : impl(std::make_unique<Impl>()) {}
ChatTemplate::~ChatTemplate() = default;
ChatTemplate::ChatTemplate(ChatTemplate &&) noexcept = default;
ChatTemplate &ChatTemplate::operator=(ChatTemplate &&) noexcept = default;

Expected<ChatTemplate> ChatTemplate::parse(std::string_view source, const std::string &name,
                                           std::map<std::string, std::string> specialTokens) {
  ChatTemplate result;
  result.impl->name = printable(name);
  result.impl->specialTokens = std::move(specialTokens);
  if (source.size() > kMaxTemplateBytes)
    return invalidArgument(result.impl->name + ": found a template of " + std::to_string(source.size()) +
                           " bytes; expected at most " + std::to_string(kMaxTemplateBytes));
  PLAIT_ASSIGN_OR_RETURN(std::vector<Token> tokens, tokenize(source, result.impl->name));
  PLAIT_ASSIGN_OR_RETURN(result.impl->block, jinja::parse(std::move(tokens), result.impl->name));
  return result;
}

Expected<RenderedChat> ChatTemplate::render(const ChatInput &input, const Limits &limits) const {
  PLAIT_RETURN_IF_ERROR(checkMessages(input.messages));
  Sandbox sandbox(impl->name, limits);
  Interpreter interpreter(sandbox, input.now.value_or(std::time(nullptr)));
  Interpreter::Variables variables;
  for (const auto &[name, token] : impl->specialTokens)
    variables[name] = interpreter.text(token);
  for (const auto &[name, value] : input.variables.items())
    variables[name] = toValue(interpreter, value, /*isUser=*/false);
  std::vector<Value> messages;
  for (const Json &message : input.messages)
    messages.push_back(messageValue(interpreter, message));
  variables["messages"] = interpreter.sequence(std::move(messages));
  variables["tools"] = toValue(interpreter, input.tools, /*isUser=*/true);
  variables["documents"] = toValue(interpreter, input.documents, /*isUser=*/true);
  variables["add_generation_prompt"] = Value(input.addGenerationPrompt);
  interpreter.define(std::move(variables));
  MarkedText text = interpreter.run(impl->block);
  if (!sandbox.ok())
    return sandbox.error();
  return RenderedChat{text.bytes(), text.userRanges()};
}

const std::map<std::string, std::string> &ChatTemplate::specialTokens() const { return impl->specialTokens; }

//===----------------------------------------------------------------------===//
// Files
//===----------------------------------------------------------------------===//

/// A token is a text, or an object with its "content".
static void addTokens(const Json &config, std::map<std::string, std::string> &tokens) {
  for (const auto &[key, value] : config.items()) {
    const Json *content = &value;
    if (value.is_object())
      if (auto found = value.find("content"); found != value.end())
        content = &*found;
    if (key.ends_with("_token") && content->is_string())
      tokens.emplace(key, content->get<std::string>());
  }
}

/// The contents of a JSON file of the model; null if it has no such file.
static Expected<Json> readConfig(const ModelReader &read, const char *file) {
  PLAIT_ASSIGN_OR_RETURN(std::optional<ModelText> config, read(file));
  return config ? parseJson(config->text, config->label) : Expected<Json>(Json());
}

Expected<std::map<std::string, std::string>> ChatTemplate::readSpecialTokens(const ModelReader &read) {
  std::map<std::string, std::string> tokens;
  for (const char *file : {"tokenizer_config.json", "special_tokens_map.json"}) {
    PLAIT_ASSIGN_OR_RETURN(Json config, readConfig(read, file));
    addTokens(config, tokens);
  }
  return tokens;
}

/// The template of tokenizer_config.json.
static Expected<std::optional<ModelText>> readNamedTemplate(const ModelReader &read, bool forTools) {
  PLAIT_ASSIGN_OR_RETURN(std::optional<ModelText> file, read("tokenizer_config.json"));
  if (!file)
    return file;
  PLAIT_ASSIGN_OR_RETURN(Json config, parseJson(file->text, file->label));
  JsonView view(config, file->label);
  if (!config.is_object() || !view.has("chat_template"))
    return std::optional<ModelText>();
  PLAIT_ASSIGN_OR_RETURN(JsonView entry, view.get("chat_template"));
  if (!entry.json().is_array()) {
    PLAIT_ASSIGN_OR_RETURN(file->text, entry.asString());
    return file;
  }
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> list, entry.asArray());
  std::optional<std::string> standard, tools;
  for (const JsonView &item : list) {
    PLAIT_ASSIGN_OR_RETURN(std::string name, item.getString("name"));
    PLAIT_ASSIGN_OR_RETURN(std::string text, item.getString("template"));
    if (name == "default" || name == "tool_use")
      (name == "default" ? standard : tools) = std::move(text);
  }
  std::optional<std::string> &chosen = forTools && tools ? tools : standard;
  if (!chosen)
    return entry.error("a template that is named \"default\"");
  file->text = std::move(*chosen);
  return file;
}

Expected<std::optional<ChatTemplate>> ChatTemplate::ofModel(const ModelReader &read, bool forTools) {
  PLAIT_ASSIGN_OR_RETURN(std::optional<ModelText> source, read("chat_template.jinja"));
  if (!source) {
    PLAIT_ASSIGN_OR_RETURN(source, readNamedTemplate(read, forTools));
  }
  if (!source)
    return std::optional<ChatTemplate>();
  PLAIT_ASSIGN_OR_RETURN(auto tokens, readSpecialTokens(read));
  PLAIT_ASSIGN_OR_RETURN(ChatTemplate result, parse(source->text, source->label, std::move(tokens)));
  return std::optional<ChatTemplate>(std::move(result));
}

Status plait::noChatTemplate(const std::string &model) {
  return notFound(printable(model) + ": found no chat template (no chat_template.jinja, and no \"chat_template\" in " +
                  "tokenizer_config.json); expected one, as models for conversations have it; pass one with " +
                  "--chat-template FILE|TEXT, or use `plait run`");
}
