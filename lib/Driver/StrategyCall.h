//===- StrategyCall.h - From prompt_lookup(k=4) to IR text ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What --decode takes. docs/howto/write-a-strategy.md, "Parameters", is the definition of
// the rules.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_STRATEGYCALL_H
#define PLAIT_LIB_DRIVER_STRATEGYCALL_H

#include "runtime/base/Status.h"

#include <string>
#include <utility>
#include <vector>

namespace plait {

/// A strategy that was called, with its values filled in.
struct StrategyText {
  std::string call; ///< "prompt_lookup(k=4,longest=3,shortest=1)": every argument, in the file's order
  std::string name, text;
  std::string source;                                      ///< what errors call the file
  std::vector<std::pair<std::string, std::string>> models; ///< draft models: symbol and path
  bool learns = false;                                     ///< sets of sublayers: `skip=auto`
};

/// The strategy of `NAME(ARGUMENT=VALUE,...)` or `FILE.mlir(ARGUMENT=VALUE,...)`. `learnt` are the sets of sublayers
/// that `auto` stands for, "[[1],[1,mlp.2]]"; until they are known, it is what stands in the signature.
Expected<StrategyText> fillStrategy(const std::string &call, const std::string &learnt = "");

/// The same of a file's text, which errors call `source`. `arguments` are as they stand
/// between the parentheses.
Expected<StrategyText> fillStrategy(const std::string &source, const std::string &text, const std::string &arguments,
                                    const std::string &learnt = "");

/// All that are called, but for plain decoding, "ar", which is always there.
Expected<std::vector<StrategyText>> fillStrategies(const std::vector<std::string> &calls,
                                                   const std::string &learnt = "");

} // namespace plait

#endif // PLAIT_LIB_DRIVER_STRATEGYCALL_H
