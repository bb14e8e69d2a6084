// RUN: plait-opt %s --plait-outline-steps | FileCheck %s
// RUN: plait-opt %s --plait-outline-steps --plait-outline-steps | FileCheck %s

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}

// The strategy whose step is run stays as it is.
// CHECK: decode.strategy @ar(
// CHECK: decode.forward
// CHECK: decode.verify_sample
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// A forward, its head, its edit and its rule.
// CHECK: decode.strategy @lookup(%[[S:.*]]: !decode.sequence<@main>)
// CHECK: decode.round iter(%[[X:.*]] = %[[S]])
// CHECK-NEXT: %[[B:.*]] = decode.lookup %[[X]]
// CHECK-NEXT: %[[C:.*]], %[[ST:.*]] = decode.run @ar(%[[X]], %[[B]]) : <@main>, <5>
// CHECK-NEXT: %[[P:.*]] = decode.walk %[[B]], %[[C]] : <5>
// CHECK-NEXT: decode.commit %[[X]], %[[ST]], %[[P]]
decode.strategy @lookup(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
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

// A tree is a block like a chain.
// CHECK: decode.strategy @recycling(
// CHECK: %[[B:.*]] = decode.recall
// CHECK-NEXT: %[[C:.*]], %{{.*}} = decode.run @ar(%{{.*}}, %[[B]]) top 3 : <@main>, <tree [-1, 0, 0, 1]>
// CHECK-NEXT: %[[P:.*]] = decode.walk %[[B]], %[[C]] : <tree [-1, 0, 0, 1]>
// CHECK-NEXT: decode.learn_choices %{{.*}}, %[[B]], %[[C]] : <3>, <tree [-1, 0, 0, 1]>
decode.strategy @recycling(%s: !decode.sequence<@main>) {
  %none = decode.new_successors : !decode.successors<3>
  %end:2 = decode.round iter(%x = %s, %a = %none) : !decode.sequence<@main>, !decode.successors<3> {
    %b = decode.recall %x, %a : <@main>, !decode.successors<3> -> <tree [-1, 0, 0, 1]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0, 0, 1]>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <tree [-1, 0, 0, 1]>, <@main>
    %a1 = decode.learn %a, %b, %l : !decode.successors<3>, <tree [-1, 0, 0, 1]>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %a1 until %stop : !decode.sequence<@main>, !decode.successors<3>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.successors<3>
}

// What has the distribution of @ar may have its text; the greedy rule is that of its rows.
// CHECK: decode.strategy @reject(
// CHECK: decode.walk
decode.strategy @reject(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_reject %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// CHECK: decode.strategy @greedy(
// CHECK: decode.walk
decode.strategy @greedy(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_greedy %b, %e : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// A strategy that was called is one of several, even if it is a step.
// CHECK: decode.strategy @called(
// CHECK: decode.run
decode.strategy @called(%s: !decode.sequence<@main>) attributes {call = "called()"} {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
// CHECK: decode.strategy @step(
// CHECK-NOT: decode.run
// CHECK: decode.strategy @jacobi(
decode.strategy @step(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// Guesses are what was chosen; a step reports as many probable tokens as are learned.
// CHECK: %[[C:.*]], %{{.*}} = decode.run @ar(%{{.*}}, %[[B:.*]]) top 7 :
// CHECK-NEXT: decode.learn_choices %{{.*}}, %[[B]], %[[C]] : <3>, <5>
// CHECK-NEXT: decode.learn_choices %{{.*}}, %[[B]], %[[C]] : <7>, <5>
// CHECK-NEXT: decode.walk_guesses %[[B]], %[[C]] : <5> -> <4>
decode.strategy @jacobi(%s: !decode.sequence<@main>) {
  %none = decode.new_guesses : !decode.guesses<4>
  %a0 = decode.new_successors : !decode.successors<3>
  %b0 = decode.new_successors : !decode.successors<7>
  %end:4 = decode.round iter(%x = %s, %g = %none, %a = %a0, %t = %b0) : !decode.sequence<@main>, !decode.guesses<4>, !decode.successors<3>, !decode.successors<7> {
    %b = decode.carry %x, %g : <@main>, !decode.guesses<4> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %a1 = decode.learn %a, %b, %l : <3>, <5>, <@main>
    %t1 = decode.learn %t, %b, %e : <7>, <5>, <@main>
    %p, %g1 = decode.verify_jacobi %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main> -> <4>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %g1, %a1, %t1 until %stop : !decode.sequence<@main>, !decode.guesses<4>, !decode.successors<3>, !decode.successors<7>
  }
  decode.return %end#0, %end#1, %end#2, %end#3 : !decode.sequence<@main>, !decode.guesses<4>, !decode.successors<3>, !decode.successors<7>
}

// Drafts are chosen by the step, too, whatever their logits, edits and warps.
// CHECK: decode.strategy @spec(
// CHECK: decode.repeat 4 iter(%[[C:.*]] = %{{.*}}, %[[G:.*]] = %{{.*}})
// CHECK-NEXT: %[[ONE:.*]] = decode.pending %[[G]]
// CHECK-NEXT: %[[D:.*]], %[[ST:.*]] = decode.run @ar(%[[G]], %[[ONE]]) : <@draft>, <1>
// CHECK-NEXT: %[[Q:.*]] = decode.walk %[[ONE]], %[[D]]
// CHECK-NEXT: decode.commit %[[G]], %[[ST]], %[[Q]]
// CHECK-NEXT: decode.append %[[C]], %[[Q]]
// CHECK: decode.run @ar(
// CHECK-SAME: <@main>, <5>
decode.strategy @spec(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) {
  %end:2 = decode.round iter(%x = %s, %f = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    %root = decode.pending %x : <@main> -> <5>
    %b, %f1 = decode.repeat 4 iter(%c = %root, %g = %f) : !decode.block<5>, !decode.sequence<@draft> {
      %one = decode.pending %g : <@draft> -> <1>
      %h, %st = decode.forward %g, %one : <@draft>, <1>
      %l = decode.head %h : <@draft>
      %p = decode.verify_sample %one, %l [#decode.warp<temperature>] purpose draft : <1>, <@draft>
      %next = decode.commit %g, %st, %p : <@draft>, <@draft>
      %longer = decode.append %c, %p : <5>
      decode.yield %longer, %next : !decode.block<5>, !decode.sequence<@draft>
    }
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_reject %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %back = decode.follow %f1, %y : <@draft>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %back until %stop : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}
