//===- CudaKernelInterface.td - Ops that CUDA kernels compute -*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_CUDA_KERNEL_INTERFACE
#define PLAIT_CUDA_KERNEL_INTERFACE

include "mlir/IR/OpBase.td"

def CUDA_KernelOpInterface : OpInterface<"CudaKernelOpInterface"> {
  let description = [{
    How an op is computed by thread blocks. Attached to ops from outside (external
    models, CudaKernels.h), so that dialects know nothing of targets.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<[{
      Emits the part of a kernel whose first op this is, the division among blocks
      included (CudaKernelEmitter::forEachTile). Other ops of the part are products of
      the same input, which it emits as well, and elementwise ops, which
      CudaKernelEmitter::storeElements emits. Reports at the op what it cannot emit.
    }], "::llvm::LogicalResult", "emitCuda", (ins "::plait::CudaKernelEmitter &":$emitter)>,
    InterfaceMethod<[{
      What a kernel with this op is emitted for: entries for up to so many rows, of which the
      last one serves any number. None: one entry, whose threads follow from the rows' width.
    }], "::llvm::SmallVector<::plait::CudaKernelEmitter::Entry>", "getCudaEntries",
    (ins "const ::plait::CudaMachine &":$machine)>
  ];
}

def CUDA_RowKernelOpInterface : OpInterface<"CudaRowKernelOpInterface"> {
  let description = [{
    An `lm::RowWise` op: a block computes a row of it, alone or after the same row
    of other ops.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<[{
      Emits the code of row `row` (i32), the same in all threads of a block; finds rows
      by CudaKernelEmitter::rowPointer. Reports at the op what it cannot emit.
    }], "::llvm::LogicalResult", "emitCudaRow",
    (ins "::plait::CudaKernelEmitter &":$emitter, "::mlir::Value":$row)>
  ];
}

def CUDA_ElementwiseOpInterface : OpInterface<"CudaElementwiseOpInterface"> {
  let description = [{
    An `lm::Elementwise` op: it is applied to elements wherever they are, those of a
    product before they are stored among them.
  }];
  let cppNamespace = "::plait";
  let methods = [
    InterfaceMethod<[{
      Elements of the result, of the same elements of each operand: f32 or a vector of it.
    }], "::mlir::Value", "emitCudaElements",
    (ins "::plait::CudaKernelEmitter &":$emitter, "::mlir::ValueRange":$operands)>
  ];
}

#endif // PLAIT_CUDA_KERNEL_INTERFACE
