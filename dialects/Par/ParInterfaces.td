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
    What the devices along some axes of a mesh do together: those that differ from each
    other along these axes alone are a group, in the order of their numbers along them. All
    devices of a group execute the same collectives in the same order, but for `par.send`
    and `par.recv`, which come in pairs. `plait-verify-parallel` proves it.
  }];
  let cppNamespace = "::plait::par";
  let methods = [
    InterfaceMethod<"What this device gives; null if it gives nothing.",
      "::mlir::TypedValue<::mlir::RankedTensorType>", "getInput">,
    InterfaceMethod<"What it gets; null if it gets nothing.",
      "::mlir::TypedValue<::mlir::RankedTensorType>", "getResult">,
    InterfaceMethod<"Of input and result the one of which the other is a part; both if neither is. Of "
                    "`par.all_to_all` that of which both are parts.",
      "::mlir::RankedTensorType", "getWholeType">,
    InterfaceMethod<"How the other one's dimension `getPartDim` is a part; null if it is none. Of "
                    "`par.all_to_all` the result's.",
      "::plait::par::DimShardAttr", "getPartition">,
    InterfaceMethod<"See `getPartition`.", "int64_t", "getPartDim">,
    InterfaceMethod<"The mesh.", "::mlir::FlatSymbolRefAttr", "getMeshAttr">,
    InterfaceMethod<"Axes of the devices.", "::llvm::SmallVector<::plait::par::AxisAttr>", "getDeviceAxes">,
    InterfaceMethod<"Of `par.all_to_all` how the input is a part, and of which dimension; else null.",
      "std::pair<int64_t, ::plait::par::DimShardAttr>", "getSourcePartition", (ins), "", "return {};">,
    InterfaceMethod<"Of a sum along a tree of nodes their ends and which are whose; else null.",
      "std::pair<::mlir::DenseI64ArrayAttr, ::mlir::DenseI64ArrayAttr>", "getNodes", (ins), "", "return {};">,
    InterfaceMethod<"In which order a sum is taken.", "::plait::par::SumOrder", "getSumOrder", (ins), "",
      "return ::plait::par::SumOrder::rank;">,
    InterfaceMethod<"How a sum is carried out; null if that is not decided.", "::plait::par::AlgorithmsAttr",
      "getAlgorithmsAttr", (ins), "", "return {};">,
    InterfaceMethod<"Whether a sum is taken in f64.", "bool", "isWide", (ins), "", "return false;">,
    InterfaceMethod<"Whether what is summed goes from device to device as bf16, and the sum as well.", "bool", "isNarrow",
      (ins), "", "return false;">,
    InterfaceMethod<"The number in the group of the device that all get from, or of the other one of a pair.",
      "int64_t", "getOther", (ins), "", "return 0;">,
    InterfaceMethod<"Whether what it gets comes where it was given from.", "bool", "isInPlace", (ins), "",
      "return false;">
  ];
}

#endif // PLAIT_PAR_INTERFACES
