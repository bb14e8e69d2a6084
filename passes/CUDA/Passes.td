//===- Passes.td - Passes of the CUDA targets --------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_CUDA_PASSES
#define PLAIT_CUDA_PASSES

include "mlir/Pass/PassBase.td"

def PlaceKernelsPass : Pass<"plait-place-kernels", "::mlir::ModuleOp"> {
  let summary = "Says which kernels run on the host of a GPU";
  let description = [{
    Kernels of decode ops that have no CUDA code, which choose tokens and edit logits, run on
    the host, and so do all launches of their plan after them: the GPU computes logits, and
    what follows is done where they are copied to. These kernels become `host`; one that
    the GPU has as well is copied under another name. Before:

    ```mlir
    kernel.func @take_rows(...) {...}
    kernel.func @choose_sample(...) {...}
    rt.model @main ... {
      rt.plan "ar" {
        rt.launch @take_rows ...
        rt.launch @choose_sample ...
        rt.launch @take_rows ...
    ```
    After:

    ```mlir
    kernel.func @take_rows(...) {...}
    kernel.func @take_rows_host(...) attributes {host, ...} {...}
    kernel.func @choose_sample(...) attributes {host, ...} {...}
    rt.model @main ... {
      rt.plan "ar" {
        rt.launch @take_rows ...
        rt.launch @choose_sample ...
        rt.launch @take_rows_host ...
    ```
    A launch on the host that uses weights or states is an error.
  }];
  let statistics = [Statistic<"numHost", "num-host", "Kernels that run on the host">];
  let dependentDialects = ["::plait::rt::RtDialect"];
}

def SeparateSlotsPass : Pass<"plait-separate-slots", "::mlir::ModuleOp"> {
  let summary = "Gives what the host of a GPU reads and writes slots of its own";
  let description = [{
    Values whose times do not overlap share a slot, which is as large as the largest of them. A slot that launches of
    both sides name is copied to the host: as much of it as its largest value has, even if the host only writes it. So
    values that the host writes get slots of their own, and so do those that it gets of the GPU where their slot
    is larger. In the second launch slot 0 had logits before:

    ```mlir
    rt.slot [0, 0, 0, 8192, ...]
    rt.slot [0, 0, 0, 448, ...]
    rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 1>] ...
    rt.launch @choose_summarized [#rt.arg<slot 1>, #rt.arg<output 0>, #rt.arg<slot 0>, #rt.arg<output 2>] ...
    ```
    After:

    ```mlir
    rt.slot [0, 0, 0, 8192, ...]
    rt.slot [0, 0, 0, 448, ...]
    rt.slot [0, 0, 0, 64, ...]
    rt.slot [0, 0, 0, 4, ...]
    rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 2>] ...
    rt.launch @choose_summarized [#rt.arg<slot 2>, #rt.arg<output 0>, #rt.arg<slot 3>, #rt.arg<output 2>] ...
    ```
    Left as they are: slots that the GPU updates in place or in each layer. Runs after `plait-place-kernels`.
  }];
  let statistics = [Statistic<"numAdded", "num-added", "Slots added">];
  let dependentDialects = ["::plait::rt::RtDialect"];
}

def GenerateCudaKernelsPass : Pass<"plait-generate-cuda-kernels", "::mlir::ModuleOp"> {
  let summary = "Replaces each kernel.func by the CUDA code of its ops";
  let description = [{
    Makes a `gpu.module` of the same name of each `kernel.func`, with one function or
    several, its entries, written by the compute ops' `CudaKernelOpInterface`,
    `CudaRowKernelOpInterface` and `CudaElementwiseOpInterface` in scf, arith, vector,
    llvm and nvvm ops. Before:

    ```mlir
    kernel.func @linear(%x: tensor<?x224xbf16, #lm.dims<tokens>>, %p: !kernel.packed<...>) -> tensor<...> {
      %w = kernel.unpack %p : ...
      %y = lm.linear %x, %w : ...
      kernel.return %y : ...
    }
    ```
    After:

    ```mlir
    gpu.module @linear [#nvvm.target<chip = "sm_90a", ...>] {
      llvm.func @linear_rows16(%x: !llvm.ptr<1>, %w: !llvm.ptr<1>, %y: !llvm.ptr<1>, %dims: !llvm.ptr<1>,
                               %map: !llvm.ptr {llvm.byval = ..., nvvm.grid_constant}) attributes {nvvm.kernel, ...} {...}
      llvm.func @linear_rows64(...)
      llvm.func @linear_rows256(...)
    }
    ```
    The `rt.kernel` of the same name, if there is one, gets its `entries`, and the `rt.model`
    its `chip`. Kernels for the host stay as they are.

    A kernel with an op that has no CUDA code stays as it is if `partial`, with a remark
    that names the op; without it is an error.
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_90a\"", "sm_80, sm_90a or sm_100a">,
    Option<"partial", "partial", "bool", "false", "Leave kernels of ops without CUDA code as they are">
  ];
  let statistics = [Statistic<"numEntries", "num-entries", "Functions made">,
                    Statistic<"numLeft", "num-left", "Kernels left without code">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::plait::rt::RtDialect"
  ];
}

def GenerateCudaProtocolsPass : Pass<"plait-generate-cuda-protocols", "::mlir::ModuleOp"> {
  let summary = "Replaces each overlap.program by its CUDA code";
  let description = [{
    Makes a `gpu.module` of the same name of each `overlap.program`. Each region becomes a function, and so does what is
    between regions; a stream runs them in order, once for each epoch. A worker of a pool is a block; those of a
    function have to be there at the same time, as a cooperative launch demands. Parameters are the addresses of arguments and
    results, `plait_team_v1_t` (plait-abi/Team.h) by value, the number of the epoch (u32), and tensor maps. Before:

    ```mlir
    overlap.program @all_reduce(%x: tensor<8x8192xf32>) -> tensor<8x8192xf32> on @mesh["tp"] {
      ...
      overlap.region pool(<sms = 8>) {
        overlap.tiles (%i) in [8] pool(<sms = 8>) {
          ...
          overlap.arrive %c[%i] multicast : !overlap.counter<[8], sys>
          %t = overlap.wait %c[%i] : !overlap.counter<[8], sys>
    ```
    After:

    ```mlir
    gpu.module @all_reduce [#nvvm.target<chip = "sm_90a", ...>] attributes {overlap.entries = [...], overlap.memory = 525312 : i64} {
      llvm.func @all_reduce_0(%x: !llvm.ptr<1>, %y: !llvm.ptr<1>, %team: !llvm.ptr {llvm.byval = ...}, %epoch: i32) ... {
        ...
        llvm.inline_asm has_side_effects "red.release.sys.global.add.u32 [$0], $1;", "l,r,~{memory}" ...
        llvm.inline_asm has_side_effects "... ld.acquire.sys.global.u32 ..." ...
    ```
    `overlap.entries` are the functions (`rt.entry`) in order, `overlap.memory` the bytes of symmetric memory of a rank.

    Rows of a tile go through shared memory, one at a time, and are computed there by the ops' CudaRowKernelOpInterface;
    stores by `tma` are bulk copies out of it. Products are those of kernels, tile by tile, and their elements go from
    registers to where they are stored, whatever the engine. A trigger's workers take whichever index is complete and
    not begun. `multicast` says how a view of all ranks is stored to, arrived at and summed up: by an instruction for each rank
    in order (`loop`), by multimem but for sums that are not `in_switch` (`stores`), or by multimem alone (`all`), which adds in an
    order of its own. What is published is stored behind a fence, by vectors whose elements are polled each by itself.

    Left out, with an error: pools other than of SMs, and of more than a GPU of the kind has, stores by copy engines, expectations from a table, loops and
    conditions, products of what is loaded together with others on sm_90a, or behind whose load something orders memory.
  }];
  let options = [
    Option<"chip", "chip", "std::string", "\"sm_90a\"", "sm_80, sm_90a or sm_100a">,
    Option<"multicast", "multicast", "std::string", "\"loop\"", "loop, stores or all">
  ];
  let statistics = [Statistic<"numEntries", "num-entries", "Functions made">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::gpu::GPUDialect", "::mlir::LLVM::LLVMDialect",
    "::mlir::NVVM::NVVMDialect", "::mlir::scf::SCFDialect", "::mlir::vector::VectorDialect", "::plait::rt::RtDialect"
  ];
}

def VerifyCudaPass : Pass<"plait-verify-cuda", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the cuda phase";
  let description = [{
    Only ops of the llvm and nvvm dialects in each `gpu.module`; no function without a
    body; every `rt.kernel` has its entries, unless it is that of a `kernel.func` that is
    for the host, or `partial`.
  }];
  let options = [Option<"partial", "partial", "bool", "false", "Kernels may be left without code">];
}

#endif // PLAIT_CUDA_PASSES
