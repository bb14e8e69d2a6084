// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

// Strategies whose forwards are runs of a step.

!text = !decode.sequence<@main>
!draft = !decode.sequence<@draft>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 32 {
}
// CHECK: decode.step @ar
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
// CHECK: func.func private @choices(!decode.choices)
func.func private @choices(!decode.choices)

// CHECK: decode.strategy @jacobi(%[[S:.*]]: !decode.sequence<@main>) exact distribution attributes {call = "jacobi(window=4)"} {
decode.strategy @jacobi(%s: !text) exact distribution attributes {call = "jacobi(window=4)"} {
  %none = decode.new_guesses : !decode.guesses<4>
  %table = decode.new_successors : !decode.successors<3>
  // CHECK: decode.round iter(%[[X:.*]] = %[[S]], %[[G:.*]] = %{{.*}}, %[[A:.*]] = %{{.*}})
  %end:3 = decode.round iter(%x = %s, %g = %none, %a = %table) : !text, !decode.guesses<4>, !decode.successors<3> {
    // CHECK-NEXT: %[[B:.*]] = decode.carry
    %b = decode.carry %x, %g : !text, !decode.guesses<4> -> !decode.block<5>
    // CHECK-NEXT: %[[C:.*]], %[[ST:.*]] = decode.run @ar(%[[X]], %[[B]]) top 3 : <@main>, <5>
    %c, %st = decode.run @ar(%x, %b) top 3 : !text, !decode.block<5>
    // CHECK-NEXT: %[[P:.*]], %[[G1:.*]] = decode.walk_guesses %[[B]], %[[C]] : <5> -> <4>
    %p, %g1 = decode.walk_guesses %b, %c : !decode.block<5> -> !decode.guesses<4>
    // CHECK-NEXT: decode.learn_choices %[[A]], %[[B]], %[[C]] : <3>, <5>
    %a1 = decode.learn_choices %a, %b, %c : !decode.successors<3>, !decode.block<5>
    // CHECK-NEXT: decode.commit %[[X]], %[[ST]], %[[P]]
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y, %g1, %a1 until %done : !text, !decode.guesses<4>, !decode.successors<3>
  }
  decode.return %end#0, %end#1, %end#2 : !text, !decode.guesses<4>, !decode.successors<3>
}

// The step of a draft model is part of that model's own program.
// CHECK: decode.strategy @spec(
decode.strategy @spec(%s: !text, %d: !draft) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !text, !draft {
    %one = decode.pending %e : !draft -> !decode.block<1>
    // CHECK: %[[D:.*]], %{{.*}} = decode.run @of_its_own(%{{.*}}, %[[ONE:.*]]) : <@draft>, <1>
    %c, %dst = decode.run @of_its_own(%e, %one) top 0 : !draft, !decode.block<1>
    // CHECK-NEXT: decode.walk %[[ONE]], %[[D]] : <1>
    %q = decode.walk %one, %c : !decode.block<1>
    %f = decode.commit %e, %dst, %q : !draft, !decode.stage<@draft>
    %root = decode.pending %x : !text -> !decode.block<2>
    %b = decode.append %root, %q : !decode.block<2>
    %m, %st = decode.run @ar(%x, %b) : !text, !decode.block<2>
    %p = decode.walk %b, %m : !decode.block<2>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %back = decode.follow %f, %y : !draft, !text
    %done = decode.stop %y : !text
    decode.yield %y, %back until %done : !text, !draft
  }
  decode.return %end#0, %end#1 : !text, !draft
}

// Of hidden states a head makes candidates; what a step reports is chosen from.
// CHECK: decode.step @head_first(%{{.*}}: tensor<?x2xf32, #lm.dims<leaves>>)
decode.step @head_first(%h: tensor<?x2xf32, #lm.dims<leaves>>) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  decode.return
}
// CHECK: decode.strategy @heads(
decode.strategy @heads(%s: !text) {
  %none = decode.new_candidates : !decode.candidates<2>
  // CHECK: decode.round iter(%[[X:.*]] = %{{.*}}, %[[C:.*]] = %{{.*}})
  %end:2 = decode.round iter(%x = %s, %c = %none) : !text, !decode.candidates<2> {
    // CHECK-NEXT: %[[B:.*]] = decode.expand
    %b = decode.expand %x, %c : !text, !decode.candidates<2> -> !decode.block<tree [-1, 0, 0]>
    // CHECK-NEXT: %[[N:.*]], %[[ST:.*]], %[[H:.*]] = decode.run @ar(%[[X]], %[[B]]) top 5 hidden : <@main>, <tree [-1, 0, 0]>
    %n, %st, %h = decode.run @ar(%x, %b) top 5 hidden : !text, !decode.block<tree [-1, 0, 0]>
    // CHECK-NEXT: %[[P:.*]] = decode.walk_momentum %[[B]], %[[N]] after %[[X]] alpha 2.000000e-01 resistance [1.000000e+00, 3.000000e+00] : <tree [-1, 0, 0]>, <@main>
    %p = decode.walk_momentum %b, %n after %x alpha 0.2 resistance [1.0, 3.0] : !decode.block<tree [-1, 0, 0]>, !text
    // CHECK-NEXT: %[[LEAF:.*]] = decode.leaf %[[H]], %[[P]] : <@main>
    %leaf = decode.leaf %h, %p : !decode.hidden<@main>
    // CHECK-NEXT: decode.run_head @head_first(%[[LEAF]]) : <@main> -> <2>
    %c1 = decode.run_head @head_first(%leaf) : !decode.hidden<@main> -> !decode.candidates<2>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %done = decode.stop %y : !text
    decode.yield %y, %c1 until %done : !text, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !text, !decode.candidates<2>
}

// Several hidden states of each node.
// CHECK: func.func @taps(%[[X:.*]]: !decode.sequence<@main>, %[[B:.*]]: !decode.block<5>)
func.func @taps(%x: !text, %b: !decode.block<5>) {
  // CHECK-NEXT: decode.run @ar(%[[X]], %[[B]]) hidden taps 1 : <@main>, <5>
  %n, %st, %t:2 = decode.run @ar(%x, %b) hidden taps 1 : !text, !decode.block<5>
  // CHECK-NEXT: decode.run @ar(%[[X]], %[[B]]) top 2 taps 3 : <@main>, <5>
  %n2, %st2, %t2:3 = decode.run @ar(%x, %b) top 2 taps 3 : !text, !decode.block<5>
  return
}
