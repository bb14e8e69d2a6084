//===- Model.h - A model binary, loaded ------------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_MODEL_H
#define PLAIT_RUNTIME_CORE_MODEL_H

#include "plait-abi/Model.h"
#include "runtime/base/Status.h"
#include "runtime/core/ArtifactSource.h"
#include "runtime/core/Library.h"
#include "runtime/core/Manifest.h"
#include "runtime/core/Weights.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

class HandoverLink;
class Progress;
class RankGroup;
struct RankCommunicators;
namespace cuda {
class Gpu;
class Program;
} // namespace cuda

struct ModelOptions {
  unsigned threads = 0;         ///< that make random weights; 0: one per physical core
  bool loadWeights = true;      ///< false: only the tables are wanted
  Progress *progress = nullptr; ///< told of weights that are made
  int rank = 0;                 ///< of its replica's ranks
  int replica = 0;              ///< of the model's replicas, those of prefill first
  /// Of several ranks: those that this one runs with. All ranks open the model at the
  /// same time, and it is open if it is on all.
  std::shared_ptr<RankGroup> group = nullptr;
  /// Of several replicas: with rank 0 those with the others' leaders, in order; with
  /// another leader that with rank 0.
  std::vector<std::shared_ptr<RankGroup>> links = {};
  std::shared_ptr<HandoverLink> handover = nullptr; ///< with phases: all ranks
  std::string target = "";                          ///< whose binary runs; empty: the first that this CPU can run
  /// Of a model that drafts on ranks of another, with the group and links of that one: its folder there.
  std::string draft = "";
  int64_t worldRank = -1; ///< among all processes, where the model does not say it
};

/// Whether one file of an artifact is what the manifest says.
struct FileCheck {
  std::string file;
  uint64_t bytes = 0;
  Status status;
};

/// An opened artifact: manifest, checked tables, weights. Immutable, so any
/// number of instances and threads may share it.
class Model {
public:
  /// Opens a folder or an executable, and of its binaries the first that this CPU
  /// can run. File sizes, the binary's digest, the CPU and every table are checked
  /// before anything of them is used; other digests are not, see `verify`.
  static Expected<std::shared_ptr<const Model>> open(ArtifactSource source, const ModelOptions &options = {});
  /// The same for a path.
  static Expected<std::shared_ptr<const Model>> open(const std::string &artifact, const ModelOptions &options = {});
  /// Tells the other ranks what came of opening this rank's part; success if all have opened theirs.
  static Status agreeToOpen(const ModelOptions &options, const Status &own);
  /// Reads every file of the artifact and compares sizes and digests. An error
  /// only if the manifest cannot be read; damage is in the list.
  static Expected<std::vector<FileCheck>> verify(const ArtifactSource &source);

  const std::string &path() const { return files.path(); }
  const ArtifactSource &source() const { return files; }
  const Manifest &manifest() const { return info; }
  /// The one of the manifest's binaries that runs.
  const ManifestBinary &binary() const { return part().binaries[chosen]; }
  /// What of the manifest is this rank's.
  const ManifestRank &part() const { return info.ranks[size_t(ownPlace.program)]; }
  /// Which rank of which replica this is.
  const Mesh::Place &place() const { return ownPlace; }
  /// How many ranks run together with this one.
  size_t ranks() const { return size_t(info.mesh().ranksOf(ownPlace.replica)); }
  /// The ranks that run: of a model that was opened without links those of replica 0 alone,
  /// which then does everything.
  Mesh mesh() const { return isAlone() ? Mesh{1, int64_t(ranks())} : info.mesh(); }
  size_t replica() const { return size_t(ownPlace.replica); }
  size_t replicas() const { return size_t(mesh().allReplicas()); }
  /// Null if it was opened without one.
  const std::shared_ptr<RankGroup> &group() const { return rankGroup; }
  const std::vector<std::shared_ptr<RankGroup>> &links() const { return rankLinks; }
  const std::shared_ptr<HandoverLink> &handover() const { return handoverLink; }
  /// What its collectives go over: of a model that drafts, which other ranks than its own hear of, a part of the group.
  RankCommunicators communicators() const;
  /// As of the options.
  const std::string &draft() const { return draftFolder; }
  const plait_model_v4_t &tables() const { return *model; }
  /// The weight pack; null if it was not loaded.
  const uint8_t *weights() const { return pack.data(); }
  /// Of code for a GPU: that on the GPU; null if the weights were not loaded.
  const std::shared_ptr<cuda::Program> &gpuProgram() const { return program; }
  /// The plan of a variant, or an error that lists the variants.
  Expected<const plait_plan_v2_t *> plan(std::string_view variant) const;
  /// The plans that an instance of `variant` runs: that one, or the model's strategy if it is
  /// empty, then those that other strategies need beside it.
  Expected<std::vector<const plait_plan_v2_t *>> plans(const std::string &variant) const;
  /// Where a file of the artifact is; nothing if the manifest does not list it.
  Expected<std::optional<FileRange>> file(std::string_view name) const;

private:
  Model() = default;
  static Expected<std::shared_ptr<const Model>> openRank(ArtifactSource source, const ModelOptions &options);
  Status chooseBinary(const ModelOptions &options);
  /// Why a binary cannot run here.
  Status openFor(const ManifestBinary &binary, const ModelOptions &options);
  Status loadBinary();
  Status checkBelongsTogether() const;
  Status loadWeights(const ModelOptions &options);
  bool isAlone() const { return rankLinks.empty() && !handoverLink && !ownPlace.replica; }

  ArtifactSource files;
  Manifest info;
  Mesh::Place ownPlace{};
  std::shared_ptr<RankGroup> rankGroup;
  std::vector<std::shared_ptr<RankGroup>> rankLinks;
  std::shared_ptr<HandoverLink> handoverLink;
  std::string draftFolder;
  size_t chosen = 0; ///< of the rank's binaries
  Library library;
  const plait_model_v4_t *model = nullptr;
  Weights pack;
  std::shared_ptr<const cuda::Gpu> gpu; ///< that the binary's code is for
  std::shared_ptr<cuda::Program> program;
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_MODEL_H
