//===- Arguments.cpp - Strict reading of command line values --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Arguments.h"

#include "runtime/base/File.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

using namespace plait;

Status plait::wrongValue(const std::string &name, std::string_view text, const std::string &expected) {
  return invalidArgument(fmt::format("{}: found \"{}\"; expected {}", name, printable(text, 80), expected));
}

static std::string_view trim(std::string_view text) {
  size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// The whole of `text` as a T; false if it is not one or does not fit.
template <typename T> static bool readWhole(std::string_view text, T &value) {
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, value);
  return !text.empty() && error == std::errc() && stop == end;
}

Expected<int64_t> plait::parseInteger(const std::string &name, const std::string &text, int64_t min, int64_t max) {
  int64_t value;
  if (!readWhole(text, value) || value < min || value > max)
    return wrongValue(name, text, fmt::format("an integer from {} to {}", min, max));
  return value;
}

Expected<double> plait::parseNumber(const std::string &name, const std::string &text, double min, double max) {
  double value;
  if (!readWhole(text, value) || !std::isfinite(value) || value < min || value > max)
    return wrongValue(name, text,
                      max >= 1e30 ? fmt::format("a finite number of at least {}", min)
                                  : fmt::format("a number from {} to {}", min, max));
  return value;
}

Expected<std::vector<int64_t>> plait::parseIntegerList(const std::string &name, const std::string &text, int64_t min,
                                                       int64_t max) {
  std::vector<int64_t> values;
  std::string_view rest = text;
  while (true) {
    size_t comma = rest.find(',');
    int64_t value;
    if (!readWhole(trim(rest.substr(0, comma)), value) || value < min || value > max)
      return wrongValue(name, text, fmt::format("integers from {} to {} with commas between", min, max));
    values.push_back(value);
    if (comma == std::string_view::npos)
      return values;
    rest.remove_prefix(comma + 1);
  }
}

Expected<std::vector<int32_t>> plait::parseTokenIds(const std::string &text) {
  PLAIT_ASSIGN_OR_RETURN(auto values, parseIntegerList("--token-ids", text, 0, INT32_MAX));
  return std::vector<int32_t>(values.begin(), values.end());
}

Status plait::checkWeightsSpec(const std::string &text) {
  if (text.empty() || text == "checkpoint" || text == "none" || text == "random")
    return Status::success();
  constexpr std::string_view prefix = "random:";
  uint64_t seed;
  if (text.starts_with(prefix) && readWhole(std::string_view(text).substr(prefix.size()), seed))
    return Status::success();
  return wrongValue("--weights", text, "checkpoint, random, random:SEED or none");
}

Status plait::checkKvDtype(const std::string &text) {
  if (text.empty() || text == "f32" || text == "bf16" || text == "int8")
    return Status::success();
  return wrongValue("--kv-dtype", text, "f32, bf16 or int8");
}

Expected<uint64_t> plait::parseSeed(const std::string &name, const std::string &text) {
  uint64_t seed;
  if (!readWhole(text, seed))
    return wrongValue(name, text, "an integer from 0 to 18446744073709551615");
  return seed;
}
