//===- Fuzz.cpp - What the fuzz targets share -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "test/fuzz/Fuzz.h"

#include "runtime/base/Json.h"

#include <cstring>
#include <random>
#include <vector>

#include <sys/mman.h>
#include <unistd.h>

using namespace plait;
using namespace plait::fuzz;

MemoryFile::MemoryFile() : fd(memfd_create("fuzz", MFD_CLOEXEC)), path("/proc/self/fd/" + std::to_string(fd)) {
  require(fd >= 0, "memory for a file");
}

const std::string &MemoryFile::write(std::span<const uint8_t> bytes) {
  require(ftruncate(fd, 0) == 0 && pwrite(fd, bytes.data(), bytes.size(), 0) == ssize_t(bytes.size()),
          "room for a file");
  return path;
}

namespace {

void collect(Json &value, std::vector<Json *> &values) {
  values.push_back(&value);
  if (value.is_structured())
    for (Json &member : value)
      collect(member, values);
}

/// Values at the borders of what readers expect.
Json oddValue(std::mt19937 &random) {
  static const Json values[] = {
      nullptr,       true,          0,    1,  -1,  INT32_MAX,      INT64_MAX, INT64_MIN,
      UINT64_MAX,    1e308,         -0.5, "", " ", "\xE2\x96\x81", "<0x41>",  std::string(300, 'a'),
      Json::array(), Json::object()};
  return values[random() % std::size(values)];
}

void change(Json &value, Json copy, std::mt19937 &random) {
  switch (random() % 6) {
  case 0:
    value = oddValue(random);
    return;
  case 1:
    value = std::move(copy);
    return;
  case 2:
    if (value.is_structured() && !value.empty()) {
      value.erase(std::next(value.begin(), ptrdiff_t(random() % value.size())));
      return;
    }
    [[fallthrough]];
  case 3:
    if (value.is_array() && value.size() < 64)
      return value.push_back(std::move(copy));
    [[fallthrough]];
  case 4:
    if (value.is_number_integer()) {
      value = int64_t(value.get<uint64_t>() + random() % 5 - 2); // wraps at the ends
      return;
    }
    [[fallthrough]];
  default:
    if (value.is_string()) {
      std::string text = value.get<std::string>();
      static const char *pieces[] = {"a", "\\", "(", "*", "\xC3\xA9", "\xE2\x96\x81", "{2,9}", "[^", "\\p{L}", "0"};
      text.insert(random() % (text.size() + 1), pieces[random() % std::size(pieces)]);
      value = text; // a character that was split is replaced on writing
      return;
    }
    value = oddValue(random);
  }
}

} // namespace

size_t plait::fuzz::mutateJson(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
  Expected<Json> parsed = parseJson(textOf(data, size), "input");
  if (!parsed)
    return 0;
  std::mt19937 random(seed);
  std::vector<Json *> values;
  collect(*parsed, values);
  Json copy = *values[random() % values.size()];
  change(*values[random() % values.size()], std::move(copy), random);
  std::string text = parsed->dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > capacity)
    return 0;
  std::memcpy(data, text.data(), text.size());
  return text.size();
}
