// The order of sums that devices may share out does not depend on how many there are.
//
// RUN: plait-opt %s -split-input-file --plait-declare-trees --remarks-filter='plait-declare.*' 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: plait-opt %s -split-input-file --plait-declare-trees --plait-propagate-sharding --plait-partition | FileCheck %s --check-prefixes=RANK0,RANK
// RUN: plait-opt %s -split-input-file --plait-declare-trees --plait-propagate-sharding --plait-partition=rank=1 --plait-verify-parallel | FileCheck %s --check-prefixes=RANK1,RANK

// REMARK: the sum over 96 columns is a tree over 24 leaves of 4 columns
// REMARK-NOT: columns

par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics tp_invariant max_positions 8 {
  lm.weight @gate from "gate" : !lm.weight<96x24, #lm.bf16>
  lm.weight @down from "down" : !lm.weight<24x96, #lm.bf16>
  lm.weight @bias from "bias" : !lm.weight<24, #lm.f32>
}
// CHECK-LABEL: decode.step @s
// RANK-LABEL: decode.step @s
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@gate : !lm.weight<96x24, #lm.bf16>
  %1 = lm.get_weight @m::@down : !lm.weight<24x96, #lm.bf16>
  %2 = lm.get_weight @m::@bias : !lm.weight<24, #lm.f32>
  // The residual stream is whole on every device: a chain.
  // CHECK: lm.linear %{{.*}} tree <granule = 24, first = 0, of = 1>
  // RANK: lm.linear %{{.*}} tree <granule = 24, first = 0, of = 1> : tensor<?x24xf32, #lm.dims<tokens>>
  %g = lm.linear %x, %0 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<96x24, #lm.bf16>
  // CHECK: lm.linear %{{.*}} bias %{{.*}} tree <granule = 4, first = 0, of = 24>
  // Leaves 0 to 8, which are a node, and 8 to 24, which are two.
  // RANK0: %[[Y:.*]] = lm.linear %{{.*}} bias %{{.*}} tree <granule = 4, first = 0, of = 24> : tensor<?x32xf32, #lm.dims<tokens>>, <24x32, #lm.bf16>
  // RANK1: %[[Y:.*]] = lm.linear %{{[^ ]*}}, %{{[^ ]*}} tree <granule = 4, first = 8, of = 24> : tensor<?x64xf32, #lm.dims<tokens>>, <24x64, #lm.bf16>
  // RANK0-NEXT: %[[S:.*]] = par.all_reduce %[[Y]] on @mesh ["tp"] nodes [8, 16, 24] of [0, 1, 3] : tensor<?x24xf32, #lm.dims<tokens>>{{$}}
  // RANK1-NEXT: %[[S:.*]] = par.all_reduce %[[Y]] on @mesh ["tp"] nodes [8, 16, 24] of [0, 1, 3] : tensor<?x48xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens>>
  // RANK-NEXT: lm.add %{{.*}}, %[[S]]
  %y = lm.linear %g, %1 bias %2 : tensor<?x96xf32, #lm.dims<tokens>>, !lm.weight<24x96, #lm.bf16>, !lm.weight<24, #lm.f32>
  %z = lm.add %x, %y : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x24xf32, #lm.dims<tokens>>
}

// -----

// Nothing is declared where nothing asks for it.
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @w from "w" : !lm.weight<24x24, #lm.bf16>
}
// CHECK-LABEL: decode.step @t
decode.step @t(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@w : !lm.weight<24x24, #lm.bf16>
  // CHECK-NOT: tree
  %g = lm.linear %x, %0 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24x24, #lm.bf16>
  // CHECK: decode.return
  decode.return %g : tensor<?x24xf32, #lm.dims<tokens>>
}
