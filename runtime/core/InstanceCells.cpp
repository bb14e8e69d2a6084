//===- InstanceCells.cpp - Copies of what an instance's pages hold --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/CellMoves.h"
#include "runtime/core/Instance.h"
#include "runtime/core/Ranks.h"

using namespace plait;

static Status checkPage(const char *what, int64_t found, int64_t count) {
  if (found >= 0 && found < count)
    return Status::success();
  return invalidArgument(std::string(what) + ": found " + std::to_string(found) + "; expected 0 to " +
                         std::to_string(count - 1));
}

Status Instance::copyPage(size_t table, int32_t from, int32_t to) {
  PLAIT_RETURN_IF_ERROR(checkPage("page table", int64_t(table), int64_t(stepLimits.tables.size())));
  for (int32_t page : {from, to})
    PLAIT_RETURN_IF_ERROR(checkPage("page", page, stepLimits.tables[table].capacityPages));
  std::unique_lock<std::mutex> lock(mutex);
  finishSteps(lock);
  if (group) {
    std::lock_guard<std::mutex> order(group->order());
    PageCopyMessage copy{int64_t(table), from, to};
    PLAIT_RETURN_IF_ERROR(tell(uint32_t(RankCommand::copyPage), copy.bytes()));
  }
  return copyPageOfRank(table, from, to);
}

Status Instance::copyPageOfRank(size_t table, int32_t from, int32_t to) {
  return forEachLayer(table, [&](int32_t number, int64_t layer, uint64_t layerBytes) {
    uint64_t bytes = shared->tables().states[number].page_bytes, first = uint64_t(layer) * layerBytes;
    return device->copyState({number, first + uint64_t(to) * bytes, first + uint64_t(from) * bytes, bytes});
  });
}

Status Instance::moveCells(std::span<const CellMove> moves) {
  PLAIT_RETURN_IF_ERROR(checkMoves(moves, stepLimits));
  std::unique_lock<std::mutex> lock(mutex);
  finishSteps(lock);
  if (group) {
    std::lock_guard<std::mutex> order(group->order());
    PLAIT_RETURN_IF_ERROR(tell(uint32_t(RankCommand::moveCells), bytesOfMoves(moves)));
  }
  return moveCellsOfRank(moves);
}

Status Instance::moveCellsOfRank(std::span<const CellMove> moves) {
  for (size_t table = 0; table < stepLimits.tables.size(); ++table)
    PLAIT_RETURN_IF_ERROR(forEachLayer(table, [&](int32_t number, int64_t layer, uint64_t layerBytes) {
      for (const CellMove &move : moves)
        if (size_t(move.table) == table)
          for (const StateCopy &copy : copiesFor(shared->tables(), number, layer, layerBytes, move)) {
            PLAIT_RETURN_IF_ERROR(device->copyState(copy));
            bytesMoved += copy.bytes * uint64_t(copy.pieces);
          }
      return Status::success();
    }));
  return Status::success();
}

Status Instance::forEachLayer(size_t table,
                              const std::function<Status(int32_t state, int64_t layer, uint64_t layerBytes)> &visit) {
  const plait_model_v4_t &tables = shared->tables();
  for (int32_t i = 0; i < tables.state_count; ++i) {
    const plait_state_v3_t &state = tables.states[i];
    if (size_t(state.table) != table)
      continue;
    uint64_t layerBytes = uint64_t(stepLimits.tables[table].capacityPages) * state.page_bytes;
    for (int64_t layer = 0; layer < state.layers; ++layer)
      PLAIT_RETURN_IF_ERROR(visit(i, layer, layerBytes));
  }
  return Status::success();
}
