//===- Handover.h - Keys and values go to another replica -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A sequence whose prompt one replica has computed goes on in another. Rank 0 of all tells
// both leaders which pages are meant, they tell their ranks, and each rank sends what of
// these pages the plan (HandoverPlan.h) has it send, straight to the ranks that need it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_HANDOVER_H
#define PLAIT_RUNTIME_CORE_HANDOVER_H

#include "runtime/base/Mesh.h"
#include "runtime/base/Status.h"
#include "runtime/core/HandoverPlan.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/StepInputs.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace plait {

/// Pages of a replica that are to go to another one, or to be filled by it. Both are told
/// of equally many.
struct HandoverMessage {
  int64_t peer = 0;                        ///< the other replica
  std::vector<std::vector<int32_t>> pages; ///< of each page table

  std::vector<uint8_t> serialize() const;
  /// With pages that `limits` knows; anything else is an error.
  static Expected<HandoverMessage> read(std::span<const uint8_t> bytes, const StepLimits &limits);
};

/// All ranks of a model with phases, by their numbers in the world.
class HandoverLink {
public:
  HandoverLink(std::unique_ptr<Communicator> everyone, std::shared_ptr<RankGroup::Processes> processes, RankNames names)
      : processes(std::move(processes)), everyone(std::move(everyone)), names(std::move(names)) {}

  /// Bytes that a rank needs besides, while pages go.
  static constexpr size_t kBufferBytes = size_t(1) << 18;

  Communicator &communicator() const { return *everyone; }
  /// Why a rank is lost, of any phase, if one is known to be. Waits for nobody; of rank 0.
  Status check();
  Status send(std::span<const uint8_t> data, int worldRank);
  Status receive(std::span<uint8_t> data, int worldRank);

private:
  std::shared_ptr<RankGroup::Processes> processes; // goes after the communicator
  std::unique_ptr<Communicator> everyone;
  const RankNames names;
};

/// The pages of a state in a rank's memory.
struct StatePages {
  uint8_t *base = nullptr;
  uint64_t pageBytes = 0;
  int64_t capacity = 0; ///< pages of a layer
};

/// The part of the rank at `place`: sends what others need of its pages, or gets what it
/// needs. Returns the bytes of it.
Expected<uint64_t> movePages(const HandoverPlan &plan, HandoverLink &link, const Mesh &mesh, const Mesh::Place &place,
                             std::span<const StatePages> states, const HandoverMessage &message);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_HANDOVER_H
