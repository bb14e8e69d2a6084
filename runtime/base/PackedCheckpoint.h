//===- PackedCheckpoint.h - GPTQ and AWQ checkpoints ------------------ -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_PACKEDCHECKPOINT_H
#define PLAIT_RUNTIME_BASE_PACKEDCHECKPOINT_H

#include "runtime/base/Checkpoint.h"
#include "runtime/base/Json.h"
#include "runtime/base/PackedMatrix.h"

namespace plait {

/// What `quantization_config` of a config.json says; nothing if there is none. A
/// way to quantise that Plait does not read is an error.
Expected<std::optional<PackedFormat>> readPackedFormat(const JsonView &config);

/// `checkpoint` with one tensor X.weight instead of each X.qweight and what belongs
/// to it. Matrices that are not quantised stay as they are. `what` names the
/// checkpoint in errors; without a format, packed matrices are an error.
Expected<Checkpoint> viewPackedCheckpoint(const Checkpoint &checkpoint, const std::optional<PackedFormat> &format,
                                          const std::string &what);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_PACKEDCHECKPOINT_H
