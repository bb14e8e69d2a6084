//===- LocalGroup.h - Ranks of one machine over shared memory ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The ranks are processes, or threads of one process, that map the same memory.
// The memory has no name (memfd): when the last rank has gone, however, it is
// gone as well.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_LOCALGROUP_H
#define PLAIT_RUNTIME_COMM_LOCALGROUP_H

#include "runtime/comm/Algorithms.h"
#include "runtime/comm/EmulatedLink.h"
#include "runtime/comm/SharedRegion.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace plait {

struct LocalGroupOptions {
  int size = 1;
  /// What must be alike on all ranks: artifact, plan, version. Compared on joining.
  std::string identity;
  /// A rank without a sign of life for so long is lost. A rank that computes for
  /// longer is not: signs of life come from a thread of their own.
  std::chrono::milliseconds deadline{1500};
  /// Nor is one silent for so long, if its process is stopped.
  std::chrono::milliseconds stoppedDeadline{500};
  /// How long to wait for the others to join.
  std::chrono::milliseconds joinDeadline{30000};
  size_t stagingBytes = size_t(1) << 20; ///< of each of a rank's two buffers
  EmulatedLink link;
  /// Of all-reduces; as $PLAIT_ALL_REDUCE says, if that is set. The group's is that of who
  /// creates it.
  Algorithm algorithm = Algorithm::automatic;
  /// Asked while the others have not joined: an error ends the wait.
  std::function<Status()> whileJoining = nullptr;
};

class LocalGroup {
public:
  /// The shared memory of a group, for ranks to come: a descriptor that children
  /// inherit, which the caller closes.
  static Expected<int> create(const LocalGroupOptions &options);

  /// Bytes of that memory: two staging buffers of each rank, and what is between them.
  static size_t sharedBytes(const LocalGroupOptions &options);

  /// Joins the group in `fd` (not closed) as `rank`; returns when all have joined.
  /// `options` must be those of `create`.
  static Expected<std::unique_ptr<Communicator>> join(int fd, int rank, const LocalGroupOptions &options);
  /// The same for ranks that are threads of one process and share one mapping.
  static Expected<std::unique_ptr<Communicator>> join(std::shared_ptr<const SharedRegion> region, int rank,
                                                      const LocalGroupOptions &options);
  /// Tells the ranks of the group in `fd` that `rank` is lost, where somebody knows it
  /// sooner than by its silence.
  static void markLost(int fd, int rank);
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_LOCALGROUP_H
