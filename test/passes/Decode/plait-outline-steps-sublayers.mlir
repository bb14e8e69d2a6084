// RUN: plait-opt %s --plait-outline-steps -split-input-file | FileCheck %s
// RUN: plait-opt %s --plait-outline-steps --plait-batch --plait-verify-decode -split-input-file -o /dev/null
//
// Drafts without the attention or the MLP of some layers: what is left of a layer is a loop of its own, and
// a layer without its attention neither reads nor writes its state.

// Layers that are alike stay one loop.
// CHECK-LABEL: lm.func @forward_skip_0_a1_a2(
// CHECK: lm.layers 1 to 3
// CHECK-NOT: lm.attention
// CHECK: lm.layers 3 to 4
// CHECK: lm.attention
// CHECK-LABEL: lm.func @forward_skip_a1_m2(
// CHECK: %[[X:.*]] = lm.embed
// CHECK: %[[A:.*]]:2 = lm.layers 0 to 1 iter(%{{.*}} = %[[X]],
// CHECK: lm.attention
// CHECK: lm.get_weight @up
// CHECK: %[[B:.*]]:2 = lm.layers 1 to 2 iter(%[[H:.*]] = %[[A]]#0, %[[S:.*]] = %[[A]]#1)
// CHECK-NEXT: %[[W:.*]] = lm.get_weight @up
// CHECK-NEXT: %[[U:.*]] = lm.linear %[[H]], %[[W]]
// CHECK-NEXT: %[[M:.*]] = lm.add %[[U]], %[[H]]
// CHECK-NEXT: lm.yield %[[M]], %[[S]]
// CHECK: %[[C:.*]]:2 = lm.layers 2 to 3 iter(%[[H2:.*]] = %[[B]]#0, %[[S2:.*]] = %[[B]]#1)
// CHECK-NEXT: lm.get_weight @q
// CHECK-NEXT: lm.linear
// CHECK-NEXT: %[[O:.*]], %[[S3:.*]] = lm.attention {{.*}}, %[[S2]],
// CHECK-NEXT: %[[D:.*]] = lm.add %[[H2]], %[[O]]
// CHECK-NEXT: lm.yield %[[D]], %[[S3]]
// CHECK: lm.layers 3 to 4 iter(%{{.*}} = %[[C]]#0, %{{.*}} = %[[C]]#1)
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q from "layers.{layer}.q" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %wm = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %xm = lm.linear %a, %wm : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %m = lm.add %xm, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %m, %sa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
}
// CHECK: decode.step @ar_skip_a1_m2(
// CHECK: decode.step @ar_skip_0_a1_a2(
// CHECK-NOT: decode.step
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
// CHECK-LABEL: decode.strategy @s(
// CHECK: decode.run @ar_skip_a1_m2(%{{.*}}, %{{.*}}) : <@main>, <1>
decode.strategy @s(%s: !decode.sequence<@main>) {
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1 = decode.forward %fork, %one skip [attention.1, mlp.2] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}
// Several sets are as many steps, of which one is chosen.
// CHECK-LABEL: decode.strategy @several(
// CHECK: %[[V:.*]] = decode.choose_variant %{{.*}} of 3 lengths [0, 1] : !decode.acceptance
// CHECK: decode.run @ar_skip_0_a1_a2(%{{.*}}, %{{.*}}) or [@ar_skip_a1_m2, @ar] by %[[V]] : <@main>, <1>
// CHECK: decode.observe %{{.*}}, %{{.*}}, %{{.*}} by %[[V]] :
decode.strategy @several(%s: !decode.sequence<@main>) {
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %v = decode.choose_variant %a of 3 lengths [0, 1] : !decode.acceptance
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1 = decode.forward %fork, %one skip [[0, attention.1, attention.2], [attention.1, mlp.2], []] by %v : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p by %v : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}

// -----

// Layers of several kinds: layer 2 is the first one of the second iteration, layer 4 that of the last loop.
// CHECK-LABEL: lm.func @forward_skip_m1_2_a4(
// CHECK: lm.layers 0 to 1 iter(
// CHECK: lm.get_weight @q_0
// CHECK: lm.get_weight @up_0
// CHECK: lm.get_weight @q_1
// CHECK-NOT: lm.get_weight @up_1
// CHECK: lm.layers 1 to 2 iter(%{{.*}}, %[[S:.*]] = %{{.*}}, %{{.*}})
// CHECK-NOT: lm.get_weight @q_0
// CHECK-NOT: lm.get_weight @up_0
// CHECK: lm.get_weight @q_1
// CHECK: lm.get_weight @up_1
// CHECK: lm.yield %{{.*}}, %[[S]], %
// CHECK: lm.layers 2 to 3 iter(
// CHECK-NOT: lm.attention
// CHECK: lm.get_weight @up_0
// CHECK-LABEL: lm.func @head(
lm.model @main family "gemma2" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q_0 from "layers.{layer}.q" layers 3 first 0 step 2 : !lm.weight<8x8, #lm.f32>
  lm.weight @up_0 from "layers.{layer}.up" layers 3 first 0 step 2 : !lm.weight<8x8, #lm.f32>
  lm.weight @q_1 from "layers.{layer}.q" layers 2 first 1 step 2 : !lm.weight<8x8, #lm.f32>
  lm.weight @up_1 from "layers.{layer}.up" layers 2 first 1 step 2 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, %kv1: !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:3 = lm.layers 0 to 2 iter(%h = %x, %s = %kv, %t = %kv1) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q_0 : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %wm = lm.get_weight @up_0 : !lm.weight<8x8, #lm.f32>
      %xm = lm.linear %a, %wm : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %m = lm.add %xm, %a : tensor<?x8xf32, #lm.dims<tokens>>
      %qc = lm.get_weight @q_1 : !lm.weight<8x8, #lm.f32>
      %uc = lm.linear %m, %qc : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oc, %sc = lm.attention %uc, %uc, %uc, %t, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %c = lm.add %m, %oc : tensor<?x8xf32, #lm.dims<tokens>>
      %wn = lm.get_weight @up_1 : !lm.weight<8x8, #lm.f32>
      %xn = lm.linear %c, %wn : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %n = lm.add %xn, %c : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %n, %sa, %sc : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
    }
    %z:2 = lm.layers 2 to 3 iter(%h = %y#0, %s = %y#1) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4> {
      %qa = lm.get_weight @q_0 : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %wm = lm.get_weight @up_0 : !lm.weight<8x8, #lm.f32>
      %xm = lm.linear %a, %wm : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %m = lm.add %xm, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %m, %sa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>
    }
    lm.return %z#0, %z#1, %y#2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 1, head_dim = 8, f32, window = 4>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1 = decode.forward %fork, %one skip [mlp.1, 2, attention.4] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}
