//===- WorldGroups.h - Which ranks talk to each other -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which ranks of a mesh talk to each other: the ranks of a replica, and rank 0 with
// the leader of each other replica. What carries them is left to whoever has started
// the ranks.
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
  std::vector<int> members;
  bool isLink = false; ///< of rank 0 and another leader, else the ranks of a replica
  int replica = 0;

  /// The number of a rank of the world in the group; -1 if it is no member.
  int indexOf(int worldRank) const;
  /// What goes over at once: sums of a step, or the inputs of one.
  size_t stagingBytes() const { return size_t(1) << (isLink ? 16 : 20); }
};

/// All groups of a mesh that have more than one member, the replicas' first.
std::vector<WorldGroup> groupsOf(const Mesh &mesh);

/// "rank 1", or "replica 1: rank 1" of a mesh of several.
std::string rankName(const Mesh &mesh, int worldRank);

/// Makes the communicator of group number `index`. All ranks of the world call it for
/// all groups in the same order; null on those that are no members.
using Connect = std::function<Expected<std::unique_ptr<Communicator>>(size_t index, const WorldGroup &group)>;

/// Makes rank and groups of the options with which `worldRank` opens its model.
Status joinWorld(const Mesh &mesh, int worldRank, const Connect &connect,
                 const std::shared_ptr<RankGroup::Processes> &processes, ModelOptions &options);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_WORLDGROUPS_H
