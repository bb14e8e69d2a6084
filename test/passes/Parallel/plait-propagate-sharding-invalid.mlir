// RUN: plait-opt %s -split-input-file --plait-propagate-sharding -verify-diagnostics

// expected-error @+1 {{expected one 'par.mesh' with an axis "tp"}}
module {
  par.mesh @mesh axes ["dp"] sizes [2]
}

// -----

// A norm needs the residual stream whole.
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<32, #lm.f32>
}
decode.step @s(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %g = lm.get_weight @m::@gain : !lm.weight<32, #lm.f32>
  %y = lm.scale %x by 2.0 : tensor<?x32xf32, #lm.dims<tokens>>
  // expected-error @+1 {{'par.constraint': expected a dimension that can be split but got 1; decode.step needs it whole}}
  %z = par.constraint %y as <@mesh, [{}, {"tp" : 0 to 16, 16 to 32}]> : tensor<?x32xf32, #lm.dims<tokens>>
  %n = lm.rms_norm %z, %g eps 1.0e-5 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<32, #lm.f32>
  decode.return %n : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// Heads of 8 columns are not cut.
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @q from "q" : !lm.weight<32x16, #lm.f32>
  lm.weight @o from "o" : !lm.weight<16x32, #lm.f32>
}
decode.step @s(%pos: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x16xf32, #lm.dims<tokens>>) -> (tensor<?x16xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<positions>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %w = lm.get_weight @m::@q : !lm.weight<32x16, #lm.f32>
  %o = lm.get_weight @m::@o : !lm.weight<16x32, #lm.f32>
  // expected-error @+1 {{'par.constraint': expected parts of multiples of 8 but got}}
  %v = par.constraint %w as <@mesh, [{"tp" : 0 to 12, 12 to 32}, {}]> : !lm.weight<32x16, #lm.f32>
  %q = lm.linear %x, %v : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<32x16, #lm.f32>
  %r = lm.rope %q, %pos head_dim 8 theta 1.0e4 : tensor<?x32xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
  %y = lm.linear %r, %o : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<16x32, #lm.f32>
  decode.return %y : tensor<?x16xf32, #lm.dims<tokens>>
}
