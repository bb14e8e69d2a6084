//===- Arguments.cpp - Strict reading of command line values --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Arguments.h"

#include "runtime/base/File.h"
#include "runtime/device/cpu/Topology.h"

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

Expected<unsigned> plait::parseThreads(const std::string &name, const std::string &text) {
  if (text.empty() || text == "auto")
    return physicalCores();
  auto count = parseInteger(name, text, 1, 1024);
  if (!count)
    return wrongValue(name, text, "auto or an integer from 1 to 1024");
  return unsigned(*count);
}

Expected<std::vector<int64_t>> plait::parseThreadsList(const std::string &name, const std::string &text) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::string> items, parseNameList(name, text.empty() ? "auto" : text));
  std::vector<int64_t> counts;
  for (const std::string &item : items) {
    PLAIT_ASSIGN_OR_RETURN(unsigned count, parseThreads(name, item));
    counts.push_back(count);
  }
  return counts;
}

Expected<std::vector<std::string>> plait::parseNameList(const std::string &name, const std::string &text) {
  std::vector<std::string> names;
  for (std::string_view rest = text; !text.empty();) {
    size_t comma = rest.find(',');
    names.emplace_back(trim(rest.substr(0, comma)));
    if (names.back().empty())
      return wrongValue(name, text, "names with commas between");
    if (comma == std::string_view::npos)
      break;
    rest.remove_prefix(comma + 1);
  }
  return names;
}

Expected<std::vector<int32_t>> plait::parseTokenIds(const std::string &name, const std::string &text) {
  PLAIT_ASSIGN_OR_RETURN(auto values, parseIntegerList(name, text, 0, INT32_MAX));
  return std::vector<int32_t>(values.begin(), values.end());
}

Expected<uint64_t> plait::parseSeed(const std::string &name, const std::string &text) {
  uint64_t seed;
  if (!readWhole(text, seed))
    return wrongValue(name, text, "an integer from 0 to 18446744073709551615");
  return seed;
}
