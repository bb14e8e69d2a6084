//===- Epoch.h - A collective at random, and its answer -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// An epoch is one call of a collective, with sizes and contents that follow from a seed. What it
// must give is computed by each rank alone, from the inputs of all ranks, by plain loops.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_RUNTIME_COMM_DELAYED_EPOCH_H
#define PLAIT_TEST_UNIT_RUNTIME_COMM_DELAYED_EPOCH_H

#include "Guarded.h"
#include "runtime/comm/Algorithms.h"

#include <memory>
#include <string>

namespace plait {

enum class Protocol {
  allReduce, ///< by the algorithm of the setting
  reduceScatter,
  allGather,
  reduceGather,
  allToAll,
  broadcast,
  sendRecv,
  treeAllReduce,
  treeReduceScatter
};
inline constexpr size_t kProtocols = 9;
const char *protocolName(Protocol protocol);

struct Setting {
  int ranks, me;
  size_t staging;      ///< bytes
  Algorithm algorithm; ///< the group's, or one that the program says
};

/// Whether a program says it, call by call, and no group has it.
inline bool isOfProgram(Algorithm algorithm) { return algorithm > Algorithm::star; }

class Epoch {
public:
  virtual ~Epoch() = default;
  virtual Status run(Communicator &communicator) = 0;
  /// What is wrong with the buffers, of which nothing has been read before; empty if nothing is.
  virtual std::string check() const = 0;
  /// Whether it takes the protocol it was made for. Some sizes make a group take another one.
  virtual bool isOfProtocol() const { return true; }
};

/// The same call on all ranks that give the same seed and setting, but for `me`.
std::unique_ptr<Epoch> makeEpoch(Protocol protocol, const Setting &setting, uint64_t seed);

/// Of SumEpochs.cpp.
std::unique_ptr<Epoch> makeSumEpoch(Protocol protocol, const Setting &setting, uint64_t seed);

/// Bytes of a buffer, few of which are large: around those that fit into the staging buffer, and up to `most`.
size_t drawBytes(Random &random, size_t staging, size_t most);

} // namespace plait

#endif // PLAIT_TEST_UNIT_RUNTIME_COMM_DELAYED_EPOCH_H
