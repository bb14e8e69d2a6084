// RUN: plait-opt %s -split-input-file -verify-diagnostics

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    // expected-error @+1 {{'decode.run' op expected the symbol of a 'decode.step' or of the strategy that becomes one but got @none}}
    %c, %st = decode.run @none(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    %p = decode.walk %b, %c : !decode.block<5>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// A model is neither.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    // expected-error @+1 {{'decode.run' op expected the symbol of a 'decode.step' or of the strategy that becomes one but got @main}}
    %c, %st = decode.run @main(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    %p = decode.walk %b, %c : !decode.block<5>
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
func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<5>) {
  // expected-error @+2 {{'decode.run' op inferred type(s)}}
  // expected-error @+1 {{failed to infer returned types}}
  %c, %st = "decode.run"(%x, %b) <{step = @ar, num_taps = 1 : i64, top = 0 : i64}> : (!decode.sequence<@main>, !decode.block<5>) -> (!decode.choices, !decode.stage<@main>)
  return
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    // expected-error @+1 {{'decode.run' op attribute 'top' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
    %c, %st = decode.run @ar(%x, %b) top -1 : !decode.sequence<@main>, !decode.block<5>
    %p = decode.walk %b, %c : !decode.block<5>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %c, %st = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    // expected-error @+1 {{'decode.walk' op expected the choices of a 'decode.run' over the same block}}
    %p = decode.walk %other, %c : !decode.block<5>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %c, %st = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    // expected-error @+1 {{'decode.walk_guesses' op expected a chain of 4 nodes for 3 guesses but got '!decode.block<5>'}}
    %p, %g = decode.walk_guesses %b, %c : !decode.block<5> -> !decode.guesses<3>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %c, %st = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    // expected-error @+1 {{'decode.walk_guesses' op expected the choices of a 'decode.run' over the same block}}
    %p, %g = decode.walk_guesses %other, %c : !decode.block<5> -> !decode.guesses<4>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// The stage is that of a run of the sequence, the path one through its block.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %c, %st = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    %c1, %st1 = decode.run @ar(%x, %other) : !decode.sequence<@main>, !decode.block<5>
    %p = decode.walk %b, %c : !decode.block<5>
    // expected-error @+1 {{'decode.commit' op expected a path from a rule on the block of that 'decode.forward'}}
    %y = decode.commit %x, %st1, %p : !decode.sequence<@main>, !decode.stage<@main>
    %y1 = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %c, %st = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    %p = decode.walk %b, %c : !decode.block<5>
    %w = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %c1, %st1 = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<5>
    // expected-error @+1 {{'decode.commit' op expected the stage of a 'decode.forward' of the same sequence}}
    %y = decode.commit %w, %st1, %p : !decode.sequence<@main>, !decode.stage<@main>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %none = decode.new_successors : !decode.successors<4>
  %end:2 = decode.round iter(%x = %s, %a = %none) : !decode.sequence<@main>, !decode.successors<4> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<5>
    %c, %st = decode.run @ar(%x, %b) top 3 : !decode.sequence<@main>, !decode.block<5>
    %p = decode.walk %b, %c : !decode.block<5>
    // expected-error @+1 {{'decode.learn_choices' op expected a 'decode.run' that reports 4 tokens of each node but got 3}}
    %a1 = decode.learn_choices %a, %b, %c : !decode.successors<4>, !decode.block<5>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y, %a1 until %done : !decode.sequence<@main>, !decode.successors<4>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.successors<4>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %c, %st = decode.run @ar(%x, %b) : !decode.sequence<@main>, !decode.block<1>
    // expected-error @+1 {{'decode.walk_momentum' op expected a 'decode.run' with 'top', of the tokens that may be chosen}}
    %p = decode.walk_momentum %b, %c after %x alpha 0.2 resistance [1.0] : !decode.block<1>, !decode.sequence<@main>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %c, %st = decode.run @ar(%x, %b) top 3 : !decode.sequence<@main>, !decode.block<1>
    // expected-error @+1 {{'decode.walk_momentum' op expected the choices of a 'decode.run' over the same block}}
    %p = decode.walk_momentum %other, %c after %x alpha 0.2 resistance [1.0] : !decode.block<1>, !decode.sequence<@main>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %c, %st = decode.run @ar(%x, %b) top 3 : !decode.sequence<@main>, !decode.block<1>
    // expected-error @+1 {{'decode.walk_momentum' op expected a finite alpha that is not negative}}
    %p = decode.walk_momentum %b, %c after %x alpha -0.2 resistance [1.0] : !decode.block<1>, !decode.sequence<@main>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %other = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %c, %st = decode.run @ar(%x, %b) top 3 : !decode.sequence<@main>, !decode.block<1>
    // expected-error @+1 {{'decode.walk_momentum' op expected at least one resistance, all finite and none negative}}
    %p = decode.walk_momentum %b, %c after %x alpha 0.2 resistance [] : !decode.block<1>, !decode.sequence<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %done = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %done : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
