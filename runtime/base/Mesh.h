//===- Mesh.h - How the ranks of a model are arranged -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model runs as one replica or several (the axis "dp"), each of which is one rank
// or several that share out its layers (the axis "tp"). Rank t of replica d has
// number d * ranks + t in the world of all ranks.
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

struct Mesh {
  int64_t replicas = 1; ///< "dp"
  int64_t ranks = 1;    ///< "tp", of each replica

  int64_t size() const { return replicas * ranks; }
  bool operator==(const Mesh &) const = default;
};

/// The value of --mesh: "dp=2,tp=2", in either order, or one axis alone.
Expected<Mesh> parseMesh(const std::string &text);

/// "dp=2,tp=2", without axes of size 1.
std::string meshText(const Mesh &mesh);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_MESH_H
