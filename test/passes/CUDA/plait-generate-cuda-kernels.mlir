// The shape of what each family of kernels becomes. Where what lies is computed by
// functions that test/unit/compiler/CudaIndexTest.cpp tests; that all of it is assembled,
// test/target/cuda.
//
// RUN: plait-opt %s --plait-generate-cuda-kernels --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cuda-kernels='chip=sm_80' --canonicalize --cse | FileCheck %s --check-prefix=MMA

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x192xf32, #lm.dims<tokens>>
!r = tensor<?x224xbf16, #lm.dims<tokens>>
!gain = !kernel.packed<!lm.weight<192, #lm.bf16>, panel = 0, group = 1>
!w = !kernel.packed<!lm.weight<192x192, #lm.bf16>, panel = 0, group = 1>

// What a launch must know. Sums do not depend on which entry computes them.
// CHECK: rt.kernel @add entries [#rt.entry<"add", rows = 0, threads = 64, shared = 0, grid = [<count = 1, dim = 0, block = 1, cyclic = false>]>]
// CHECK: rt.kernel @rms_round entries [#rt.entry<"rms_round", rows = 0, threads = 64, shared = 776, grid = [<count = 1, dim = 0, block = 1, cyclic = false>]>]
// CHECK: rt.kernel @linear_add entries [
// CHECK-SAME: #rt.entry<"linear_add_rows16", rows = 16, threads = 256, shared = 41024, grid = [<count = 3, dim = 0, block = 16, cyclic = false>], maps = [<buffer = 1, rows = 0, columns = 224, box = 16>, <buffer = 2, rows = 192, columns = 192, box = 64>]>
// CHECK-SAME: #rt.entry<"linear_add_rows64", rows = 64, threads = 256,
// CHECK-SAME: #rt.entry<"linear_add_rows256", rows = 256, threads = 384, shared = 196672, grid = [<count = 2, dim = 0, block = 256, cyclic = false>]
// CHECK-SAME: <buffer = 2, rows = 192, columns = 192, box = 128>
// MMA: rt.kernel @linear_add entries [
// MMA-SAME: #rt.entry<"linear_add_rows16", rows = 16, threads = 128, shared = 40960, grid = [<count = 3, dim = 0, block = 16, cyclic = false>]>
// MMA-SAME: #rt.entry<"linear_add_rows128", rows = 128, threads = 256,
rt.model @table attributes {family = "llama", numerics = "row_invariant", vocabulary = 1 : i64,
    max_positions = 1 : i64, layers = 1 : i64, pack_bytes = 0 : i64, parameters = 0 : i64} {
  rt.kernel @add
  rt.kernel @rms_round
  rt.kernel @linear_add
}

// Four columns a thread; a block past the last row does nothing.
// CHECK-LABEL: gpu.module @add [#nvvm.target<O = 3, chip = "sm_90a", features = "+ptx86">]
// CHECK: llvm.func @add(%[[A:.*]]: !llvm.ptr<1>, %[[B:.*]]: !llvm.ptr<1>, %[[Y:.*]]: !llvm.ptr<1>, %[[DIMS:.*]]: !llvm.ptr<1>)
// CHECK-SAME: nvvm.kernel
// CHECK-SAME: nvvm.reqntid = array<i32: 64, 1, 1>
// CHECK: %[[ROWS64:.*]] = llvm.load %[[DIMS]] {{.*}} -> i64
// CHECK: %[[BLOCK:.*]] = nvvm.read.ptx.sreg.ctaid.x
// CHECK: %[[ROWS:.*]] = arith.trunci %[[ROWS64]]
// CHECK: %[[IS:.*]] = arith.cmpi ult, %[[BLOCK]], %[[ROWS]]
// CHECK: scf.if %[[IS]]
// CHECK:   scf.if
// CHECK:     llvm.load {{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xf32>
// CHECK:     arith.addf %{{.*}}, %{{.*}} : vector<4xf32>
// CHECK:     llvm.store {{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK-NOT: fastmath
kernel.func @add(%a: !x, %b: !x) -> !x attributes {cost = #cost} {
  %y = lm.add %a, %b : !x
  kernel.return %y : !x
}

// A sum has one order: a thread's columns, lanes in pairs, warps one after the other. What
// passes from op to op lies in shared memory, behind a barrier.
// CHECK-LABEL: llvm.func @rms_round(
// CHECK: scf.for
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c1_i32
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c2_i32
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c4_i32
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c8_i32
// CHECK: nvvm.shfl.sync bfly %{{.*}}, %{{.*}}, %c16_i32
// CHECK: nvvm.barrier
// CHECK: arith.addf
// CHECK: llvm.intr.sqrt
// CHECK: llvm.store %{{.*}} : vector<4xf32>, !llvm.ptr<3>
// CHECK: nvvm.barrier
// CHECK: llvm.load %{{.*}} : !llvm.ptr<3> -> vector<4xf32>
// CHECK: arith.truncf %{{.*}} : vector<4xf32> to vector<4xbf16>
kernel.func @rms_round(%x: !x, %p: !gain) -> !r attributes {cost = #cost} {
  %g = kernel.unpack %p : !gain -> !lm.weight<192, #lm.bf16>
  %y = lm.rms_norm %x, %g eps 1.0e-5 : !x, !lm.weight<192, #lm.bf16>
  %z = lm.round %y to 224 : !x
  kernel.return %z : !r
}

// One warpgroup multiplies, another one's first thread has TMA copy two tiles a step.
// CHECK-LABEL: gpu.module @linear_add
// CHECK: llvm.func @linear_add_rows16(
// CHECK-SAME: !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK-COUNT-8: nvvm.mbarrier.init
// CHECK: nvvm.fence.mbarrier.init
// CHECK: nvvm.barrier
// CHECK: scf.for
// CHECK:   nvvm.mbarrier.try_wait.parity
// CHECK:   nvvm.wgmma.fence.aligned
// CHECK-COUNT-4: nvvm.wgmma.mma_async {{.*}}<m = 64, n = 16, k = 16>, D[<f32>, <one>], A[<bf16>, <one>, <row>], B[<bf16>, <one>, <col>]
// CHECK-NOT: nvvm.wgmma.mma_async
// CHECK:   nvvm.wgmma.commit.group.sync.aligned
// CHECK:   nvvm.wgmma.wait.group.sync.aligned 1
// CHECK:   nvvm.mbarrier.arrive
// CHECK: nvvm.wgmma.wait.group.sync.aligned 0
// CHECK: llvm.inline_asm has_side_effects asm_dialect = att "", "=f,=f,=f,=f,=f,=f,=f,=f,0,1,2,3,4,5,6,7,~{memory}"
// The residual of all of a thread's elements is loaded before any is stored.
// CHECK-COUNT-8: llvm.load %{{.*}} : !llvm.ptr<1> -> f32
// CHECK-COUNT-8: llvm.store %{{.*}} : f32, !llvm.ptr<1>
// CHECK: scf.for
// CHECK:   nvvm.mbarrier.try_wait.parity
// CHECK:   nvvm.mbarrier.arrive.expect_tx
// CHECK-COUNT-2: nvvm.cp.async.bulk.tensor.shared.cluster.global {{.*}}isCTAOnly = true
// CHECK: llvm.func @linear_add_rows256(
// CHECK: nvvm.setmaxregister increase 232
// CHECK: nvvm.wgmma.mma_async {{.*}}<m = 64, n = 256, k = 16>
// CHECK: nvvm.setmaxregister decrease 40

// Elsewhere all warps load and multiply.
// MMA-LABEL: gpu.module @linear_add [#nvvm.target<O = 3, chip = "sm_80", features = "+ptx80">]
// MMA-NOT: {{wgmma|mbarrier|tensor}}
// MMA: nvvm.cp.async.shared.global
// MMA: nvvm.cp.async.commit.group
// MMA: scf.for
// MMA:   nvvm.cp.async.wait.group 2
// MMA:   nvvm.barrier
// MMA:   nvvm.ldmatrix
// MMA:   nvvm.mma.sync {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>
kernel.func @linear_add(%h: !x, %x: !r, %p: !w) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %w = kernel.unpack %p : !w -> !lm.weight<192x192, #lm.bf16>
  %y = lm.linear %x, %w : !r, !lm.weight<192x192, #lm.bf16>
  %z = lm.add %h, %y : !x
  kernel.return %z : !x
}
