//===- Passes.td - Passes of the lower phase ---------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LOWER_PASSES
#define PLAIT_LOWER_PASSES

include "mlir/Pass/PassBase.td"

def InlineModelPass : Pass<"plait-inline-model", "::mlir::ModuleOp"> {
  let summary = "Inlines the model's functions into the steps";
  let description = [{
    Replaces each `lm.call` in a `decode.step` by the body of its callee.
    Weights are then named from outside the model:

    ```mlir
    %w = lm.get_weight @q          // in lm.func
    %w = lm.get_weight @main::@q   // in decode.step
    ```
  }];
}

def DecomposeAttentionPass : Pass<"plait-decompose-attention", "::mlir::ModuleOp"> {
  let summary = "Splits lm.attention into lm.stage and lm.attend";
  let description = [{
    All of a step's keys and values must be in the state before any of its
    tokens attends, so the two halves are launches of their own.

    ```mlir
    %o, %s = lm.attention %q, %k, %v, %kv, %rows, %pos scale 0.5
    ```
    becomes
    ```mlir
    %s = lm.stage %k, %v, %kv, %rows, %pos
    %o = lm.attend %q, %s, %rows, %pos scale 0.5
    ```
  }];
}

def QuantizeActivationsPass : Pass<"plait-quantize-activations", "::mlir::ModuleOp"> {
  let summary = "Makes products with weights of integers products of integers";
  let description = [{
    Puts an `lm.quantize` before each product whose weight is of integers; products
    with the same input share it. Within a group of columns the product is then an
    exact sum of integers, which takes less time than one of f32, where each weight
    has to be converted first.

    ```mlir
    %y = lm.linear %x, %w : tensor<?x192xf32, #lm.dims<tokens>>, !lm.weight<64x192, #lm.int4<group = 64>>
    ```
    becomes
    ```mlir
    %q = lm.quantize %x to !lm.int16<group = 64, distance = 4> : tensor<?x192xf32, #lm.dims<tokens>>
    %y = lm.linear %q, %w : tensor<?x192x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>, !lm.weight<64x192, #lm.int4<group = 64>>
    ```
    **Tolerance:** an activation changes by at most 2^-16 of the largest one of its
    group (bf16 would change it by 2^-9 of its own magnitude). A row's bits still do
    not depend on other rows: its scales are its own.
  }];
  let statistics = [Statistic<"numQuantized", "num-quantized", "Inputs rounded to 16-bit integers">];
  let dependentDialects = ["::plait::lm::LmDialect"];
}

def PackWeightsPass : Pass<"plait-pack-weights", "::mlir::ModuleOp"> {
  let summary = "Chooses the layout in which kernels read each weight";
  let description = [{
    A matrix that some op multiplies by (`lm.linear`, `lm.head`) is stored in
    panels of `panel` rows, everything else row major. A tied embedding, gathered
    and multiplied by, has one layout that serves both: panels, because a gather
    reads one row where a product reads them all. Integers are always in panels.
    All CPUs share one layout, so that one pack serves the code for each.

    ```mlir
    %w = lm.get_weight @main::@q
    ```
    becomes
    ```mlir
    %p = kernel.packed_weight @main::@q : !kernel.packed<..., panel = 32, group = 2>
    %w = kernel.unpack %p
    ```
  }];
  let options = [Option<"panel", "panel", "int64_t", "32", "Rows per panel">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def OutlineKernelsPass : Pass<"plait-outline-kernels", "::mlir::ModuleOp"> {
  let summary = "Moves each compute op of a step into a kernel.func";
  let description = [{
    The launch keeps the op's name in the model (its location) as `source`; the
    kernel gets the op's symbolic cost. Every launch has a kernel of its own
    until `plait-dedupe-kernels`.
  }];
  let statistics = [Statistic<"numKernels", "num-kernels", "Kernels outlined">];
  let dependentDialects = ["::plait::kernel::KernelDialect"];
}

def DedupeKernelsPass : Pass<"plait-dedupe-kernels", "::mlir::ModuleOp"> {
  let summary = "Lets launches of equal kernels share one";
  let description = [{
    Kernels are equal if they differ in name and locations alone. Done before
    any loop exists, so that equal ops of a model are compiled once.
  }];
  let statistics = [Statistic<"numErased", "num-erased", "Kernels erased">];
}

def PlanLaunchesPass : Pass<"plait-plan-launches", "::mlir::ModuleOp"> {
  let summary = "Makes the launch plan and the memory plan of each step";
  let description = [{
    Replaces the steps and the model by one `rt.model` with a table per kind.
    Results live in arena slots: a slot is reused when its value is dead, and an
    in-place kernel writes over its first operand if nothing else needs it. Values
    carried from layer to layer stay in one slot. A launch has a barrier only if
    it touches a buffer that was written, or writes one that was read, since the
    last barrier.
  }];
  let statistics = [Statistic<"numSlots", "num-slots", "Arena slots">,
                    Statistic<"numBarriers", "num-barriers", "Barriers">];
  let dependentDialects = ["::plait::rt::RtDialect"];
}

def VerifyLowerPass : Pass<"plait-verify-lower", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the lower phase";
  let description = [{
    One `rt.model` and the `kernel.func`s that it names, nothing else; every
    index of a launch lies in its table.
  }];
}

#endif // PLAIT_LOWER_PASSES
