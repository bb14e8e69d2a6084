//===- KernelDialect.td - The kernel dialect ---------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_KERNEL_DIALECT
#define PLAIT_KERNEL_DIALECT

include "mlir/IR/DialectBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "dialects/Lm/LmInterfaces.td"

def Kernel_Dialect : Dialect {
  let name = "kernel";
  let cppNamespace = "::plait::kernel";
  let summary = "What is launched.";
  let description = [{
    A `kernel.func` holds the ops that one launch computes, one or several fused;
    a `kernel.launch` calls it. This is where fusion, deduplication, weight packing and the
    targets' code generators meet: the body still says *what* is computed (lm
    and decode ops), the signature says *on what*, packed weight layouts
    included. Kernels are outlined and deduplicated before any loop exists, so
    that equal layers share one kernel and compile time does not depend on depth.

    A kernel's results become destination buffers, appended to its arguments,
    when the launch plan is made.
  }];
  let dependentDialects = ["::plait::lm::LmDialect"];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

def Kernel_CostAttr : AttrDef<Kernel_Dialect, "Cost"> {
  let mnemonic = "cost";
  let summary = "symbolic cost of one launch";
  let description = [{
    Each list is a linear form: constant, per token, per row, per leaf, per
    token position (KV length summed over tokens).

    ```mlir
    #kernel.cost<flops = [0, 73728, 0, 0, 0], weights = [73728, 0, 0, 0, 0], activations = [0, 1536, 0, 0, 0]>
    ```
    **Constraints:** each list has five entries.
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$flops, ArrayRefParameter<"int64_t">:$weights,
                        ArrayRefParameter<"int64_t">:$activations);
  let assemblyFormat = "`<` `flops` `=` `[` $flops `]` `,` `weights` `=` `[` $weights `]` `,` `activations` `=` `[` $activations `]` `>`";
  let genVerifyDecl = 1;
}

def Kernel_PackedType : TypeDef<Kernel_Dialect, "Packed"> {
  let mnemonic = "packed";
  let summary = "a weight in the layout that kernels read";
  let description = [{
    `panel` 0: row major, converted to f32 if it is a vector. Otherwise panels of
    `panel` rows, column by column, in words of 32 bits that hold `group`
    consecutive columns of a row: 1 of f32, 2 of bf16, 4 of int8 and 8 of int4. So
    widening needs no shuffle. Integers have their scales and zero points in
    front of each group of columns that shares them, so that a panel is one
    stream. runtime/base/PanelLayout.h has the layout in full.

    ```mlir
    !kernel.packed<!lm.weight<192x192, #lm.bf16>, panel = 32, group = 2>
    !kernel.packed<!lm.weight<192x192, #lm.int4<group = 64>>, panel = 32, group = 8>
    ```
    **Constraints:** `panel >= 0`; `group >= 1`; a vector has `panel` 0; a matrix
    of integers is in panels of 32 rows and in words that are full.
  }];
  let parameters = (ins "::plait::lm::WeightType":$weight, "int64_t":$panel, "int64_t":$group);
  let assemblyFormat = "`<` $weight `,` `panel` `=` $panel `,` `group` `=` $group `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Element type as stored: f32 for vectors, the format's otherwise.
    mlir::Type getStorageType() const;
    /// How integers stand for the elements, if they are integers.
    std::optional<WeightQuantization> getQuantization() const;
    /// Of a weight in panels.
    PanelLayout getLayout() const;
    /// Bytes of one layer's slice, without alignment.
    int64_t getBytes() const;
  }];
}

#endif // PLAIT_KERNEL_DIALECT
