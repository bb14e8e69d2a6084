//===- WorldGroups.cpp - Which ranks talk to each other -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/WorldGroups.h"

#include <algorithm>

using namespace plait;

int WorldGroup::indexOf(int worldRank) const {
  auto found = std::find(members.begin(), members.end(), worldRank);
  return found == members.end() ? -1 : int(found - members.begin());
}

std::vector<WorldGroup> plait::groupsOf(const Mesh &mesh) {
  std::vector<WorldGroup> groups;
  for (int replica = 0; mesh.ranks > 1 && replica < int(mesh.replicas); ++replica) {
    WorldGroup &group = groups.emplace_back();
    group.replica = replica;
    for (int rank = 0; rank < int(mesh.ranks); ++rank)
      group.members.push_back(replica * int(mesh.ranks) + rank);
  }
  for (int replica = 1; replica < int(mesh.replicas); ++replica)
    groups.push_back({{0, replica * int(mesh.ranks)}, /*isLink=*/true, replica});
  return groups;
}

static std::string replicaName(const Mesh &mesh, int replica) {
  return mesh.replicas > 1 ? "replica " + std::to_string(replica) : "";
}

std::string plait::rankName(const Mesh &mesh, int worldRank) {
  return RankNames{replicaName(mesh, worldRank / int(mesh.ranks)), false}.of(worldRank % int(mesh.ranks));
}

Status plait::joinWorld(const Mesh &mesh, int worldRank, const Connect &connect,
                        const std::shared_ptr<RankGroup::Processes> &processes, ModelOptions &options) {
  options.rank = worldRank % int(mesh.ranks);
  options.replica = worldRank / int(mesh.ranks);
  std::vector<WorldGroup> groups = groupsOf(mesh);
  for (size_t i = 0; i < groups.size(); ++i) {
    PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> communicator, connect(i, groups[i]));
    if (!communicator)
      continue;
    // Of what another leader says of its own ranks, rank 0 says which replica it is.
    bool isNamed = groups[i].isLink || worldRank == 0;
    RankNames names{isNamed ? replicaName(mesh, groups[i].replica) : "", groups[i].isLink};
    auto group = std::make_shared<RankGroup>(std::move(communicator), processes, std::move(names));
    if (groups[i].isLink)
      options.links.push_back(std::move(group));
    else
      options.group = std::move(group);
  }
  return Status::success();
}
