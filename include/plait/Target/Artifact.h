//===- Artifact.h - Writes a model binary -----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `name.plait/` with manifest.json, model.so, weights.pack, plan.mlir,
// explain.json, tokenizer files and selftest.safetensors. Everything is written into a folder beside the
// target that takes its place when it is whole, so a crash leaves no half of an
// artifact. Equal inputs give equal bytes: no paths, times or names of users.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_ARTIFACT_H
#define PLAIT_TARGET_ARTIFACT_H

#include "dialects/Rt/Rt.h"
#include "runtime/base/Json.h"
#include "runtime/base/Progress.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plait {

class ArtifactWriter {
public:
  /// Starts an artifact that will be `path`.
  static Expected<ArtifactWriter> create(const std::string &path);
  /// Starts one beside `path` whose files the caller takes; it is not committed.
  static Expected<ArtifactWriter> createBeside(const std::string &path);
  ArtifactWriter(ArtifactWriter &&other) noexcept;
  ~ArtifactWriter(); ///< removes what was written unless `commit` was called

  /// Where a file of the artifact is to be written.
  std::string pathOf(const std::string &file) const { return temporary + "/" + file; }
  const std::string &folder() const { return temporary; }
  Status writeFile(const std::string &file, std::string_view contents);
  /// {"file", "bytes", "digest"} of a file that has been written.
  Expected<Json> describe(const std::string &file, Progress *progress = nullptr) const;
  /// Puts the artifact in its place, replacing one that is there.
  Status commit();

private:
  ArtifactWriter() = default;
  std::string target, temporary;
};

/// The table-like members of the manifest that follow from the plan: model,
/// memory, variants.
void describeModel(rt::ModelOp model, Json &manifest);

} // namespace plait

#endif // PLAIT_TARGET_ARTIFACT_H
