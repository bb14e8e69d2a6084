//===- ExchangePoints.h - Collectives beside other launches ----*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Where the launches of a step leave its collectives time: models with a delayed residual do not
// need a sum before the next sublayer is computed (Ladder Residual, arXiv 2501.06589).
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DEVICE_CPU_EXCHANGEPOINTS_H
#define PLAIT_RUNTIME_DEVICE_CPU_EXCHANGEPOINTS_H

#include "plait-abi/Model.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace plait {

/// `order` is a step's launches of `plan` as they follow each other, without those that are part of a
/// collective. For each: of a collective the place of the first launch behind it that uses a slot of it or its parts,
/// or order.size(); of any other launch its own place. Collectives do not wait for collectives here, as they are
/// carried out in order.
std::vector<size_t> findAwaited(const plait_plan_v2_t &plan, std::span<const int32_t> order);

/// What the team does with a collective that somebody else carries out.
struct ExchangePoint {
  size_t place;    ///< in the order: before this launch
  size_t exchange; ///< place of the collective
  bool starts;     ///< or is waited for
  bool operator==(const ExchangePoint &) const = default;
};

/// Points in order. A collective that the launch behind it waits for, and that none is under way beside, has
/// none: the team carries it out. There are no points unless most collectives of layers have launches beside them.
std::vector<ExchangePoint> findExchangePoints(const plait_plan_v2_t &plan, std::span<const int32_t> order);

} // namespace plait

#endif // PLAIT_RUNTIME_DEVICE_CPU_EXCHANGEPOINTS_H
