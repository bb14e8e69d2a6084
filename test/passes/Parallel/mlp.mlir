// A gated MLP of 80 columns: what Megatron-LM does by hand.
//
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition | FileCheck %s --check-prefixes=CHECK,RANK0
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition=rank=1 | FileCheck %s --check-prefixes=CHECK,RANK1
// RUN: plait-opt %s --plait-propagate-sharding --plait-insert-reshards | FileCheck %s --check-prefix=SHARDED
// RUN: plait-opt %s --plait-propagate-sharding --plait-insert-reshards --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// CHECK: par.mesh @mesh axes ["tp"] sizes [2]
// RANK0-SAME: rank 0
// RANK1-SAME: rank 1
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  // RANK0: lm.weight @gate from "gate" part <at = [0, 0], of = [80, 24]> : !lm.weight<40x24, #lm.bf16>
  // RANK1: lm.weight @gate from "gate" part <at = [40, 0], of = [80, 24]> : !lm.weight<40x24, #lm.bf16>
  lm.weight @gate from "gate" : !lm.weight<80x24, #lm.bf16>
  // RANK1: lm.weight @up from "up" part <at = [40, 0], of = [80, 24]> : !lm.weight<40x24, #lm.bf16>
  lm.weight @up from "up" : !lm.weight<80x24, #lm.bf16>
  // A bias of columns is split with them.
  // RANK1: lm.weight @up_bias from "up_bias" part <at = [40, 0], of = [80, 1]> : !lm.weight<40, #lm.f32>
  lm.weight @up_bias from "up_bias" : !lm.weight<80, #lm.f32>
  // RANK1: lm.weight @down from "down" part <at = [0, 40], of = [24, 80]> : !lm.weight<24x40, #lm.bf16>
  lm.weight @down from "down" : !lm.weight<24x80, #lm.bf16>
  lm.weight @down_bias from "down_bias" : !lm.weight<24, #lm.f32>
}
// SHARDED-LABEL: decode.step @s
// CHECK-LABEL: decode.step @s
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  // SHARDED: %[[W:.*]] = lm.get_weight @m::@gate
  // SHARDED-NEXT: par.constraint %[[W]] as <@mesh, [{"tp" : 0 to 40, 40 to 80}, {}]>
  %0 = lm.get_weight @m::@gate : !lm.weight<80x24, #lm.bf16>
  %1 = lm.get_weight @m::@up : !lm.weight<80x24, #lm.bf16>
  %2 = lm.get_weight @m::@up_bias : !lm.weight<80, #lm.f32>
  %3 = lm.get_weight @m::@down : !lm.weight<24x80, #lm.bf16>
  %4 = lm.get_weight @m::@down_bias : !lm.weight<24, #lm.f32>
  // CHECK: %[[G:.*]] = lm.linear %{{.*}} : tensor<?x24xf32, #lm.dims<tokens>>, <40x24, #lm.bf16>
  // SHARDED: %[[G:.*]] = lm.linear
  // SHARDED-NEXT: par.constraint %[[G]] as <@mesh, [{}, {"tp" : 0 to 40, 40 to 80}]> : tensor<?x80xf32, #lm.dims<tokens>>
  %g = lm.linear %x, %0 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<80x24, #lm.bf16>
  %u = lm.linear %x, %1 bias %2 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<80x24, #lm.bf16>, !lm.weight<80, #lm.f32>
  // CHECK: lm.glu silu %{{.*}} : tensor<?x40xf32, #lm.dims<tokens>>
  %h = lm.glu silu %g, %u : tensor<?x80xf32, #lm.dims<tokens>>
  // One rank adds the bias of a sum.
  // RANK0: %[[Y:.*]] = lm.linear %{{.*}} bias %{{.*}} : tensor<?x40xf32, #lm.dims<tokens>>, <24x40, #lm.bf16>, !lm.weight<24, #lm.f32>
  // RANK1: %[[Y:.*]] = lm.linear %{{[^ ]*}}, %{{[^ ]*}} : tensor<?x40xf32, #lm.dims<tokens>>, <24x40, #lm.bf16>
  // CHECK-NEXT: %[[S:.*]] = par.all_reduce %[[Y]] on @mesh ["tp"] : tensor<?x24xf32, #lm.dims<tokens>>
  // CHECK-NEXT: lm.add %{{.*}}, %[[S]]
  // CHECK-NOT: par.
  // SHARDED: %[[Y:.*]] = lm.linear {{.*}} : tensor<?x80xf32
  // SHARDED-NEXT: %[[C:.*]] = par.constraint %[[Y]] as <@mesh, [{}, {}], unreduced = {"tp"}>
  // SHARDED-NEXT: %[[S:.*]] = par.reshard %[[C]] from <@mesh, [{}, {}], unreduced = {"tp"}> to <@mesh, [{}, {}]>
  // SHARDED-NEXT: lm.add %{{.*}}, %[[S]]
  %y = lm.linear %h, %3 bias %4 : tensor<?x80xf32, #lm.dims<tokens>>, !lm.weight<24x80, #lm.bf16>, !lm.weight<24, #lm.f32> loc("mlp.down")
  %z = lm.add %x, %y : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x24xf32, #lm.dims<tokens>>
}
// REMARK-DAG: dimension of 80 of gate, up, up_bias, down (11840 bytes) is split: 40 40
// REMARK-DAG: dimension of 24 of gate, up, down, down_bias stays whole: decode.step needs it whole
// REMARK: loc("mlp.down"): [Analysis] Reshard {{.*}}96 bytes per row, for lm.add: it needs the sum
