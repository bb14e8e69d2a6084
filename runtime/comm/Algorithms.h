//===- Algorithms.h - How an all-reduce is carried out ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which algorithm an all-reduce takes follows from what all ranks know: its bytes, their
// number and the link. None changes a bit. docs/parallel.md has what each costs.
//
// Ring, tree and star are made here of exchanges between pairs of ranks, whatever carries
// those. One and two shots, in which all meet all, are each communicator's own.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_ALGORITHMS_H
#define PLAIT_RUNTIME_COMM_ALGORITHMS_H

#include "runtime/comm/Communicator.h"
#include "runtime/comm/EmulatedLink.h"

#include <functional>
#include <string>

namespace plait {

enum class Algorithm : int32_t {
  automatic, ///< the one that takes least
  oneShot,   ///< each sends all it has to all, and adds up all
  twoShot,   ///< each adds up its share, then all get that
  ring,      ///< along the ranks in pieces, each of which goes on as a sum; then around to all
  tree,      ///< up a binomial tree to rank 0 and down again
  star       ///< to rank 0 and back
};
inline constexpr int32_t kAlgorithms = 6;

/// "one_shot", ...
const char *algorithmName(Algorithm algorithm);
/// By its name, or "auto".
Expected<Algorithm> parseAlgorithm(const std::string &name);
/// That of $PLAIT_ALL_REDUCE; `automatic` if it is not set.
Expected<Algorithm> algorithmOfEnvironment();

/// Seconds by latency and bandwidth of a port: rounds * latency + bytes / bandwidth.
double predictSeconds(Algorithm algorithm, const EmulatedLink &link, size_t bytes, int ranks, const Reduction &how);

/// The algorithm of an all-reduce of `bytes`: `wanted` if it can be, else the one that
/// takes least on an emulated link. Without one, one shot up to `oneShotBytes` and two beyond, as
/// measured.
Algorithm chooseAllReduce(Algorithm wanted, const EmulatedLink &link, size_t bytes, size_t oneShotBytes, int ranks,
                          const Reduction &how);

/// What goes to and comes from one rank in an exchange; without spans a word alone.
struct Parcel {
  int peer;
  std::span<const uint8_t> out = {};
  std::span<uint8_t> in = {};
  bool sends = true, receives = true;
};

/// Exchanges between pairs of ranks: at most one parcel for a peer at once, and what one
/// sends the other one receives.
struct Courier {
  int rank, size;
  std::function<Status(std::span<const Parcel>)> exchange;
};

/// One of ring, tree and star. `memory` is kept from call to call.
Status allReduceBy(Algorithm algorithm, const Courier &courier, std::span<float> data, const Reduction &how,
                   std::vector<uint8_t> &memory);

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_ALGORITHMS_H
