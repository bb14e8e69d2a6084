// The shape of what each family of kernels becomes. What it computes is tested
// by test/unit/compiler/Cpu*Test.cpp, which run the code.
//
// RUN: plait-opt %s --plait-generate-cpu-kernels --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16' --canonicalize --cse | FileCheck %s --check-prefix=WIDE
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=4 fma=false' --canonicalize --cse | FileCheck %s --check-prefix=NOFMA

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x60xf32, #lm.dims<tokens>>
!ff = tensor<?x2050xf32, #lm.dims<tokens>>
!leaves = tensor<?xi32, #lm.dims<leaves>>
!gain = !kernel.packed<!lm.weight<60, #lm.bf16>, panel = 0, group = 1>
!state = !lm.state<layers = 1, kv_heads = 3, head_dim = 20, f32>

// Each kernel's tiles are set.
// CHECK: rt.kernel @add tiles <count = 1, dim = 0, block = 1, cyclic = false>
// CHECK: rt.kernel @glu tiles <count = 3, dim = 0, block = 1, cyclic = false>
// CHECK: rt.kernel @rms tiles <count = 1, dim = 0, block = 1, cyclic = false>
// CHECK: rt.kernel @take tiles <count = 1, dim = 2, block = 64, cyclic = false>
// CHECK: rt.kernel @rope tiles <count = 1, dim = 0, block = 1, cyclic = false>
// CHECK: rt.kernel @attend tiles <count = 144, dim = 0, block = 48, cyclic = true>
rt.model @table attributes {family = "llama", numerics = "row_invariant", vocabulary = 1 : i64,
    max_positions = 1 : i64, layers = 1 : i64, pack_bytes = 0 : i64, parameters = 0 : i64} {
  rt.kernel @add
  rt.kernel @glu
  rt.kernel @rms
  rt.kernel @take
  rt.kernel @rope
  rt.kernel @attend
}

// Whole vectors in a loop, then a masked one: 60 = 7 * 8 + 4.
// CHECK-LABEL: llvm.func @add(
// CHECK-SAME: %{{.*}}: !llvm.ptr, %[[BUFFERS:.*]]: !llvm.ptr, %{{.*}}: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %[[STEP:.*]]: i64)
// CHECK-SAME: passthrough = ["no-builtins"]
// CHECK-DAG: %[[C60:.*]] = arith.constant 60 : i64
// CHECK-DAG: %[[C56:.*]] = arith.constant 56 : i64
// CHECK-DAG: %[[MASK:.*]] = arith.constant dense<[true, true, true, true, false, false, false, false]> : vector<8xi1>
// CHECK: %[[A:.*]] = llvm.load %[[BUFFERS]]
// CHECK: scf.for %[[TILE:.*]] = %[[BEGIN]] to %[[END]] step %[[STEP]]
// CHECK:   %[[BASE:.*]] = arith.muli %[[TILE]], %[[C60]]
// CHECK:   scf.for %{{.*}} = %{{.*}} to %[[C56]] step %{{.*}} : i64 {
// CHECK:     llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr -> vector<8xf32>
// CHECK:     arith.addf %{{.*}} : vector<8xf32>
// CHECK:     llvm.store %{{.*}} {alignment = 4 : i64} : vector<8xf32>, !llvm.ptr
// CHECK:   }
// CHECK:   %[[TAIL:.*]] = arith.addi %[[BASE]], %[[C56]]
// CHECK:   llvm.getelementptr inbounds %[[A]][%[[TAIL]]] : (!llvm.ptr, i64) -> !llvm.ptr, f32
// CHECK:   llvm.intr.masked.load {{.*}}, %[[MASK]], {{.*}} {alignment = 4 : i32}
// CHECK:   llvm.intr.masked.store {{.*}}, %[[MASK]] {alignment = 4 : i32}
// CHECK: llvm.return

// WIDE-LABEL: llvm.func @add(
// WIDE: arith.addf %{{.*}} : vector<16xf32>
kernel.func @add(%a: !x, %b: !x) -> !x attributes {cost = #cost} {
  %y = lm.add %a, %b : !x
  kernel.return %y : !x
}

// Wide rows are cut into tiles of 1024 columns; the last one has the tail.
// CHECK-LABEL: llvm.func @glu(
// CHECK: scf.for %[[TILE:.*]] =
// CHECK: arith.divui %[[TILE]]
// CHECK: arith.remui %[[TILE]]
// CHECK: arith.minsi
// CHECK: scf.for
// CHECK: scf.if
kernel.func @glu(%a: !ff, %b: !ff) -> !ff attributes {cost = #cost} {
  %y = lm.glu silu %a, %b : !ff
  kernel.return %y : !ff
}

// A sum has one order: four accumulators for seven vectors and the tail, joined
// pair by pair, then a tree of the lanes.
// CHECK-LABEL: llvm.func @rms(
// CHECK-COUNT-7: llvm.intr.fma
// CHECK: llvm.intr.masked.load
// CHECK: llvm.intr.fma
// CHECK-COUNT-3: arith.addf %{{.*}} : vector<8xf32>
// CHECK: vector.shuffle {{.*}} [0, 1, 2, 3] : vector<8xf32>
// CHECK: vector.shuffle {{.*}} [4, 5, 6, 7] : vector<8xf32>
// CHECK: vector.shuffle {{.*}} [0, 1] : vector<4xf32>
// CHECK: vector.extract
// CHECK: llvm.intr.sqrt
// CHECK-NOT: fastmath

// NOFMA-LABEL: llvm.func @rms(
// NOFMA-NOT: llvm.intr.fma
// NOFMA: arith.mulf %{{.*}} : vector<4xf32>
// NOFMA-NOT: llvm.intr.fma
// NOFMA: llvm.return
kernel.func @rms(%x: !x, %p: !gain) -> !x attributes {cost = #cost} {
  %g = kernel.unpack %p : !gain -> !lm.weight<60, #lm.bf16>
  %y = lm.rms_norm %x, %g eps 1.0e-5 : !x, !lm.weight<60, #lm.bf16>
  kernel.return %y : !x
}

// CHECK-LABEL: llvm.func @take(
// CHECK: llvm.load %{{.*}} : !llvm.ptr -> i32
kernel.func @take(%x: !ids, %i: !leaves) -> !leaves attributes {cost = #cost} {
  %y = lm.take_rows %x, %i : !ids, !leaves
  kernel.return %y : !leaves
}

// Frequencies are a constant of the module, padded to whole vectors.
// CHECK: llvm.mlir.global internal constant @rope.frequencies({{.*}}tensor<16xf64>){{.*}} : !llvm.array<16 x f64>
// CHECK-LABEL: llvm.func @rope(
// CHECK: llvm.mlir.addressof @rope.frequencies
// CHECK: arith.truncf {{.*}} : vector<8xf64> to vector<8xf32>
kernel.func @rope(%x: !x, %p: !ids) -> !x attributes {cost = #cost} {
  %y = lm.rope %x, %p head_dim 20 theta 10000.0 : !x, !ids
  kernel.return %y : !x
}

// A state has one buffer, its rows two.
// CHECK-LABEL: llvm.func @attend(
// CHECK-COUNT-7: llvm.alloca
// CHECK-COUNT-6: llvm.load {{.*}} -> !llvm.ptr
// CHECK: scf.for
// Six queries of any tokens share a slice of sixteen keys, or of values.
// CHECK-COUNT-12: llvm.intr.fma
kernel.func @attend(%q: !x, %s: !state, %r: !lm.rows, %p: !ids) -> !x attributes {cost = #cost} {
  %y = lm.attend %q, %s, %r, %p scale 0.2 : !x, !state, !ids
  kernel.return %y : !x
}
