//===- ChatGoldens.h - Rendering a template in a test -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_BASE_JINJA_CHATGOLDENS_H
#define PLAIT_TEST_UNIT_RUNTIME_BASE_JINJA_CHATGOLDENS_H

#include "runtime/base/ChatTemplate.h"

#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace plait {

/// Renders `source`; local time is UTC, as it was for the goldens.
inline Expected<RenderedChat> renderTemplate(std::string_view source, const ChatInput &input,
                                             std::map<std::string, std::string> specialTokens = {},
                                             const jinja::Limits &limits = {}) {
  setenv("TZ", "UTC", 1);
  tzset();
  PLAIT_ASSIGN_OR_RETURN(ChatTemplate parsed, ChatTemplate::parse(source, "template", std::move(specialTokens)));
  return parsed.render(input, limits);
}

} // namespace plait

#endif // PLAIT_TEST_UNIT_RUNTIME_BASE_JINJA_CHATGOLDENS_H
