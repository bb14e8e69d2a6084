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
      Emits the kernel whose compute op this is: everything between the loading
      of the arguments and the return, the loop over tiles included
      (CpuKernelEmitter::forEachTile). Reports at the op what it cannot emit.
    }], "::llvm::LogicalResult", "emitCpu", (ins "::plait::CpuKernelEmitter &":$emitter)>
  ];
}

#endif // PLAIT_CPU_KERNEL_INTERFACE
