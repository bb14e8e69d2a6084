//===- LocalCommunicator.h - Collectives in shared memory ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// All collectives are made of one step: every rank writes what it gives into its
// staging buffer, says so (`phase`), waits until all have, and reads what it
// needs from the others' buffers. There are two buffers, used in turn: a rank that
// writes one again has passed the phase between, which all reach only after they
// have read it. So a step needs one wait.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_LOCALCOMMUNICATOR_H
#define PLAIT_RUNTIME_COMM_LOCALCOMMUNICATOR_H

#include "runtime/comm/Delay.h"
#include "runtime/comm/Copies.h"
#include "runtime/comm/Faults.h"
#include "runtime/comm/Heart.h"
#include "runtime/comm/LocalGroup.h"

#include <array>
#include <memory>
#include <span>
#include <vector>

namespace plait {

class LocalCommunicator final : public Communicator {
public:
  /// With `parent` a part of its ranks: `labels` are their numbers there.
  LocalCommunicator(std::shared_ptr<const SharedRegion> region, int rank, const LocalGroupOptions &options,
                    LocalCommunicator *parent = nullptr, std::vector<int> labels = {});
  ~LocalCommunicator() override;
  /// Returns when all ranks have joined.
  Status joinAll();

  int rank() const override { return me; }
  int size() const override { return ranks; }

  Status allReduce(std::span<float> data, const Reduction &how, const char *op) override;
  Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                       const Reduction &how, const char *op) override;
  Status allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                   const char *op) override;
  Status reduceGather(const RowExchange &rows, const Reduction &how, const RowEpilogue &epilogue,
                      const char *op) override;
  Status allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                  const char *op) override;
  Status broadcast(std::span<uint8_t> data, int root, const char *op) override;
  Status send(std::span<const uint8_t> data, int to, const char *op) override;
  Status recv(std::span<uint8_t> data, int from, const char *op) override;
  Status barrier(const char *op) override;
  void abandon(const Status &why) override;
  Status lookAround() override;
  bool canBePassed() const override { return link.latencySeconds == 0 && link.bytesPerSecond == 0; }
  std::vector<double> waited() const override;
  Expected<std::vector<std::unique_ptr<Communicator>>> split(std::span<const std::vector<int>> groups) override;

private:
  RankPlace &mine() const { return region.place(me); }
  /// Where this rank writes before the next agreement.
  uint8_t *outbox() const { return region.staging(me, bufferAt(phase + 1)); }
  /// What `from` wrote before the last agreement.
  const uint8_t *inbox(int from) const { return region.staging(from, bufferAt(phase)); }

  void copyOut(void *target, const void *source, size_t bytes) const { plait::copyOut(target, source, bytes, stores); }
  Status tryStores();

  uint32_t sign(CollectiveKind kind, uint64_t bytes, const char *op, Algorithm algorithm);
  void arrive(uint32_t next);
  void countWait(std::chrono::steady_clock::time_point began);
  Status agree(CollectiveKind kind, uint64_t bytes, const char *op, Algorithm algorithm = Algorithm::automatic);
  Status meet(CollectiveKind kind, uint32_t next, const char *op);
  template <typename Ready>
  Status waitFor(std::atomic<uint32_t> &word, std::atomic<uint32_t> &sleepers, const Waiting &waiting, Ready ready);
  template <typename Ready> Status look(const Waiting &waiting, Ready ready);
  Status fail(Status status, int lost);
  Status lose(Waiting waiting, const std::string &why);
  std::string lossOf(const RankPlace &place, Silence &silence) const;
  Status failAs(int other, const Waiting &waiting);
  void reduceInto(float *target, const float *own, size_t offset, size_t count, const Reduction &how);
  Status oneShot(std::span<float> data, const Reduction &how, const char *op);
  Status twoShot(std::span<float> data, size_t bytes, const Reduction &how, const char *op);

  Status lamport(std::span<float> data, const Reduction &how, const char *op);
  void publish(std::span<const float> data, uint32_t next);
  Status poll(int other, float *target, size_t count, uint32_t next, const char *op);

  Status exchange(std::span<const Parcel> parcels, const char *name, const char *op);

  std::shared_ptr<const SharedRegion> shared;
  const SharedRegion &region;
  const int me, ranks;
  const size_t staging;
  const LocalGroupOptions options;
  const EmulatedLink link; ///< the group's
  const Algorithm wanted;
  LinkPort port;
  LocalCommunicator *parent = nullptr;
  size_t partsEnd = 0; ///< where in the group's memory the next parts go; 0: behind its own
  Stores stores = Stores::common;
  uint32_t phase = 0;
  uint32_t epoch = 0;                                         ///< of `lamport`
  std::array<size_t, SharedRegion::kMarkedSlots> published{}; ///< words of its slots that are not zero
  unsigned spins = 0;
  std::vector<const float *> parts; ///< of reduceInto
  std::vector<uint8_t> scratch;     ///< of all-reduces between pairs
  Heart heart;
  std::vector<Silence> silences; ///< of lookAround, by rank
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_LOCALCOMMUNICATOR_H
