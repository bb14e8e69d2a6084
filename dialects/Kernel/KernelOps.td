//===- KernelOps.td - Ops of the kernel dialect ------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_KERNEL_OPS
#define PLAIT_KERNEL_OPS

include "mlir/IR/BuiltinTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/Kernel/KernelDialect.td"

class Kernel_Op<string mnemonic, list<Trait> traits = []> : Op<Kernel_Dialect, mnemonic, traits>;

def Kernel_FuncOp : Kernel_Op<"func", [FunctionOpInterface, IsolatedFromAbove]> {
  let summary = "what one launch computes";
  let description = [{
    ```mlir
    kernel.func @linear(%x: tensor<?x192xf32, #lm.dims<tokens>>, %p: !kernel.packed<...>) -> tensor<?x64xf32, #lm.dims<tokens>>
        attributes {cost = #kernel.cost<...>} {
      %w = kernel.unpack %p : !kernel.packed<...>
      %y = lm.linear %x, %w : ...
      kernel.return %y : tensor<?x64xf32, #lm.dims<tokens>>
    }
    ```
    All ops but `kernel.unpack` and `kernel.return` compute. Ops that pass values to
    each other, directly or through others, are one **part** of the kernel:
    parts are independent, and the launch's tiles are divided among them. A part
    of several ops is one of these:

    * products with weights, which have one input, followed by elementwise ops:
      finished elements pass through those before they are stored;
    * ops that work row by row on the same rows: a row passes through all of them.

    What passes from op to op and is not returned is in no buffer.

    ```mlir
    kernel.func @linear_add(%h: !x, %x: !x, %p: !kernel.packed<...>) -> !x
        attributes {cost = #kernel.cost<...>, in_place = array<i64: 0, 0>} {
      %w = kernel.unpack %p : !kernel.packed<...>
      %y = lm.linear %x, %w : !x, ...
      %z = lm.add %h, %y : !x
      kernel.return %z : !x
    }
    ```
    `cost` is the sum of the ops', less what the values between them would have
    moved. `in_place` lists pairs (argument, result) that may share a buffer. With `host`
    it runs on the host of a GPU.

    **Constraints:** a body of one block that ends with `kernel.return`; each result of
    an op is used or is a state; `in_place` lists pairs of an argument and a result of
    equal type.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<FunctionType>:$function_type,
                       Kernel_CostAttr:$cost, OptionalAttr<DenseI64ArrayAttr>:$in_place, UnitAttr:$host,
                       OptionalAttr<DictArrayAttr>:$arg_attrs, OptionalAttr<DictArrayAttr>:$res_attrs);
  let regions = (region AnyRegion:$body);
  let extraClassDeclaration = [{
    llvm::ArrayRef<mlir::Type> getArgumentTypes() { return getFunctionType().getInputs(); }
    llvm::ArrayRef<mlir::Type> getResultTypes() { return getFunctionType().getResults(); }
    mlir::Region *getCallableRegion() { return &getBody(); }
    /// The ops that compute, in order (all others unpack weights or return).
    llvm::SmallVector<mlir::Operation *> getComputeOps();
    /// The first of them, which tells what the kernel is mainly about; or null.
    mlir::Operation *getRoot();
    /// The parts: ops that are connected by values, in order of the first.
    llvm::SmallVector<llvm::SmallVector<mlir::Operation *>> getParts();
  }];
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Kernel_ReturnOp : Kernel_Op<"return", [Pure, Terminator, HasParent<"FuncOp">]> {
  let summary = "results of a kernel";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let hasVerifier = 1;
}

def Kernel_LaunchOp : Kernel_Op<"launch", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "runs a kernel";
  let description = [{
    `source` names the op of the model that the launch comes from, through all
    later passes, into the plan table and into what is printed for people.
    In steps of few rows each thread may compute all of a `redundant` launch for itself.

    ```mlir
    %y = kernel.launch @linear(%x, %p) from "model.layers.q_proj" : (...) -> ...
    %n = kernel.launch @rms_norm(%y, %g) from "model.layers.norm" redundant : (...) -> ...
    ```
    **Constraints:** the kernel exists and its type is the launch's; the results of a `redundant` launch are
    tensors that launches alone use.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, StrAttr:$source, Variadic<AnyType>:$arguments,
                       UnitAttr:$redundant);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = [{
    $kernel `(` $arguments `)` `from` $source (`redundant` $redundant^)? attr-dict `:` functional-type($arguments, results)
  }];
  let hasVerifier = 1;
}

def Kernel_PackedWeightOp : Kernel_Op<"packed_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight's packed form, of the current layer if it has layers";
  let description = [{
    ```mlir
    %p = kernel.packed_weight @main::@q : !kernel.packed<!lm.weight<192x192, #lm.bf16>, panel = 32, group = 2>
    ```
    **Constraints:** the symbol is an `lm.weight` of the packed type's weight type.
  }];
  let arguments = (ins SymbolRefAttr:$weight);
  let results = (outs Kernel_PackedType:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def Kernel_UnpackOp : Kernel_Op<"unpack", [Pure]> {
  let summary = "the logical weight that a packed one holds";
  let description = [{
    A view: code generators read the packed layout directly.

    ```mlir
    %w = kernel.unpack %p : !kernel.packed<!lm.weight<192x192, #lm.bf16>, panel = 32, group = 2> -> !lm.weight<192x192, #lm.bf16>
    ```
    **Constraints:** the result type is the packed type's weight type.
  }];
  let arguments = (ins Kernel_PackedType:$packed);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$packed attr-dict `:` type($packed) `->` type($result)";
  let hasVerifier = 1;
}

#endif // PLAIT_KERNEL_OPS
