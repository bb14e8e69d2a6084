// RUN: plait-opt %s --plait-emit-tables | FileCheck %s

// A collective is a launch of kernel -1, -2, ..., and a row of a table of its own; a
// part of a weight says where in its tensor it begins.
llvm.func @k(%context: !llvm.ptr, %buffers: !llvm.ptr, %dims: !llvm.ptr, %begin: i64, %end: i64, %step: i64) {
  llvm.return
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 1024 : i64, parameters = 0 : i64, rank = 1 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k tiles <count = 1, dim = 0, block = 4, cyclic = false>
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 512 : i64, layers = 2 : i64, offset = 0 : i64, panel = 32 : i64, rows = 32 : i64, row_begin = 33 : i64, source_rows = 65 : i64}
  rt.plan "ar" {
    rt.slot [64, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 barrier loop from "o_proj"
    rt.collective all_reduce <slot 0> elements [0, 16, 0, 0, 0, 0, 0, 0] layers 0 to 2 barrier from "o_proj"
    rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 barrier from "down_proj"
    rt.collective all_reduce <slot 0> elements [1, 8, 0, 0, 0, 0, 0, 0] layers 0 to 2 barrier from "down_proj"
  }
}

// CHECK: @plait_plan_0_args(dense<[1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0]>
// Kernel, first argument, arguments, barrier, layers, loop begin, source.
// CHECK: @plait_plan_0_launches(dense<[
// CHECK-SAME: 0, 0, 2, 1, 0, 2, 1, 0, -1, 2, 1, 1, 0, 2, 0, 0, 0, 3, 2, 1, 0, 2, 0, 1, -2, 5, 1, 1, 0, 2, 0, 1
// Kind, then the elements.
// CHECK: @plait_plan_0_collectives(dense<[0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, 8, 0, 0, 0, 0, 0, 0]>
// Row and column where the part begins, and the tensor's shape.
// CHECK-LABEL: llvm.mlir.global internal constant @plait_weights
// CHECK: llvm.mlir.constant(33 : i64)
// CHECK: llvm.mlir.constant(0 : i64)
// CHECK: llvm.mlir.constant(65 : i64)
// CHECK: llvm.mlir.constant(4 : i64)
// Rank and ranks come last.
// CHECK-LABEL: llvm.mlir.global internal constant @plait_model()
// CHECK: llvm.insertvalue {{.*}}[0, 20]
// CHECK-NEXT: llvm.mlir.constant(1 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 21]
// CHECK-NEXT: llvm.mlir.constant(2 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 22]
// CHECK-NEXT: llvm.return
