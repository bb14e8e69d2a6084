// RUN: plait-opt %s --plait-lower-imports | FileCheck %s

// context->imports lies at 16, context->runtime at 8, report_nonfinite behind
// struct_size.
// CHECK-LABEL: llvm.func @f(
// CHECK-SAME: %[[CONTEXT:.*]]: !llvm.ptr, %[[LEAF:.*]]: i64)
// CHECK: %[[AT:.*]] = llvm.getelementptr inbounds %[[CONTEXT]][16]
// CHECK: %[[IMPORTS:.*]] = llvm.load %[[AT]]
// CHECK: %[[MEMBER:.*]] = llvm.getelementptr inbounds %[[IMPORTS]][8]
// CHECK: %[[FUNCTION:.*]] = llvm.load %[[MEMBER]]
// CHECK: %[[FIELD:.*]] = llvm.getelementptr inbounds %[[CONTEXT]][8]
// CHECK: %[[RUNTIME:.*]] = llvm.load %[[FIELD]]
// CHECK: llvm.call %[[FUNCTION]](%[[RUNTIME]], %[[LEAF]]) : !llvm.ptr, (!llvm.ptr, i64) -> ()
llvm.func @f(%context: !llvm.ptr, %leaf: i64) {
  rt.report_nonfinite %context, %leaf : !llvm.ptr
  llvm.return
}
