//===- DraftModels.h - Models that draft on ranks of another ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A model that drafts is an artifact in a folder of its target's. One of a single rank runs
// in the process that has the requests. One of D ranks runs on ranks 0 to D - 1 of each of
// the target's replicas, which must have as many: they hear of its steps as of the target's,
// from the same leader and in the same order, and exchange what they compute in a part of
// the target's group. The other ranks hear of its steps and leave them out.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_DRAFTMODELS_H
#define PLAIT_RUNTIME_CORE_DRAFTMODELS_H

#include "runtime/core/Model.h"

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

namespace plait {

/// Opens the model in `folder` of the artifact of `target`, of which this is rank 0 of all, or
/// the only one. Of `options` those of ranks are the target's.
Expected<std::shared_ptr<const Model>> openDraftModel(const Model &target, const std::string &folder,
                                                      ModelOptions options);

/// What a rank that serves has opened, by folders; null where it has no part.
using DraftModels = std::map<std::string, std::shared_ptr<const Model>>;

/// The part of another rank, that `RankCommand::open` with `payload` has told of. An error of
/// its own all ranks hear, and it is not returned.
Status followDraftModel(const Model &target, std::span<const uint8_t> payload, DraftModels &models);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_DRAFTMODELS_H
