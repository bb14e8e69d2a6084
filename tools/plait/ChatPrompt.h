//===- ChatPrompt.h - A conversation as token ids --------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_CHATPROMPT_H
#define PLAIT_TOOLS_PLAIT_CHATPROMPT_H

#include "runtime/base/ChatTemplate.h"
#include "runtime/base/Status.h"
#include "runtime/base/Tokenizer.h"

#include <cstdint>
#include <string>
#include <vector>

namespace plait {

/// The template that --chat-template gives as a file or as text, else that of the
/// model at `path`, whose files `read` gives. None is an error.
Expected<ChatTemplate> openChatTemplate(const std::string &path, const ModelReader &read, const std::string &option,
                                        bool forTools = false);

/// Reads a conversation from JSON: a list of messages, or an object with
/// "messages" and what else a template is given ("tools", "documents",
/// "add_generation_prompt", variables).
Expected<ChatInput> readChatInput(const std::string &path);

/// The ids of a rendered conversation. Special tokens that the user wrote stay
/// text; none are added, because templates write them all.
Expected<std::vector<int32_t>> encodeChat(const Tokenizer &tokenizer, const RenderedChat &chat);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_CHATPROMPT_H
