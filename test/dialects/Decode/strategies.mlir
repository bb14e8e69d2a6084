// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

// What strategies with drafts are made of; roundtrip.mlir has the autoregressive one.

!text = !decode.sequence<@main>
!draft = !decode.sequence<@draft>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 32 {
}

// A block is a chain, a static tree or a tree known when it is drafted; prompts come last.
// CHECK: func.func private @blocks(!decode.block<5>, !decode.block<tree [-1, 0, 0, 1]>, !decode.block<tree 20>, !decode.block<tree [-1, 0, 1, 2] prompts 2>, !decode.block<tree 20 prompts 3>, !decode.block<tree 20 prompts 6 together 3>)
func.func private @blocks(!decode.block<5>, !decode.block<tree [-1, 0, 0, 1]>, !decode.block<tree 20>,
                          !decode.block<tree [-1, 0, 1, 2] prompts 2>, !decode.block<tree 20 prompts 3 together 1>,
                          !decode.block<tree 20 prompts 6 together 3>)
// CHECK: func.func private @values(!decode.candidates<4>, !decode.guesses<8>, !decode.successors<3>, !decode.acceptance, !decode.path)
func.func private @values(!decode.candidates<4>, !decode.guesses<8>, !decode.successors<3>, !decode.acceptance, !decode.path)

// Each class that `exact` may declare, beside attributes.
// CHECK-LABEL: decode.strategy @model(
// CHECK-SAME: %[[S:.*]]: !decode.sequence<@main>, %[[D:.*]]: !decode.sequence<@draft>) exact distribution attributes {note = "a"} {
decode.strategy @model(%s: !text, %d: !draft) exact distribution attributes {note = "a"} {
  // CHECK-NEXT: %[[NONE:.*]] = decode.new_acceptance : !decode.acceptance
  %none = decode.new_acceptance : !decode.acceptance
  // CHECK-NEXT: %[[END:.*]]:3 = decode.round iter(%[[X:.*]] = %[[S]], %[[E:.*]] = %[[D]], %[[A:.*]] = %[[NONE]]) : !decode.sequence<@main>, !decode.sequence<@draft>, !decode.acceptance {
  %end:3 = decode.round iter(%x = %s, %e = %d, %a = %none) : !text, !draft, !decode.acceptance {
    // CHECK-NEXT: %[[K:.*]] = decode.choose_length %[[A]] of [0, 2, 4] costs [1.000000e+00, 1.200000e+00, 1.500000e+00] : !decode.acceptance
    %k = decode.choose_length %a of [0, 2, 4] costs [1.0, 1.2, 1.5] : !decode.acceptance
    // CHECK-NEXT: decode.choose_length %[[A]] of [3] : !decode.acceptance
    %k1 = decode.choose_length %a of [3] : !decode.acceptance
    // CHECK-NEXT: %[[ROOT:.*]] = decode.pending %[[X]] : <@main> -> <5>
    %root = decode.pending %x : !text -> !decode.block<5>
    // CHECK-NEXT: %[[R:.*]]:2 = decode.repeat 4 iter(%[[C:.*]] = %[[ROOT]], %[[G:.*]] = %[[E]]) times %[[K]] attributes {note = "b"} : !decode.block<5>, !decode.sequence<@draft> {
    %b, %f = decode.repeat 4 iter(%c = %root, %g = %e) times %k attributes {note = "b"} : !decode.block<5>, !draft {
      %one = decode.pending %g : !draft -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !draft, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@draft>
      // CHECK: %[[Q:.*]] = decode.verify_sample %{{.*}}, %{{.*}} [#decode.warp<temperature>] purpose draft : <1>, <@draft>
      %q = decode.verify_sample %one, %l [#decode.warp<temperature>] purpose draft : !decode.block<1>, !decode.logits<@draft>
      %next = decode.commit %g, %st, %q : !draft, !decode.stage<@draft>
      // CHECK: %[[LONGER:.*]] = decode.append %[[C]], %[[Q]] : <5>
      %longer = decode.append %c, %q : !decode.block<5>
      // CHECK-NEXT: %[[ENDED:.*]] = decode.stop
      %ended = decode.stop %next : !draft
      // CHECK-NEXT: decode.yield %[[LONGER]], %{{.*}} until %[[ENDED]] : !decode.block<5>, !decode.sequence<@draft>
      decode.yield %longer, %next until %ended : !decode.block<5>, !draft
    }
    // CHECK: decode.shorten %[[R]]#0 to %{{.*}} : <5>
    %unused = decode.shorten %b to %k : !decode.block<5>
    %h, %st = decode.forward %x, %b : !text, !decode.block<5>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: %[[P:.*]] = decode.verify_reject %[[R]]#0, %{{.*}} [#decode.warp<temperature>, #decode.warp<top_p>] : <5>, <@main>
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>, #decode.warp<top_p>] : !decode.block<5>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    // CHECK: decode.follow %[[R]]#1, %{{.*}} : <@draft>, <@main>
    %back = decode.follow %f, %y : !draft, !text
    // CHECK-NEXT: decode.observe %[[A]], %[[R]]#0, %[[P]] : !decode.acceptance, <5>
    %a1 = decode.observe %a, %b, %p : !decode.acceptance, !decode.block<5>
    %stop = decode.stop %y : !text
    decode.yield %y, %back, %a1 until %stop : !text, !draft, !decode.acceptance
  }
  // CHECK: decode.return %[[END]]#0, %[[END]]#1, %[[END]]#2
  decode.return %end#0, %end#1, %end#2 : !text, !draft, !decode.acceptance
}

// CHECK-LABEL: decode.strategy @itself(%{{.*}}: !decode.sequence<@main>) exact identical {
decode.strategy @itself(%s: !text) exact identical {
  %end = decode.round iter(%x = %s) : !text {
    // CHECK: %[[B:.*]] = decode.lookup %[[X:.*]] longest 3 shortest 1 : <@main> -> <5>
    %b = decode.lookup %x longest 3 shortest 1 : !text -> !decode.block<5>
    // CHECK-NEXT: %[[W:.*]] = decode.fork %[[X]] : <@main>
    %w = decode.fork %x : !text
    // A loop may leave out `times` and `until`.
    // CHECK-NEXT: %[[V:.*]] = decode.repeat 2 iter(%{{.*}} = %[[W]]) : !decode.sequence<@main> {
    %v = decode.repeat 2 iter(%g = %w) : !text {
      %one = decode.pending %g : !text -> !decode.block<1>
      // CHECK: decode.forward %{{.*}}, %{{.*}} skip [1, attention.2, mlp.3, 4] : <@main>, <1>
      %h, %st = decode.forward %g, %one skip [1, attention.2, mlp.3, attention.4, mlp.4] : !text, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %one, %l : !decode.block<1>, !decode.logits<@main>
      %next = decode.commit %g, %st, %p : !text, !decode.stage<@main>
      // CHECK: decode.yield %{{.*}} : !decode.sequence<@main>
      decode.yield %next : !text
    }
    // CHECK: decode.drop %[[V]] : <@main>
    decode.drop %v : !text
    %h, %st = decode.forward %x, %b : !text, !decode.block<5>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: decode.edit %[[X]], %{{.*}} history prefix : <@main>, <@main>
    %e = decode.edit %x, %l history prefix : !text, !decode.logits<@main>
    // CHECK-NEXT: decode.verify_typical %[[B]], %{{.*}} [#decode.warp<temperature>] threshold 2.500000e-01 alpha 5.000000e-01 : <5>, <@main>
    %p = decode.verify_typical %b, %e [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !decode.block<5>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %stop = decode.stop %y : !text
    decode.yield %y until %stop : !text
  }
  decode.return %end : !text
}

// CHECK-LABEL: decode.strategy @momentum(
decode.strategy @momentum(%s: !text) exact reference {
  %end = decode.round iter(%x = %s) : !text {
    %b = decode.pending %x : !text -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !text, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: decode.verify_momentum %{{.*}}, %{{.*}} top 5 alpha 2.000000e-01 resistance [1.000000e+00, 3.000000e+00] : <1>, <@main>
    %p = decode.verify_momentum %b, %l top 5 alpha 0.2 resistance [1.0, 3.0] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %stop = decode.stop %y : !text
    decode.yield %y until %stop : !text
  }
  decode.return %end : !text
}

// Trees of candidates and of remembered successors.
// CHECK-LABEL: decode.strategy @trees(%{{.*}}: !decode.sequence<@main>) exact reference {
decode.strategy @trees(%s: !text) exact reference {
  // CHECK-NEXT: decode.new_candidates : <2>
  %c = decode.new_candidates : !decode.candidates<2>
  // CHECK-NEXT: decode.new_successors : <3>
  %t = decode.new_successors : !decode.successors<3>
  %end:3 = decode.round iter(%x = %s, %n = %c, %a = %t) : !text, !decode.candidates<2>, !decode.successors<3> {
    // CHECK: %[[B:.*]] = decode.expand %[[X:.*]], %[[N:.*]], %[[N]] : <@main>, !decode.candidates<2>, !decode.candidates<2> -> <tree [-1, 0, 0, 1, 1]>
    %b0 = decode.expand %x, %n, %n : !text, !decode.candidates<2>, !decode.candidates<2> -> !decode.block<tree [-1, 0, 0, 1, 1]>
    // CHECK-NEXT: decode.expand %[[X]], %[[N]] : <@main>, !decode.candidates<2> -> <tree [-1, 0]>
    %b2 = decode.expand %x, %n : !text, !decode.candidates<2> -> !decode.block<tree [-1, 0]>
    // CHECK-NEXT: %[[B:.*]] = decode.recall %[[X]], %[[A:.*]] : <@main>, <3> -> <tree [-1, 0, 0, 0]>
    %b = decode.recall %x, %a : !text, !decode.successors<3> -> !decode.block<tree [-1, 0, 0, 0]>
    %h, %st = decode.forward %x, %b : !text, !decode.block<tree [-1, 0, 0, 0]>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: %[[P:.*]] = decode.verify_reject %[[B]], %[[L:.*]] [#decode.warp<temperature>, #decode.warp<min_p>] bonus [#decode.warp<temperature>] : <tree [-1, 0, 0, 0]>, <@main>
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>, #decode.warp<min_p>] bonus [#decode.warp<temperature>] : !decode.block<tree [-1, 0, 0, 0]>, !decode.logits<@main>
    // CHECK-NEXT: %[[LEAF:.*]] = decode.leaf %{{.*}}, %[[P]] : <@main>
    %leaf = decode.leaf %h, %p : !decode.hidden<@main>
    // CHECK-NEXT: %[[M:.*]] = decode.head %[[LEAF]] by @medusa_0 : <@main>
    %m = decode.head %leaf by @medusa_0 : !decode.hidden<@main>
    // CHECK-NEXT: %[[TOP:.*]] = decode.top %[[M]] : <@main> -> <2>
    %top = decode.top %m : !decode.logits<@main> -> !decode.candidates<2>
    // CHECK-NEXT: %[[A1:.*]] = decode.learn %[[A]], %[[B]], %[[L]] : <3>, <tree [-1, 0, 0, 0]>, <@main>
    %a1 = decode.learn %a, %b, %l : !decode.successors<3>, !decode.block<tree [-1, 0, 0, 0]>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %stop = decode.stop %y : !text
    // CHECK: decode.yield %{{.*}}, %[[TOP]], %[[A1]] until
    decode.yield %y, %top, %a1 until %stop : !text, !decode.candidates<2>, !decode.successors<3>
  }
  decode.return %end#0, %end#1, %end#2 : !text, !decode.candidates<2>, !decode.successors<3>
}

// Prompts behind the nodes of a tree, and hidden states that recur.
// CHECK-LABEL: decode.strategy @parts(
decode.strategy @parts(%s: !text) exact identical {
  %c = decode.new_candidates : !decode.candidates<2>
  %end:3 = decode.round iter(%x = %s, %n = %c, %m = %c) : !text, !decode.candidates<2>, !decode.candidates<2> {
    %known = decode.new_acceptance : !decode.acceptance
    // CHECK: %[[LENGTH:.*]] = decode.choose_length
    %length = decode.choose_length %known of [0, 2] : !decode.acceptance
    // CHECK: decode.expand_prompts %[[X:.*]], %{{.*}} trees {{\[\[}}-1], [-1, 0, 0]] prompts {{\[\[}}1], [1, 0, 1]] mask 7 if %[[LENGTH]] : <@main>, !decode.candidates<2> -> <tree 5 prompts 2>
    %b0 = decode.expand_prompts %x, %n trees [[-1], [-1, 0, 0]] prompts [[1], [1, 0, 1]] mask 7 if %length : !text, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
    // CHECK: %[[B:.*]] = decode.expand_prompts %[[X]], %{{.*}}, %{{.*}} trees {{\[\[}}-1, 0]] prompts {{\[\[}}2, 0]] : <@main>, !decode.candidates<2>, !decode.candidates<2> -> <tree 4 prompts 2>
    %b = decode.expand_prompts %x, %n, %m trees [[-1, 0]] prompts [[2, 0]] : !text, !decode.candidates<2>, !decode.candidates<2> -> !decode.block<tree 4 prompts 2>
    %h, %st = decode.forward %x, %b : !text, !decode.block<tree 4 prompts 2>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: %[[P:.*]] = decode.verify_sample
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : !decode.block<tree 4 prompts 2>, !decode.logits<@main>
    // CHECK-NEXT: decode.prompted %[[B]], %{{.*}}, %[[P]] : <tree 4 prompts 2>, <@main> -> !decode.candidates<2>, !decode.candidates<3>
    %k:2 = decode.prompted %b, %l, %p : !decode.block<tree 4 prompts 2>, !decode.logits<@main> -> !decode.candidates<2>, !decode.candidates<3>
    // CHECK-NEXT: %[[LEAF:.*]] = decode.leaf
    %leaf = decode.leaf %h, %p : !decode.hidden<@main>
    // CHECK-NEXT: %[[Y:.*]] = decode.commit
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    // CHECK-NEXT: %[[H0:.*]] = decode.recur %[[LEAF]], %[[P]] in %[[Y]] by @clover : <@main>, !decode.path, <@main>
    %h0 = decode.recur %leaf, %p in %y by @clover : !decode.hidden<@main>, !decode.path, !text
    %l0 = decode.head %h0 by @clover_head : !decode.hidden<@main>
    %n0 = decode.top %l0 : !decode.logits<@main> -> !decode.candidates<2>
    // CHECK: decode.recur %[[H0]], %{{.*}} in %[[Y]] by @clover : <@main>, !decode.candidates<2>, <@main>
    %h1 = decode.recur %h0, %n0 in %y by @clover : !decode.hidden<@main>, !decode.candidates<2>, !text
    %l1 = decode.head %h1 by @clover_head : !decode.hidden<@main>
    %n1 = decode.top %l1 : !decode.logits<@main> -> !decode.candidates<2>
    %stop = decode.stop %y : !text
    decode.yield %y, %n0, %n1 until %stop : !text, !decode.candidates<2>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1, %end#2 : !text, !decode.candidates<2>, !decode.candidates<2>
}

// Hidden states behind layers, for heads and for what recurs; a forward that ends there.
// CHECK-LABEL: decode.strategy @taps(
decode.strategy @taps(%s: !text) {
  %none = decode.new_candidates : !decode.candidates<2>
  %end:3 = decode.round iter(%x = %s, %c0 = %none, %c1 = %none) : !text, !decode.candidates<2>, !decode.candidates<2> {
    %b = decode.expand %x, %c0, %c1 : !text, !decode.candidates<2>, !decode.candidates<2> -> !decode.block<tree [-1, 0, 1]>
    // CHECK: %[[FORK:.*]] = decode.fork
    %fork = decode.fork %x : !text
    %one = decode.pending %fork : !text -> !decode.block<1>
    // CHECK: %{{.*}}, %{{.*}}, %[[E:.*]] = decode.forward %[[FORK]], %{{.*}} skip [0] taps [1] : <@main>, <1>
    %h0, %st0, %e = decode.forward %fork, %one skip [0] taps [1] : !text, !decode.block<1>
    // CHECK-NEXT: decode.head %[[E]] : <@main>
    %el = decode.head %e : !decode.hidden<@main>
    %ep = decode.verify_greedy %one, %el : !decode.block<1>, !decode.logits<@main>
    %next = decode.commit %fork, %st0, %ep : !text, !decode.stage<@main>
    decode.drop %next : !text
    // CHECK: %[[H:.*]], %[[ST:.*]], %[[T:.*]]:2 = decode.forward %{{.*}}, %{{.*}} taps [1, 3] : <@main>, <tree [-1, 0, 1]>
    %h, %st, %t:2 = decode.forward %x, %b taps [1, 3] : !text, !decode.block<tree [-1, 0, 1]>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<tree [-1, 0, 1]>, !decode.logits<@main>
    // CHECK: %[[LEAF:.*]] = decode.leaf %[[T]]#0, %{{.*}} : <@main>
    %leaf = decode.leaf %t#0, %p : !decode.hidden<@main>
    // CHECK-NEXT: decode.leaf %[[T]]#1, %{{.*}} : <@main>
    %last = decode.leaf %t#1, %p : !decode.hidden<@main>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %r = decode.recur %leaf, %p in %y by @clover : !decode.hidden<@main>, !decode.path, !text
    %l0 = decode.head %r by @clover_head : !decode.hidden<@main>
    %n0 = decode.top %l0 : !decode.logits<@main> -> !decode.candidates<2>
    %l1 = decode.head %last : !decode.hidden<@main>
    %n1 = decode.top %l1 : !decode.logits<@main> -> !decode.candidates<2>
    %stop = decode.stop %y : !text
    decode.yield %y, %n0, %n1 until %stop : !text, !decode.candidates<2>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1, %end#2 : !text, !decode.candidates<2>, !decode.candidates<2>
}

// CHECK-LABEL: decode.strategy @jacobi(%{{.*}}: !decode.sequence<@main>) exact approximate {
decode.strategy @jacobi(%s: !text) exact approximate {
  // CHECK-NEXT: decode.new_guesses : <4>
  %none = decode.new_guesses : !decode.guesses<4>
  %end:2 = decode.round iter(%x = %s, %g = %none) : !text, !decode.guesses<4> {
    // CHECK: %[[B:.*]] = decode.carry %{{.*}}, %{{.*}} : <@main>, <4> -> <5>
    %b = decode.carry %x, %g : !text, !decode.guesses<4> -> !decode.block<5>
    %h, %st = decode.forward %x, %b : !text, !decode.block<5>
    %l = decode.head %h : !decode.hidden<@main>
    // CHECK: decode.verify_jacobi %[[B]], %[[L:.*]] [#decode.warp<temperature>] : <5>, <@main> -> <4>
    %p0, %g0 = decode.verify_jacobi %b, %l [#decode.warp<temperature>] against stale : !decode.block<5>, !decode.logits<@main> -> !decode.guesses<4>
    // CHECK-NEXT: decode.verify_jacobi %[[B]], %[[L]] [#decode.warp<temperature>] against fresh : <5>, <@main> -> <4>
    %p, %g1 = decode.verify_jacobi %b, %l [#decode.warp<temperature>] against fresh : !decode.block<5>, !decode.logits<@main> -> !decode.guesses<4>
    %y = decode.commit %x, %st, %p : !text, !decode.stage<@main>
    %stop = decode.stop %y : !text
    decode.yield %y, %g1 until %stop : !text, !decode.guesses<4>
  }
  decode.return %end#0, %end#1 : !text, !decode.guesses<4>
}

// CHECK-LABEL: decode.strategy @mask(%{{.*}}: !decode.sequence<@main>) exact semantics {
decode.strategy @mask(%s: !text) exact semantics {
  %end = decode.round iter(%x = %s) : !text {
    %stop = decode.stop %x : !text
    decode.yield %x until %stop : !text
  }
  decode.return %end : !text
}
