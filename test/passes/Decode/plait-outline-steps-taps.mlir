// RUN: plait-opt %s --plait-outline-steps | FileCheck %s
// RUN: plait-opt %s --plait-outline-steps --plait-batch --plait-verify-decode | FileCheck %s --check-prefix=STEPS
//
// Steps that return the residual stream behind layers, that end there, and heads of what they return.

// The loop is cut behind each layer that is tapped and wanted, and the leaves' rows are taken in between. The last
// layer is behind nothing.
// CHECK-LABEL: lm.func @forward_tap_0_3(
// CHECK-SAME: %[[LEAVES:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<{{[^>]*}}>, tensor<?x8xf32, #lm.dims<leaves>>, tensor<?x8xf32, #lm.dims<leaves>>)
// CHECK: %[[A:.*]]:2 = lm.layers 0 to 1 iter(
// CHECK: %[[T0:.*]] = lm.take_rows %[[A]]#0, %[[LEAVES]]
// CHECK: %[[B:.*]]:2 = lm.layers 1 to 4 iter(%{{.*}} = %[[A]]#0, %{{.*}} = %[[A]]#1)
// CHECK: %[[T3:.*]] = lm.take_rows %[[B]]#0, %[[LEAVES]]
// CHECK: %[[N:.*]] = lm.rms_norm %[[B]]#0
// CHECK: lm.return %[[N]], %[[B]]#1, %[[T0]], %[[T3]]
//
// A head of one's own takes the tap as it is.
// CHECK-LABEL: lm.func @forward_skip_2_3_tap_1(
// CHECK: %[[C:.*]]:2 = lm.layers 0 to 2 iter(
// CHECK-NOT: lm.layers
// CHECK: %[[T1:.*]] = lm.take_rows %[[C]]#0,
// CHECK: lm.return %{{.*}}, %[[C]]#1, %[[T1]]
//
// Where a forward ends, the final norm comes: nothing else is new.
// CHECK-LABEL: lm.func @forward_skip_2_3(
// CHECK: %[[D:.*]]:2 = lm.layers 0 to 2 iter(
// CHECK-NOT: lm.layers
// CHECK: lm.rms_norm %[[D]]#0
//
// The model's head of a tap.
// CHECK-LABEL: lm.func @exit(%{{.*}}: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>>
// CHECK: %[[X:.*]] = lm.rms_norm %{{.*}} : tensor<?x8xf32, #lm.dims<leaves>>
// CHECK: lm.head %[[X]],
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.weight @norm from "norm" : !lm.weight<8, #lm.f32>
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
    %g = lm.get_weight @norm : !lm.weight<8, #lm.f32>
    %n = lm.rms_norm %y#0, %g eps 1.0e-5 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8, #lm.f32>
    lm.return %n, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @own(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
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
}
// CHECK-LABEL: decode.strategy @ar(
// CHECK: decode.step @ar_skip_2_3(
// CHECK-NEXT: lm.call @main::@forward_skip_2_3(
// CHECK: decode.step @ar_skip_2_3_tap_1_own(
// CHECK: %[[F:.*]]:3 = lm.call @main::@forward_skip_2_3_tap_1(
// CHECK-NEXT: lm.call @main::@own(%[[F]]#2)
// CHECK: decode.return {{.*}}, %[[F]]#2 :
// CHECK: decode.step @ar_tap_0_3_hidden(
// CHECK: %[[G:.*]]:4 = lm.call @main::@forward_tap_0_3(
// CHECK-NEXT: %[[LEAF:.*]] = lm.take_rows %[[G]]#0,
// CHECK: %[[J:.*]] = decode.join_hidden %[[LEAF]], %[[G]]#2, %[[G]]#3
// CHECK-NEXT: decode.return {{.*}}, %[[J]] :
// CHECK: decode.step @recur_clover_own(
// CHECK: decode.step @head_exit(%[[H:.*]]: tensor<?x8xf32, #lm.dims<leaves>>,
// CHECK-NEXT: lm.call @main::@exit(%[[H]])
// STEPS: decode.step @ar(
// STEPS: decode.step @ar_skip_2_3(
// STEPS: decode.step @ar_skip_2_3_tap_1_own(
// STEPS: decode.step @ar_tap_0_3_hidden(
// STEPS: decode.step @recur_clover_own(
// STEPS: decode.step @head_exit(
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
// Nothing is behind the last tap.
// CHECK-LABEL: decode.strategy @exits(
// CHECK: decode.run @ar_skip_2_3(%{{.*}}, %{{.*}}) : <@main>, <1>
// CHECK: decode.run @ar(
decode.strategy @exits(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1, %t = decode.forward %fork, %one taps [1] : <@main>, <1>
    %l1 = decode.head %t : <@main>
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
// Layers that are skipped anyway are none twice.
// CHECK-LABEL: decode.strategy @exits_without(
// CHECK: decode.run @ar_skip_2_3(%{{.*}}, %{{.*}}) : <@main>, <1>
decode.strategy @exits_without(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1, %t = decode.forward %fork, %one skip [3] taps [1] : <@main>, <1>
    %l1 = decode.head %t : <@main>
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
// CHECK-LABEL: decode.strategy @exits_by(
// CHECK: decode.run @ar_skip_2_3_tap_1_own(%{{.*}}, %{{.*}}) taps 1 : <@main>, <1>
decode.strategy @exits_by(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1, %t = decode.forward %fork, %one taps [1] : <@main>, <1>
    %l1 = decode.head %t by @own : <@main>
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
// Taps that nothing takes are not computed: the step is that of plain decoding.
// CHECK-LABEL: decode.strategy @unused(
// CHECK: decode.run @ar(%{{.*}}, %{{.*}}) : <@main>, <1>
// CHECK: decode.run @ar(%{{.*}}, %{{.*}}) : <@main>, <3>
decode.strategy @unused(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    %h1, %st1, %t = decode.forward %fork, %one taps [1] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st, %u:2 = decode.forward %x, %b taps [0, 2] : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// CHECK-LABEL: decode.strategy @taps(
// CHECK: %{{.*}}, %{{.*}}, %[[R:.*]]:3 = decode.run @ar_tap_0_3_hidden(%{{.*}}, %{{.*}}) hidden taps 2 :
// CHECK: %[[FIRST:.*]] = decode.leaf %[[R]]#1,
// CHECK: %[[LAST:.*]] = decode.leaf %[[R]]#2,
// CHECK: decode.leaf %[[R]]#0,
// CHECK-DAG: decode.run_recur @recur_clover_own(%[[FIRST]],
// CHECK-DAG: decode.run_head @head_exit(%[[LAST]])
decode.strategy @taps(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : !decode.candidates<2>
  %end:3 = decode.round iter(%x = %s, %c0 = %none, %c1 = %none) : !decode.sequence<@main>, !decode.candidates<2>, !decode.candidates<2> {
    %b = decode.expand %x, %c0, %c1 : <@main>, !decode.candidates<2>, !decode.candidates<2> -> <tree [-1, 0, 1]>
    %h, %st, %t:3 = decode.forward %x, %b taps [0, 1, 3] : <@main>, <tree [-1, 0, 1]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0, 1]>, <@main>
    %first = decode.leaf %t#0, %p : <@main>
    %last = decode.leaf %t#2, %p : <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %r = decode.recur %first, %p in %y by @clover : <@main>, !decode.path, <@main>
    %l0 = decode.head %r by @own : <@main>
    %n0 = decode.top %l0 : <@main> -> <2>
    %l1 = decode.head %last : <@main>
    %n1 = decode.top %l1 : <@main> -> <2>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n0, %n1 until %stop : !decode.sequence<@main>, !decode.candidates<2>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1, %end#2 : !decode.sequence<@main>, !decode.candidates<2>, !decode.candidates<2>
}
