//===- Algorithms.h - How an all-reduce is carried out ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Which algorithm an all-reduce takes is the program's say, or follows from what all ranks know: its bytes, their
// number and the link. None that is chosen so changes a bit. docs/parallel.md has what each costs.
//
// Chain, tree, star and ring are made here of exchanges between pairs of ranks, whatever carries
// those. One and two shots and lamport, in which all meet all, are each communicator's own.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_ALGORITHMS_H
#define PLAIT_RUNTIME_COMM_ALGORITHMS_H

#include "runtime/comm/Communicator.h"
#include "runtime/comm/EmulatedLink.h"

#include <functional>
#include <string>

namespace plait {

/// "one_shot", ...
const char *algorithmName(Algorithm algorithm);
/// By its name, or "auto"; of those that change no bit and any reduction can take.
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

/// Whether exchanges between pairs make it, `allReduceBy`.
inline bool isOfPairs(Algorithm algorithm) { return algorithm >= Algorithm::chain && algorithm <= Algorithm::ring; }

/// One of chain, tree, star and ring. `memory` is kept from call to call.
Status allReduceBy(Algorithm algorithm, const Courier &courier, std::span<float> data, const Reduction &how,
                   std::vector<uint8_t> &memory);

/// Communicator::reduceGather by a ring.
Status reduceGatherAround(const Courier &courier, const RowExchange &rows, const RowEpilogue &epilogue,
                          std::vector<uint8_t> &memory);

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_ALGORITHMS_H
