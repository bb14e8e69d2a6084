// RUN: plait-opt %s -split-input-file --plait-propagate-sharding | FileCheck %s
// RUN: plait-opt %s -split-input-file --plait-propagate-sharding --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Six query heads, three of which share a key/value head, over four ranks: key/value
// heads are on several ranks, and each rank's query heads use equally many of them.
// REMARK-DAG: dimension of 48 of q, k, o (7168 bytes) is split: 8 16 8 16
par.mesh @mesh axes ["tp"] sizes [4]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @q from "q.{layer}" layers 1 : !lm.weight<48x16, #lm.f32>
  lm.weight @k from "k.{layer}" layers 1 : !lm.weight<16x16, #lm.f32>
  lm.weight @o from "o.{layer}" layers 1 : !lm.weight<16x48, #lm.f32>
}
// CHECK-LABEL: decode.step @grouped
decode.step @grouped(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows,
                     %kv: !lm.state<layers = 1, kv_heads = 2, head_dim = 8, f32>, %x: tensor<?x16xf32, #lm.dims<tokens>>) -> (tensor<?x16xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  // CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 8, 0 to 8, 8 to 16, 8 to 16}]> : !lm.state
  // CHECK: lm.layers
  // CHECK-NEXT: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 8, 0 to 8, 8 to 16, 8 to 16}]> : !lm.state
  %y:2 = lm.layers 0 to 1 iter(%h = %x, %s = %kv) : tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 2, head_dim = 8, f32> {
    %wq = lm.get_weight @m::@q : !lm.weight<48x16, #lm.f32>
    // CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 8, 8 to 24, 24 to 32, 32 to 48}, {}]> : !lm.weight<48x16
    %wk = lm.get_weight @m::@k : !lm.weight<16x16, #lm.f32>
    // CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 8, 0 to 8, 8 to 16, 8 to 16}, {}]> : !lm.weight<16x16
    %wo = lm.get_weight @m::@o : !lm.weight<16x48, #lm.f32>
    %q = lm.linear %h, %wq : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<48x16, #lm.f32>
    %k = lm.linear %h, %wk : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<16x16, #lm.f32>
    %o, %s2 = lm.attention %q, %k, %k, %s, %rows, %pos scale 0.5 : tensor<?x48xf32, #lm.dims<tokens>>, tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 2, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    // CHECK: %[[Y:.*]] = lm.linear %{{.*}} : tensor<?x48xf32
    // CHECK-NEXT: par.constraint %[[Y]] as <@mesh, [{}, {}], unreduced = {"tp"}>
    %p = lm.linear %o, %wo : tensor<?x48xf32, #lm.dims<tokens>>, !lm.weight<16x48, #lm.f32>
    lm.yield %p, %s2 : tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 2, head_dim = 8, f32>
  }
  decode.return %y#0 : tensor<?x16xf32, #lm.dims<tokens>>
}

// -----

// Columns of integers that share a scale stay together: 5 groups of 32 over 2 ranks.
// REMARK-DAG: dimension of 160 of up, down ({{.*}} bytes) is split: 64 96
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<160x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x160, #lm.int4<group = 32>>
}
// CHECK-LABEL: decode.step @groups
decode.step @groups(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<160x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x160, #lm.int4<group = 32>>
  // CHECK: par.constraint %{{.*}} as <@mesh, [{}, {"tp" : 0 to 64, 64 to 160}]> : !lm.weight<32x160, #lm.int4<group = 32>>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<160x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x160xf32, #lm.dims<tokens>>, !lm.weight<32x160, #lm.int4<group = 32>>
  decode.return %y : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// A scale for whole rows: its columns cannot be split, so that nothing is.
// REMARK-DAG: dimension of 160 of up stays whole: lm.linear needs it whole
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<160x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x160, #lm.int8>
}
// CHECK-LABEL: decode.step @whole_rows
// CHECK-NOT: par.constraint
decode.step @whole_rows(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<160x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x160, #lm.int8>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<160x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x160xf32, #lm.dims<tokens>>, !lm.weight<32x160, #lm.int8>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Parts of the user's, 2:1:1, go wherever the factor goes.
// REMARK-DAG: dimension of 64 of up, down ({{.*}} bytes) is split: 32 16 16
par.mesh @mesh axes ["tp"] sizes [3]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
// CHECK-LABEL: decode.step @override
decode.step @override(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  // CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 32, 32 to 48, 48 to 64}, {}]> : !lm.weight<64x32
  // CHECK: par.constraint %{{.*}} as <@mesh, [{}, {"tp" : 0 to 32, 32 to 48, 48 to 64}]> : !lm.weight<32x64
  %2 = par.constraint %0 as <@mesh, [{"tp" : 0 to 32, 32 to 48, 48 to 64}, {}]> : !lm.weight<64x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  decode.return %y : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// REMARK-DAG: stays whole: its units of 1 are too few for 4 devices
par.mesh @mesh axes ["tp"] sizes [4]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<3x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x3, #lm.f32>
}
// CHECK-LABEL: decode.step @too_few
// CHECK-NOT: par.constraint
decode.step @too_few(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<3x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x3, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<3x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x3xf32, #lm.dims<tokens>>, !lm.weight<32x3, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}
