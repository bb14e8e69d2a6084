//===- DemoModel.h - The hand-written model as an artifact -----*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_DEMOMODEL_H
#define PLAIT_TEST_UNIT_RUNTIME_DEMOMODEL_H

#include "runtime/base/Json.h"
#include "runtime/core/Model.h"
#include "runtime/core/StepBatch.h"
#include "runtime/decode/LogitRules.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace plait::demo {

inline constexpr int32_t kVocabulary = 97, kPoison = 96;
inline constexpr int64_t kMaxPositions = 64, kPageTokens = 4, kLayers = 3, kWindow = 6;

/// What demo_model.c computes, for one sequence and without pages. Its first state
/// keeps every position, its second one, in a page table of its own, a window.
struct Next {
  int32_t token;
  float logprob;
  std::vector<float> logits;
};
Next next(const std::vector<int32_t> &tokens, const Sampling &sampling = {}, const std::vector<LogitEdit> &edits = {});
/// The same after token `at`, of tokens of which each sees those up to `ends[t]`.
Next nextAt(size_t at, const std::vector<size_t> &ends, const std::vector<int32_t> &tokens,
            const Sampling &sampling = {}, const std::vector<LogitEdit> &edits = {});

/// What `rules` make of a text whose first `promptLength` tokens are the prompt,
/// from its beginning; `stops` are the sequence's stop ids.
std::vector<LogitEdit> edits(const std::vector<int32_t> &text, size_t promptLength, const LogitRules &rules,
                             const std::vector<int32_t> &stops = {});

/// `count` tokens after `prompt`; fewer if one of `stops` comes before.
std::vector<int32_t> generate(std::vector<int32_t> prompt, int count, const Sampling &sampling = {},
                              const LogitRules &rules = {}, const std::vector<int32_t> &stops = {});

/// A prompt of `length` tokens that differs for each `salt`.
std::vector<int32_t> prompt(int length, int salt = 0);

/// An entry of "binaries" in a manifest.
Json binaryEntry(const std::string &target, const std::string &isa, const std::string &file,
                 const std::string &contents);

/// An artifact folder in a temporary place, removed with the object.
class Artifact {
public:
  /// Of one rank or of two.
  explicit Artifact(int ranks = 1) : Artifact(Mesh{1, ranks}) {}
  /// Of replicas of such, and of phases. Of a state each rank has all, as four heads.
  explicit Artifact(const Mesh &mesh);
  ~Artifact();
  Artifact(const Artifact &) = delete;

  const std::string &path() const { return folder; }
  std::string file(const std::string &name) const { return folder + "/" + name; }
  /// Takes the model with code for a GPU, and makes $PLAIT_CUDA_DRIVER name one that needs none.
  void useGpu() const;
  /// Changes the manifest.
  void edit(const std::function<void(Json &)> &change) const;
  /// Replaces bytes at `offset` of a file, its size kept.
  void patch(const std::string &name, size_t offset, const std::string &bytes) const;
  /// Makes the manifest agree with a changed model.so.
  void sign() const;
  /// Offset of the model table in model.so.
  size_t tableOffset() const;

  Expected<std::shared_ptr<const Model>> open() const { return Model::open(folder); }

private:
  std::string folder;
};

} // namespace plait::demo

#endif // PLAIT_TEST_UNIT_RUNTIME_DEMOMODEL_H
