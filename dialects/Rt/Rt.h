//===- Rt.h - The rt dialect ------------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_RT_RT_H
#define PLAIT_DIALECTS_RT_RT_H

#include "runtime/base/PanelLayout.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/Dialect/LLVMIR/LLVMTypes.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace plait {
using namespace mlir;
} // namespace plait

#include "dialects/Rt/RtDialect.h.inc"
#include "dialects/Rt/RtEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Rt/RtAttrs.h.inc"
#define GET_OP_CLASSES
#include "dialects/Rt/RtOps.h.inc"

#endif // PLAIT_DIALECTS_RT_RT_H
