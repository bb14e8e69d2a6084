//===- Metaspace.cpp - Spaces as a visible character ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/tokenizer/Metaspace.h"

#include "runtime/base/Utf8.h"
#include "runtime/base/tokenizer/Component.h"

namespace plait {

Expected<std::string> readCharacter(const JsonView &view, std::string_view key) {
  PLAIT_ASSIGN_OR_RETURN(JsonView member, view.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::string text, member.asString());
  if (text.empty() || decodeUtf8(text, 0).length != text.size())
    return member.error("a string of one character");
  return text;
}

Expected<Metaspace> Metaspace::fromJson(const JsonView &view) {
  Metaspace metaspace;
  PLAIT_ASSIGN_OR_RETURN(metaspace.replacement, readCharacter(view, "replacement"));
  PLAIT_ASSIGN_OR_RETURN(metaspace.split, view.getBool("split", true));
  PLAIT_ASSIGN_OR_RETURN(bool addPrefixSpace, view.getBool("add_prefix_space", true));
  PLAIT_ASSIGN_OR_RETURN(std::string scheme, view.getString("prepend_scheme", addPrefixSpace ? "always" : "never"));
  if (scheme == "always")
    metaspace.prepend = Prepend::always;
  else if (scheme == "first")
    metaspace.prepend = Prepend::first;
  else if (scheme == "never")
    metaspace.prepend = Prepend::never;
  bool contradicts = !addPrefixSpace && metaspace.prepend != Prepend::never;
  if (contradicts || (metaspace.prepend == Prepend::always && scheme != "always")) {
    PLAIT_ASSIGN_OR_RETURN(JsonView member, view.get("prepend_scheme"));
    if (contradicts)
      return member.error("\"never\", because \"add_prefix_space\" is false");
    return unsupportedValue(member, "\"always\", \"first\" or \"never\"");
  }
  return metaspace;
}

} // namespace plait
