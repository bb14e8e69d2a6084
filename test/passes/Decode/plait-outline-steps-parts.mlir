// RUN: plait-opt %s --plait-outline-steps | FileCheck %s
// RUN: plait-opt %s --plait-outline-steps --plait-batch --plait-verify-decode | FileCheck %s --check-prefix=STEPS
//
// Hidden states that recur are steps of a token after a hidden state, of all states in their order;
// each forward fills the state of a head that has one. Prompts are leaves like others.

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @prompt_tokens from "prompt_tokens.weight" : !lm.weight<1x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %a, %s = lm.attention %x, %x, %x, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @clover(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>) -> tensor<?x8xf32, #lm.dims<tokens>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y = lm.add %h, %x : tensor<?x8xf32, #lm.dims<tokens>>
    lm.return %y : tensor<?x8xf32, #lm.dims<tokens>>
  }
  lm.func @mtp_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    %s = lm.stage %h, %h, %kv, %rows, %pos : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %s : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @mtp(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %a, %s = lm.attention %h, %h, %h, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
// CHECK-LABEL: decode.strategy @ar(
// CHECK: decode.step @ar_hidden(%{{[a-z0-9]+}}: {{.*}}#decode.role<state>, #decode.role<state>, #decode.role<next>
// CHECK-NEXT: %[[H:.*]]:2 = lm.call @main::@forward(%{{.*}}, %[[POS:.*]], %[[ROWS:.*]], %{{.*}})
// CHECK-NEXT: lm.call @main::@mtp_stage(%[[H]]#0, %{{.*}}, %[[POS]], %[[ROWS]], %{{.*}})
// CHECK-NEXT: lm.take_rows %[[H]]#0,
// CHECK: decode.step @recur_mtp_head(
// CHECK-SAME: input_roles = [#decode.role<hidden>, #decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>, #decode.role<state>, #decode.role<leaves>, #decode.role<top_counts>]
// CHECK-NEXT: %[[H:.*]]:2 = lm.call @main::@mtp(
// CHECK-NEXT: %[[LEAF:.*]] = lm.take_rows %[[H]]#0,
// CHECK-NEXT: %[[L:.*]] = lm.call @main::@head(%[[LEAF]])
// CHECK: decode.return {{.*}}, %[[LEAF]] :
// CHECK: decode.step @recur_clover_head(
// CHECK-SAME: input_roles = [#decode.role<hidden>, #decode.role<tokens>, #decode.role<leaves>, #decode.role<top_counts>]
// CHECK-LABEL: decode.strategy @parts(
// CHECK: %[[Y:.*]] = decode.commit
// CHECK-NEXT: decode.stop
// CHECK-NEXT: decode.run_recur @recur_clover_head(%[[LEAF:.*]], %[[P:.*]] in %[[Y]])
// CHECK-NEXT: %[[N:.*]], %[[H1:.*]] = decode.run_recur @recur_mtp_head(%[[LEAF]], %[[P]] in %[[Y]]) : <@main>, !decode.path, <@main> -> <1>, <@main>
// CHECK-NEXT: %[[N1:.*]], %{{.*}} = decode.run_recur @recur_mtp_head(%[[H1]], %[[N]] in %[[Y]]) : <@main>, !decode.candidates<1>, <@main> -> <2>, <@main>
// CHECK-NEXT: decode.yield %[[Y]], %[[N1]]
// CHECK-LABEL: decode.strategy @ppd(
// CHECK: %[[B:.*]] = decode.expand_prompts
// CHECK-NEXT: %[[C:.*]], %{{.*}} = decode.run @ar(%{{.*}}, %[[B]]) top 2
// CHECK-NEXT: %[[P:.*]] = decode.walk %[[B]], %[[C]]
// CHECK-NEXT: decode.prompted_choices %[[B]], %[[C]], %[[P]] : <tree 3 prompts 1> -> !decode.candidates<2>
// STEPS: decode.step @ar(
// STEPS: lm.call @main::@mtp_stage
// STEPS: decode.step @ar_hidden(
// STEPS: decode.step @recur_mtp_head(
// STEPS: decode.step @recur_clover_head(
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
decode.strategy @parts(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : <2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %h0 = decode.recur %leaf, %p in %y by @mtp : <@main>, !decode.path, <@main>
    %l0 = decode.head %h0 : <@main>
    %n0 = decode.top %l0 : <@main> -> <1>
    %h1 = decode.recur %h0, %n0 in %y by @mtp : <@main>, !decode.candidates<1>, <@main>
    %l1 = decode.head %h1 : <@main>
    %n1 = decode.top %l1 : <@main> -> <2>
    %g = decode.recur %leaf, %p in %y by @clover : <@main>, !decode.path, <@main>
    %lg = decode.head %g : <@main>
    %ng = decode.top %lg : <@main> -> <2>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n1 until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}
decode.strategy @ppd(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : <2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand_prompts %x, %c trees [[-1], [-1, 0]] prompts [[1], [1, 0]] : <@main>, !decode.candidates<2> -> <tree 3 prompts 1>
    %h, %st = decode.forward %x, %b : <@main>, <tree 3 prompts 1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree 3 prompts 1>, <@main>
    %n = decode.prompted %b, %l, %p : <tree 3 prompts 1>, <@main> -> !decode.candidates<2>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}
