// RUN: plait-opt %s --plait-check-exactness -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// Classes
//===----------------------------------------------------------------------===//

// The error is at the op that keeps the strategy from what it says.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_reject' op expected a strategy that is identical, as @s says, but it is distribution: rejection sampling draws other numbers}}
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_sample' op expected a strategy that is identical, as @s says, but it is distribution: draws are those of a draft}}
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] purpose draft : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact semantics {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_typical' op expected a strategy that is semantics, as @s says, but it is approximate: typical acceptance takes drafted tokens that would not have been drawn}}
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact distribution {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_reject' op expected a strategy that is distribution, as @s says, but it is approximate: the token at the end of a block is drawn with other warps than those before it}}
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] bonus [#decode.warp<temperature>, #decode.warp<top_k>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_jacobi' op expected a strategy that is identical, as @s says, but it is distribution: rejection sampling draws other numbers}}
    %p, %g1 = decode.verify_jacobi %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<2>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact distribution {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_jacobi' op expected a strategy that is distribution, as @s says, but it is approximate: guesses are tested against distributions of this round, not against those that they were drawn from}}
    %p, %g1 = decode.verify_jacobi %b, %l [#decode.warp<temperature>] against fresh : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<2>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact reference {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st, %t = decode.forward %x, %b taps [1] : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %t : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is reference, as @s says, but it is approximate: layers are left out of a forward whose stage is committed}}
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// All layers are there, but the text is the tap's.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact reference {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st, %t = decode.forward %x, %b taps [1] : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %t : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is reference, as @s says, but it is approximate: the rule takes logits of a tap}}
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %leaf = decode.leaf %h, %p : !decode.hidden<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact reference {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b skip [1] : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is reference, as @s says, but it is approximate: layers are left out of a forward whose stage is committed}}
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %e = decode.edit %x, %l history prefix : !decode.sequence<@main>, !decode.logits<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is identical, as @s says, but it is approximate: penalties of a node look at the sequence alone and not at the node's path}}
    %p = decode.verify_greedy %b, %e : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h by @medusa_0 : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is identical, as @s says, but it is approximate: the rule takes logits of another head than the model's}}
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Logits of a draft decide.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %w = decode.fork %x : !decode.sequence<@main>
    %h0, %st0 = decode.forward %w, %b skip [1] : !decode.sequence<@main>, !decode.block<3>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %b, %l0 : !decode.block<3>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is identical, as @s says, but it is approximate: the rule takes logits of another forward}}
    %p = decode.verify_greedy %b, %l0 : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Logits of one node decide at all of them.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %q = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %leaf = decode.leaf %h, %q : !decode.hidden<@main>
    %m = decode.head %leaf : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected a strategy that is identical, as @s says, but it is approximate: the rule takes logits of another forward}}
    %p = decode.verify_greedy %b, %m : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// The numbers that drew a draft would decide again, and on what they drew.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) exact distribution {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %b, %f = decode.repeat 2 iter(%c = %root, %g = %e) : !decode.block<3>, !decode.sequence<@draft> {
      %one = decode.pending %g : !decode.sequence<@draft> -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !decode.sequence<@draft>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@draft>
      %q = decode.verify_sample %one, %l [#decode.warp<temperature>] : !decode.block<1>, !decode.logits<@draft>
      %next = decode.commit %g, %st, %q : !decode.sequence<@draft>, !decode.stage<@draft>
      %longer = decode.append %c, %q : !decode.block<3>
      decode.yield %longer, %next : !decode.block<3>, !decode.sequence<@draft>
    }
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_reject' op expected a strategy that is distribution, as @s says, but it is approximate: drafted tokens are drawn by the random numbers that decide on the text}}
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %back = decode.follow %f, %y : !decode.sequence<@draft>, !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %back until %done : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}

// -----

// Guesses that were drawn so are no better.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) exact distribution {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %b, %f = decode.repeat 2 iter(%c = %root, %g = %e) : !decode.block<3>, !decode.sequence<@draft> {
      %one = decode.pending %g : !decode.sequence<@draft> -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !decode.sequence<@draft>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@draft>
      %q = decode.verify_sample %one, %l [#decode.warp<temperature>] : !decode.block<1>, !decode.logits<@draft>
      %next = decode.commit %g, %st, %q : !decode.sequence<@draft>, !decode.stage<@draft>
      %longer = decode.append %c, %q : !decode.block<3>
      decode.yield %longer, %next : !decode.block<3>, !decode.sequence<@draft>
    }
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_jacobi' op expected a strategy that is distribution, as @s says, but it is approximate: drafted tokens are drawn by the random numbers that decide on the text}}
    %p, %more = decode.verify_jacobi %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<2>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %back = decode.follow %f, %y : !decode.sequence<@draft>, !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %back until %done : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) exact distribution {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %b, %f = decode.repeat 2 iter(%c = %root, %g = %e) : !decode.block<3>, !decode.sequence<@draft> {
      %one = decode.pending %g : !decode.sequence<@draft> -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !decode.sequence<@draft>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@draft>
      %q = decode.verify_reject %one, %l [#decode.warp<temperature>] : !decode.block<1>, !decode.logits<@draft>
      %next = decode.commit %g, %st, %q : !decode.sequence<@draft>, !decode.stage<@draft>
      %longer = decode.append %c, %q : !decode.block<3>
      decode.yield %longer, %next : !decode.block<3>, !decode.sequence<@draft>
    }
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_reject' op expected a strategy that is distribution, as @s says, but it is approximate: it is not known which distribution drafted tokens are drawn from}}
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %back = decode.follow %f, %y : !decode.sequence<@draft>, !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %back until %done : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}

// -----

// A path that a loop carries may come from anywhere.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) exact distribution {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %one0 = decode.pending %e : !decode.sequence<@draft> -> !decode.block<1>
    %h0, %st0 = decode.forward %e, %one0 : !decode.sequence<@draft>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@draft>
    %p0 = decode.verify_sample %one0, %l0 [#decode.warp<temperature>] : !decode.block<1>, !decode.logits<@draft>
    %e1 = decode.commit %e, %st0, %p0 : !decode.sequence<@draft>, !decode.stage<@draft>
    %b, %f, %pn = decode.repeat 2 iter(%c = %root, %g = %e1, %q0 = %p0) : !decode.block<3>, !decode.sequence<@draft>, !decode.path {
      %one = decode.pending %g : !decode.sequence<@draft> -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !decode.sequence<@draft>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@draft>
      %q = decode.verify_greedy %one, %l : !decode.block<1>, !decode.logits<@draft>
      %next = decode.commit %g, %st, %q : !decode.sequence<@draft>, !decode.stage<@draft>
      %longer = decode.append %c, %q0 : !decode.block<3>
      decode.yield %longer, %next, %q : !decode.block<3>, !decode.sequence<@draft>, !decode.path
    }
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_reject' op expected a strategy that is distribution, as @s says, but it is approximate: it is not known which distribution drafted tokens are drawn from}}
    %p = decode.verify_reject %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %back = decode.follow %f, %y : !decode.sequence<@draft>, !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %back until %done : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}

// -----

//===----------------------------------------------------------------------===//
// What is no strategy
//===----------------------------------------------------------------------===//

// A draft is not the text.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.round' op expected to yield as value 0 what became of that sequence, but it is another one}}
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %e, %y until %done : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>, %t: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.round' op expected to yield as value 1 what became of that sequence, but it is another one}}
  %end:3 = decode.round iter(%x = %s, %e = %d, %g = %t) : !decode.sequence<@main>, !decode.sequence<@main>, !decode.sequence<@main> {
    %done = decode.stop %x : !decode.sequence<@main>
    decode.yield %x, %g, %e until %done : !decode.sequence<@main>, !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1, %end#2 : !decode.sequence<@main>, !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

// A fork that leaves the loop as the text would bring what it drafted.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{'decode.repeat' op expected to yield as value 0 what became of that sequence, but it is another one}}
    %y, %v = decode.repeat 1 iter(%a = %x, %c = %w) : !decode.sequence<@main>, !decode.sequence<@main> {
      decode.yield %c, %a : !decode.sequence<@main>, !decode.sequence<@main>
    }
    decode.drop %v : !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// The text would end where the draft does.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %e : !decode.sequence<@main>
    // expected-error @+1 {{'decode.yield' op expected 'until' a 'decode.stop' of the strategy's first sequence}}
    decode.yield %y, %e until %done : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@main> {
    // expected-error @+1 {{'decode.follow' op expected a draft of its own but got the text}}
    %y = decode.follow %x, %e : !decode.sequence<@main>, !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %e until %done : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

// Its cells before the text's end are those of its sequence.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{'decode.follow' op expected a draft of its own but got a fork}}
    %v = decode.follow %w, %e : !decode.sequence<@main>, !decode.sequence<@main>
    decode.drop %v : !decode.sequence<@main>
    %done = decode.stop %x : !decode.sequence<@main>
    decode.yield %x, %e until %done : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

// What the fork drafts lies where the forward writes.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    // expected-note @+1 {{the fork}}
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{'decode.forward' op expected no use of the sequence's state while a fork of it lives}}
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    decode.drop %w : !decode.sequence<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-note @+1 {{the fork}}
    %w = decode.fork %x : !decode.sequence<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    // expected-error @+1 {{'decode.commit' op expected no use of the sequence's state while a fork of it lives}}
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %w : !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// In a loop as well.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %y = decode.repeat 2 iter(%a = %x) : !decode.sequence<@main> {
      %b = decode.pending %a : !decode.sequence<@main> -> !decode.block<1>
      // expected-note @+1 {{the fork}}
      %w = decode.fork %a : !decode.sequence<@main>
      // expected-error @+1 {{'decode.forward' op expected no use of the sequence's state while a fork of it lives}}
      %h, %st = decode.forward %a, %b : !decode.sequence<@main>, !decode.block<1>
      decode.drop %w : !decode.sequence<@main>
      %l = decode.head %h : !decode.hidden<@main>
      %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
      %c = decode.commit %a, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
      decode.yield %c : !decode.sequence<@main>
    }
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Two forks that live at once write into the same cells.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    // expected-note @+1 {{the fork}}
    %w = decode.fork %x : !decode.sequence<@main>
    %u = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{'decode.forward' op expected no use of the sequence's state while a fork of it lives}}
    %h0, %st0 = decode.forward %u, %b : !decode.sequence<@main>, !decode.block<3>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %b, %l0 : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    decode.drop %w : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// A draft between a forward and its commit overwrites what is staged.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    // expected-note @+1 {{the stage}}
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{'decode.forward' op expected no other forward of a sequence before its stage is committed}}
    %h0, %st0 = decode.forward %w, %b : !decode.sequence<@main>, !decode.block<3>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %b, %l0 : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// A pending token and one per iteration.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<4>
    %w = decode.fork %x : !decode.sequence<@main>
    %b, %v = decode.repeat 4 iter(%c = %root, %g = %w) : !decode.block<4>, !decode.sequence<@main> {
      %one = decode.pending %g : !decode.sequence<@main> -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !decode.sequence<@main>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %q = decode.verify_greedy %one, %l : !decode.block<1>, !decode.logits<@main>
      %next = decode.commit %g, %st, %q : !decode.sequence<@main>, !decode.stage<@main>
      // expected-error @+1 {{'decode.append' op expected a block with room for 5 tokens but got '!decode.block<4>'}}
      %longer = decode.append %c, %q : !decode.block<4>
      decode.yield %longer, %next : !decode.block<4>, !decode.sequence<@main>
    }
    decode.drop %v : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<4>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<4>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// What was looked up may fill the block already.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<4>
    %w = decode.fork %x : !decode.sequence<@main>
    %b, %v = decode.repeat 2 iter(%c = %root, %g = %w) : !decode.block<4>, !decode.sequence<@main> {
      %one = decode.pending %g : !decode.sequence<@main> -> !decode.block<1>
      %h, %st = decode.forward %g, %one : !decode.sequence<@main>, !decode.block<1>
      %l = decode.head %h : !decode.hidden<@main>
      %q = decode.verify_greedy %one, %l : !decode.block<1>, !decode.logits<@main>
      %next = decode.commit %g, %st, %q : !decode.sequence<@main>, !decode.stage<@main>
      // expected-error @+1 {{'decode.append' op expected a block with room for 6 tokens but got '!decode.block<4>'}}
      %longer = decode.append %c, %q : !decode.block<4>
      decode.yield %longer, %next : !decode.block<4>, !decode.sequence<@main>
    }
    decode.drop %v : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<4>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<4>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    // expected-error @+1 {{'decode.run' op expected a 'decode.forward': 'plait-check-exactness' comes before 'plait-outline-steps'}}
    %c, %st = decode.run @ar(%x, %b) : <@main>, <1>
    %p = decode.walk %b, %c : <1>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %done = decode.stop %y : <@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// The text follows from what is drafted, and how much that is from the clock.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact approximate {
  %known = decode.new_acceptance : !decode.acceptance
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.choose_length' op expected costs, as the text of a strategy that is approximate follows from what is drafted, and must not depend on the clock}}
    %k = decode.choose_length %known of [0, 2] : !decode.acceptance
    %all = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %b = decode.shorten %all to %k : !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Nor by which variant: costs do not say how long each takes.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) exact approximate {
  %known = decode.new_acceptance : !decode.acceptance
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.choose_variant' op expected one variant that always drafts, as the text of a strategy that is approximate follows from what is drafted, and must not depend on the clock}}
    %v = decode.choose_variant %known of 2 lengths [0, 2] : !decode.acceptance
    %k = decode.choose_length %known of [0, 2] costs [1.0, 1.5] by %v : !decode.acceptance
    %all = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<3>
    %b = decode.shorten %all to %k : !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

//===----------------------------------------------------------------------===//
// Blocks and states
//===----------------------------------------------------------------------===//

// Nodes lie behind each other, so a tree has no more of them than a state has positions, be it one with a window.
lm.model @main family "llama" numerics row_invariant max_positions 4 {
  // expected-note @+2 {{argument 0 of @forward: '!lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32, window = 3>'}}
  // expected-note @+1 {{argument 1 of @forward: '!lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>'}}
  lm.func @forward(%near: !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32, window = 3>, %all: !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>) -> (!lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32, window = 3>, !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>) {
    lm.return %near, %all : !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32, window = 3>, !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) exact identical {
  %empty = decode.new_successors : !decode.successors<2>
  %end:2 = decode.round iter(%x = %s, %a = %empty) : !decode.sequence<@main>, !decode.successors<2> {
    // expected-error @+1 {{'decode.recall' op expected a block of at most 4 nodes, as each state of @main has so many positions, but got '!decode.block<tree [-1, 0, 0, 1, 1]>'}}
    %all = decode.recall %x, %a : !decode.sequence<@main>, !decode.successors<2> -> !decode.block<tree [-1, 0, 0, 1, 1]>
    %two = arith.constant 2 : index
    %b = decode.shorten %all to %two : !decode.block<tree [-1, 0, 0, 1, 1]>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<tree [-1, 0, 0, 1, 1]>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : !decode.block<tree [-1, 0, 0, 1, 1]>, !decode.logits<@main>
    %a1 = decode.learn %a, %b, %l : !decode.successors<2>, !decode.block<tree [-1, 0, 0, 1, 1]>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %a1 until %done : !decode.sequence<@main>, !decode.successors<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.successors<2>
}

// -----

// One node less is legal; of a chain, and of a draft model.
lm.model @main family "llama" numerics row_invariant max_positions 4 {
  lm.func @forward(%kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
  }
}
lm.model @draft family "llama" numerics row_invariant max_positions 2 {
  // expected-note @+1 {{argument 0 of @forward: '!lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>'}}
  lm.func @forward(%kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32> {
    lm.return %kv : !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
  }
}
decode.strategy @legal(%s: !decode.sequence<@main>) exact identical {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<4>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<4>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : !decode.block<4>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @drafts(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) exact identical {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    // expected-error @+1 {{'decode.lookup' op expected a block of at most 2 nodes, as each state of @draft has so many positions, but got '!decode.block<3>'}}
    %c = decode.lookup %e longest 2 shortest 1 : !decode.sequence<@draft> -> !decode.block<3>
    %g, %dst = decode.forward %e, %c : !decode.sequence<@draft>, !decode.block<3>
    %dl = decode.head %g : !decode.hidden<@draft>
    %dp = decode.verify_greedy %c, %dl : !decode.block<3>, !decode.logits<@draft>
    %f = decode.commit %e, %dst, %dp : !decode.sequence<@draft>, !decode.stage<@draft>
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %back = decode.follow %f, %y : !decode.sequence<@draft>, !decode.sequence<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %back until %done : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}
