// What a layer begins with row by row and gathers is computed at the end of the layer before it, the first
// time before the loop; the last layer is by itself, and ends with what followed the loop.
//
// RUN: plait-opt %s -split-input-file --plait-rotate-layers --plait-verify-parallel | FileCheck %s

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
// CHECK-LABEL: lm.model
lm.model @m family "t" numerics row_invariant max_positions 8 {
  // CHECK: lm.weight @gain from "gain.{layer}.w" layers 4 first 1 step 2
  // CHECK-NEXT: lm.weight @gain_next from "gain.{layer}.w" layers 3 first 3 step 2
  // CHECK-NEXT: lm.weight @gain_first from "gain.1.w" :
  lm.weight @gain from "gain.{layer}.w" layers 4 first 1 step 2 : !lm.weight<8, #lm.f32>
  lm.weight @last from "last" : !lm.weight<8, #lm.f32>
}
// CHECK-LABEL: decode.step @s
// CHECK-SAME: %[[E:[a-z0-9]+]]: tensor<?x8xf32, #lm.dims<tokens_part>>
// CHECK: %[[G0:.*]] = lm.get_weight @m::@gain_first
// CHECK: %[[N0:.*]] = lm.rms_norm %[[E]], %[[G0]]
// CHECK: %[[A0:.*]] = par.all_gather %[[N0]]
// CHECK: %[[L:.*]]:2 = lm.layers 0 to 3 iter(%[[X:.*]] = %[[E]], %[[A:.*]] = %[[A0]])
// CHECK-NEXT: %[[S:.*]] = par.reduce_scatter %[[A]]
// CHECK-NEXT: %[[R:.*]] = lm.add %[[X]], %[[S]]
// CHECK-NEXT: %[[G1:.*]] = lm.get_weight @m::@gain_next
// CHECK-NEXT: %[[N1:.*]] = lm.rms_norm %[[R]], %[[G1]]
// CHECK-NEXT: %[[A1:.*]] = par.all_gather %[[N1]]
// CHECK-NEXT: lm.yield %[[R]], %[[A1]]
// CHECK: %[[Z:.*]]:2 = lm.layers 3 to 4 iter(%[[X2:.*]] = %[[L]]#0, %[[A2:.*]] = %[[L]]#1)
// CHECK-NEXT: par.reduce_scatter %[[A2]]
// CHECK-NEXT: %[[R2:.*]] = lm.add %[[X2]]
// CHECK-NEXT: %[[G2:.*]] = lm.get_weight @m::@last
// CHECK-NEXT: %[[N2:.*]] = lm.rms_norm %[[R2]], %[[G2]]
// CHECK-NEXT: %[[A3:.*]] = par.all_gather %[[N2]]
// CHECK-NEXT: lm.yield %[[R2]], %[[A3]]
// CHECK-NOT: lm.rms_norm
// CHECK: lm.take_rows %[[Z]]#1
decode.step @s(%e: !part, %leaves: tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x8xf32, #lm.dims<leaves>>)
    attributes {input_roles = [#decode.role<hidden>, #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %h = lm.layers 0 to 4 iter(%x = %e) : !part {
    %g = lm.get_weight @m::@gain : !lm.weight<8, #lm.f32>
    %n = lm.rms_norm %x, %g eps 1.0e-05 : !part, !lm.weight<8, #lm.f32>
    %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : !part -> !whole
    %s = par.reduce_scatter %a dim 0 {"tp" : even} on @mesh : !whole -> !part
    %r = lm.add %x, %s : !part
    lm.yield %r : !part
  }
  %gl = lm.get_weight @m::@last : !lm.weight<8, #lm.f32>
  %f = lm.rms_norm %h, %gl eps 1.0e-05 : !part, !lm.weight<8, #lm.f32>
  %z = par.all_gather %f dim 0 {"tp" : even} on @mesh : !part -> !whole
  %l = lm.take_rows %z, %leaves : !whole, tensor<?xi32, #lm.dims<leaves>>
  decode.return %l : tensor<?x8xf32, #lm.dims<leaves>>
}

// -----

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain.{layer}" layers 4 : !lm.weight<8, #lm.f32>
}
// Without something gathered behind it, or with nothing but the value itself gathered, a loop stays as it is.
// CHECK-LABEL: decode.step @two
// CHECK: lm.layers 0 to 1
// CHECK-NEXT: par.all_gather
// CHECK: lm.layers 2 to 4
// CHECK-NEXT: lm.get_weight @m::@gain :
decode.step @two(%e: !part) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %h = lm.layers 0 to 1 iter(%x = %e) : !part {
    %a = par.all_gather %x dim 0 {"tp" : even} on @mesh : !part -> !whole
    %s = par.reduce_scatter %a dim 0 {"tp" : even} on @mesh : !whole -> !part
    %r = lm.add %x, %s : !part
    lm.yield %r : !part
  }
  %i = lm.layers 2 to 4 iter(%x = %h) : !part {
    %g = lm.get_weight @m::@gain : !lm.weight<8, #lm.f32>
    %n = lm.rms_norm %x, %g eps 1.0e-05 : !part, !lm.weight<8, #lm.f32>
    %a = par.all_gather %n dim 0 {"tp" : even} on @mesh : !part -> !whole
    %s = par.reduce_scatter %a dim 0 {"tp" : even} on @mesh : !whole -> !part
    %r = lm.add %x, %s : !part
    lm.yield %r : !part
  }
  decode.return
}
