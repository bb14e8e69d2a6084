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

#include <memory>
#include <string>

namespace plait {

/// How the ranks of a model run.
struct RankOptions {
  std::string isa;          ///< whose binary runs; empty: each rank's best
  std::string emulatedLink; ///< as of parseEmulatedLink; empty: none
  unsigned threads = 0;     ///< that make random weights
};

/// With what a rank exits that has lost another one, of which somebody else tells.
inline constexpr int kExitLostOther = 3;

/// What the ranks of a group must have in common.
Expected<LocalGroupOptions> groupOptions(const Manifest &manifest, const std::string &emulatedLink);

/// Starts ranks 1, 2, ... of the artifact at `path` and joins them as rank 0.
Expected<std::shared_ptr<RankGroup>> startRanks(const std::string &path, const Manifest &manifest,
                                                const RankOptions &options);

/// "2 ranks; each: all_reduce 24 x, 1.2 MiB; ..." of what a rank has asked for.
std::string trafficText(const Communicator &communicator);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_RANKPROCESSES_H
