//===- WorldGroups.cpp - Which ranks talk to each other -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/WorldGroups.h"

#include "runtime/core/Handover.h"

#include <algorithm>
#include <numeric>

using namespace plait;

int WorldGroup::indexOf(int worldRank) const {
  auto found = std::find(members.begin(), members.end(), worldRank);
  return found == members.end() ? -1 : int(found - members.begin());
}

const char *WorldGroup::name() const {
  return kind == replicaRanks ? "ranks of a replica" : kind == leaders ? "leaders" : "everyone";
}

std::vector<WorldGroup> plait::groupsOf(const Mesh &mesh) {
  std::vector<WorldGroup> groups;
  for (int replica = 0; replica < int(mesh.allReplicas()); ++replica) {
    if (mesh.ranksOf(replica) == 1)
      continue;
    WorldGroup &group = groups.emplace_back();
    group.replica = replica;
    group.members.resize(size_t(mesh.ranksOf(replica)));
    std::iota(group.members.begin(), group.members.end(), int(mesh.leaderOf(replica)));
  }
  for (int replica = 1; replica < int(mesh.allReplicas()); ++replica)
    groups.push_back({{0, int(mesh.leaderOf(replica))}, WorldGroup::leaders, replica});
  if (mesh.hasPhases()) {
    WorldGroup &group = groups.emplace_back();
    group.kind = WorldGroup::everyone;
    group.members.resize(size_t(mesh.size()));
    std::iota(group.members.begin(), group.members.end(), 0);
  }
  return groups;
}

std::string plait::rankName(const Mesh &mesh, int worldRank) {
  Mesh::Place place = mesh.placeOf(worldRank);
  return RankNames{replicaName(mesh, place.replica)}.of(int(place.rank));
}

/// What `worldRank` calls the members of a group.
static RankNames namesOf(const Mesh &mesh, const WorldGroup &group, int worldRank) {
  RankNames names;
  names.isLink = group.kind == WorldGroup::leaders;
  if (group.kind == WorldGroup::everyone)
    for (int rank : group.members)
      names.each.push_back(rankName(mesh, rank));
  else if (names.isLink && mesh.hasPhases())
    names.each = {rankName(mesh, 0), replicaName(mesh, group.replica)};
  else if (names.isLink || worldRank == 0) // of what another leader says of its own ranks, rank 0 says whose they are
    names.replica = replicaName(mesh, group.replica);
  return names;
}

Status plait::joinWorld(const Mesh &mesh, int worldRank, const Connect &connect,
                        const std::shared_ptr<RankGroup::Processes> &processes, ModelOptions &options) {
  Mesh::Place place = mesh.placeOf(worldRank);
  options.rank = int(place.rank);
  options.replica = int(place.replica);
  std::vector<WorldGroup> groups = groupsOf(mesh);
  for (size_t i = 0; i < groups.size(); ++i) {
    RankNames names = namesOf(mesh, groups[i], worldRank);
    Expected<std::unique_ptr<Communicator>> joined = connect(i, groups[i]);
    if (!joined)
      return explainLoss(joined.status(), names, processes.get());
    std::unique_ptr<Communicator> communicator = joined.take();
    if (!communicator)
      continue;
    if (groups[i].kind == WorldGroup::everyone) {
      options.handover = std::make_shared<HandoverLink>(std::move(communicator), processes, std::move(names));
      continue;
    }
    auto group = std::make_shared<RankGroup>(std::move(communicator), processes, std::move(names));
    if (groups[i].kind == WorldGroup::leaders)
      options.links.push_back(std::move(group));
    else
      options.group = std::move(group);
  }
  return Status::success();
}
