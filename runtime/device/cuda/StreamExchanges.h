//===- StreamExchanges.h - What ranks exchange from GPU to GPU --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Collectives of a plan that move data and add none, put into the stream of a GPU, where its launches
// are: no host waits for them. Ranks decide together whether they do that (PLAIT_GPU_EXCHANGE: auto, nccl or host), as
// one that goes by its host would wait for ever for those that do not.
//
// After an error NCCL is aborted and the other ranks are told, so that nobody waits for what does not come.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CUDA_STREAMEXCHANGES_H
#define PLAIT_RUNTIME_DEVICE_CUDA_STREAMEXCHANGES_H

#include "runtime/device/cpu/PlanCollectives.h"
#include "runtime/device/cuda/Gpu.h"
#include "runtime/device/cuda/NcclGroup.h"

#include <string>
#include <vector>

namespace plait {
struct CollectiveMatrix;
}

namespace plait::cuda {

class StreamExchanges {
public:
  /// Of the ranks of `model`, all of which call it. Null: they are to exchange through their hosts, as NCCL cannot
  /// be used by all of them or must not; `why` says so.
  static Expected<std::unique_ptr<StreamExchanges>> agree(std::shared_ptr<const Gpu> gpu, const plait_model_v4_t &model,
                                                          const RankCommunicators &communicators, std::string &why);

  /// Whether a collective moves data alone.
  static bool moves(const plait_collective_v4_t &collective);
  /// "all_gather", ...
  static std::string kindName(const plait_collective_v4_t &collective);
  /// Bytes on a GPU that it needs for `rows` rows besides what it reads and writes.
  static uint64_t stagingBytes(const plait_collective_v4_t &collective, int64_t rows);

  /// Puts a collective that `moves` into `stream`, from `source` to `target`, which are arrays of f32. Without
  /// `hasParts` parts of rows are all rows, on each rank. `op` names it for people.
  Status run(const plait_collective_v4_t &collective, const StepDims &dims, bool hasParts, Address source,
             Address target, Address staging, Stream stream, const std::string &op);
  /// All ranks have put what a step exchanges into their streams, unless one has failed before.
  Status meet(const std::string &step);
  /// Until everything in `stream` is done, or will never be.
  Status wait(Stream stream, const std::string &what);
  /// This rank has failed, in what it has begun to exchange: nothing more comes of it.
  void fail(const Status &why);

  /// "NCCL 2.28.9"
  std::string name() const { return "NCCL " + Nccl::nameOf(nccl->version()); }

private:
  StreamExchanges(std::shared_ptr<const Gpu> gpu, const plait_model_v4_t &model, RankCommunicators communicators,
                  std::shared_ptr<const Nccl> nccl)
      : gpu(std::move(gpu)), model(model), communicators(std::move(communicators)), nccl(std::move(nccl)) {}
  Status join();
  NcclGroup &groupOf(int32_t group) { return *(group < 0 ? all : parts[size_t(group)]); }
  Status move(const CollectiveMatrix &matrix, bool hasParts, Address source, Address target, Address staging,
              Stream stream, const std::string &op);
  Status gather(const CollectiveMatrix &matrix, int dim, Address source, Address target, Address staging, Stream stream,
                const std::string &op);
  Status takePart(const CollectiveMatrix &matrix, int dim, Address source, Address target, Stream stream,
                  const std::string &op);
  Status swapParts(const CollectiveMatrix &matrix, Address source, Address target, Address staging, Stream stream,
                   const std::string &op);
  Status sendWhole(const CollectiveMatrix &matrix, Address data, Stream stream, const std::string &op);
  Status copy(Address to, Address from, uint64_t bytes, Stream stream, const std::string &op) const;
  Status copyColumns(const CollectiveMatrix &matrix, uint64_t rows, Address cells, Address parts, bool toParts,
                     Stream stream, const std::string &op) const;

  std::shared_ptr<const Gpu> gpu;
  const plait_model_v4_t &model;
  RankCommunicators communicators;
  std::shared_ptr<const Nccl> nccl;
  std::unique_ptr<NcclGroup> all;
  std::vector<std::unique_ptr<NcclGroup>> parts; ///< of the model's groups; null: this rank is not in it
};

} // namespace plait::cuda

#endif // PLAIT_RUNTIME_DEVICE_CUDA_STREAMEXCHANGES_H
