// Order is that of the memory model's atomics, as the ops say; tiles are copied, and computed by kernels.
//
// RUN: plait-opt %s --plait-generate-cpu-protocols --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cpu-protocols='delays' --canonicalize --cse | FileCheck %s --check-prefix=DELAYS
// RUN: sed 's/multicast : !overlap.counter/multicast relaxed : !overlap.counter/; s/overlap.wait %c.%i./& relaxed/' %s | plait-opt --plait-generate-cpu-protocols --canonicalize --cse | FileCheck %s --check-prefix=RELAXED
// RUN: not plait-opt %s --plait-generate-cpu-protocols='lanes=5' -o /dev/null 2>&1 | FileCheck %s --check-prefix=LANES
//
// In the end there is nothing but LLVM's dialect, an object of which has no undefined symbols and exports programs.
// RUN: plait-opt %s --plait-cpu-protocols-pipeline -o %t.mlir
// RUN: plait-translate --to-object --object-target=cpu:x86-64-v3 %t.mlir -o %t.o
// RUN: llvm-nm %t.o | FileCheck %s --check-prefix=SYMBOLS
// RUN: not plait-translate --to-object %s 2>&1 | FileCheck %s --check-prefix=DIALECT
// RUN: not plait-translate --to-object --object-target=cpu:z80 %t.mlir 2>&1 | FileCheck %s --check-prefix=TARGET

// CHECK-NOT: par.mesh
// CHECK-NOT: overlap.
// CHECK: llvm.func internal @one_shot_part0(%[[CALL:.*]]: !llvm.ptr)
// Places of worker k are k, k + 2, ...
// CHECK: scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}}
// CHECK-COUNT-2: llvm.atomicrmw add %{{.*}}, %{{.*}} release : !llvm.ptr, i32
// CHECK: scf.while
// CHECK: llvm.load %{{.*}} atomic acquire {alignment = 4 : i64} : !llvm.ptr -> i32
// CHECK: scf.if
// CHECK: llvm.call @one_shot_tile0(
// Then the trigger: who begins with an index says so, and the body's additions are relaxed atomics.
// CHECK: scf.while
// CHECK: llvm.load %{{.*}} atomic monotonic {alignment = 4 : i64} : !llvm.ptr -> i32
// CHECK: llvm.load %{{.*}} atomic acquire {alignment = 4 : i64} : !llvm.ptr -> i32
// CHECK: llvm.cmpxchg %{{.*}}, %{{.*}}, %{{.*}} monotonic monotonic : !llvm.ptr, i32
// CHECK: llvm.atomicrmw fadd %{{.*}}, %{{.*}} monotonic : !llvm.ptr, f32
// Rows of lm.rms_norm, as of any kernel.
// CHECK: llvm.func internal @one_shot_tile0(
// What is behind the region is a part of its own.
// CHECK: llvm.func internal @one_shot_part1(
// CHECK: llvm.mlir.global internal constant @one_shot_parts()
// CHECK: llvm.mlir.global external constant @one_shot()
// Its size, memory (4 slots of 1024 bytes, 2 counters and a trigger's), 2 parts, 2 ranks, 2 arguments, a result.
// CHECK-DAG: llvm.mlir.constant(48 : i64)
// CHECK-DAG: llvm.mlir.constant(5120 : i64)
// CHECK-DAG: llvm.mlir.addressof @one_shot_parts

// DELAYS-LABEL: @one_shot_part0(
// DELAYS: llvm.call %{{.*}}(%{{.*}}) : !llvm.ptr, (!llvm.ptr) -> ()
// RELAXED: llvm.atomicrmw add %{{.*}}, %{{.*}} monotonic : !llvm.ptr, i32
// RELAXED: llvm.load %{{.*}} atomic monotonic
// LANES: error: expected lanes to be 4, 8 or 16 but got 5
// SYMBOLS-NOT: {{ U }}
// SYMBOLS: {{ [DR] }}one_shot{{$}}
// SYMBOLS-NOT: {{ [DRTU] }}
// DIALECT: error: 'par.mesh' op expected only ops of the llvm dialect in an object
// TARGET: z80

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @one_shot(%x: tensor<2x40xf32>, %g: !lm.weight<40, #lm.f32>) -> tensor<2x40xf32> on @mesh["tp"] replicated [1] {
  %z = arith.constant 0 : index
  %in = overlap.alloc : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 1>
  %more = overlap.alloc : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  %d = overlap.track expect affine_map<(i)[n] -> (1)> : !overlap.counter<[2], gpu>
  %own = overlap.view %in own : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x40xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x40xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x40xf32, own>
  %sums = overlap.view %more own : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x40xf32, own>
  overlap.region pool(<threads = 3>) {
    overlap.tiles (%i) in [2] pool(<threads = 2>) {
      %v = overlap.slice %x[%i, %z] : tensor<2x40xf32> -> tensor<1x40xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x40xf32> into !overlap.view<2x40xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x40xf32, multicast> -> tensor<1x40xf32>
      %n = lm.rms_norm %s, %g eps 1.0e-5 : tensor<1x40xf32>, !lm.weight<40, #lm.f32>
      overlap.put %n into %result[%i, %z] : tensor<1x40xf32> into !overlap.view<2x40xf32, own>
      overlap.arrive %d[%i] own : !overlap.counter<[2], gpu>
    }
    overlap.trigger %d (%i) token %t pool(<threads = 1>) : !overlap.counter<[2], gpu> {
      %v = overlap.load %result[%i, %z] after %t : !overlap.view<2x40xf32, own> -> tensor<1x40xf32>
      overlap.reduce_add %v into %sums[%i, %z] : tensor<1x40xf32> into !overlap.view<2x40xf32, own>
    }
  }
  %y = overlap.load %sums[%z, %z] : !overlap.view<2x40xf32, own> -> tensor<2x40xf32>
  overlap.return %y : tensor<2x40xf32>
}
