//===- Gguf.h - The GGUF model format ---------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Strict reader of GGUF versions 2 and 3
// (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): little endian;
// header, metadata, tensor directory, padding, data. Files come from anywhere,
// so every length is compared with what remains of the file before it is used,
// and nothing is allocated for what has not been found to be there. Values and
// tensors are views of the mapped file.
//
// A model may be split: NAME-00001-of-0000N.gguf holds the metadata, all N files
// hold tensors.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_GGUF_H
#define PLAIT_RUNTIME_BASE_GGUF_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"
#include "runtime/base/Tensor.h"

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

/// Types of metadata values, numbered as in files.
enum class GgufType : uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// A metadata value, checked but still as it lies in the file.
struct GgufValue {
  GgufType type; ///< of the elements, if it is an array; never `array` itself
  bool isArray = false;
  uint64_t count = 1;             ///< elements
  std::span<const uint8_t> bytes; ///< of all elements
};

/// Whether `path` is a regular file that has the name or the first bytes of a
/// GGUF file.
bool looksLikeGguf(const std::string &path);

class Gguf {
public:
  /// Opens a file, and the others of a split model whose first file `path` is.
  static Expected<Gguf> open(const std::string &path);

  const std::string &path() const { return mapped.front()->path(); }
  const std::map<std::string, TensorView> &tensors() const { return byName; }
  const std::vector<std::shared_ptr<const MappedFile>> &files() const { return mapped; }

  bool has(std::string_view key) const { return values.find(key) != values.end(); }
  /// The keys that begin with `prefix`, ordered.
  std::vector<std::string> keysBelow(std::string_view prefix) const;
  /// Typed reads. An integer may be of any integer type, a number of any type
  /// that has one; f32 numbers become the double that their shortest decimal
  /// form denotes, which is what the writer had ("1e-05", not 9.99999974738e-06).
  Expected<int64_t> getInt(std::string_view key, int64_t min, int64_t max) const;
  Expected<double> getNumber(std::string_view key) const;
  Expected<bool> getBool(std::string_view key, bool absent) const;
  Expected<std::string> getString(std::string_view key) const;
  Expected<std::vector<int64_t>> getInts(std::string_view key) const; ///< an array
  Expected<std::vector<double>> getNumbers(std::string_view key) const;
  Expected<std::vector<std::string_view>> getStrings(std::string_view key) const;

  /// "model.gguf: key 'llama.block_count': found 3.5 (f32); expected E"
  Status error(std::string_view key, const std::string &expected) const;

private:
  class Reader;
  static Expected<Gguf> openPart(const std::string &path);
  Status addParts(const std::string &first);
  Expected<const GgufValue *> find(std::string_view key, bool array, const std::string &expected) const;

  std::map<std::string_view, GgufValue, std::less<>> values;
  std::map<std::string, TensorView> byName;
  std::vector<std::shared_ptr<const MappedFile>> mapped;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_GGUF_H
