//===- Kernel.h - The kernel dialect ----------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_KERNEL_KERNEL_H
#define PLAIT_DIALECTS_KERNEL_KERNEL_H

#include "dialects/Lm/Lm.h"

#include "dialects/Kernel/KernelDialect.h.inc"
#include "dialects/Kernel/KernelEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/KernelAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/KernelTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.h.inc"

namespace plait::kernel {

/// The attribute form of a cost, and back.
CostAttr getCostAttr(mlir::MLIRContext *context, const Cost &cost);
Cost getCost(CostAttr attribute);

} // namespace plait::kernel

#endif // PLAIT_DIALECTS_KERNEL_KERNEL_H
