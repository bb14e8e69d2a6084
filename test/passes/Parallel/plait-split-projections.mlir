// RUN: plait-opt %s --plait-split-projections | FileCheck %s

lm.model @m family "t" numerics row_invariant max_positions 8 {
  // CHECK-DAG: lm.weight @qkv_0 from "qkv" transposed part <at = [0, 0], of = [40, 16]> : !lm.weight<24x16, #lm.f32>
  // CHECK-DAG: lm.weight @qkv_24 from "qkv" transposed part <at = [24, 0], of = [40, 16]> : !lm.weight<16x16, #lm.f32>
  lm.weight @qkv from "qkv" transposed : !lm.weight<40x16, #lm.f32>
  // CHECK-DAG: lm.weight @bias_24 from "bias" part <at = [24, 0], of = [40, 1]> : !lm.weight<16, #lm.f32>
  lm.weight @bias from "bias" : !lm.weight<40, #lm.f32>
}
// CHECK-LABEL: decode.step @s
decode.step @s(%x: tensor<?x16xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>, tensor<?x16xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>, #decode.role<logprob>]} {
  %w = lm.get_weight @m::@qkv : !lm.weight<40x16, #lm.f32>
  %b = lm.get_weight @m::@bias : !lm.weight<40, #lm.f32>
  %y = lm.linear %x, %w bias %b : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<40x16, #lm.f32>, !lm.weight<40, #lm.f32>
  // CHECK-NOT: slice_columns
  %0 = lm.slice_columns %y 0 size 24 : tensor<?x40xf32, #lm.dims<tokens>>
  // CHECK: %[[W:.*]] = lm.get_weight @m::@qkv_24 : <16x16, #lm.f32>
  // CHECK: %[[B:.*]] = lm.get_weight @m::@bias_24 : <16, #lm.f32>
  // CHECK: lm.linear %{{.*}}, %[[W]] bias %[[B]]
  %1 = lm.slice_columns %y 24 size 16 : tensor<?x40xf32, #lm.dims<tokens>>
  decode.return %0, %1 : tensor<?x24xf32, #lm.dims<tokens>>, tensor<?x16xf32, #lm.dims<tokens>>
}

// A product that is used whole, too, stays.
// CHECK-LABEL: decode.step @whole
decode.step @whole(%x: tensor<?x16xf32, #lm.dims<tokens>>) -> (tensor<?x40xf32, #lm.dims<tokens>>, tensor<?x16xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>, #decode.role<logprob>]} {
  %w = lm.get_weight @m::@qkv : !lm.weight<40x16, #lm.f32>
  %y = lm.linear %x, %w : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<40x16, #lm.f32>
  // CHECK: slice_columns
  %1 = lm.slice_columns %y 24 size 16 : tensor<?x40xf32, #lm.dims<tokens>>
  decode.return %y, %1 : tensor<?x40xf32, #lm.dims<tokens>>, tensor<?x16xf32, #lm.dims<tokens>>
}
