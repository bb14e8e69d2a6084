// RUN: plait-opt %s -split-input-file --plait-propagate-sharding -verify-diagnostics

par.machine @machine devices [
  <kind = "cpu", memory = 5000, bandwidth = 1.0e9, peak = {f32 = 1.0e12}, launch = 0.0>,
  <kind = "cpu", memory = 8000, bandwidth = 1.0e9, peak = {f32 = 1.0e12}, launch = 0.0>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e9, latency = 1.0e-3>] host <step = 0.0, sequence = 0.0>
// expected-error @+1 {{expected devices that hold the model and 640 positions, but with the best plan rank 0 needs 3192 bytes more than its device has}}
par.mesh @mesh axes ["tp"] sizes [2] on @machine
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<64x32, #lm.f32>
  lm.weight @down from "down" : !lm.weight<32x64, #lm.f32>
}
decode.step @too_small(%x: tensor<?x32xf32, #lm.dims<tokens>>) -> (tensor<?x32xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.get_weight @m::@up : !lm.weight<64x32, #lm.f32>
  %1 = lm.get_weight @m::@down : !lm.weight<32x64, #lm.f32>
  %u = lm.linear %x, %0 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<64x32, #lm.f32>
  %y = lm.linear %u, %1 : tensor<?x64xf32, #lm.dims<tokens>>, !lm.weight<32x64, #lm.f32>
  %z = lm.add %x, %y : tensor<?x32xf32, #lm.dims<tokens>>
  decode.return %z : tensor<?x32xf32, #lm.dims<tokens>>
}

// -----

// expected-error @+1 {{expected one 'par.mesh', or the option 'mesh' to name one of @a @b}}
module {
  par.mesh @a axes ["tp"] sizes [2]
  par.mesh @b axes ["tp"] sizes [2]
}

// -----

// expected-error @+1 {{expected a 'par.mesh' but got none}}
module {
}
