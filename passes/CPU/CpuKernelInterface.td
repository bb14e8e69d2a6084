//===- CpuKernelInterface.td - Ops that CPU kernels compute -*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_CPU_KERNEL_INTERFACE
#define PLAIT_CPU_KERNEL_INTERFACE

include "mlir/IR/OpBase.td"

def CPU_KernelOpInterface : OpInterface<"CpuKernelOpInterface"> {
  let description = [{
    How an op is computed on a CPU. Attached to ops from outside (external
    models, CpuKernels.h), so that dialects know nothing of targets.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<[{
      Emits the part of a kernel whose first op this is: everything between the
      loading of the arguments and the return, the loop over tiles included
      (CpuKernelEmitter::forEachTile). Other ops of the part are products of
      the same input, which it emits as well, and elementwise ops and reductions of blocks,
      which CpuKernelEmitter::storeResults and finishBlock emit. Reports at the op what it cannot emit.
    }], "::llvm::LogicalResult", "emitCpu", (ins "::plait::CpuKernelEmitter &":$emitter)>
  ];
}

def CPU_RowKernelOpInterface : OpInterface<"CpuRowKernelOpInterface"> {
  let description = [{
    An `lm::RowWise` op: it can be computed a row at a time, so that several ops
    share the tiles of one kernel.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<[{
      Emits the code of row `row` (i64); finds rows by CpuKernelEmitter::rowPointer.
    }], "void", "emitCpuRow", (ins "::plait::CpuKernelEmitter &":$emitter, "::mlir::Value":$row)>
  ];
}

def CPU_ElementwiseOpInterface : OpInterface<"CpuElementwiseOpInterface"> {
  let description = [{
    An `lm::Elementwise` op: it can be applied to the elements of a product
    before they are stored.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<[{
      A vector of the result, of the same elements of each operand (<lanes x f32>).
    }], "::mlir::Value", "emitCpuElements", (ins "::plait::CpuKernelEmitter &":$emitter, "::mlir::ValueRange":$operands)>
  ];
}

def CPU_BlockReductionOpInterface : OpInterface<"CpuBlockReductionOpInterface"> {
  let description = [{
    An `lm::BlockReduction` op: it can be applied to blocks of columns of a product that
    are written nowhere else.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<"Columns of a block; the last one may have fewer.", "int64_t", "getBlockColumns">,
    InterfaceMethod<[{
      Reduces block `block` (i64) of row `row` (i64), whose `columns` numbers of f32 lie at `memory`.
    }], "void", "emitCpuBlock",
    (ins "::plait::CpuKernelEmitter &":$emitter, "::mlir::Value":$memory, "::mlir::Value":$row,
         "::mlir::Value":$block, "int64_t":$columns)>
  ];
}

#endif // PLAIT_CPU_KERNEL_INTERFACE
