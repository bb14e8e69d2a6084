//===- Calibrate.h - What a text says of weights ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_CALIBRATE_H
#define PLAIT_LIB_DRIVER_CALIBRATE_H

#include "plait/Driver/Compile.h"
#include "runtime/base/QuantizedTensor.h"

namespace plait {

/// Which columns of `imported`'s weights matter on the text `options.calibration`:
/// on its first 4096 tokens, or fewer of a model that is so large that they would
/// take more than minutes. `line` is told how many that is.
Expected<WeightImportance> calibrate(MLIRContext &context, const CompileOptions &options, const ImportedModel &imported,
                                     std::string &line);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_CALIBRATE_H
