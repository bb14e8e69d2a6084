// What chooses tokens runs on the host of a GPU, and so does what follows; a kernel that the
// GPU has as well is copied.
//
// RUN: plait-opt %s --plait-place-kernels | FileCheck %s

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!t = tensor<?xi32, #lm.dims<tokens>>
!f = tensor<?xf32, #lm.dims<leaves>>
!logits = tensor<?x1024xf32, #lm.dims<leaves>>
!words = tensor<?x8xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>

// CHECK: kernel.func @take_rows(
// CHECK-NOT: host
// CHECK: kernel.func @take_rows_host(
// CHECK-SAME: host
kernel.func @take_rows(%x: !t, %i: !i) -> !i attributes {cost = #cost} {
  %y = lm.take_rows %x, %i : !t, !i
  kernel.return %y : !i
}
// CHECK: kernel.func @match_stops(
// CHECK-SAME: host
kernel.func @match_stops(%t: !i, %s: !i, %stops: !stops) -> !i attributes {cost = #cost} {
  %y = decode.match_stops %t, %s, %stops : !i, !i, !stops
  kernel.return %y : !i
}
// A GPU summarises logits, and its host chooses.
// CHECK: kernel.func @summarize_blocks(
// CHECK-NOT: host
// CHECK: kernel.func @choose_summarized(
// CHECK-SAME: host
kernel.func @summarize_blocks(%l: !logits) -> !words attributes {cost = #cost} {
  %y = decode.summarize_blocks %l {first = 0 : i64} : (!logits) -> !words
  kernel.return %y : !words
}
kernel.func @choose_summarized(%w: !words) -> (!i, !i, !f) attributes {cost = #cost} {
  %t, %s, %p = decode.choose_summarized %w : (!words) -> (!i, !i, !f)
  kernel.return %t, %s, %p : !i, !i, !f
}
// Nobody launches it.
// CHECK: kernel.func @softcap(
// CHECK-NOT: host
// CHECK: rt.model
kernel.func @softcap(%x: tensor<?x8xf32, #lm.dims<tokens>>) -> tensor<?x8xf32, #lm.dims<tokens>> attributes {cost = #cost} {
  %y = lm.softcap %x cap 5.0 : tensor<?x8xf32, #lm.dims<tokens>>
  kernel.return %y : tensor<?x8xf32, #lm.dims<tokens>>
}
rt.model @main attributes {family = "llama", layers = 1 : i64, max_positions = 8 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // CHECK: rt.kernel @take_rows
  // CHECK-NEXT: rt.kernel @take_rows_host
  // CHECK-NEXT: rt.kernel @match_stops
  rt.kernel @take_rows
  rt.kernel @match_stops
  rt.kernel @softcap
  rt.kernel @summarize_blocks
  rt.kernel @choose_summarized
  rt.plan "ar" {
    rt.slot [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // CHECK: rt.launch @take_rows [
    // CHECK: rt.launch @match_stops [
    // CHECK: rt.launch @take_rows_host [
    rt.launch @take_rows [#rt.arg<input 1>, #rt.arg<input 3>, #rt.arg<slot 0>] layers 0 to 1 barrier from "a" {cost = #cost}
    rt.launch @match_stops [#rt.arg<slot 0>, #rt.arg<slot 0>, #rt.arg<input 10>, #rt.arg<slot 1>] layers 0 to 1 barrier from "b" {cost = #cost}
    rt.launch @take_rows [#rt.arg<input 1>, #rt.arg<input 3>, #rt.arg<output 0>] layers 0 to 1 barrier from "c" {cost = #cost}
  }
  rt.plan "ar.greedy" {
    rt.slot [0, 0, 0, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 0, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // CHECK: rt.launch @summarize_blocks [
    // CHECK: rt.launch @choose_summarized [
    rt.launch @summarize_blocks [#rt.arg<slot 0>, #rt.arg<slot 1>] layers 0 to 1 barrier from "a" {cost = #cost}
    rt.launch @choose_summarized [#rt.arg<slot 1>, #rt.arg<output 0>, #rt.arg<output 1>, #rt.arg<output 2>] layers 0 to 1 barrier from "b" {cost = #cost}
  }
}
