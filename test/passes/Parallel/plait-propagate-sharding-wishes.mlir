// RUN: plait-opt %s -split-input-file --plait-propagate-sharding | FileCheck %s
// RUN: plait-opt %s -split-input-file --plait-propagate-sharding --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// Four devices as two by two: two parts, each on two devices.
par.mesh @mesh axes ["tp"] sizes [4]
// CHECK-LABEL: decode.step @sub_axis
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp":(1)2 : 0 to 32, 32 to 64}, {}]> : !lm.weight<64x32
// CHECK: par.constraint %{{.*}} as <@mesh, [{}, {}], unreduced = {"tp":(1)2}>
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

// -----

// The less urgent one gives way.
// REMARK: the wish for dimension 1 as {{.*}}"tp" : 0 to 8, 8 to 64}p1> is dropped, as one of priority 0 contradicts it
par.mesh @mesh axes ["tp"] sizes [2]
// CHECK-LABEL: decode.step @priorities
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 16, 16 to 64}, {}]> : !lm.weight<64x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @priorities(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{"tp" : 0 to 16, 16 to 64}, {}]> : !lm.weight<64x32, #lm.f32>
  %3 = par.constraint %1 as <@mesh, [{}, {"tp" : 0 to 8, 8 to 64}p1]> : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %3 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Whatever comes first in the program.
par.mesh @mesh axes ["tp"] sizes [2]
// CHECK-LABEL: decode.step @later
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 8, 8 to 64}, {}]> : !lm.weight<64x32
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @later(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{}p2, {}]> : !lm.weight<64x32, #lm.f32>
  %3 = par.constraint %1 as <@mesh, [{}, {"tp" : 0 to 8, 8 to 64}p1]> : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %3 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// A constraint in a function of the model that has been inlined: the copy counts.
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
  lm.func @forward(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> tensor<?x32xf32, #lm.dims<tokens>> {
    %0 = lm.get_weight @up : !lm.weight<64x32, #lm.f32>
    %1 = par.constraint %0 as <@mesh, [{"tp" : 0 to 16, 16 to 64}, {?}]> : !lm.weight<64x32, #lm.f32>
    lm.return %x : tensor<?x32xf32, #lm.dims<tokens>>
  }
}
// CHECK-LABEL: decode.step @inlined
// CHECK: par.constraint %{{.*}} as <@mesh, [{"tp" : 0 to 16, 16 to 64}, {}]> : !lm.weight<64x32
decode.step @inlined(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %2 = par.constraint %0 as <@mesh, [{"tp" : 0 to 16, 16 to 64}, {?}]> : !lm.weight<64x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  decode.return %y : tensor<?x32xf32, #lm.dims<tokens>>
}
