//===- WorldGroups.h - Which ranks talk to each other -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which ranks of a mesh talk to each other: the ranks of a replica, rank 0 with the
// leader of each other replica, and with phases all ranks, over which keys and values
// go. What carries them is left to whoever has started the ranks.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_WORLDGROUPS_H
#define PLAIT_RUNTIME_CORE_WORLDGROUPS_H

#include "runtime/base/Mesh.h"
#include "runtime/base/Status.h"
#include "runtime/core/Model.h"
#include "runtime/core/Ranks.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace plait {

/// Ranks of the world, in the order of their numbers in the group.
struct WorldGroup {
  enum Kind {
    replicaRanks,
    leaders,  ///< rank 0 and another leader
    everyone, ///< of a model with phases
  };
  std::vector<int> members;
  Kind kind = replicaRanks;
  int replica = 0; ///< whose ranks, or the other leader's

  /// The number of a rank of the world in the group; -1 if it is no member.
  int indexOf(int worldRank) const;
  /// What goes over at once: sums of a step, or the inputs of one. Pages go from rank to
  /// rank, for which there are channels.
  size_t stagingBytes() const { return size_t(1) << (kind == replicaRanks ? 20 : kind == leaders ? 16 : 12); }
  /// For people: "ranks of a replica".
  const char *name() const;
};

/// All groups of a mesh that have more than one member, the replicas' first, then the leaders'.
std::vector<WorldGroup> groupsOf(const Mesh &mesh);

/// "rank 1", or "replica 1: rank 1" of a mesh of several, or "decode: rank 1".
std::string rankName(const Mesh &mesh, int worldRank);

/// Makes the communicator of group number `index`. All ranks of the world call it for
/// all groups in the same order; null on those that are no members.
using Connect = std::function<Expected<std::unique_ptr<Communicator>>(size_t index, const WorldGroup &group)>;

/// Makes rank and groups of the options with which `worldRank` opens its model.
Status joinWorld(const Mesh &mesh, int worldRank, const Connect &connect,
                 const std::shared_ptr<RankGroup::Processes> &processes, ModelOptions &options);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_WORLDGROUPS_H
