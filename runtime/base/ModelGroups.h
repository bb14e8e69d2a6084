//===- ModelGroups.h - Which ranks a collective is of -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_MODELGROUPS_H
#define PLAIT_RUNTIME_BASE_MODELGROUPS_H

#include "plait-abi/Model.h"

#include <algorithm>

namespace plait {

struct GroupPlace {
  int32_t index = 0, size = 1;
};

/// Of the ranks of a group of the table, or of all with -1, which one this is and how many
/// they are. As many as they are, if it is none of them.
inline GroupPlace placeIn(const plait_model_v4_t &model, int32_t group) {
  if (group < 0)
    return {model.rank, model.ranks};
  const plait_group_v1_t &of = model.groups[group];
  return {int32_t(std::find(of.members, of.members + of.count, model.rank) - of.members), of.count};
}

/// Whether source and target are one slot.
inline bool isInPlace(const plait_collective_v4_t &collective) {
  return (collective.kind == PLAIT_COLLECTIVE_ALL_REDUCE && !collective.nodes) ||
         collective.kind == PLAIT_COLLECTIVE_BROADCAST || collective.kind == PLAIT_COLLECTIVE_SEND ||
         collective.kind == PLAIT_COLLECTIVE_RECV;
}

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_MODELGROUPS_H
