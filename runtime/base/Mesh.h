//===- Mesh.h - How the ranks of a model are arranged -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model runs as one replica or several (the axis "dp"), each of which is one rank
// or several that share out its layers (the axis "tp"). Replicas may have roles: some
// compute prompts ("prefill"), the others go on from there ("decode"), and either phase
// has a mesh of its own. Replicas of prefill come first; the ranks of all replicas, one
// after the other, are numbered from 0 in the world of all ranks.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_MESH_H
#define PLAIT_RUNTIME_BASE_MESH_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>

namespace plait {

/// Ranks of a model, of all replicas together.
inline constexpr int64_t kMostRanks = 64;

/// What a replica does.
enum class ReplicaRole {
  all,     ///< prompts and what follows them
  prefill, ///< prompts, whose keys and values it hands over
  decode,  ///< what follows them
};
/// "prefill", "decode", or "" of `all`.
const char *roleName(ReplicaRole role);

struct Mesh {
  int64_t replicas = 1; ///< "dp"; with phases those of decode
  int64_t ranks = 1;    ///< "tp", of each replica
  /// The same of prefill, if it has a mesh of its own; else 0.
  int64_t prefillReplicas = 0, prefillRanks = 0;

  bool hasPhases() const { return prefillReplicas > 0; }
  int64_t size() const { return prefillReplicas * prefillRanks + replicas * ranks; }
  int64_t allReplicas() const { return prefillReplicas + replicas; }
  /// Different programs: those of prefill's ranks, then those of decode's.
  int64_t programs() const { return prefillRanks + ranks; }
  ReplicaRole roleOf(int64_t replica) const {
    return !hasPhases() ? ReplicaRole::all : replica < prefillReplicas ? ReplicaRole::prefill : ReplicaRole::decode;
  }
  int64_t ranksOf(int64_t replica) const { return replica < prefillReplicas ? prefillRanks : ranks; }
  /// The number of a replica's rank 0 in the world.
  int64_t leaderOf(int64_t replica) const {
    return replica < prefillReplicas ? replica * prefillRanks
                                     : prefillReplicas * prefillRanks + (replica - prefillReplicas) * ranks;
  }
  /// The number of the program of a replica's rank 0.
  int64_t firstProgramOf(int64_t replica) const { return replica < prefillReplicas ? 0 : prefillRanks; }

  /// What a rank of the world is.
  struct Place {
    int64_t replica, rank, program;
  };
  Place placeOf(int64_t worldRank) const;

  bool operator==(const Mesh &) const = default;
};

/// The value of --mesh: "dp=2,tp=2", in either order, or one axis alone; or such a mesh for
/// each phase, "prefill: tp=1; decode: tp=2".
Expected<Mesh> parseMesh(const std::string &text);

/// "dp=2,tp=2", without axes of size 1, or "prefill: tp=1; decode: tp=2".
std::string meshText(const Mesh &mesh);

/// "replica 1" of several, "prefill", or "decode replica 1" of several of decode; "" of the
/// only one.
std::string replicaName(const Mesh &mesh, int64_t replica);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_MESH_H
