// RUN: plait-opt %s --verify-diagnostics --plait-place-kernels

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!x = tensor<?x8xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>
!packed = !kernel.packed<!lm.weight<32x8, #lm.bf16>, panel = 0, group = 1>

kernel.func @match_stops(%t: !i, %s: !i, %stops: !stops) -> !i attributes {cost = #cost} {
  %y = decode.match_stops %t, %s, %stops : !i, !i, !stops
  kernel.return %y : !i
}
kernel.func @embed(%i: !i, %p: !packed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !packed -> !lm.weight<32x8, #lm.bf16>
  %y = lm.embed %i, %w : !i, !lm.weight<32x8, #lm.bf16>
  kernel.return %y : !x
}
rt.model @main attributes {family = "llama", layers = 1 : i64, max_positions = 8 : i64, numerics = "row_invariant", pack_bytes = 512 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @match_stops
  rt.kernel @embed
  rt.weight "embed" from "embed.weight" {cols = 8 : i64, element = bf16, group = 1 : i64, layer_bytes = 512 : i64, layers = 1 : i64, offset = 0 : i64, panel = 0 : i64, rows = 32 : i64}
  rt.plan "ar" {
    rt.slot [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @match_stops [#rt.arg<slot 0>, #rt.arg<slot 0>, #rt.arg<input 10>, #rt.arg<slot 0>] layers 0 to 1 barrier from "a" {cost = #cost}
    // expected-error @+1 {{'rt.launch' op expected neither weights nor states after @match_stops, which runs on the host of a GPU}}
    rt.launch @embed [#rt.arg<slot 0>, #rt.arg<weight 0>, #rt.arg<slot 1>] layers 0 to 1 barrier from "b" {cost = #cost}
  }
}
