//===- RankProcesses.h - The other ranks of a model as processes -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Who runs a model of several ranks is its rank 0 and starts the others: this
// program again, with the hidden subcommand `rank` and a descriptor of the memory
// that they share. They end with it, however it ends.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_RANKPROCESSES_H
#define PLAIT_TOOLS_PLAIT_RANKPROCESSES_H

#include "runtime/comm/LocalGroup.h"
#include "runtime/core/Manifest.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/WorldGroups.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace plait {

/// With which a rank ends that has lost others: it is not what is to be told of.
inline constexpr int kLostOthersExit = 75;

/// How the ranks of a model run.
struct RankOptions {
  std::string isa;          ///< whose binary runs; empty: each rank's best
  std::string emulatedLink; ///< as of parseEmulatedLink; empty: none
  unsigned threads = 0;     ///< that make random weights
};

/// Of version and model, which all ranks must have in common.
std::string identityOf(const Manifest &manifest);
/// How the ranks of a group meet.
Expected<LocalGroupOptions> groupOptions(const Manifest &manifest, const WorldGroup &group,
                                         const std::string &emulatedLink);

/// Joins groups whose memories are `fds`. The manifest must outlive what is returned.
Connect connectLocally(const Manifest &manifest, int worldRank, std::vector<int> fds, const std::string &emulatedLink,
                       std::function<Status()> whileJoining = nullptr);

/// Starts ranks 1, 2, ... of all replicas of the artifact at `path`, and joins them as
/// rank 0, which is to open its model with `model`.
Status startRanks(const std::string &path, const Manifest &manifest, const RankOptions &options, ModelOptions &model);

/// "2 ranks; each: all_reduce 24 x, 1.2 MiB; ..." of what a rank has asked for.
std::string trafficText(const Communicator &communicator);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_RANKPROCESSES_H
