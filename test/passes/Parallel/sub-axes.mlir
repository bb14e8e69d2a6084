// Collectives over some of the ranks, up to where they could be carried out.
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition=rank=1 --plait-verify-parallel | FileCheck %s --check-prefixes=CHECK,ONE
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition=rank=2 --plait-verify-parallel | FileCheck %s --check-prefixes=CHECK,TWO

// Ranks 0 and 1 have the first part, 2 and 3 the second one.
par.mesh @mesh axes ["tp"] sizes [4]
// ONE: lm.weight @up {{.*}} part <at = [0, 0], of = [64, 32]> : !lm.weight<32x32
// ONE: lm.weight @down {{.*}} part <at = [0, 0], of = [32, 64]> : !lm.weight<32x32
// TWO: lm.weight @up {{.*}} part <at = [32, 0], of = [64, 32]> : !lm.weight<32x32
// TWO: lm.weight @down {{.*}} part <at = [0, 32], of = [32, 64]> : !lm.weight<32x32
// CHECK-LABEL: decode.step @sub_axis
// CHECK: par.all_reduce %{{.*}} on @mesh ["tp":(1)2] : tensor<?x32xf32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @sub_axis(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{"tp":(1)2 : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}
