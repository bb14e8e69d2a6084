//===- Communicator.cpp - What ranks say to each other --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/Communicator.h"

using namespace plait;

const char *plait::collectiveName(CollectiveKind kind) {
  static constexpr std::array<const char *, kCollectiveKinds> names = {
      "all_reduce", "reduce_scatter", "all_gather", "all_to_all", "broadcast", "send_recv", "barrier", "reduce_gather"};
  return names[size_t(kind)];
}

Status Communicator::reduceGather(const RowExchange &rows, const Reduction &how, const RowEpilogue &epilogue,
                                  const char *op) {
  std::vector<size_t> counts, bytes;
  for (int rank = 0; rank < size(); ++rank) {
    counts.push_back(rows.rowsOf(rank) * rows.columns);
    bytes.push_back(counts.back() * sizeof(float));
  }
  size_t own = counts[size_t(rank())];
  PLAIT_RETURN_IF_ERROR(reduceScatter(rows.in, {rows.sum, own}, counts, how, op));
  if (own)
    epilogue(0, rows.rowsOf(rank()));
  return allGather({reinterpret_cast<const uint8_t *>(rows.part), own * sizeof(float)},
                   {reinterpret_cast<uint8_t *>(rows.out.data()), rows.out.size_bytes()}, bytes, op);
}
