// RUN: plait-opt %s --plait-outline-steps -split-input-file -verify-diagnostics

// Of forwards.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    // expected-error @+1 {{'decode.forward' op is not compiled yet: found layers to skip in a forward of the text; expected them in that of a 'decode.fork' of it}}
    %h, %st = decode.forward %x, %b skip [1] : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %none = decode.new_successors : !decode.successors<3>
  %end:2 = decode.round iter(%x = %s, %table = %none) : !decode.sequence<@main>, !decode.successors<3> {
    %b = decode.recall %x, %table : <@main>, !decode.successors<3> -> <tree [-1, 0, 0] prompts 1>
    // expected-error @+1 {{'decode.forward' op is not compiled yet: found prompts in its block; expected a block of 'decode.expand_prompts', or nodes that stand for tokens}}
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0, 0] prompts 1>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <tree [-1, 0, 0] prompts 1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %table until %stop : !decode.sequence<@main>, !decode.successors<3>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.successors<3>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    // expected-error @+1 {{'decode.head' op is not compiled yet: found another head than the model's; expected no 'by'}}
    %l = decode.head %h by @medusa : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    // expected-error @+1 {{'decode.head' op is not compiled yet: found another use of hidden states than one head; expected one 'decode.head' of a forward}}
    %l1 = decode.head %h : <@main>
    %e = decode.edit %x, %l1 : <@main>, <@main>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Of logits.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    // expected-error @+1 {{'decode.top' op is not compiled yet: found another use of logits than the rule's; expected one edit, one rule, 'decode.learn' and 'decode.prompted'}}
    %c = decode.top %l : <@main> -> !decode.candidates<4>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    // expected-error @+1 {{'decode.verify_sample' op is not compiled yet: found another use of logits than the rule's; expected one edit, one rule, 'decode.learn' and 'decode.prompted'}}
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %q = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    // expected-error @+1 {{'decode.verify_reject' op is not compiled yet: found other warps at the end of a block; expected no 'bonus'}}
    %p = decode.verify_reject %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] bonus [] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    // expected-error @+1 {{'decode.verify_jacobi' op is not compiled yet: found guesses tested against fresh distributions; expected 'against stale'}}
    %p, %g = decode.verify_jacobi %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] against fresh : <5>, <@main> -> !decode.guesses<4>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Of the text, which is that of @ar.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    // expected-error @+1 {{'decode.verify_sample' op is not compiled yet: found logits that are not edited; expected a 'decode.edit' for the rule, as @ar has it}}
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    // expected-error @+1 {{'decode.edit' op is not compiled yet: found penalties that look at the prefix; expected 'history path'}}
    %e = decode.edit %x, %l history prefix : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    // expected-error @+1 {{'decode.verify_sample' op is not compiled yet: found the warps [#decode.warp<temperature>]; expected those of @ar, [#decode.warp<temperature>, #decode.warp<top_k>]}}
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    // expected-error @+1 {{'decode.verify_sample' op is not compiled yet: found edited logits; expected none, as @ar has it}}
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
lm.model @other family "llama" numerics row_invariant max_positions 64 {
}
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
// expected-error @+1 {{'decode.strategy' op is not compiled yet: found a text of another model than that of @ar; expected a first sequence of that model}}
decode.strategy @s(%s: !decode.sequence<@other>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@other> {
    %b = decode.lookup %x longest 2 shortest 1 : <@other> -> <5>
    %h, %st = decode.forward %x, %b : <@other>, <5>
    %l = decode.head %h : <@other>
    %e = decode.edit %x, %l : <@other>, <@other>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@other>
    %y = decode.commit %x, %st, %p : <@other>, <@other>
    %stop = decode.stop %y : <@other>
    decode.yield %y until %stop : !decode.sequence<@other>
  }
  decode.return %end : !decode.sequence<@other>
}

// -----

// Nothing to run.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{'decode.strategy' op expected a strategy @ar, whose step its forwards become; 'plait-attach-strategy' adds @ar}}
decode.strategy @s(%s: !decode.sequence<@main>) {
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

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{cannot be batched: expected a round of pending, forward, head, at most one edit, one verify rule, commit and stop}}
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
decode.strategy @t(%s: !decode.sequence<@main>) {
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

// -----

// A forward for nothing.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    // expected-error @+1 {{'decode.forward' op is not compiled yet: found no head; expected one 'decode.head' of a forward}}
    %h2, %st2 = decode.forward %y, %b : <@main>, <5>
    %z = decode.commit %y, %st2, %p : <@main>, <@main>
    %stop = decode.stop %z : <@main>
    decode.yield %z until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    // expected-error @+1 {{'decode.forward' op is not compiled yet: found no rule on its block; expected one verify rule for the logits of a forward}}
    %h2, %st2 = decode.forward %y, %b : <@main>, <5>
    %l2 = decode.head %h2 : <@main>
    %z = decode.commit %y, %st2, %p : <@main>, <@main>
    %stop = decode.stop %z : <@main>
    decode.yield %z until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// What is of no dialect of ours.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.lookup %x longest 2 shortest 1 : <@main> -> <5>
    %h, %st = decode.forward %x, %b : <@main>, <5>
    %l = decode.head %h : <@main>
    %e = decode.edit %x, %l : <@main>, <@main>
    %p = decode.verify_sample %b, %e [#decode.warp<temperature>, #decode.warp<top_k>] : <5>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    // expected-error @+1 {{'arith.constant' op is not compiled yet: found an op that is no part of a forward; expected one that the runtime interprets}}
    %one = arith.constant 1 : index
    %z = decode.repeat 2 iter(%v = %y) times %one : !decode.sequence<@main> {
      decode.yield %v : !decode.sequence<@main>
    }
    %stop = decode.stop %z : <@main>
    decode.yield %z until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Groups can be interpreted.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.branch' op is not compiled yet: found a group of sequences; expected a strategy of one sequence; groups can only be interpreted (plait-opt --plait-evaluate)}}
    %g = decode.branch %x : <@main> -> <@main, 2 of 4>
    %k = decode.each %w of %g : <@main, 2 of 4> {
      %b = decode.pending %w : <@main> -> <1>
      %h, %st = decode.forward %w, %b : <@main>, <1>
      %l = decode.head %h : <@main>
      %p = decode.verify_greedy %b, %l : <1>, <@main>
      %v = decode.commit %w, %st, %p : <@main>, <@main>
      decode.yield %v : !decode.sequence<@main>
    }
    %y = decode.vote %k : <@main, 2 of 4>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
