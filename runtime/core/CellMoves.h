//===- CellMoves.h - Moves keys and values within pages ---------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The tokens of a row that is a tree lie behind each other. Once a path through it has become
// the text, the cells of its tokens are moved to their positions.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_CELLMOVES_H
#define PLAIT_RUNTIME_CORE_CELLMOVES_H

#include "plait-abi/Model.h"
#include "runtime/base/Status.h"
#include "runtime/core/StepInputs.h"
#include "runtime/device/Device.h"

#include <span>
#include <vector>

namespace plait {

/// Checks that `moves` are between pages of an instance.
Status checkMoves(std::span<const CellMove> moves, const StepLimits &limits);

/// As a message to other ranks.
std::span<const uint8_t> bytesOfMoves(std::span<const CellMove> moves);
Expected<std::vector<CellMove>> readMoves(std::span<const uint8_t> bytes, const StepLimits &limits);

/// The copies that `move`, which is of the state's page table, takes in layer `layer`; each
/// layer has `layerBytes` of pages.
std::vector<StateCopy> copiesFor(const plait_model_v4_t &model, int32_t state, int64_t layer, uint64_t layerBytes,
                                 const CellMove &move);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_CELLMOVES_H
