// A scattered sum, the ops that follow it row by row and the gathering of what they make become one op.
//
// RUN: plait-opt %s -split-input-file --plait-fuse-all-reduce-epilogue --plait-verify-parallel | FileCheck %s
// RUN: plait-opt %s -split-input-file --plait-fuse-all-reduce-epilogue --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<8, #lm.f32>
}
// The weight comes after the sum, and what is kept is used behind the gathering.
// CHECK-LABEL: decode.step @residual
// CHECK-SAME: %[[P:[a-z0-9]+]]: tensor<?x8xf32, #lm.dims<tokens>>, %[[X:[a-z0-9]+]]: tensor<?x8xf32, #lm.dims<tokens_part>>
// CHECK-SAME: share_tokens = 16 : i64
// CHECK: %[[G:.*]] = lm.get_weight
// CHECK: %[[A:.*]], %[[R:.*]] = par.reduce_gather %[[P]] with(%[[X]]) {"tp" : even} on @mesh accumulate f64 : (tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens_part>>) -> (tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens_part>>) {
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: tensor<?x8xf32, #lm.dims<tokens_part>>, %[[OWN:.*]]: tensor<?x8xf32, #lm.dims<tokens_part>>):
// CHECK-NEXT: %[[S:.*]] = lm.add %[[OWN]], %[[SUM]]
// CHECK-NEXT: %[[N:.*]] = lm.rms_norm %[[S]], %[[G]]
// CHECK-NEXT: par.yield %[[N]], %[[S]]
// CHECK-NEXT: }
// CHECK-NEXT: lm.scale %[[A]]
// CHECK-NEXT: lm.scale %[[R]]
// REMARK-DAG: all_reduce, add, rms_norm are one; no machine is described that times could be predicted for
decode.step @residual(%p: !whole, %x: !part) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>], output_roles = []} {
  %s = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh accumulate f64 : !whole -> !part
  %r = lm.add %x, %s : !part
  %g = lm.get_weight @m::@gain : !lm.weight<8, #lm.f32>
  %n = lm.rms_norm %r, %g eps 1.0e-05 : !part, !lm.weight<8, #lm.f32>
  %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : !part -> !whole
  %b = lm.scale %a by 2.0 : !whole
  %c = lm.scale %r by 2.0 : !part
  decode.return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
!wide = tensor<?x16xf32, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<8, #lm.f32>
}
// The sum of nodes of a tree; ops that are not part of what is gathered stay behind it.
// CHECK-LABEL: decode.step @nodes
// CHECK: %[[A:.*]], %[[S:.*]] = par.reduce_gather %{{.*}} {"tp" : even} on @mesh nodes [1, 2, 3] of [0, 2, 3] : (tensor<?x16xf32, #lm.dims<tokens>>) -> (tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens_part>>)
// CHECK-NEXT: ^bb0(%[[SUM:.*]]: tensor<?x8xf32, #lm.dims<tokens_part>>):
// CHECK-NEXT: %[[N:.*]] = lm.rms_norm %[[SUM]]
// CHECK-NEXT: par.yield %[[N]], %[[SUM]]
// CHECK: lm.scale %[[S]]
decode.step @nodes(%p: !wide) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %g = lm.get_weight @m::@gain : !lm.weight<8, #lm.f32>
  %s = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh nodes [1, 2, 3] of [0, 2, 3] : !wide -> !part
  %c = lm.scale %s by 2.0 : !part
  %n = lm.rms_norm %s, %g eps 1.0e-05 : !part, !lm.weight<8, #lm.f32>
  %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : !part -> !whole
  decode.return
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<8, #lm.f32>
}
// Nothing row by row; the sum itself; nothing gathered; parts of columns; and one of another collective in between
// that what is gathered depends on.
// CHECK-LABEL: decode.step @nothing
// CHECK-NOT: par.reduce_gather
// REMARK-DAG: the sum stays by itself: what is gathered is the sum itself, or has rows of another size
// REMARK-DAG: the sum stays by itself: nothing row by row follows it
// REMARK-DAG: the sum stays by itself: what follows it row by row is not gathered in the same layer
// REMARK-DAG: the sum stays by itself: an op between the sum and the gathering needs one of the values in between
decode.step @nothing(%p: !whole, %x: !part) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>], output_roles = []} {
  %g = lm.get_weight @m::@gain : !lm.weight<8, #lm.f32>
  %s0 = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : !whole -> !part
  %a0 = par.all_gather %s0 dim 0 {"tp" : even} on @mesh : !part -> !whole
  %s1 = par.reduce_scatter %a0 dim 0 {"tp" : even} on @mesh : !whole -> !part
  %s2 = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : !whole -> !part
  %r2 = lm.add %x, %s2 : !part
  %s3 = par.reduce_scatter %p dim 1 {"tp" : 0 to 4, 4 to 8} on @mesh : !whole -> tensor<?x4xf32, #lm.dims<tokens>>
  %s4 = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : !whole -> !part
  %r4 = lm.scale %s4 by 2.0 : !part
  %b4 = par.all_gather %s4 dim 0 {"tp" : even} on @mesh : !part -> !whole
  %c4 = par.part %b4 dim 0 {"tp" : even} on @mesh : !whole -> !part
  %n4 = lm.add %r4, %c4 : !part
  %a4 = par.all_gather %n4 dim 0 {"tp" : even} on @mesh : !part -> !whole
  decode.return
}
