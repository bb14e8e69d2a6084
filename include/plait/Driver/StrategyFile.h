//===- StrategyFile.h - A strategy's file by itself -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DRIVER_STRATEGYFILE_H
#define PLAIT_DRIVER_STRATEGYFILE_H

#include "runtime/base/Status.h"

#include <string>

namespace plait {

/// Whether `text` is that of a strategy's file (docs/howto/write-a-strategy.md): a signature, a
/// `decode.strategy` of its name, and no model.
bool isStrategyFile(const std::string &text);

/// That text as a module: with its parameters filled in, from `arguments` ("k=4,longest=2") or
/// else by what the signature says, and with models that have no functions for those that it
/// names. So passes that look at strategies alone can be run over it. Errors call it `source`.
Expected<std::string> completeStrategy(const std::string &source, const std::string &text,
                                       const std::string &arguments);

} // namespace plait

#endif // PLAIT_DRIVER_STRATEGYFILE_H
