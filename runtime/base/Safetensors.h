//===- Safetensors.h - The safetensors checkpoint format --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reader and writer of https://huggingface.co/docs/safetensors (u64 LE header
// length <= 100 MB, JSON header, tensors without holes or overlaps that cover
// the buffer fully), and of the sharded form model.safetensors.index.json.
// Tensors are views of the mapped files: nothing is copied.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_SAFETENSORS_H
#define PLAIT_RUNTIME_BASE_SAFETENSORS_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace plait {

/// Element types of safetensors that Plait knows by size.
enum class TensorType { boolean, u8, i8, u16, i16, f16, bf16, u32, i32, f32, u64, i64, f64, f8_e4m3, f8_e5m2 };

/// "BF16", "F32", ...: the spelling of the format. Null for an unknown name.
const char *tensorTypeName(TensorType type);
unsigned tensorTypeBytes(TensorType type);

struct TensorView {
  TensorType type;
  std::vector<int64_t> shape;    ///< C order; empty for a scalar
  std::span<const uint8_t> data; ///< little endian; lives as long as its Checkpoint
  std::string file;              ///< the file that holds it
  uint64_t fileOffset = 0;       ///< byte offset of `data` within that file
  int64_t elements() const;
};

/// All tensors of one file or of a sharded checkpoint, by name.
class Checkpoint {
public:
  /// One .safetensors file.
  static Expected<Checkpoint> openFile(const std::string &path);
  /// A Hugging Face folder: model.safetensors, or the files that
  /// model.safetensors.index.json lists. A folder with only pickle files
  /// (*.bin, *.pt, *.pth) is refused with the reason.
  static Expected<Checkpoint> openFolder(const std::string &folder);

  const std::map<std::string, TensorView> &tensors() const { return byName; }
  const TensorView *find(const std::string &name) const;
  /// Up to `count` existing names nearest to `name` (edit distance), for errors.
  std::vector<std::string> nearest(const std::string &name, size_t count = 3) const;
  const std::map<std::string, std::string> &metadata() const { return meta; }
  const std::vector<std::shared_ptr<const MappedFile>> &files() const { return mapped; }

private:
  std::map<std::string, TensorView> byName;
  std::map<std::string, std::string> meta;
  std::vector<std::shared_ptr<const MappedFile>> mapped;
};

struct TensorToWrite {
  std::string name;
  TensorType type;
  std::vector<int64_t> shape;
  std::span<const uint8_t> data;
};

/// Writes a safetensors file atomically; tensors in the given order.
Status writeSafetensors(const std::string &path, const std::vector<TensorToWrite> &tensors,
                        const std::map<std::string, std::string> &metadata = {});

/// Element `index` as a double (floats, integers and booleans).
double tensorElement(const TensorView &tensor, int64_t index);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_SAFETENSORS_H
