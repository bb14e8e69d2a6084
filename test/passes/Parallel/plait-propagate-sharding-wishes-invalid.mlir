// RUN: plait-opt %s -split-input-file --plait-propagate-sharding -verify-diagnostics

// Equal priorities.
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @equal(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  // expected-note @+1 {{the other constraint}}
  %2 = par.constraint %0 as <@mesh, [{"tp" : 0 to 16, 16 to 64}p1, {}]> : !lm.weight<64x32, #lm.f32>
  // expected-error @+1 {{'par.constraint': expected the parts of another constraint of the same class but got}}
  %3 = par.constraint %1 as <@mesh, [{}, {"tp" : 0 to 8, 8 to 64}p1]> : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %3 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Replicas share nothing out.
par.mesh @mesh axes ["dp", "tp"] sizes [2, 2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @replicas(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  // expected-error @+1 {{'par.constraint': expected dimensions split along axes that share a replica out but got}}
  %2 = par.constraint %0 as <@mesh, [{"dp" : 0 to 16, 16 to 64}, {}]> : !lm.weight<64x32, #lm.f32>
  %u = lm.linear %x, %2 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}
