//===- Component.h - Parts of a tokenizer.json by type ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Every part of a tokenizer.json (normalizer, pre-tokenizer, model,
// post-processor, decoder) is an object with a "type". Each kind of part keeps
// one table of the types that it can be; what is not in the table is an error
// that names it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TOKENIZER_COMPONENT_H
#define PLAIT_RUNTIME_BASE_TOKENIZER_COMPONENT_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace plait {

/// Sequences nested deeper than this are refused.
inline constexpr unsigned maxComponentDepth = 16;

/// One type of a kind of component and how it is read; `depth` counts the
/// sequences around it.
template <typename T> struct ComponentType {
  std::string_view name;
  Expected<T> (*read)(const JsonView &view, unsigned depth);
};

/// The value of `view` is well formed, but not something Plait can do.
inline Status unsupportedValue(const JsonView &view, const std::string &expected) {
  return unsupported(view.error(expected).message());
}

/// Reads `view` by the entry of `types` that its "type" names.
template <typename T, size_t count>
Expected<T> readComponent(const JsonView &view, const ComponentType<T> (&types)[count], unsigned depth) {
  if (depth > maxComponentDepth)
    return unsupported(view.where() + ": found sequences nested too deeply; expected at most " +
                       std::to_string(maxComponentDepth) + " levels");
  PLAIT_ASSIGN_OR_RETURN(std::string name, view.getString("type"));
  std::string known;
  for (const ComponentType<T> &type : types) {
    if (type.name == name)
      return type.read(view, depth);
    known += (known.empty() ? "\"" : ", \"") + std::string(type.name) + "\"";
  }
  PLAIT_ASSIGN_OR_RETURN(JsonView typeView, view.get("type"));
  return unsupportedValue(typeView, "one of " + known);
}

/// Reads every element of the array `view[key]` by `types`.
template <typename T, size_t count>
Expected<std::vector<T>> readComponents(const JsonView &view, std::string_view key,
                                        const ComponentType<T> (&types)[count], unsigned depth) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, list.asArray());
  std::vector<T> components;
  for (const JsonView &element : elements) {
    PLAIT_ASSIGN_OR_RETURN(T component, readComponent(element, types, depth + 1));
    components.push_back(std::move(component));
  }
  return components;
}

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TOKENIZER_COMPONENT_H
