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
#include <vector>

namespace plait {

/// What plain decoding is called where a strategy may be.
inline const char *const kPlainDecoding = "ar";

/// The name of a strategy's call: "jacobi" of "jacobi(window=8)".
std::string strategyName(const std::string &call);
inline bool isPlainDecoding(const std::string &call) { return strategyName(call) == kPlainDecoding; }

/// Those of `calls` that `wanted` may mean: the one that is the same, else all with its name
/// and the arguments that it gives.
std::vector<size_t> matchingCalls(const std::vector<std::string> &calls, const std::string &wanted);
/// "jacobi(window=3), spec(most=4)": for errors.
std::string listOfCalls(const std::vector<std::string> &calls);

/// The one that `wanted` means: its call, its name if only one has that, or its call with
/// some of the arguments left out, if only one has those that are given. The error lists them.
Expected<const ManifestStrategy *> chooseStrategy(const Manifest &manifest, const std::string &wanted);
/// The same where plain decoding may be chosen as well, "ar", which gives null.
Expected<const ManifestStrategy *> chooseStrategyOrPlain(const Manifest &manifest, const std::string &wanted);

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
