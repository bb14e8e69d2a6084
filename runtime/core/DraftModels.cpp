//===- DraftModels.cpp - Models that draft on ranks of another ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/DraftModels.h"

#include "runtime/base/File.h"
#include "runtime/core/Ranks.h"

#include <cstring>
#include <mutex>

using namespace plait;

namespace {

/// The payload of `RankCommand::open`: this, then the digest of the model, then its folder.
struct OpenMessage {
  int64_t ranks = 0;
  uint32_t threads = 0; ///< that make random weights
  uint32_t digestBytes = 0;
};

/// What the ranks of a target are told of a model that drafts.
struct DraftOrder {
  int64_t ranks = 0;
  unsigned threads = 0;
  std::string digest, folder;

  std::vector<uint8_t> pack() const {
    OpenMessage message{ranks, threads, uint32_t(digest.size())};
    auto *begin = reinterpret_cast<const uint8_t *>(&message);
    std::vector<uint8_t> bytes(begin, begin + sizeof(message));
    bytes.insert(bytes.end(), digest.begin(), digest.end());
    bytes.insert(bytes.end(), folder.begin(), folder.end());
    return bytes;
  }
  static Expected<DraftOrder> read(std::span<const uint8_t> bytes) {
    OpenMessage message;
    if (bytes.size() >= sizeof(message))
      std::memcpy(&message, bytes.data(), sizeof(message));
    if (bytes.size() < sizeof(message) + message.digestBytes || message.ranks < 2)
      return internalError("ranks: found a draft model to open that is none; expected its ranks, digest and folder");
    auto text = bytes.begin() + sizeof(message), folder = text + message.digestBytes;
    return DraftOrder{message.ranks, message.threads, {text, folder}, {folder, bytes.end()}};
  }
};

std::string digestOf(const Manifest &manifest) {
  auto digest = manifest.raw.find("digest");
  return digest != manifest.raw.end() && digest->is_string() ? digest->get<std::string>() : "";
}

Expected<ArtifactSource> sourceOf(const Model &target, const std::string &folder) {
  return ArtifactSource::open(target.path() + "/" + folder);
}

/// This rank's part, of ranks that may be on several machines.
Expected<ArtifactSource> sameSource(const Model &target, const DraftOrder &order) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, sourceOf(target, order.folder));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  if (digestOf(manifest) != order.digest)
    return invalidArgument(printable(source.path()) + ": found a model with the digest " + digestOf(manifest) +
                           "; expected " + order.digest + ", as rank 0 has");
  return source;
}

/// Of each rank. A leader has heard of it, and tells its group. Null on a rank without a part.
Expected<std::shared_ptr<const Model>> openPart(const Model &target, const DraftOrder &order) {
  RankGroup &group = *target.group();
  std::lock_guard<std::mutex> lock(group.order());
  std::vector<uint8_t> message = order.pack();
  if (group.leads())
    PLAIT_RETURN_IF_ERROR(group.tell(RankCommand::open, 0, message));
  PLAIT_RETURN_IF_ERROR(group.splitFirst(int(order.ranks)));
  ModelOptions options;
  options.group = target.group();
  if (target.place().rank >= order.ranks) {
    PLAIT_RETURN_IF_ERROR(Model::agreeToOpen(options, Status::success()));
    return std::shared_ptr<const Model>();
  }
  options.links = target.links();
  options.rank = int(target.place().rank);
  options.replica = int(target.place().replica);
  options.worldRank = target.mesh().leaderOf(target.place().replica) + target.place().rank;
  options.target = target.binary().target;
  options.draft = order.folder;
  options.threads = order.threads;
  Expected<ArtifactSource> source = sameSource(target, order);
  if (!source)
    return Model::agreeToOpen(options, source.status());
  return Model::open(source.take(), options);
}

/// Of rank 0 of all.
Expected<std::shared_ptr<const Model>> openOnRanks(const Model &target, const std::string &folder,
                                                   ModelOptions options) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, sourceOf(target, folder));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  options.target = target.binary().target;
  Mesh mesh = manifest.mesh(), whole = target.manifest().mesh();
  if (mesh.size() == 1)
    return Model::open(std::move(source), options);
  if (whole.hasPhases() || mesh.hasPhases() || mesh.replicas != whole.replicas || mesh.ranks > whole.ranks)
    return unsupported(printable(source.path()) + ": found one of " + meshText(mesh) + "; expected one for " +
                       meshText(whole) +
                       ", of its model's ranks or fewer, and as many replicas; compile the model again");
  DraftOrder order{mesh.ranks, options.threads, digestOf(manifest), folder};
  // In each replica the leader opens it with its ranks.
  for (const std::shared_ptr<RankGroup> &link : target.links()) {
    std::lock_guard<std::mutex> lock(link->order());
    PLAIT_RETURN_IF_ERROR(link->tell(RankCommand::open, 0, order.pack()));
  }
  return openPart(target, order);
}

} // namespace

Expected<std::shared_ptr<const Model>> plait::openDraftModel(const Model &target, const std::string &folder,
                                                             ModelOptions options) {
  if (target.ranks() > 1 && !target.group()) // as of an instance of the target
    return unsupported(printable(target.path()) + ": found a model of " + std::to_string(target.ranks()) +
                       " ranks; expected one of a single rank here; run it with `plait run`, or compile it without "
                       "--tp");
  Expected<std::shared_ptr<const Model>> opened = openOnRanks(target, folder, std::move(options));
  if (!opened)
    return opened.status().withContext("draft model");
  return opened;
}

Status plait::followDraftModel(const Model &target, std::span<const uint8_t> payload, DraftModels &models) {
  PLAIT_ASSIGN_OR_RETURN(DraftOrder order, DraftOrder::read(payload));
  Expected<std::shared_ptr<const Model>> opened = openPart(target, order);
  models[order.folder] = opened ? opened.take() : nullptr;
  return Status::success();
}
