// RUN: plait-opt %s --plait-batch=debug-logits --plait-add-greedy-steps | FileCheck %s
// RUN: plait-opt %s --plait-batch=debug-logits --plait-add-greedy-steps > %t.mlir
// RUN: plait-opt %t.mlir --plait-add-greedy-steps | diff - %t.mlir

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(!ids, !ids, !lm.rows, !kv) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv)
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>>
}

// Inputs that only drawing and edits have asked for are gone.
// CHECK: decode.step @sample(
// CHECK: decode.choose_sample
// CHECK: decode.step @sample.greedy(
// CHECK-SAME: -> (tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xf32, #lm.dims<leaves>>, tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>)
// CHECK-SAME: input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<leaves>, #decode.role<stops>, #decode.role<top_counts>]
// CHECK-SAME: output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>, #decode.role<top_tokens>, #decode.role<top_logprobs>]
// CHECK-NEXT: %[[F:.*]]:2 = lm.call @main::@forward
// CHECK-NEXT: %[[H:.*]] = lm.take_rows %[[F]]#0
// CHECK-NEXT: %[[L:.*]] = lm.call @main::@head(%[[H]])
// CHECK-NEXT: %[[T:.*]], %[[ST:.*]], %[[LP:.*]] = decode.choose_greedy %[[L]]
// CHECK-NEXT: %[[STATUS:.*]] = decode.match_stops %[[T]], %[[ST]]
// CHECK-NEXT: %[[TT:.*]], %[[TLP:.*]] = decode.top_logprobs %[[L]]
// CHECK-NEXT: decode.return %[[T]], %[[STATUS]], %[[LP]], %[[TT]], %[[TLP]]
// CHECK: decode.step @sample.debug(
// CHECK-NOT: decode.step @sample.debug.greedy
decode.strategy @sample(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// A rule that never draws: without edits.
// CHECK: decode.step @edited.greedy(
// CHECK-NOT: decode.edit_logits
// CHECK: decode.return
decode.strategy @edited(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_greedy %b, %e : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
