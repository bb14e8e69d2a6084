// RUN: plait-opt %s --plait-lower-strategies -split-input-file -verify-diagnostics | FileCheck %s
// RUN: plait-opt %s --plait-lower-strategies -split-input-file -verify-diagnostics | FileCheck %s --check-prefix=MODELS

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>

// The model that a step runs stays; that of drafts is another program.
// MODELS: lm.model @main
// MODELS-NOT: lm.model @draft
// MODELS: decode.step @ar
// MODELS-NOT: decode.strategy
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(!ids, !ids, !lm.rows, !kv) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv)
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> tensor<?x4xf32, #lm.dims<tokens>>
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>], output_roles = [#decode.role<logits>]} {
  %h, %next = lm.call @main::@forward(%ids, %pos, %rows, %kv) : (!ids, !ids, !lm.rows, !kv) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv)
  decode.return %h : tensor<?x4xf32, #lm.dims<tokens>>
}

// CHECK: rt.strategy "lookup()" runs {
// CHECK-SAME: arguments = array<i64: 1>, begin = [], exact = "identical", inits = array<i64: 0>, models = ["main"], name = "lookup",
// CHECK-SAME: round = {ops = [
// CHECK-SAME: {longest = 3 : i64, op = "lookup", operands = array<i64: 1>, results = array<i64: 2>, shortest = 1 : i64, size = 5 : i64},
// CHECK-SAME: {op = "forward", operands = array<i64: 1, 2>, results = array<i64: 3>, step = @ar, top = 0 : i64},
// CHECK-SAME: {op = "walk", operands = array<i64: 2, 3>, results = array<i64: 4>},
// CHECK-SAME: {op = "commit", operands = array<i64: 1, 4>, results = array<i64: 5>},
// CHECK-SAME: {op = "stop", operands = array<i64: 5>, results = array<i64: 6>}],
// CHECK-SAME: stop = 6 : i64, yield = array<i64: 5>}, values = 7 : i64}
decode.strategy @lookup(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 3 shortest 1 : <@main> -> <5>
    %c, %st = decode.run @ar(%x, %b) : <@main>, <5>
    %p = decode.walk %b, %c : <5>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// The name is that of the call. A loop has arguments, results and a body of its own.
// CHECK: rt.strategy "spec(draft=models/small,most=2)" runs {
// CHECK-SAME: arguments = array<i64: 3, 4, 5>,
// CHECK-SAME: begin = [{op = "new_acceptance", operands = array<i64>, results = array<i64: 2>}],
// CHECK-SAME: exact = "distribution", inits = array<i64: 0, 1, 2>, models = ["main", "draft"], name = "spec",
// CHECK-SAME: round = {ops = [
// CHECK-SAME: {lengths = array<i64: 0, 2>, op = "choose_length", operands = array<i64: 5>, results = array<i64: 6>},
// CHECK-SAME: {op = "pending", operands = array<i64: 3>, results = array<i64: 7>, size = 3 : i64},
// CHECK-SAME: {arguments = array<i64: 8, 9>, body = {ops = [
// CHECK-SAME: {op = "pending", operands = array<i64: 9>, results = array<i64: 10>, size = 1 : i64},
// CHECK-SAME: {op = "forward", operands = array<i64: 9, 10>, results = array<i64: 11>, step = @ar, top = 0 : i64},
// CHECK-SAME: {op = "walk", operands = array<i64: 10, 11>, results = array<i64: 12>},
// CHECK-SAME: {op = "commit", operands = array<i64: 9, 12>, results = array<i64: 13>},
// CHECK-SAME: {op = "append", operands = array<i64: 8, 12>, results = array<i64: 14>, size = 3 : i64}],
// CHECK-SAME: yield = array<i64: 14, 13>},
// CHECK-SAME: count = 2 : i64, op = "repeat", operands = array<i64: 7, 4>, results = array<i64: 15, 16>, times = 6 : i64},
// CHECK-SAME: {op = "follow", operands = array<i64: 16, 19>
// CHECK-SAME: {op = "observe", operands = array<i64: 5, 15, 18>
decode.strategy @spec_0(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) exact distribution attributes {call = "spec(draft=models/small,most=2)"} {
  %known = decode.new_acceptance : !decode.acceptance
  %end:3 = decode.round iter(%x = %s, %f = %d, %a = %known) : !decode.sequence<@main>, !decode.sequence<@draft>, !decode.acceptance {
    %k = decode.choose_length %a of [0, 2] : !decode.acceptance
    %root = decode.pending %x : <@main> -> <3>
    %b, %f1 = decode.repeat 2 iter(%c = %root, %g = %f) times %k : !decode.block<3>, !decode.sequence<@draft> {
      %one = decode.pending %g : <@draft> -> <1>
      %ch, %st = decode.run @ar(%g, %one) : <@draft>, <1>
      %p = decode.walk %one, %ch : <1>
      %next = decode.commit %g, %st, %p : <@draft>, <@draft>
      %longer = decode.append %c, %p : <3>
      decode.yield %longer, %next : !decode.block<3>, !decode.sequence<@draft>
    }
    %c, %st = decode.run @ar(%x, %b) : <@main>, <3>
    %p = decode.walk %b, %c : <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %back = decode.follow %f1, %y : <@draft>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %back, %seen until %stop : !decode.sequence<@main>, !decode.sequence<@draft>, !decode.acceptance
  }
  decode.return %end#0, %end#1, %end#2 : !decode.sequence<@main>, !decode.sequence<@draft>, !decode.acceptance
}

// What else ops are told: trees, how much is learned and reported, guesses, forks.
// CHECK: rt.strategy "rest()" runs {
// CHECK-SAME: exact = "approximate"
// CHECK-SAME: {op = "recall", operands = array<i64: {{[0-9]+}}, {{[0-9]+}}>, parents = array<i64: -1, 0, 0>, results =
// CHECK-SAME: {op = "forward", {{.*}}step = @ar, top = 4 : i64}
// CHECK-SAME: {count = 4 : i64, op = "learn",
// CHECK-SAME: {op = "fork", operands = array<i64: {{[0-9]+}}>, results = array<i64: {{[0-9]+}}>}
// CHECK-SAME: {op = "drop", operands = array<i64: {{[0-9]+}}>, results = array<i64>}
decode.strategy @rest(%s: !decode.sequence<@main>) {
  %none = decode.new_successors : !decode.successors<4>
  %end:2 = decode.round iter(%x = %s, %a = %none) : !decode.sequence<@main>, !decode.successors<4> {
    %b = decode.recall %x, %a : <@main>, <4> -> <tree [-1, 0, 0]>
    %c, %st = decode.run @ar(%x, %b) top 4 : <@main>, <tree [-1, 0, 0]>
    %a1 = decode.learn_choices %a, %b, %c : <4>, <tree [-1, 0, 0]>
    %p = decode.walk %b, %c : <tree [-1, 0, 0]>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %w = decode.fork %y : <@main>
    decode.drop %w : <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %a1 until %stop : !decode.sequence<@main>, !decode.successors<4>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.successors<4>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    // expected-error @+1 {{'decode.forward' op illegal in a strategy after decode; expected to have been converted by 'plait-outline-steps'}}
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
