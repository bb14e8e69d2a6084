// Tables of tokens and of positions, both shared out: the sum of what a rank finds in its
// parts is summed up over the ranks once.
//
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition=rank=1 | FileCheck %s

par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  // CHECK: lm.weight @tokens from "tokens" part <at = [32, 0], of = [64, 32]> : !lm.weight<32x32, #lm.f32>
  lm.weight @tokens from "tokens" : !lm.weight<64x32, #lm.f32>
  // CHECK: lm.weight @positions from "positions" part <at = [4, 0], of = [9, 32]> : !lm.weight<5x32, #lm.f32>
  lm.weight @positions from "positions" : !lm.weight<9x32, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<32, #lm.f32>
}
!ids = tensor<?xi32, #lm.dims<tokens>>
// CHECK-LABEL: decode.step @s
decode.step @s(%ids: !ids, %pos: !ids) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@tokens : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@positions : !lm.weight<9x32, #lm.f32>
  %g = lm.get_weight @m::@gain : !lm.weight<32, #lm.f32>
  // CHECK: %[[T:.*]] = lm.embed {{.*}} {first = 32 : i64}
  %t = lm.embed %ids, %0 : !ids, !lm.weight<64x32, #lm.f32>
  // CHECK-NEXT: %[[P:.*]] = lm.embed {{.*}} {first = 4 : i64}
  %p = lm.embed %pos, %1 : !ids, !lm.weight<9x32, #lm.f32>
  // CHECK-NEXT: %[[X:.*]] = lm.add %[[T]], %[[P]]
  // CHECK-NEXT: %[[S:.*]] = par.all_reduce %[[X]] on @mesh ["tp"]
  // CHECK-NOT: par.
  %x = lm.add %t, %p : tensor<?x32xf32, #lm.dims<tokens>>
  %y = lm.rms_norm %x, %g eps 1.0e-5 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<32, #lm.f32>
  decode.return %y : tensor<?x32xf32, #lm.dims<tokens>>
}
