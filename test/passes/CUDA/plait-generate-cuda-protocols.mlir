// Programs of ranks become functions for a GPU: what is between regions comes before and behind them.
//
// RUN: plait-opt %s --plait-generate-cuda-protocols --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cuda-protocols='multicast=stores' | FileCheck %s --check-prefix=STORES
// RUN: plait-opt %s --plait-generate-cuda-protocols='multicast=all' | FileCheck %s --check-prefix=ALL
// RUN: plait-opt %s --plait-generate-cuda-protocols='chip=sm_80' | FileCheck %s --check-prefix=OLD
// RUN: not plait-opt %s --plait-generate-cuda-protocols='chip=sm_80 multicast=all' 2>&1 | FileCheck %s --check-prefix=NONE

par.mesh @mesh axes ["tp"] sizes [2]

overlap.program @two_shot(%x: tensor<4x8xf32>) -> tensor<4x8xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %n = overlap.num_ranks
  %in = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[4], sys>
  %d = overlap.track expect affine_map<(i) -> (4)> : !overlap.counter<[1], sys>
  %own = overlap.view %in own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 2> -> !overlap.view<4x8xf32, multicast>
  %sums = overlap.view %out multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x8xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x8xf32, own>
  overlap.region pool(<sms = 4>) {
    overlap.tiles (%i) in [4] order affine_map<(i)[r] -> ((i + r) mod 4)> pool(<sms = 2>) {
      %v = overlap.slice %x[%i, %z] : tensor<4x8xf32> -> tensor<1x8xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x8xf32> into !overlap.view<4x8xf32, own>
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[4], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 1>) : !overlap.counter<[4], sys> {
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<4x8xf32, multicast> -> tensor<1x8xf32>
      overlap.put %s into %sums[%i, %z] by tma : tensor<1x8xf32> into !overlap.view<4x8xf32, multicast>
      overlap.quiet written
      overlap.arrive %d[%z] multicast : !overlap.counter<[1], sys>
    }
  }
  %t = overlap.wait %d[%z] : !overlap.counter<[1], sys>
  %y = overlap.load %result[%z, %z] after %t : !overlap.view<4x8xf32, own> -> tensor<4x8xf32>
  overlap.return %y : tensor<4x8xf32>
}

// Two slots of 1024 bytes, one, and lines for two counters and for who has begun what.
// CHECK: gpu.module @two_shot [#nvvm.target<{{.*}}chip = "sm_90a"
// CHECK-SAME: overlap.entries = [#rt.entry<"two_shot_0", rows = 0, threads = 64, shared = {{[0-9]+}}, grid = [<count = 2, {{.*}}>, <count = 1, {{.*}}>]>,
// CHECK-SAME: #rt.entry<"two_shot_1", rows = 0, threads = 64, {{.*}} grid = [<count = 4, {{.*}}>]>], overlap.memory = 4096 : i64
// CHECK: llvm.func @two_shot_0(%{{.*}}: !llvm.ptr<1>, %{{.*}}: !llvm.ptr<1>, %[[TEAM:.*]]: !llvm.ptr {llvm.align = 8 : i64, llvm.byval = !llvm.array<18 x i64>, nvvm.grid_constant}, %[[EPOCH:.*]]: i32)
// The tiles' pool: an arrival is behind a barrier, and has order and scope.
// CHECK: nvvm.barrier
// CHECK: llvm.inline_asm has_side_effects {{.*}}"red.release.sys.global.add.u32 [$0], $1;", "l,r,~{memory}"
// The trigger's: whoever finds an index complete takes it.
// CHECK: scf.while
// CHECK: "ld.relaxed.gpu.global.u32 $0, [$1];"
// CHECK: "ld.acquire.sys.global.u32 $0, [$1];"
// CHECK: "atom.relaxed.gpu.global.cas.b32 $0, [$1], $2, $3;"
// CHECK: nvvm.barrier
// One load for each rank before the first sum, then copies in bulk, which are waited for.
// CHECK: arith.addf
// CHECK: "fence.proxy.async.shared::cta;"
// CHECK: nvvm.barrier
// CHECK-COUNT-2: "cp.async.bulk.global.shared::cta.bulk_group [$0], [$1], $2;", "l,r,r,~{memory}"
// CHECK: "cp.async.bulk.commit_group;"
// CHECK: "cp.async.bulk.wait_group.read 0;"
// CHECK: "cp.async.bulk.wait_group 0;"
// CHECK: "fence.proxy.async.global;"
// CHECK: nvvm.barrier
// CHECK: "red.release.sys.global.add.u32 [$0], $1;"
// CHECK: llvm.func @two_shot_1(
// CHECK: ld.acquire.sys.global.u32 %count, [$0];
// CHECK: nvvm.barrier
// CHECK-NOT: overlap.program

// STORES: arith.addf
// STORES: "multimem.st.weak.global.v4.f32 [$0], {$1, $2, $3, $4};"
// STORES: "multimem.red.release.sys.global.add.u32 [$0], $1;"
// ALL: "multimem.ld_reduce.weak.global.add.v4.f32 {$0, $1, $2, $3}, [$4];", "=f,=f,=f,=f,l,~{memory}"
// OLD-NOT: cp.async.bulk
// OLD: "red.release.sys.global.add.u32 [$0], $1;"
// NONE: error: expected multicast to be loop, or, for sm_90a, stores or all, but got 'all'
