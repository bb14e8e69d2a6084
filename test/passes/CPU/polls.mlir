// What tells by itself that it is there: elements are stored by atomics that release, as the complement of their bits, and
// polled by ones that acquire; clearing is relaxed.
//
// RUN: plait-opt %S/../Overlap/lamport-all-reduce.mlir --plait-generate-cpu-protocols --canonicalize --cse | FileCheck %s

// CHECK: llvm.func internal @lamport_part0(
// To each of two ranks.
// CHECK: %[[NOT:.*]] = arith.xori %{{.*}}, %{{.*}} : i32
// CHECK: %[[WORD:.*]] = arith.maxui %[[NOT]], %{{.*}} : i32
// CHECK: llvm.store %[[WORD]], %{{.*}} atomic release {alignment = 4 : i64} : i32, !llvm.ptr
// CHECK: llvm.store %{{.*}}, %{{.*}} atomic release {alignment = 4 : i64} : i32, !llvm.ptr
// CHECK: llvm.store %{{.*}}, %{{.*}} atomic monotonic {alignment = 4 : i64} : i32, !llvm.ptr
// All of it, until none is zero.
// CHECK: scf.while
// CHECK: llvm.load %{{.*}} atomic acquire {alignment = 4 : i64} : !llvm.ptr -> i32
// Then the sum in order.
// CHECK: scf.if
// CHECK-COUNT-2: llvm.load %{{.*}} atomic monotonic {alignment = 4 : i64} : !llvm.ptr -> i32
// CHECK: arith.addf
// What is behind the region loads by common instructions.
// CHECK: llvm.func internal @lamport_part1(
// CHECK-NOT: atomic
