//===- ParInterfaces.td - Interfaces of par ops ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PAR_INTERFACES
#define PLAIT_PAR_INTERFACES

include "mlir/IR/OpBase.td"

def Par_CollectiveOpInterface : OpInterface<"CollectiveOpInterface"> {
  let description = [{
    What the devices along some axes of a mesh do together. All of them execute the same
    collectives in the same order.
  }];
  let cppNamespace = "::plait::par";
  let methods = [
    InterfaceMethod<"What this device gives.", "::mlir::TypedValue<::mlir::RankedTensorType>", "getInput">,
    InterfaceMethod<"What it gets.", "::mlir::TypedValue<::mlir::RankedTensorType>", "getResult">,
    InterfaceMethod<"Of input and result the one of which the other is a part; both if neither is.",
      "::mlir::RankedTensorType", "getWholeType">,
    InterfaceMethod<"How the other one's dimension `getPartDim` is a part; null if it is none.",
      "::plait::par::DimShardAttr", "getPartition">,
    InterfaceMethod<"See `getPartition`.", "int64_t", "getPartDim">,
    InterfaceMethod<"The mesh.", "::mlir::FlatSymbolRefAttr", "getMeshAttr">,
    InterfaceMethod<"Axes of the devices.", "::llvm::SmallVector<::plait::par::AxisAttr>", "getDeviceAxes">
  ];
}

#endif // PLAIT_PAR_INTERFACES
