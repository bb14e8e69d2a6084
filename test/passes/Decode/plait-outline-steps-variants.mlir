// RUN: plait-opt %s --plait-outline-steps | FileCheck %s
// RUN: plait-opt %s --plait-outline-steps --plait-batch --plait-verify-decode | FileCheck %s --check-prefix=STEPS
//
// Steps beside that of plain decoding: without some layers, with hidden states, of heads, and
// with a rule of their own.

// The residual stream passes the layers by, and so does the state; weights are shared.
// CHECK-LABEL: lm.func @forward(
// CHECK: lm.layers 0 to 4
// CHECK-LABEL: lm.func @forward_skip_1_2(
// CHECK: %[[X:.*]] = lm.embed
// CHECK: %[[A:.*]]:2 = lm.layers 0 to 1 iter(%{{.*}} = %[[X]],
// CHECK: lm.get_weight @up
// CHECK: %[[B:.*]]:2 = lm.layers 3 to 4 iter(%{{.*}} = %[[A]]#0, %{{.*}} = %[[A]]#1)
// CHECK: lm.return %[[B]]#0, %[[B]]#1
// CHECK-LABEL: lm.func @head(
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
}
// The first step is that of plain decoding, others come after it.
// CHECK-LABEL: decode.strategy @ar(
// CHECK: decode.step @ar_skip_1_2({{.*}}: !lm.state<
// CHECK-NEXT: lm.call @main::@forward_skip_1_2(
// CHECK: decode.step @ar_skip_0({{.*}}
// CHECK-NEXT: lm.call @main::@forward_skip_0(
// CHECK: decode.step @ar_hidden(
// CHECK-NEXT: %[[H:.*]]:2 = lm.call @main::@forward(
// CHECK-NEXT: %[[LEAF:.*]] = lm.take_rows %[[H]]#0,
// CHECK: decode.return {{.*}}, %[[LEAF]] :
// CHECK: decode.step @head_medusa_0(%[[H:.*]]: tensor<?x8xf32, #lm.dims<leaves>>, %{{.*}}: tensor<?xi32, #lm.dims<leaves>>)
// CHECK-SAME: input_roles = [#decode.role<hidden>, #decode.role<top_counts>]
// CHECK-NEXT: %[[L:.*]] = lm.call @main::@medusa_0(%[[H]])
// CHECK-NEXT: decode.choose_greedy %[[L]]
// CHECK-NEXT: decode.top_logprobs %[[L]]
// CHECK: decode.step @ar_typical(%[[IDS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<tokens>>, {{.*}}#decode.role<parents>
// CHECK: %[[OWN:.*]] = lm.take_rows %[[IDS]],
// CHECK-NEXT: %[[T:.*]], %[[S:.*]], %{{.*}} = decode.choose_typical %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[OWN]], %{{.*}} temperature %{{.*}} threshold 1.250000e-01 alpha 3.000000e-01
// CHECK-NEXT: decode.match_stops %[[T]], %[[S]],
// CHECK: decode.step @ar_typical_2(
// CHECK: threshold 2.500000e-01 alpha 3.000000e-01
// STEPS: decode.step @ar(
// STEPS: decode.step @ar_skip_1_2(
// STEPS: decode.step @ar_skip_0(
// STEPS: decode.step @ar_hidden(
// STEPS: decode.step @head_medusa_0(
// STEPS: decode.step @ar_typical(
// STEPS: decode.step @ar_typical_2(
// STEPS-NOT: decode.step
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// A fork drafts with some layers, the text is verified with all.
// CHECK-LABEL: decode.strategy @swift(
// CHECK: decode.fork
// CHECK: decode.run @ar_skip_1_2({{.*}}) : <@main>, <1>
// CHECK: decode.drop
// CHECK: decode.run @ar({{.*}}) : <@main>, <3>
decode.strategy @swift(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1 = decode.forward %fork, %one skip [1, 2] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// Strategies share steps.
// CHECK-LABEL: decode.strategy @again(
// CHECK: decode.run @ar_skip_1_2(
decode.strategy @again(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1 = decode.forward %fork, %one skip [1, 2] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// CHECK-LABEL: decode.strategy @first(
// CHECK: decode.run @ar_skip_0(
decode.strategy @first(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1 = decode.forward %fork, %one skip [0] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// Heads come at the end, where the accepted leaf is known.
// CHECK-LABEL: decode.strategy @medusa(
// CHECK: %[[C:.*]], %[[ST:.*]], %[[H:.*]] = decode.run @ar_hidden({{.*}}) hidden : <@main>, <tree [-1, 0]>
// CHECK-NEXT: %[[P:.*]] = decode.walk %{{.*}}, %[[C]]
// CHECK-NEXT: %[[LEAF:.*]] = decode.leaf %[[H]], %[[P]]
// CHECK-NEXT: decode.commit
// CHECK-NEXT: decode.stop
// CHECK-NEXT: %[[N:.*]] = decode.run_head @head_medusa_0(%[[LEAF]]) : <@main> -> <2>
// CHECK-NEXT: decode.yield %{{.*}}, %[[N]] until
decode.strategy @medusa(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : !decode.candidates<2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %m = decode.head %leaf by @medusa_0 : <@main>
    %n = decode.top %m : <@main> -> <2>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}
// CHECK-LABEL: decode.strategy @typical(
// CHECK: %[[C:.*]], %{{.*}} = decode.run @ar_typical(%{{.*}}, %[[B:.*]]) : <@main>, <3>
// CHECK-NEXT: decode.walk %[[B]], %[[C]] : <3>
decode.strategy @typical(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <3>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.125 alpha 0.3 : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// CHECK-LABEL: decode.strategy @typical_again(
// CHECK: %[[C:.*]], %{{.*}} = decode.run @ar_typical(%{{.*}}, %[[B:.*]]) : <@main>, <3>
// CHECK-NEXT: decode.walk %[[B]], %[[C]] : <3>
decode.strategy @typical_again(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <3>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.125 alpha 0.3 : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// CHECK-LABEL: decode.strategy @typical_other(
// CHECK: %[[C:.*]], %{{.*}} = decode.run @ar_typical_2(%{{.*}}, %[[B:.*]]) : <@main>, <3>
// CHECK-NEXT: decode.walk %[[B]], %[[C]] : <3>
decode.strategy @typical_other(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <3>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.25 alpha 0.3 : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// It chooses from what the step of plain decoding reports. Nobody has called it, but it is no
// step: its choice is made in the round.
// CHECK-LABEL: decode.strategy @momentum(
// CHECK: %[[B:.*]] = decode.pending %[[X:.*]] : <@main> -> <1>
// CHECK-NEXT: %[[C:.*]], %{{.*}} = decode.run @ar(%[[X]], %[[B]]) top 5 : <@main>, <1>
// CHECK-NEXT: decode.walk_momentum %[[B]], %[[C]] after %[[X]] alpha 2.000000e-01 resistance [1.000000e+00, 3.000000e+00] : <1>, <@main>
decode.strategy @momentum(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_momentum %b, %l top 5 alpha 0.2 resistance [1.0, 3.0] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
