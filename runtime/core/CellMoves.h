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

#include <span>
#include <vector>

namespace plait {

/// Checks that `moves` are between pages of an instance.
Status checkMoves(std::span<const CellMove> moves, const StepLimits &limits);

/// As a message to other ranks.
std::span<const uint8_t> bytesOfMoves(std::span<const CellMove> moves);
Expected<std::vector<CellMove>> readMoves(std::span<const uint8_t> bytes, const StepLimits &limits);

/// Does `move`, which is of the state's page table, in the pages of one of its layers. Returns
/// the bytes that were moved.
uint64_t moveCell(const plait_state_v3_t &state, const CellMove &move, uint8_t *pages);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_CELLMOVES_H
