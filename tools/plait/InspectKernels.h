//===- InspectKernels.h - What kernels take of a GPU ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_INSPECTKERNELS_H
#define PLAIT_TOOLS_PLAIT_INSPECTKERNELS_H

#include "plait-abi/Model.h"
#include "runtime/base/Json.h"

#include <string>

namespace plait {

/// A line for each kernel, or for each of its functions for a GPU: threads of a block, registers of a thread,
/// bytes that do not fit in them, bytes of its stack, bytes of shared memory of a block, static
/// and dynamic together; and a summary.
std::string kernelsText(const plait_model_v4_t &model);
/// The functions of a kernel for a GPU, and the size of its image; null: it has none.
Json gpuKernelJson(const plait_model_v4_t &model, int32_t kernel);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_INSPECTKERNELS_H
