//===- NcclGroup.h - Ranks whose GPUs exchange by NCCL ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A communicator of NCCL moves bytes from GPU to GPU, in the order of a stream, and adds nothing. What ranks
// have to say to each other before, and who is lost, they know by the communicator of their hosts. No call waits
// for a rank that is lost.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_NCCLGROUP_H
#define PLAIT_RUNTIME_DEVICE_CUDA_NCCLGROUP_H

#include "runtime/comm/Communicator.h"
#include "runtime/device/cuda/Nccl.h"

#include <span>

namespace plait::cuda {

/// To or from a rank.
struct GpuMessage {
  Address address;
  uint64_t bytes;
  int peer;
};

class NcclGroup {
public:
  /// Of the ranks of `ranks`, each of which calls this; `all` are those of the model. The GPU's context is that of
  /// the calling thread.
  static Expected<std::unique_ptr<NcclGroup>> join(std::shared_ptr<const Nccl> nccl, Communicator &ranks,
                                                   Communicator &all);
  /// Waits for nobody if the group has failed, else for what was put into streams.
  ~NcclGroup();
  NcclGroup(const NcclGroup &) = delete;

  /// Puts messages into `stream` that are on their way at the same time. Those between two ranks match in their
  /// order, and none is empty. `op` names them for people.
  Status exchange(std::span<const GpuMessage> sends, std::span<const GpuMessage> receives, Stream stream,
                  const std::string &op);
  /// `to` gets `bytes` of each rank, in the order of the ranks.
  Status allGather(Address from, Address to, uint64_t bytes, Stream stream, const std::string &op);

  /// Why what was put into streams does not go on, if NCCL knows. Waits for nobody.
  Status check(const std::string &what) const;
  /// Ends what is in streams; the group is of no further use.
  void abort();

private:
  NcclGroup(std::shared_ptr<const Nccl> nccl, Communicator &all) : nccl(std::move(nccl)), all(all) {}
  /// Until NCCL has done what `call` began on this host.
  Status settle(NcclResult begun, const char *call, const std::string &op) const;
  std::string nameFor(const std::string &op) const;

  std::shared_ptr<const Nccl> nccl;
  Communicator &all;
  NcclComm comm = nullptr;
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_NCCLGROUP_H
