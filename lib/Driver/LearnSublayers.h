//===- LearnSublayers.h - What a strategy leaves out ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_LEARNSUBLAYERS_H
#define PLAIT_LIB_DRIVER_LEARNSUBLAYERS_H

#include "plait/Driver/Compile.h"

namespace plait {

/// The sets of sublayers that `auto` stands for in a strategy (docs/howto/write-a-strategy.md), such as
/// "[[mlp.1,attention.2],[1,attention.2]]": the quarter, three eighths and half of them that the text
/// `options.calibration` shows to matter least. What a round takes and how often its drafts are right decides between
/// them when it runs. `line` is told what was found.
Expected<std::string> learnSublayers(MLIRContext &context, const CompileOptions &options, const ImportedModel &imported,
                                     std::string &line);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_LEARNSUBLAYERS_H
