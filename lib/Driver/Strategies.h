//===- Strategies.h - Strategies that a model is compiled with --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_STRATEGIES_H
#define PLAIT_LIB_DRIVER_STRATEGIES_H

#include "StrategyCall.h"
#include "plait/Frontend/Import.h"

#include "llvm/Support/SourceMgr.h"

#include <map>

namespace plait {

/// Draft models: paths by symbol. A draft model is compiled by itself, into an artifact
/// within that of its target.
using DraftModels = std::map<std::string, std::string>;

/// The draft models of `strategies`, which may share them.
Expected<DraftModels> draftModelsOf(const std::vector<StrategyText> &strategies);

/// Puts into `module` what strategies must know of a draft model: an `lm.model` of that name
/// whose functions have no bodies. `target` has its vocabulary; null: not known.
Status addDraftModel(mlir::ModuleOp module, const std::string &name, const std::string &path,
                     const ImportedModel *target, ImportOptions options);

/// Parses strategies and puts them into `module`, which holds their models. `sources` gets
/// their text, with values filled in, for messages to show it.
Status addStrategies(mlir::ModuleOp module, const std::vector<StrategyText> &strategies, llvm::SourceMgr &sources);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_STRATEGIES_H
