// RUN: plait-opt %s -split-input-file --plait-emit-tables | FileCheck %s

// A collective is a launch of kernel -1, -2, ..., and a row of a table of its own; a
// part of a weight says where in its tensor it begins.
llvm.func @k(%context: !llvm.ptr, %buffers: !llvm.ptr, %dims: !llvm.ptr, %begin: i64, %end: i64, %step: i64) {
  llvm.return
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 1024 : i64, parameters = 0 : i64, rank = 1 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k tiles <count = 1, dim = 0, block = 4, cyclic = false>
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 512 : i64, layers = 2 : i64, offset = 0 : i64, panel = 32 : i64, rows = 32 : i64, row_begin = 33 : i64, source_rows = 65 : i64}
  rt.group [1, 0]
  rt.plan "ar" {
    rt.slot [64, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 barrier loop from "o_proj"
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [#rt.sum_range<1 : lamport>, #rt.sum_range<24 : two_shot>] layers 0 to 2 barrier from "o_proj"
    rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 barrier from "down_proj"
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 11 parts [0, 8, 11] layers 0 to 2 barrier from "down_proj"
    rt.collective all_reduce <slot 0> to <slot 1> rows "tokens" columns 4 nodes [2, 3, 4] of [0, 1, 3] layers 0 to 2 barrier from "down_proj"
    rt.collective all_to_all <slot 0> to <slot 1> rows "tokens" columns 7 parts [0, 4, 7] to_dim 1 layers 0 to 2 barrier from "down_proj"
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 9 order tree precision f64 group 0 layers 0 to 2 barrier from "down_proj"
  }
}

// CHECK: @plait_group_0(dense<[1, 0]> : tensor<2xi32>)
// From 1 row on lamport, from 24 on two shots.
// CHECK: @plait_plan_0_collective_0_algorithms()
// CHECK: llvm.mlir.constant(1 : i64)
// CHECK: llvm.mlir.constant(4 : i32)
// CHECK: llvm.mlir.constant(24 : i64)
// CHECK: llvm.mlir.constant(1 : i32)
// CHECK: @plait_plan_0_collective_1_parts(dense<[0, 8, 11]>
// CHECK: @plait_plan_0_collective_2_node_bounds(dense<[0, 1, 3]>
// CHECK: @plait_plan_0_collective_2_node_ends(dense<[2, 3, 4]>
// CHECK: @plait_plan_0_args(dense<[1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]>
// Kernel, first argument, arguments, barrier, layers, loop begin, source.
// CHECK: @plait_plan_0_launches(dense<[
// CHECK-SAME: 0, 0, 2, 1, 0, 2, 1, 0, 0, 0, -1, 2, 2, 1, 0, 2, 0, 0, 0, 0, 0, 4, 2, 1, 0, 2, 0, 1, 0, 0, -2, 6, 2, 1, 0, 2, 0, 1, 0, 0, -3, 8, 2, 1, 0, 2, 0, 1, 0, 0, -4, 10, 2, 1, 0, 2, 0, 1, 0, 0, -5, 12, 2, 1, 0, 2, 0, 1, 0, 0
// Kind, dim, rows, nodes, columns, and the tables.
// CHECK-LABEL: llvm.mlir.global internal constant @plait_plan_0_collectives()
// CHECK: llvm.mlir.constant(2 : i32)
// CHECK: llvm.mlir.constant(1 : i32)
// CHECK: llvm.mlir.constant(11 : i64)
// CHECK: llvm.mlir.addressof @plait_plan_0_collective_1_parts
// CHECK: llvm.mlir.constant(3 : i32)
// CHECK: llvm.mlir.constant(4 : i64)
// CHECK: llvm.mlir.addressof @plait_plan_0_collective_2_node_bounds
// CHECK: llvm.mlir.addressof @plait_plan_0_collective_2_node_ends
// Kind, dim, and behind the tables group, order, width and the other rank.
// CHECK: llvm.mlir.constant(4 : i32)
// CHECK-NEXT: llvm.insertvalue
// CHECK-NEXT: llvm.mlir.constant(1 : i32)
// CHECK: llvm.mlir.constant(7 : i64)
// CHECK: llvm.mlir.addressof @plait_plan_0_collective_3_parts
// CHECK: llvm.mlir.constant(-1 : i32)
// CHECK: llvm.mlir.constant(9 : i64)
// CHECK: llvm.mlir.constant(0 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[4, 8]
// CHECK-NEXT: llvm.mlir.constant(1 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[4, 9]
// CHECK-NEXT: llvm.mlir.constant(1 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[4, 10]
// CHECK-NEXT: llvm.mlir.constant(0 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[4, 11]
// Row and column where the part begins, and the tensor's shape.
// CHECK-LABEL: llvm.mlir.global internal constant @plait_weights
// CHECK: llvm.mlir.constant(33 : i64)
// CHECK: llvm.mlir.constant(0 : i64)
// CHECK: llvm.mlir.constant(65 : i64)
// CHECK: llvm.mlir.constant(4 : i64)
// Rank, ranks, the groups, and behind them code for a GPU come last.
// CHECK-LABEL: llvm.mlir.global internal constant @plait_model()
// CHECK: llvm.insertvalue {{.*}}[0, 20]
// CHECK-NEXT: llvm.mlir.constant(1 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 21]
// CHECK-NEXT: llvm.mlir.constant(2 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 22]
// CHECK-NEXT: llvm.mlir.addressof @plait_groups
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 23]
// CHECK-NEXT: llvm.mlir.constant(1 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 24]
// CHECK-NEXT: llvm.mlir.constant(-1 : i32)
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 25]
// CHECK-NEXT: llvm.mlir.zero
// CHECK-NEXT: llvm.insertvalue {{.*}}[0, 26]
// CHECK-NEXT: llvm.return

// -----

// Two ranks that have a kernel in common.
llvm.func @k(%c: !llvm.ptr, %b: !llvm.ptr, %d: !llvm.ptr, %begin: i64, %end: i64, %step: i64) {
  llvm.return
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k tiles <count = 1, dim = 0, block = 4, cyclic = false>
  rt.plan "ar" {
    rt.launch @k [] layers 0 to 1 barrier from "a"
  }
}
rt.model @main_0 attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 1 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k tiles <count = 1, dim = 0, block = 4, cyclic = false>
  rt.plan "ar" {
    rt.launch @k [] layers 0 to 1 barrier from "b"
  }
}
// CHECK-LABEL: llvm.mlir.global internal constant @plait_kernels
// CHECK: llvm.mlir.addressof @k
// CHECK-LABEL: llvm.mlir.global internal constant @plait_model()
// CHECK: llvm.mlir.addressof @[[$NAME:plait_string_[0-9]+]] : !llvm.ptr
// CHECK-LABEL: llvm.mlir.global internal constant @plait_rank1_kernels
// CHECK: llvm.mlir.addressof @k
// Whatever the rank, the name is one.
// CHECK-LABEL: llvm.mlir.global internal constant @plait_rank1_model()
// CHECK: llvm.mlir.addressof @[[$NAME]] : !llvm.ptr
// CHECK-LABEL: llvm.func @plait_model_query(%arg0: i32, %arg1: i32) -> !llvm.ptr
// CHECK: %[[NONE:.*]] = llvm.mlir.zero
// CHECK: %[[IS0:.*]] = llvm.icmp "eq" %arg1, %{{.*}}
// CHECK: %[[T0:.*]] = llvm.mlir.addressof @plait_model
// CHECK: %[[O0:.*]] = llvm.select %[[IS0]], %[[T0]], %[[NONE]]
// CHECK: %[[T1:.*]] = llvm.mlir.addressof @plait_rank1_model
// CHECK: %[[O1:.*]] = llvm.select %{{.*}}, %[[T1]], %[[O0]]
// CHECK: llvm.select %{{.*}}, %[[O1]], %[[NONE]]

// -----

// A kernel for a GPU has an image and entries, and no function.
rt.model @main attributes {chip = "sm_90a", family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @g entries [#rt.entry<"g_rows16", rows = 16, threads = 256, shared = 4096, grid = [<count = 3, dim = 0, block = 16, cyclic = false>], maps = [<buffer = 1, rows = 0, columns = 64, box = 8>]>] {image = "\7FELF", resources = array<i64: 24, 8, 40, 32>}
  rt.plan "ar" {
    rt.launch @g [] layers 0 to 1 barrier from "a"
  }
}
// CHECK: @plait_gpu_0_image("\7FELF"){{.*}}alignment = 64
// CHECK: @plait_gpu_0_0_grids()
// CHECK: llvm.mlir.constant(3 : i64)
// CHECK: llvm.mlir.constant(16 : i64)
// CHECK: @plait_gpu_0_0_maps()
// CHECK: llvm.mlir.constant(64 : i64)
// CHECK: llvm.mlir.constant(8 : i32)
// CHECK: @plait_gpu_0_entries()
// CHECK: llvm.mlir.addressof @plait_gpu_0_0_grids
// CHECK: llvm.mlir.addressof @plait_gpu_0_0_maps
// CHECK: llvm.mlir.constant(256 : i32)
// CHECK: llvm.mlir.constant(4096 : i32)
// CHECK: llvm.mlir.constant(24 : i32)
// CHECK: llvm.mlir.constant(40 : i32)
// CHECK: @plait_gpu_kernels()
// CHECK: llvm.mlir.addressof @plait_gpu_0_image
// CHECK: @plait_gpu()
// CHECK: llvm.mlir.addressof @plait_gpu_kernels
// CHECK: @plait_kernels()
// CHECK: llvm.mlir.zero
// CHECK: @plait_model()
// CHECK: llvm.mlir.addressof @plait_gpu :
