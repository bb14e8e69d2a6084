//===- StrategyChoice.h - The strategies of a compiled model ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_STRATEGYCHOICE_H
#define PLAIT_RUNTIME_DECODE_STRATEGYCHOICE_H

#include "runtime/core/Manifest.h"
#include "runtime/decode/rounds/RoundProgram.h"

#include <memory>
#include <string>

namespace plait {

/// The name of a strategy's call: "jacobi" of "jacobi(window=8)".
std::string strategyName(const std::string &call);

/// The one that `wanted` means: its call, its name if only one has that, or its call with
/// some of the arguments left out, if only one has those that are given.
Expected<const ManifestStrategy *> chooseStrategy(const Manifest &manifest, const std::string &wanted);

/// Reads the program of a strategy.
Expected<std::shared_ptr<const RoundProgram>> readStrategy(const ManifestStrategy &strategy);

/// What a strategy asks of an engine.
struct StrategyNeeds {
  int64_t nodes = 1; ///< leaves of a row at most
  int64_t ahead = 0; ///< positions of a text at most from the first that may be drafted anew on
};
StrategyNeeds needsOf(const RoundProgram *program);

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_STRATEGYCHOICE_H
