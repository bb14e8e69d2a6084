// RUN: plait-opt %s --plait-plan-launches | FileCheck %s

// A sum over a factor of an axis is one of a group of the replica's ranks. All ranks list the
// same groups, those that they are not in as well.
// CHECK: rt.model @main
// CHECK-SAME: rank = 1 : i64, ranks = 4 : i64
// CHECK: rt.group [0, 2]
// CHECK-NEXT: rt.group [1, 3]
// CHECK-NOT: rt.group
// CHECK: rt.collective{{ *}}all_reduce <slot 0> to <slot 0> rows "tokens" columns 4 group 1 layers 0 to 1
// CHECK-NOT: par.mesh
#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!embed = !kernel.packed<!lm.weight<32x4, #lm.bf16>, panel = 16, group = 2>
par.mesh @mesh axes ["dp", "tp"] sizes [2, 4] rank 1
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<32x4, #lm.bf16>
  lm.func @head(!h) -> !l
}
kernel.func @embed(%x: !ids, %p: !embed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.embed %x, %w : !ids, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !x
}
decode.step @ar(%ids: !ids, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = []} {
  %p = kernel.packed_weight @main::@embed : !embed
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !embed) -> !x
  %s = par.all_reduce %e on @mesh ["tp":(1)2] : !x
  decode.return
}
