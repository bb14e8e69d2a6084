// RUN: plait-opt %s -split-input-file -verify-diagnostics -o /dev/null --plait-evaluate='function=s weights=random:0 tokens=2,1 new-tokens=4'

// What only shows while a strategy is evaluated.

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
// It would never end.
decode.strategy @s(%s: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.round' op expected a round that commits a token to its text, or stops}}
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    %b = decode.pending %v : !decode.sequence<@main> -> !decode.block<1>
    decode.drop %v : !decode.sequence<@main>
    // expected-error @+1 {{'decode.forward' op expected a block that continues the text of its sequence}}
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
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<2>
    %b1 = decode.append %root, %q : !decode.block<2>
    // expected-error @+1 {{'decode.append' op expected room in a block of 2 tokens}}
    %b = decode.append %b1, %q : !decode.block<2>
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

// The logits of another block.
!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %short = decode.append %root, %q : !decode.block<3>
    %b = decode.append %short, %q : !decode.block<3>
    %u = decode.fork %x : !decode.sequence<@main>
    %hs, %sts = decode.forward %u, %short : !decode.sequence<@main>, !decode.block<3>
    %ls = decode.head %hs : !decode.hidden<@main>
    %ps = decode.verify_greedy %short, %ls : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %sts, %ps : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_greedy' op expected logits of the block's 3 nodes but got those of 2}}
    %p = decode.verify_greedy %b, %ls : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %short = decode.append %root, %q : !decode.block<3>
    %b = decode.append %short, %q : !decode.block<3>
    %u = decode.fork %x : !decode.sequence<@main>
    %hs, %sts = decode.forward %u, %short : !decode.sequence<@main>, !decode.block<3>
    %ls = decode.head %hs : !decode.hidden<@main>
    %ps = decode.verify_greedy %short, %ls : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %sts, %ps : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_sample' op expected logits of the block's 3 nodes but got those of 2}}
    %p = decode.verify_sample %b, %ls [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %short = decode.append %root, %q : !decode.block<3>
    %b = decode.append %short, %q : !decode.block<3>
    %u = decode.fork %x : !decode.sequence<@main>
    %hs, %sts = decode.forward %u, %short : !decode.sequence<@main>, !decode.block<3>
    %ls = decode.head %hs : !decode.hidden<@main>
    %ps = decode.verify_greedy %short, %ls : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %sts, %ps : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_reject' op expected logits of the block's 3 nodes but got those of 2}}
    %p = decode.verify_reject %b, %ls [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %short = decode.append %root, %q : !decode.block<3>
    %b = decode.append %short, %q : !decode.block<3>
    %u = decode.fork %x : !decode.sequence<@main>
    %hs, %sts = decode.forward %u, %short : !decode.sequence<@main>, !decode.block<3>
    %ls = decode.head %hs : !decode.hidden<@main>
    %ps = decode.verify_greedy %short, %ls : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %sts, %ps : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_typical' op expected logits of the block's 3 nodes but got those of 2}}
    %p = decode.verify_typical %b, %ls [#decode.warp<temperature>] threshold 0.25 alpha 0.5 : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %short = decode.append %root, %q : !decode.block<3>
    %b = decode.append %short, %q : !decode.block<3>
    %u = decode.fork %x : !decode.sequence<@main>
    %hs, %sts = decode.forward %u, %short : !decode.sequence<@main>, !decode.block<3>
    %ls = decode.head %hs : !decode.hidden<@main>
    %ps = decode.verify_greedy %short, %ls : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %sts, %ps : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    // expected-error @+1 {{'decode.verify_jacobi' op expected logits of the block's 3 nodes but got those of 2}}
    %p, %g = decode.verify_jacobi %b, %ls [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<2>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %t = decode.new_successors : !decode.successors<2>
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %short = decode.append %root, %q : !decode.block<3>
    %b = decode.append %short, %q : !decode.block<3>
    %u = decode.fork %x : !decode.sequence<@main>
    %hs, %sts = decode.forward %u, %short : !decode.sequence<@main>, !decode.block<3>
    %ls = decode.head %hs : !decode.hidden<@main>
    %ps = decode.verify_greedy %short, %ls : !decode.block<3>, !decode.logits<@main>
    %u1 = decode.commit %u, %sts, %ps : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %u1 : !decode.sequence<@main>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    // expected-error @+1 {{'decode.learn' op expected logits of the block's 3 nodes but got those of 2}}
    %t1 = decode.learn %t, %b, %ls : !decode.successors<2>, !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// The path of another block.
!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %one = decode.pending %w : !decode.sequence<@main> -> !decode.block<1>
    %h0, %st0 = decode.forward %w, %one : !decode.sequence<@main>, !decode.block<1>
    %l0 = decode.head %h0 : !decode.hidden<@main>
    %q = decode.verify_greedy %one, %l0 : !decode.block<1>, !decode.logits<@main>
    %v = decode.commit %w, %st0, %q : !decode.sequence<@main>, !decode.stage<@main>
    decode.drop %v : !decode.sequence<@main>
    %root = decode.pending %x : !decode.sequence<@main> -> !decode.block<3>
    %b = decode.append %root, %q : !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    // expected-error @+1 {{'decode.leaf' op expected a path through the block's 1 nodes but got node 1}}
    %leaf = decode.leaf %h0, %p : !decode.hidden<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Where there is no guess, a token of the vocabulary is one.
!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x1xf32, #lm.dims<tokens>>
!leaf = tensor<?x1xf32, #lm.dims<leaves>>
!logits = tensor<?x4xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @embed from "embed" : !lm.weight<4x1, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x1, #lm.f32>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @other(%h: !leaf) -> !logits {
    %w = lm.get_weight @embed : !lm.weight<4x1, #lm.f32>
    %l = lm.head %h, %w : !leaf, !lm.weight<4x1, #lm.f32>
    lm.return %l : !logits
  }
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %g = decode.new_guesses : !decode.guesses<2>
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.carry' op expected a model with a function @head(hidden) -> logits}}
    %b = decode.carry %x, %g : !decode.sequence<@main>, !decode.guesses<2> -> !decode.block<3>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<3>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<3>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
