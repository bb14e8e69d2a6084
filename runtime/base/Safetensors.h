//===- Safetensors.h - The safetensors checkpoint format --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Reader and writer of https://huggingface.co/docs/safetensors (u64 LE header
// length <= 100 MB, JSON header, tensors without holes or overlaps that cover
// the buffer fully). Tensors are views of the mapped file: nothing is copied.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_SAFETENSORS_H
#define PLAIT_RUNTIME_BASE_SAFETENSORS_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"
#include "runtime/base/Tensor.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plait {

/// What one .safetensors file holds.
struct SafetensorsFile {
  std::shared_ptr<const MappedFile> mapped;
  std::map<std::string, TensorView> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads a file strictly: what the format does not allow is an error.
Expected<SafetensorsFile> readSafetensors(const FileRange &range);

struct TensorToWrite {
  std::string name;
  TensorType type;
  std::vector<int64_t> shape;
  std::span<const uint8_t> data;
};

/// Writes a safetensors file atomically; tensors in the given order.
Status writeSafetensors(const std::string &path, const std::vector<TensorToWrite> &tensors,
                        const std::map<std::string, std::string> &metadata = {});

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_SAFETENSORS_H
