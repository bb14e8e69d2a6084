// A kernel that no GPU has code for, and that is not one for its host.
#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x64xf32, #lm.dims<tokens>>
!q = tensor<?x64x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>
kernel.func @quantize(%x: !x) -> !q attributes {cost = #cost} {
  %q = lm.quantize %x to !lm.int16<group = 64, distance = 4> : !x
  kernel.return %q : !q
}
rt.model @main attributes {family = "llama", layers = 1 : i64, max_positions = 8 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @quantize
  rt.plan "ar" {
    rt.slot [0, 512, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 512, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @quantize [#rt.arg<slot 0>, #rt.arg<slot 1>] layers 0 to 1 barrier from "x" {cost = #cost}
  }
}
