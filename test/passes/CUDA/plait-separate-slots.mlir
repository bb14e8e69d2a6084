// What the host of a GPU reads and writes has slots of its own, so that no more is copied than it reads.
//
// RUN: plait-opt %s --plait-place-kernels --plait-separate-slots | FileCheck %s

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!x = tensor<?x100xf32, #lm.dims<leaves>>
!logits = tensor<?x1024xf32, #lm.dims<leaves>>
!words = tensor<?x8xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>

kernel.func @scale(%x: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %y = lm.scale %x by 2.0 : !x
  kernel.return %y : !x
}
kernel.func @cap(%l: !logits) -> !logits attributes {cost = #cost} {
  %y = lm.softcap %l cap 5.0 : !logits
  kernel.return %y : !logits
}
kernel.func @summarize_blocks(%l: !logits) -> !words attributes {cost = #cost} {
  %y = decode.summarize_blocks %l {first = 0 : i64} : (!logits) -> !words
  kernel.return %y : !words
}
kernel.func @choose_summarized(%w: !words) -> (!i, !i, !f) attributes {cost = #cost} {
  %t, %s, %p = decode.choose_summarized %w : (!words) -> (!i, !i, !f)
  kernel.return %t, %s, %p : !i, !i, !f
}
kernel.func @join_summaries(%w: !words) -> tensor<?x4xf32, #lm.dims<leaves>> attributes {cost = #cost} {
  %y = decode.join_summaries %w : (!words) -> tensor<?x4xf32, #lm.dims<leaves>>
  kernel.return %y : tensor<?x4xf32, #lm.dims<leaves>>
}
kernel.func @match_stops(%t: !i, %s: !i, %stops: !stops) -> !i attributes {cost = #cost, in_place = array<i64: 1, 0>} {
  %y = decode.match_stops %t, %s, %stops : !i, !i, !stops
  kernel.return %y : !i
}
kernel.func @choose_greedy(%l: !logits) -> (!i, !i, !f) attributes {cost = #cost} {
  %t, %s, %p = decode.choose_greedy %l : !logits
  kernel.return %t, %s, %p : !i, !i, !f
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 8 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 1024 : i64} {
  rt.kernel @scale
  rt.kernel @cap
  rt.kernel @summarize_blocks
  rt.kernel @choose_summarized
  rt.kernel @join_summaries
  rt.kernel @match_stops
  rt.kernel @choose_greedy
  // The status lies where logits were, summaries where a larger value was.
  // CHECK-LABEL: rt.plan "ar.greedy"
  // CHECK-NEXT: rt.slot [0, 0, 0, 4096, 0
  // CHECK-NEXT: rt.slot [0, 0, 0, 400, 0
  // CHECK-NEXT: rt.slot [0, 0, 0, 32, 0
  // CHECK-NEXT: rt.slot [0, 0, 0, 4, 0
  // CHECK-NEXT: rt.launch @scale [#rt.arg<slot 1>, #rt.arg<slot 1>]
  // CHECK-NEXT: rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 2>]
  // CHECK-NEXT: rt.launch @choose_summarized [#rt.arg<slot 2>, #rt.arg<output 0>, #rt.arg<slot 3>, #rt.arg<output 2>]
  // CHECK-NEXT: rt.launch @match_stops [#rt.arg<output 0>, #rt.arg<slot 3>, #rt.arg<input 10>, #rt.arg<slot 3>]
  rt.plan "ar.greedy" {
    rt.slot [0, 0, 0, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 0, 0, 400, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @scale [#rt.arg<slot 1>, #rt.arg<slot 1>] layers 0 to 2 barrier loop from "a" {cost = #cost}
    rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 1>] layers 0 to 1 barrier from "b" {cost = #cost}
    rt.launch @choose_summarized [#rt.arg<slot 1>, #rt.arg<output 0>, #rt.arg<slot 0>, #rt.arg<output 2>] layers 0 to 1 barrier from "c" {cost = #cost}
    rt.launch @match_stops [#rt.arg<output 0>, #rt.arg<slot 0>, #rt.arg<input 10>, #rt.arg<slot 0>] layers 0 to 1 barrier from "d" {cost = #cost}
  }
  // As large as the logits are, or written in each layer: as it was.
  // CHECK-LABEL: rt.plan "ar"
  // CHECK-NEXT: rt.slot [0, 0, 0, 4096, 0
  // CHECK-NEXT: rt.launch @cap [#rt.arg<slot 0>, #rt.arg<slot 0>]
  // CHECK-NEXT: rt.launch @choose_greedy [#rt.arg<slot 0>, #rt.arg<output 0>, #rt.arg<output 1>, #rt.arg<output 2>]
  rt.plan "ar" {
    rt.slot [0, 0, 0, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @cap [#rt.arg<slot 0>, #rt.arg<slot 0>] layers 0 to 1 barrier from "a" {cost = #cost}
    rt.launch @choose_greedy [#rt.arg<slot 0>, #rt.arg<output 0>, #rt.arg<output 1>, #rt.arg<output 2>] layers 0 to 1 barrier from "c" {cost = #cost}
  }
  // CHECK-LABEL: rt.plan "layers"
  // CHECK-NEXT: rt.slot [0, 0, 0, 9999, 0
  // CHECK-NEXT: rt.launch @cap
  // CHECK-NEXT: rt.launch @choose_greedy [#rt.arg<slot 0>,
  rt.plan "layers" {
    rt.slot [0, 0, 0, 9999, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @cap [#rt.arg<input 11>, #rt.arg<slot 0>] layers 0 to 2 barrier loop from "a" {cost = #cost}
    rt.launch @choose_greedy [#rt.arg<slot 0>, #rt.arg<output 0>, #rt.arg<output 1>, #rt.arg<output 2>] layers 0 to 1 barrier from "c" {cost = #cost}
  }
}
rt.model @rank0 attributes {family = "llama", layers = 2 : i64, max_positions = 8 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 1024 : i64} {
  rt.kernel @summarize_blocks
  rt.kernel @join_summaries
  rt.kernel @choose_summarized
  // Ranks tell each other what hosts have joined: of the slots of logits nothing is copied.
  // CHECK-LABEL: rt.plan "two.greedy"
  // CHECK: rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 2>]
  // CHECK-NEXT: rt.launch @join_summaries [#rt.arg<slot 2>, #rt.arg<slot 3>]
  // CHECK-NEXT: rt.collective all_gather <slot 3> to <slot 4>
  // CHECK-NEXT: rt.launch @choose_summarized [#rt.arg<slot 4>, #rt.arg<output 0>, #rt.arg<output 1>, #rt.arg<output 2>]
  rt.plan "two.greedy" {
    rt.slot [0, 0, 0, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 0, 0, 400, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 1>] layers 0 to 1 barrier from "b" {cost = #cost}
    rt.launch @join_summaries [#rt.arg<slot 1>, #rt.arg<slot 0>] layers 0 to 1 barrier from "c" {cost = #cost}
    rt.collective all_gather <slot 0> to <slot 1> rows "leaves" columns 8 parts [0, 4, 8] layers 0 to 1 barrier from "c" {axis = "tp"}
    rt.launch @choose_summarized [#rt.arg<slot 1>, #rt.arg<output 0>, #rt.arg<output 1>, #rt.arg<output 2>] layers 0 to 1 barrier from "c" {cost = #cost}
  }
}
