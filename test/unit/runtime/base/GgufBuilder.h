//===- GgufBuilder.h - GGUF files for tests ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Writes GGUF files piece by piece, right ones and wrong ones: every count,
// length and offset can be replaced.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_BASE_GGUFBUILDER_H
#define PLAIT_TEST_UNIT_RUNTIME_BASE_GGUFBUILDER_H

#include "runtime/base/Gguf.h"

#include <cstring>
#include <string>
#include <vector>

namespace plait {

/// The bytes of `value`, little endian.
template <typename T> std::string bytesOf(T value) {
  std::string text(sizeof(T), '\0');
  std::memcpy(text.data(), &value, sizeof(T));
  return text;
}
inline std::string ggufString(std::string_view text) { return bytesOf(uint64_t(text.size())) + std::string(text); }

struct GgufBuilder {
  std::string magic = "GGUF";
  uint32_t version = 3;
  uint64_t alignment = 32; ///< of the data; the key is added by hand
  std::vector<std::string> keys, directory, data;
  std::optional<uint64_t> keyCount, tensorCount; ///< instead of the true ones
  std::string behind;                            ///< the last tensor

  /// A key with any type number and bytes.
  GgufBuilder &raw(std::string_view key, uint32_t type, const std::string &value) {
    keys.push_back(ggufString(key) + bytesOf(type) + value);
    return *this;
  }
  GgufBuilder &key(std::string_view key, uint32_t value) { return raw(key, uint32_t(GgufType::u32), bytesOf(value)); }
  GgufBuilder &key(std::string_view key, float value) { return raw(key, uint32_t(GgufType::f32), bytesOf(value)); }
  GgufBuilder &key(std::string_view key, bool value) { return raw(key, uint32_t(GgufType::boolean), bytesOf(value)); }
  GgufBuilder &key(std::string_view key, const char *value) {
    return raw(key, uint32_t(GgufType::string), ggufString(value));
  }
  GgufBuilder &array(std::string_view key, GgufType type, uint64_t count, const std::string &elements) {
    return raw(key, uint32_t(GgufType::array), bytesOf(uint32_t(type)) + bytesOf(count) + elements);
  }
  GgufBuilder &strings(std::string_view key, const std::vector<std::string> &values) {
    std::string text;
    for (const std::string &value : values)
      text += ggufString(value);
    return array(key, GgufType::string, values.size(), text);
  }
  template <typename T> GgufBuilder &numbers(std::string_view key, GgufType type, const std::vector<T> &values) {
    std::string text;
    for (T value : values)
      text += bytesOf(value);
    return array(key, type, values.size(), text);
  }

  /// An entry of the directory alone; `shape` as in files, innermost first.
  GgufBuilder &entry(std::string_view name, std::vector<int64_t> shape, uint32_t type, uint64_t offset) {
    std::string text = ggufString(name) + bytesOf(uint32_t(shape.size()));
    for (int64_t extent : shape)
      text += bytesOf(extent);
    directory.push_back(text + bytesOf(type) + bytesOf(offset));
    return *this;
  }
  /// A tensor behind those before it.
  GgufBuilder &tensor(std::string_view name, std::vector<int64_t> shape, uint32_t type, std::string bytes) {
    uint64_t offset = 0;
    for (const std::string &before : data)
      offset += before.size();
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    data.push_back(std::move(bytes));
    return entry(name, std::move(shape), type, offset);
  }

  std::string header() const {
    std::string text = magic + bytesOf(version) + bytesOf(tensorCount.value_or(directory.size())) +
                       bytesOf(keyCount.value_or(keys.size()));
    for (const std::vector<std::string> *pieces : {&keys, &directory})
      for (const std::string &piece : *pieces)
        text += piece;
    return text;
  }
  std::string file() const {
    std::string text = header();
    if (!directory.empty())
      text.resize((text.size() + alignment - 1) / alignment * alignment);
    for (const std::string &bytes : data)
      text += bytes;
    return text + behind;
  }
};

} // namespace plait

#endif // PLAIT_TEST_UNIT_RUNTIME_BASE_GGUFBUILDER_H
