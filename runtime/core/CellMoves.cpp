//===- CellMoves.cpp - Moves keys and values within pages -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/CellMoves.h"

#include <cstring>
#include <string>

using namespace plait;

static Status checkNumber(const char *what, int64_t number, int64_t count) {
  if (number >= 0 && number < count)
    return Status::success();
  return invalidArgument(std::string("cell to move: ") + what + ": found " + std::to_string(number) +
                         "; expected 0 to " + std::to_string(count - 1));
}

Status plait::checkMoves(std::span<const CellMove> moves, const StepLimits &limits) {
  for (const CellMove &move : moves) {
    PLAIT_RETURN_IF_ERROR(checkNumber("page table", move.table, int64_t(limits.tables.size())));
    for (int32_t page : {move.fromPage, move.toPage})
      PLAIT_RETURN_IF_ERROR(checkNumber("page", page, limits.tables[size_t(move.table)].capacityPages));
    for (int32_t slot : {move.fromSlot, move.toSlot})
      PLAIT_RETURN_IF_ERROR(checkNumber("position in its page", slot, limits.pageTokens));
  }
  return Status::success();
}

std::span<const uint8_t> plait::bytesOfMoves(std::span<const CellMove> moves) {
  return {reinterpret_cast<const uint8_t *>(moves.data()), moves.size_bytes()};
}

Expected<std::vector<CellMove>> plait::readMoves(std::span<const uint8_t> bytes, const StepLimits &limits) {
  std::vector<CellMove> moves(bytes.size() / sizeof(CellMove));
  if (bytes.size() != moves.size() * sizeof(CellMove))
    return internalError("ranks: found cells to move of another size than expected");
  if (!moves.empty())
    std::memcpy(moves.data(), bytes.data(), bytes.size());
  PLAIT_RETURN_IF_ERROR(checkMoves(moves, limits));
  return moves;
}

std::vector<StateCopy> plait::copiesFor(const plait_model_v4_t &model, int32_t number, int64_t layer,
                                        uint64_t layerBytes, const CellMove &move) {
  const plait_state_v3_t &state = model.states[number];
  uint64_t to = uint64_t(layer) * layerBytes + uint64_t(move.toPage) * state.page_bytes;
  uint64_t from = uint64_t(layer) * layerBytes + uint64_t(move.fromPage) * state.page_bytes;
  std::vector<StateCopy> copies;
  for (int32_t i = 0; i < state.cell_count; ++i) {
    const plait_cells_v1_t &cells = state.cells[i];
    auto place = [&](int64_t slot) {
      return cells.offset + slot / cells.slots * cells.block_stride + slot % cells.slots * cells.slot_stride;
    };
    int64_t source = place(move.fromSlot), target = place(move.toSlot);
    for (int64_t part = 0; part < cells.parts; ++part) {
      uint64_t offset = uint64_t(part * cells.part_stride);
      copies.push_back({number, to + uint64_t(target) + offset, from + uint64_t(source) + offset,
                        uint64_t(cells.piece_bytes), cells.pieces, uint64_t(cells.piece_stride)});
    }
  }
  return copies;
}
