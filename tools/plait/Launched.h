//===- Launched.h - Ranks that a launcher has started ----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `mpirun -n 4 plait run model.plait ...` starts the same command four times. Rank 0
// is the command, as if a user had started it alone; the others do what it tells,
// and what their own command line says is only compared with rank 0's.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_LAUNCHED_H
#define PLAIT_TOOLS_PLAIT_LAUNCHED_H

#include "tools/plait/RankProcesses.h"

#include <functional>
#include <memory>
#include <string>

namespace plait {

/// For main(): runs `command` in rank 0 and in a process without a launcher; in the
/// others what rank 0 tells. All exit with rank 0's code.
int underLauncher(int argc, char **argv, const std::function<int()> &command);

/// Whether this process is rank 0 of several that a launcher has started.
bool leadsLaunched();

/// As startRanks, with the processes of the launcher.
Status joinLaunched(const std::string &path, const Manifest &manifest, const RankOptions &options, ModelOptions &model);

/// An error if a launcher has started several processes for a model of one rank.
Status refuseLaunched(const std::string &path);

/// What a rank of the world other than 0 does with a model, from joining its groups, which
/// `model` then has, to the end.
Status serveModel(ArtifactSource source, const Mesh &mesh, int worldRank, const RankOptions &options,
                  const Connect &connect, ModelOptions &model);

/// The number of a rank that a group of `model` has lost, in that group; -1: none.
int lostRankOf(const ModelOptions &model);
/// Whether this rank is the one that tells the user that rank 0 is lost.
bool tellsOfRankZero(const Status &status, int worldRank, const ModelOptions &model);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_LAUNCHED_H
