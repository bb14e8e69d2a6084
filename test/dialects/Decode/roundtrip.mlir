// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

!leaves_i32 = tensor<?xi32, #lm.dims<leaves>>
!leaves_i64 = tensor<?xi64, #lm.dims<leaves>>
!leaves_f32 = tensor<?xf32, #lm.dims<leaves>>
!logits = tensor<?x7xf32, #lm.dims<leaves>>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}

// CHECK-LABEL: decode.strategy @ar(%{{.*}}: !decode.sequence<@main>) {
decode.strategy @ar(%s: !decode.sequence<@main>) {
  // CHECK-NEXT: %[[END:.*]] = decode.round iter(%[[X:.*]] = %{{.*}}) : !decode.sequence<@main> {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // CHECK-NEXT: %[[B:.*]] = decode.pending %[[X]] : <@main> -> <1>
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    // CHECK-NEXT: %[[H:.*]], %[[ST:.*]] = decode.forward %[[X]], %[[B]] : <@main>, <1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    // CHECK-NEXT: %[[L:.*]] = decode.head %[[H]] : <@main>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK-NEXT: %[[P:.*]] = decode.verify_sample %[[B]], %[[L]] [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : <1>, <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>, #decode.warp<top_p>, #decode.warp<min_p>] : !decode.block<1>, !decode.logits<@main>
    // CHECK-NEXT: %[[Y:.*]] = decode.commit %[[X]], %[[ST]], %[[P]] : <@main>, <@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    // CHECK-NEXT: %[[STOP:.*]] = decode.stop %[[Y]] : <@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    // CHECK-NEXT: decode.yield %[[Y]] until %[[STOP]] : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  // CHECK: decode.return %[[END]] : !decode.sequence<@main>
  decode.return %end : !decode.sequence<@main>
}

// Attributes stay.
// CHECK-LABEL: decode.strategy @greedy(%{{.*}}: !decode.sequence<@main>) attributes {note = "a"} {
decode.strategy @greedy(%s: !decode.sequence<@main>) attributes {note = "a"} {
  // CHECK-NEXT: decode.round iter({{.*}}) attributes {note = "b"} : !decode.sequence<@main> {
  %end = decode.round iter(%x = %s) attributes {note = "b"} : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<4>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<4>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: %[[E:.*]] = decode.edit %{{.*}}, %{{.*}} : <@main>, <@main>
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    // CHECK: decode.verify_greedy %{{.*}}, %[[E]] : <4>, <@main>
    %p = decode.verify_greedy %b, %e : !decode.block<4>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// CHECK-LABEL: decode.step @step
// CHECK-SAME: (%[[L:[a-z0-9]+]]: tensor<?x7xf32, #lm.dims<leaves>>, %[[POS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>
// CHECK-SAME: attributes {input_roles = [#decode.role<logits>, #decode.role<positions>, #decode.role<temperature>, #decode.role<top_k>,
// CHECK-SAME: output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
decode.step @step(%l: !logits, %pos: !leaves_i32, %t: !leaves_f32, %k: !leaves_i32, %p: !leaves_f32, %m: !leaves_f32,
                  %seed: !leaves_i64, %seq: !leaves_i64, %stops: tensor<?x?xi32, #lm.dims<leaves, stops>>)
    -> (!leaves_i32, !leaves_i32, !leaves_f32)
    attributes {input_roles = [#decode.role<logits>, #decode.role<positions>, #decode.role<temperature>,
                               #decode.role<top_k>, #decode.role<top_p>, #decode.role<min_p>, #decode.role<seed>,
                               #decode.role<sequence>, #decode.role<stops>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
  // CHECK: %[[J:.*]] = decode.join_hidden %[[L]], %[[L]] : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?x7xf32, #lm.dims<leaves>>
  %j = decode.join_hidden %l, %l : !logits, !logits
  // CHECK-NEXT: decode.join_hidden %[[J]] : tensor<?x14xf32, #lm.dims<leaves>>
  %j2 = decode.join_hidden %j : tensor<?x14xf32, #lm.dims<leaves>>
  // CHECK: %{{.*}}, %{{.*}}, %[[LP:.*]] = decode.choose_greedy %[[L]] : tensor<?x7xf32, #lm.dims<leaves>>
  %t0, %s0, %lp0 = decode.choose_greedy %l : !logits
  // CHECK-NEXT: %[[T:.*]], %[[S:.*]], %{{.*}} = decode.choose_sample %[[L]], %[[POS]], %{{.*}}, %{{.*}} temperature %{{.*}} top_k %{{.*}} top_p %{{.*}} min_p %{{.*}} : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>
  %t1, %s1, %lp1 = decode.choose_sample %l, %pos, %seed, %seq temperature %t top_k %k top_p %p min_p %m : !logits, !leaves_i32, !leaves_i64, !leaves_i64, !leaves_f32 top_k !leaves_i32 top_p !leaves_f32 min_p !leaves_f32
  // CHECK-NEXT: %[[STOPPED:.*]] = decode.match_stops %[[T]], %[[S]], %{{.*}} : tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?x?xi32, #lm.dims<leaves, stops>>
  %s2 = decode.match_stops %t1, %s1, %stops : !leaves_i32, !leaves_i32, tensor<?x?xi32, #lm.dims<leaves, stops>>
  // CHECK-NEXT: decode.return %[[T]], %[[STOPPED]], %[[LP]]
  decode.return %t1, %s2, %lp0 : !leaves_i32, !leaves_i32, !leaves_f32
}

// CHECK-LABEL: func.func @edits
// CHECK-SAME: (%[[L:[a-z0-9]+]]: tensor<?x7xf32, #lm.dims<leaves>>, %[[N:[a-z0-9]+]]: tensor<?xi32, #lm.dims<leaves>>
func.func @edits(%l: !logits, %n: !leaves_i32, %t: tensor<?xi32, #lm.dims<edits>>, %f: tensor<?xf32, #lm.dims<edits>>,
                 %fixed: tensor<2x7xf32>, %two: tensor<2xi32>)
    -> (tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>, tensor<2x?xi32, #lm.dims<tops>>) {
  // CHECK-NEXT: %[[E:.*]] = decode.edit_logits %[[L]], %[[N]], %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>
  %e = decode.edit_logits %l, %n, %t, %f, %f, %f : !logits, !leaves_i32, tensor<?xi32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<edits>>
  // The results' types follow from the logits.
  // CHECK-NEXT: %[[T:.*]], %[[LP:.*]] = decode.top_logprobs %[[E]], %[[N]] : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>
  %tt, %tlp = decode.top_logprobs %e, %n : !logits, !leaves_i32
  // CHECK-NEXT: decode.top_logprobs %{{.*}} : tensor<2x7xf32>, tensor<2xi32>
  %0, %1 = decode.top_logprobs %fixed, %two : tensor<2x7xf32>, tensor<2xi32>
  return %tt, %tlp, %0 : tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>, tensor<2x?xi32, #lm.dims<tops>>
}

// CHECK-LABEL: func.func @typical
func.func @typical(%l: !logits, %i: !leaves_i32, %q: !leaves_i64, %f: !leaves_f32) {
  // CHECK: decode.choose_typical %[[L:.*]], %[[I:.*]], %[[Q:.*]], %[[Q]], %[[I]], %[[I]] temperature %[[F:.*]] threshold 1.250000e-01 alpha 3.000000e-01 : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>
  %0, %1, %2 = decode.choose_typical %l, %i, %q, %q, %i, %i temperature %f threshold 0.125 alpha 0.3 : !logits, !leaves_i32, !leaves_i64, !leaves_i64, !leaves_i32, !leaves_i32, !leaves_f32
  // CHECK: decode.choose_typical %[[L]], {{.*}} temperature %[[F]] top_k %[[I]] top_p %[[F]] min_p %[[F]] threshold 1.000000e+00 alpha 5.000000e-01 : {{.*}} top_k {{.*}} top_p {{.*}} min_p
  %3, %4, %5 = decode.choose_typical %l, %i, %q, %q, %i, %i temperature %f top_k %i top_p %f min_p %f threshold 1.0 alpha 0.5 : !logits, !leaves_i32, !leaves_i64, !leaves_i64, !leaves_i32, !leaves_i32, !leaves_f32 top_k !leaves_i32 top_p !leaves_f32 min_p !leaves_f32
  return
}
