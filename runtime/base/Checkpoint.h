//===- Checkpoint.h - All tensors of a model --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_CHECKPOINT_H
#define PLAIT_RUNTIME_BASE_CHECKPOINT_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"
#include "runtime/base/Tensor.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace plait {

/// All tensors of one file or of a sharded checkpoint, by name. Tensors are
/// views of the mapped files: nothing is copied.
class Checkpoint {
public:
  Checkpoint() = default;
  Checkpoint(std::map<std::string, TensorView> tensors, std::vector<std::shared_ptr<const MappedFile>> files,
             std::map<std::string, std::string> metadata = {})
      : byName(std::move(tensors)), meta(std::move(metadata)), mapped(std::move(files)) {}
  /// One .safetensors file.
  static Expected<Checkpoint> openFile(const std::string &path);
  static Expected<Checkpoint> openFile(const FileRange &range);
  /// A Hugging Face folder: model.safetensors, or the files that
  /// model.safetensors.index.json lists. A folder with only pickle files
  /// (*.bin, *.pt, *.pth) is refused with the reason.
  static Expected<Checkpoint> openFolder(const std::string &folder);

  /// Takes the tensors of another one, with `prefix` before their names.
  void add(const Checkpoint &other, const std::string &prefix);

  const std::map<std::string, TensorView> &tensors() const { return byName; }
  const TensorView *find(const std::string &name) const;
  /// Up to `count` existing names nearest to `name` (edit distance), for errors.
  std::vector<std::string> nearest(const std::string &name, size_t count = 3) const;
  /// Reads every element; an error that names the first one that is NaN or
  /// infinite.
  Status checkFinite() const;
  const std::map<std::string, std::string> &metadata() const { return meta; }
  const std::vector<std::shared_ptr<const MappedFile>> &files() const { return mapped; }

private:
  std::map<std::string, TensorView> byName;
  std::map<std::string, std::string> meta;
  std::vector<std::shared_ptr<const MappedFile>> mapped;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_CHECKPOINT_H
