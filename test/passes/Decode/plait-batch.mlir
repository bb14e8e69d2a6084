// RUN: plait-opt %s --plait-batch | FileCheck %s
// RUN: plait-opt %s --plait-batch=debug-logits | FileCheck %s --check-prefix=DEBUG

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(!ids, !ids, !lm.rows, !kv) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv)
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>>
}

// The path of a row is forced up to its leaf: hidden states of all tokens, but
// logits and a choice for the leaves alone.
// CHECK-NOT: decode.strategy
// CHECK: decode.step @greedy(
// CHECK-SAME: %[[IDS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<tokens>>, %[[POS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<tokens>>,
// CHECK-SAME: %[[ROWS:[a-z0-9]+]]: !lm.rows, %[[KV:[a-z0-9]+]]: !lm.state<{{[^>]*}}>,
// CHECK-SAME: %[[LEAVES:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>, %[[STOPS:[a-z0-9]+]]: tensor<?x?xi32, #lm.dims<leaves, stops>>, %[[COUNTS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>)
// CHECK-SAME: -> (tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xf32, #lm.dims<leaves>>, tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>)
// CHECK-SAME: input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<leaves>, #decode.role<stops>, #decode.role<top_counts>]
// CHECK-SAME: output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>, #decode.role<top_tokens>, #decode.role<top_logprobs>]
// CHECK-NEXT: %[[F:.*]]:2 = lm.call @main::@forward(%[[IDS]], %[[POS]], %[[ROWS]], %[[KV]])
// CHECK-NEXT: %[[H:.*]] = lm.take_rows %[[F]]#0, %[[LEAVES]]
// CHECK-NEXT: %[[L:.*]] = lm.call @main::@head(%[[H]])
// CHECK-NEXT: %[[T:.*]], %[[ST:.*]], %[[LP:.*]] = decode.choose_greedy %[[L]]
// CHECK-NEXT: %[[STATUS:.*]] = decode.match_stops %[[T]], %[[ST]], %[[STOPS]]
// CHECK-NEXT: %[[TT:.*]], %[[TLP:.*]] = decode.top_logprobs %[[L]], %[[COUNTS]]
// CHECK-NEXT: decode.return %[[T]], %[[STATUS]], %[[LP]], %[[TT]], %[[TLP]]
// CHECK-NOT: @greedy.debug

// DEBUG: decode.step @greedy(
// DEBUG: decode.step @greedy.debug(
// DEBUG-SAME: output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>, #decode.role<top_tokens>, #decode.role<top_logprobs>, #decode.role<logits>]
// DEBUG: %[[L:.*]] = lm.call @main::@head
// DEBUG: decode.return %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[L]] :
// DEBUG: decode.step @sample(
// DEBUG: decode.step @sample.debug(
decode.strategy @greedy(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// The rule asks for what it needs of each leaf; a leaf's position is that of
// its token.
// CHECK: decode.step @sample(%{{.*}}, %[[POS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<tokens>>, %{{.*}}: !lm.rows
// CHECK-SAME: %[[LEAVES:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>, %[[TEMP:[a-z0-9]+]]: tensor<?xf32, #lm.dims<leaves>>
// CHECK-SAME: %[[SEED:[a-z0-9]+]]: tensor<?xi64, #lm.dims<leaves>>, %[[SEQ:[a-z0-9]+]]: tensor<?xi64, #lm.dims<leaves>>, %{{[a-z0-9]+}}: tensor<?x?xi32
// CHECK-SAME: input_roles = [{{.*}}#decode.role<temperature>, #decode.role<top_k>, #decode.role<top_p>, #decode.role<min_p>, #decode.role<seed>, #decode.role<sequence>, #decode.role<stops>, #decode.role<top_counts>]
// CHECK: %[[L:.*]] = lm.call @main::@head
// CHECK-NEXT: %[[LP:.*]] = lm.take_rows %[[POS]], %[[LEAVES]]
// CHECK-NEXT: decode.choose_sample %[[L]], %[[LP]], %[[SEED]], %[[SEQ]] temperature %[[TEMP]] top_k
decode.strategy @sample(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// A model with two states: an argument of role state for each, in its order.
// CHECK: decode.step @two(
// CHECK-SAME: !lm.rows, %[[KV:[a-z0-9]+]]: !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>,
// CHECK-SAME: %[[WINDOW:[a-z0-9]+]]: !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32, window = 8>,
// CHECK-SAME: input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<state>, #decode.role<leaves>
// CHECK-NEXT: lm.call @states::@forward(%{{.*}}, %{{.*}}, %{{.*}}, %[[KV]], %[[WINDOW]])
!window = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32, window = 8>
lm.model @states family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(!ids, !ids, !lm.rows, !kv, !window) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv, !window)
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>>
}
decode.strategy @two(%s: !decode.sequence<@states>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@states> {
    %b = decode.pending %x : !decode.sequence<@states> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@states>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@states>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@states>
    %y = decode.commit %x, %st, %p : !decode.sequence<@states>, !decode.stage<@states>
    %stop = decode.stop %y : !decode.sequence<@states>
    decode.yield %y until %stop : !decode.sequence<@states>
  }
  decode.return %end : !decode.sequence<@states>
}

// Edited logits are what is chosen from and what log probabilities are of; the
// logits of a debug step are as the head computed them.
// CHECK: decode.step @edited(
// CHECK-SAME: %[[ENDS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>, %[[TOKENS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<edits>>, %[[BIASES:[a-z0-9]+]]: tensor<?xf32, #lm.dims<edits>>, %[[SCALES:[a-z0-9]+]]: tensor<?xf32, #lm.dims<edits>>, %[[OFFSETS:[a-z0-9]+]]: tensor<?xf32, #lm.dims<edits>>
// CHECK-SAME: #decode.role<leaves>, #decode.role<edit_ends>, #decode.role<edit_tokens>, #decode.role<edit_biases>, #decode.role<edit_scales>, #decode.role<edit_offsets>, #decode.role<stops>
// CHECK: %[[L:.*]] = lm.call @main::@head
// CHECK-NEXT: %[[E:.*]] = decode.edit_logits %[[L]], %[[ENDS]], %[[TOKENS]], %[[BIASES]], %[[SCALES]], %[[OFFSETS]]
// CHECK-NEXT: decode.choose_greedy %[[E]]
// CHECK: decode.top_logprobs %[[E]]
// DEBUG: decode.step @edited.debug(
// DEBUG: %[[L:.*]] = lm.call @main::@head
// DEBUG: decode.return %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[L]] :
decode.strategy @edited(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    %p = decode.verify_greedy %b, %e : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// Strategies that run steps are left as they are.
// CHECK: decode.strategy @lookup(
// CHECK: decode.run @greedy(
decode.strategy @lookup(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 3 shortest 1 : <@main> -> <5>
    %c, %st = decode.run @greedy(%x, %b) : <@main>, <5>
    %p = decode.walk %b, %c : <5>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
