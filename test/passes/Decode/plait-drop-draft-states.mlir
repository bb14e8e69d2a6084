// RUN: plait-opt %s --split-input-file --plait-drop-draft-states | FileCheck %s
//
// What fills the state of a layer that drafts stays where a strategy of its model drafts with it.

// CHECK-LABEL: lm.model @main
// CHECK: lm.func @forward(
// CHECK-NOT: lm.func @mtp_stage(
// CHECK: lm.func @mtp(
// CHECK: decode.strategy @plain
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
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
decode.strategy @plain(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_greedy %b, %l : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// -----
// One of another name is not it, nor one of another model.
// CHECK-LABEL: lm.model @main
// CHECK: lm.func @mtp_stage(
// CHECK-NOT: lm.func @other_stage(
// CHECK-LABEL: lm.model @draft
// CHECK-NOT: lm.func @mtp_stage(
// CHECK: decode.strategy @drafts
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @mtp_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @other_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
  lm.func @mtp_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
decode.strategy @drafts(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_greedy %b, %l : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %next = decode.recur %leaf, %p in %y by @mtp : <@main>, !decode.path, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
