//===- Passes.td - Passes of the CPU target ----------------*- tablegen -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_CPU_PASSES
#define PLAIT_CPU_PASSES

include "mlir/Pass/PassBase.td"

def GenerateCpuKernelsPass : Pass<"plait-generate-cpu-kernels", "::mlir::ModuleOp"> {
  let summary = "Replaces each kernel.func by the CPU code of its ops";
  let description = [{
    Makes a function of type plait_kernel_fn_v1 of each `kernel.func`: a loop over
    tiles in scf, arith, vector and llvm ops, written by the compute ops'
    `CpuKernelOpInterface`, or `CpuRowKernelOpInterface` if there are several that
    work row by row. Before:

    ```mlir
    kernel.func @rms(%x: tensor<?x192xf32, #lm.dims<tokens>>, %p: !kernel.packed<...>) -> tensor<...> {
      %g = kernel.unpack %p : ...
      %y = lm.rms_norm %x, %g eps 1.0e-5 : ...
      kernel.return %y : ...
    }
    ```
    After:

    ```mlir
    llvm.func @rms(%context: !llvm.ptr, %buffers: !llvm.ptr, %dims: !llvm.ptr, %begin: i64, %end: i64, %step: i64) {
      %x = llvm.load ...
      scf.for %tile = %begin to %end step %step : i64 { ... }
      llvm.return
    }
    ```
    The `rt.kernel` of the same name, if there is one, gets its `tiles`.

    The code for `lanes` 4 needs SSE2, for 8 AVX2, for 16 AVX-512; `fma` says
    whether the target has fused multiply-add, and decides the bits of results.
    Products of bf16 by bf16
    need `tiles`: `amx`, or `emulated`, which computes the same bits with vectors
    on any target that has fused multiply-add, slowly; or `pairs`: `avx512`, or
    `emulated` likewise.

    With `bytes`, in a module whose `rt.model`s have numerics `fast`, products of `!lm.int16` by integers
    round the input of more than 4 rows to 8 bits: **tolerance** 4e-3 of the largest number of its group.
  }];
  let options = [
    Option<"lanes", "lanes", "unsigned", /*default=*/"8", "f32 per vector register: 4, 8 or 16">,
    Option<"fma", "fma", "bool", /*default=*/"true", "Fuse multiplications with additions">,
    Option<"tiles", "tiles", "::plait::TileUnit", /*default=*/"::plait::TileUnit::none", "What multiplies bf16 by bf16",
           [{::llvm::cl::values(clEnumValN(::plait::TileUnit::none, "none", "nothing"),
                                clEnumValN(::plait::TileUnit::amx, "amx", "AMX tiles"),
                                clEnumValN(::plait::TileUnit::emulated, "emulated", "vector code with the bits of AMX tiles"))}]>,
    Option<"pairs", "pairs", "::plait::PairUnit", /*default=*/"::plait::PairUnit::none",
           "What multiplies bf16 by bf16 without tiles",
           [{::llvm::cl::values(clEnumValN(::plait::PairUnit::none, "none", "nothing"),
                                clEnumValN(::plait::PairUnit::avx512, "avx512", "AVX512-BF16"),
                                clEnumValN(::plait::PairUnit::emulated, "emulated", "code with the bits of AVX512-BF16"))}]>,
    Option<"bytes", "bytes", "::plait::ByteUnit", /*default=*/"::plait::ByteUnit::none",
           "What multiplies integers by the upper bytes of many rows",
           [{::llvm::cl::values(clEnumValN(::plait::ByteUnit::none, "none", "nothing"),
                                clEnumValN(::plait::ByteUnit::vnni, "vnni", "AVX512-VNNI"),
                                clEnumValN(::plait::ByteUnit::emulated, "emulated", "code with the bits of AVX512-VNNI"))}]>
  ];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::plait::rt::RtDialect"
  ];
}

def GenerateCpuProtocolsPass : Pass<"plait-generate-cpu-protocols", "::mlir::ModuleOp"> {
  let summary = "Replaces the module by the CPU code of its overlap.programs";
  let description = [{
    Makes of each `overlap.program` a constant `plait_protocol_v1_t` (plait-abi/Protocol.h) of its name: each region becomes
    a function, and so does what is between regions. A rank runs them in order, once for each epoch, each on as many
    threads as its pools have workers, whatever these are. All else goes: steps, models, meshes and what programs
    implement. Before:

    ```mlir
    overlap.program @all_reduce(%x: tensor<8x192xf32>) -> tensor<8x192xf32> on @mesh["tp"] {
      ...
      overlap.region pool(<threads = 8>) {
        overlap.tiles (%i) in [8] pool(<threads = 8>) {
          ...
          overlap.arrive %c[%i] peer %o : !overlap.counter<[8], sys>
          %t = overlap.wait %c[%i] : !overlap.counter<[8], sys>
          %v = overlap.load_reduce %all[%i, %z] after %t : ...
          %n = lm.rms_norm %v, %g eps 1.0e-05 : ...
    ```
    After:

    ```mlir
    llvm.func internal @all_reduce_tile0(...)        // rows of lm.rms_norm, as of any kernel
    llvm.func internal @all_reduce_part0(%call: !llvm.ptr) {
      ...
      llvm.atomicrmw add %counter, %one release : !llvm.ptr, i32
      scf.while ... llvm.load %counter atomic acquire {alignment = 4 : i64} : !llvm.ptr -> i32
      ...
      llvm.call @all_reduce_tile0(...)
    llvm.mlir.global external constant @all_reduce() ...
    ```
    Tiles of symmetric memory are read and written by plain instructions, and `overlap.reduce_add` adds by relaxed atomics.
    Arrivals are atomic additions that release, waits atomic loads that acquire; where the op says `relaxed`,
    so are they. Stores by engines are the thread's own, so `overlap.quiet` is nothing. A trigger's workers take whichever
    index is complete and not begun. A tile that is loaded is copied into the worker's own memory; what `lm` ops compute
    is a kernel of the same code, options and bits as `plait-generate-cpu-kernels` makes. Weights are in panels of 32 rows.

    With `delays` the code calls the host between all memory operations, which may hold it up: for tests.

    Left out, with an error: expectations from a table, loops and conditions, slices of weights that cut panels, other
    elements than f32.
  }];
  let options = [
    Option<"lanes", "lanes", "unsigned", /*default=*/"8", "f32 per vector register: 4, 8 or 16">,
    Option<"fma", "fma", "bool", /*default=*/"true", "Fuse multiplications with additions">,
    Option<"delays", "delays", "bool", /*default=*/"false", "Call the host between memory operations">
  ];
  let statistics = [Statistic<"numParts", "num-parts", "Functions made, without kernels">];
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect",
    "::mlir::vector::VectorDialect", "::plait::kernel::KernelDialect"
  ];
}

def LowerImportsPass : Pass<"plait-lower-imports", "::mlir::ModuleOp"> {
  let summary = "Lowers the rt ops that call the runtime to indirect calls";
  let description = [{
    A model binary has no undefined symbols: what it may call comes as a table of
    functions in the context that every kernel is given. Before:

    ```mlir
    rt.report_nonfinite %context, %leaf : !llvm.ptr
    ```
    After: loads `context->imports->report_nonfinite` and `context->runtime` and
    calls the one with the other and `%leaf`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def EmitTablesPass : Pass<"plait-emit-tables", "::mlir::ModuleOp"> {
  let summary = "Turns the rt.models into the constant tables of a model binary";
  let description = [{
    One global per table of include/plait-abi/Model.h and the function
    `plait_model_query` that returns those of a rank. There is an `rt.model` for each
    rank; ranks may have kernels in common. Needs the `llvm.func` and the tiles of
    every `rt.kernel`.
  }];
  let options = [Option<"isa", "isa", "std::string", "\"\"", "CPU features that the binary asks for, space separated">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def VerifyCpuPass : Pass<"plait-verify-cpu", "::mlir::ModuleOp"> {
  let summary = "Checks what holds after the cpu phase";
  let description = "Only ops of the llvm dialect, no undefined functions, and `plait_model_query`.";
}

#endif // PLAIT_CPU_PASSES
