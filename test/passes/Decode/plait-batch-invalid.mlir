// RUN: plait-opt %s --plait-batch -split-input-file -verify-diagnostics

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(!ids, !ids, !lm.rows, !kv) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv)
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>>
}
decode.strategy @two_forwards(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    // expected-error @+1 {{cannot be batched: expected a round of pending, forward, head, at most one edit, one verify rule, commit and stop}}
    %h2, %st2 = decode.forward %y, %b : !decode.sequence<@main>, !decode.block<1>
    %z = decode.commit %y, %st2, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %z : !decode.sequence<@main>
    decode.yield %z until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @idle(%s: !decode.sequence<@main>) {
  // expected-error @+1 {{cannot be batched: expected a forward, a head and a verify rule}}
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @wide(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<2>
    // expected-error @+1 {{cannot be batched: expected a block of one pending token}}
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<2>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<2>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(!ids, !ids, !lm.rows, !kv) -> (tensor<?x4xf32, #lm.dims<tokens>>, !kv)
}
// expected-error @+1 {{expected the model @main to have a function @head}}
decode.strategy @no_head(%s: !decode.sequence<@main>) {
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

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  // expected-error @+1 {{expected (ids, positions, rows, state...) -> (hidden, state...) but got}}
  lm.func @forward(!ids, !ids) -> tensor<?x4xf32, #lm.dims<tokens>>
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>>
}
decode.strategy @no_state(%s: !decode.sequence<@main>) {
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

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @idle_edit(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{cannot be batched: expected the verify rule to take the edited logits}}
    %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// A step ends with what it committed; a round that looks at what was before would
// go on for one round more.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @late(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %stop = decode.stop %x : !decode.sequence<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    // expected-error @+1 {{'decode.yield' op cannot be batched: expected the committed sequence and whether it stops}}
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
