//===- Json.h - Strict JSON reading and writing -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One strict door for every JSON text Plait reads (RFC 8259): depth limit,
// duplicate keys refused, invalid UTF-8 refused, integers that do not fit
// refused instead of wrapped. Every error names the JSON pointer (RFC 6901) of
// the offending value.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_JSON_H
#define PLAIT_RUNTIME_BASE_JSON_H

#include "runtime/base/Status.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// Key order is kept, so that what is written is byte-identical every time.
using Json = nlohmann::ordered_json;

struct JsonLimits {
  unsigned maxDepth = 128;
  size_t maxBytes = size_t(256) << 20;
};

/// Parses `text`; `what` names the source in errors ("config.json").
Expected<Json> parseJson(std::string_view text, const std::string &what, const JsonLimits &limits = {});

/// Reads and parses a file (refuses directories, FIFOs, oversized files).
Expected<Json> readJsonFile(const std::string &path, const JsonLimits &limits = {});

/// Serialises with two-space indentation and a final newline.
std::string writeJson(const Json &value);

/// A view of one object or array element that remembers its JSON pointer, so
/// that typed access can say precisely what was found and what was expected.
class JsonView {
public:
  JsonView(const Json &value, std::string source, std::string pointer = "")
      : value(&value), source(std::move(source)), pointer(std::move(pointer)) {}

  const Json &json() const { return *value; }
  const std::string &path() const { return pointer; }
  std::string where() const;                          ///< source and pointer, as every error begins
  bool has(std::string_view key) const;               ///< present and not null
  Expected<JsonView> get(std::string_view key) const; ///< required member
  Expected<JsonView> at(size_t index) const;

  /// Typed reads of this value. Integers are range checked.
  Expected<int64_t> asInt(int64_t min = INT64_MIN, int64_t max = INT64_MAX) const;
  Expected<double> asDouble() const;
  Expected<bool> asBool() const;
  Expected<std::string> asString() const;
  Expected<std::vector<JsonView>> asArray() const;
  Expected<std::vector<std::pair<std::string, JsonView>>> asObject() const;

  /// Typed reads of a member; with a default the member may be absent or null.
  Expected<int64_t> getInt(std::string_view key, int64_t min = INT64_MIN, int64_t max = INT64_MAX) const;
  Expected<int64_t> getInt(std::string_view key, int64_t min, int64_t max, int64_t absent) const;
  Expected<double> getDouble(std::string_view key) const;
  Expected<double> getDouble(std::string_view key, double absent) const;
  Expected<bool> getBool(std::string_view key, bool absent) const;
  Expected<std::string> getString(std::string_view key) const;
  Expected<std::string> getString(std::string_view key, const std::string &absent) const;

  /// "config.json: /rope_scaling/factor: found \"x\" (string); expected E".
  Status error(const std::string &expected) const;

private:
  const Json *value;
  std::string source;
  std::string pointer;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_JSON_H
