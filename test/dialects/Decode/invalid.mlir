// RUN: plait-opt %s -split-input-file -verify-diagnostics

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expected a positive block size but got 0}}
func.func private @f(!decode.block<0>)

// -----

//===----------------------------------------------------------------------===//
// Strategies and rounds
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expected arguments that are sequences but got 'i32'}}
decode.strategy @s(%s: i32) {
  decode.return
}

// -----

// expected-error @+1 {{expected a sequence of an 'lm.model' but got '!decode.sequence<@main>'}}
decode.strategy @s(%s: !decode.sequence<@main>) {
  decode.return %s : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{expected a body of initial values, one 'decode.round' and a 'decode.return' of its results}}
decode.strategy @s(%s: !decode.sequence<@main>) {
  decode.return %s : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  // expected-error @+1 {{expected initial values, block arguments, yielded values and results of the same types}}
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %stop until %stop : i1
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  // expected-error @+1 {{expected 1 types but got 2}}
  %end = decode.round iter(%x = %s) : !decode.sequence<@main>, !decode.sequence<@main> {
  }
}

// -----

// A sequence that is committed twice would publish two texts.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  // expected-error @+1 {{expected '!decode.sequence<@main>' to be consumed exactly once but got 2 consuming uses}}
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %l = decode.head %h : !decode.hidden<@main>
    %p = decode.verify_greedy %b, %l : !decode.block<1>, !decode.logits<@main>
    %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// A stage must be committed.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    // expected-error @+1 {{expected '!decode.stage<@main>' to be consumed exactly once but got 0 consuming uses}}
    %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

//===----------------------------------------------------------------------===//
// Ops on one sequence
//===----------------------------------------------------------------------===//

func.func @f(%b: !decode.block<1>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{expected warps in the order temperature, top_k, top_p, min_p without repetition}}
  %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<top_p>, #decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<1>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{expected warps in the order temperature, top_k, top_p, min_p without repetition}}
  %p = decode.verify_sample %b, %l [#decode.warp<temperature>, #decode.warp<temperature>] : !decode.block<1>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<1>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{expected temperature as the first warp but got [#decode.warp<top_k>]}}
  %p = decode.verify_sample %b, %l [#decode.warp<top_k>] : !decode.block<1>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<1>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{expected temperature as the first warp but got []}}
  %p = decode.verify_sample %b, %l [] : !decode.block<1>, !decode.logits<@main>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %y: !decode.sequence<@main>, %b: !decode.block<1>, %p: !decode.path) {
  %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
  // expected-error @+1 {{expected the stage of a 'decode.forward' of the same sequence}}
  %z = decode.commit %y, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %st: !decode.stage<@main>, %p: !decode.path) {
  // expected-error @+1 {{expected the stage of a 'decode.forward' of the same sequence}}
  %z = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Steps
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expected one role per argument (1) but got 0}}
decode.step @s(%x: tensor<?xi32, #lm.dims<tokens>>) attributes {input_roles = [], output_roles = []} {
  decode.return
}

// -----

// expected-error @+1 {{attribute 'share_tokens' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
decode.step @s() attributes {input_roles = [], output_roles = [], share_tokens = -1 : i64} {
  decode.return
}

// -----

// expected-error @+1 {{attribute 'weave_tokens' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative}}
decode.step @s() attributes {input_roles = [], output_roles = [], weave_tokens = -1 : i64} {
  decode.return
}

// -----

// expected-error @+1 {{expected one role per result (0) but got 1}}
decode.step @s() attributes {input_roles = [], output_roles = [#decode.role<chosen>]} {
  decode.return
}

// -----

// expected-error @+1 {{expected each role once but got #decode.role<tokens> twice}}
decode.step @s(%x: tensor<?xi32, #lm.dims<tokens>>, %y: tensor<?xi32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<tokens>], output_roles = []} {
  decode.return
}

// -----

decode.step @s(%x: tensor<?xi32, #lm.dims<tokens>>) -> tensor<?xf32, #lm.dims<leaves>>
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<logprob>]} {
  // expected-error @+1 {{expected values of the step's result types 'tensor<?xf32, #lm.dims<leaves>>' but got 'tensor<?xi32, #lm.dims<tokens>>'}}
  decode.return %x : tensor<?xi32, #lm.dims<tokens>>
}

// -----

func.func @f(%l: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{expected logits of rank 2 but got 'tensor<?xf32, #lm.dims<leaves>>'}}
  %t, %s, %lp = decode.choose_greedy %l : tensor<?xf32, #lm.dims<leaves>>
  return
}

// -----

// expected-error @+1 {{expected an '!lm.state' exactly for the role state but got 'tensor<?xi32, #lm.dims<tokens>>' for #decode.role<state>}}
decode.step @s(%x: tensor<?xi32, #lm.dims<tokens>>) attributes {input_roles = [#decode.role<state>], output_roles = []} {
  decode.return
}

// -----

func.func @f(%l: tensor<?xf32, #lm.dims<leaves>>, %n: tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{expected logits of rank 2 but got 'tensor<?xf32, #lm.dims<leaves>>'}}
  %t, %p = decode.top_logprobs %l, %n : tensor<?xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>
  return
}

// -----

// expected-error @+1 {{expected an '!lm.state' exactly for the role state but got '!lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>' for #decode.role<tokens>}}
decode.step @s(%x: !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>) attributes {input_roles = [#decode.role<tokens>], output_roles = []} {
  decode.return
}

// -----

!i = tensor<?xi32, #lm.dims<edits>>
!f = tensor<?xf32, #lm.dims<edits>>
func.func @f(%l: tensor<?xf32, #lm.dims<leaves>>, %n: tensor<?xi32, #lm.dims<leaves>>, %t: !i, %b: !f) {
  // expected-error @+1 {{expected logits of rank 2 but got 'tensor<?xf32, #lm.dims<leaves>>'}}
  %e = decode.edit_logits %l, %n, %t, %b, %b, %b : tensor<?xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !i, !f, !f, !f
  return
}

// -----

func.func @f(%l: tensor<?x?xf32, #lm.dims<leaves, v>>) {
  // expected-error @+1 {{expected a static number of columns of logits but got 'tensor<?x?xf32, #lm.dims<leaves, v>>'}}
  %t, %s, %lp = decode.choose_greedy %l : tensor<?x?xf32, #lm.dims<leaves, v>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32>, %n: tensor<?xi32>) {
  // expected-error @+1 {{expected a name for the rows of logits but got 'tensor<?x7xf32>'}}
  %t, %p = decode.top_logprobs %l, %n : tensor<?x7xf32>, tensor<?xi32>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %n: tensor<?xi32, #lm.dims<tokens>>) {
  // expected-error @+1 {{'decode.top_logprobs' op expected counts with the leading extent of 'tensor<?x7xf32, #lm.dims<leaves>>' but got 'tensor<?xi32, #lm.dims<tokens>>'}}
  %t, %p = decode.top_logprobs %l, %n : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<tokens>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %n: tensor<*xi32>) {
  // expected-error @+1 {{'decode.top_logprobs' op expected counts of rank 1 but got 'tensor<*xi32>'}}
  %t, %p = decode.top_logprobs %l, %n : tensor<?x7xf32, #lm.dims<leaves>>, tensor<*xi32>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %pos: tensor<?xi32, #lm.dims<leaves>>, %seed: tensor<?xi64, #lm.dims<leaves>>, %t: tensor<?x1xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.choose_sample' op expected what belongs to a leaf of rank 1 but got 'tensor<?x1xf32, #lm.dims<leaves>>'}}
  %0, %1, %2 = decode.choose_sample %l, %pos, %seed, %seed temperature %t : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?x1xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%t: tensor<?xi32, #lm.dims<leaves>>, %stops: tensor<?xi32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.match_stops' op expected stops of rank 2 but got 'tensor<?xi32, #lm.dims<leaves>>'}}
  %s = decode.match_stops %t, %t, %stops : tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %n: tensor<?xi32, #lm.dims<leaves>>, %t: tensor<?xi32, #lm.dims<edits>>, %b: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.edit_logits' op expected lists of edits with the leading extent of 'tensor<?xi32, #lm.dims<edits>>' but got 'tensor<?xf32, #lm.dims<leaves>>'}}
  %e = decode.edit_logits %l, %n, %t, %b, %b, %b : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<edits>>, tensor<?xf32, #lm.dims<leaves>>, tensor<?xf32, #lm.dims<leaves>>, tensor<?xf32, #lm.dims<leaves>>
  return
}

// -----

// expected-error @+1 {{'decode.step' op expected a body of one block with a 'decode.return' at the end}}
decode.step @s() attributes {input_roles = [], output_roles = []}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %i: tensor<?xi32, #lm.dims<leaves>>, %q: tensor<?xi64, #lm.dims<leaves>>, %t: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.choose_typical' op expected a positive threshold and alpha}}
  %0, %1, %2 = decode.choose_typical %l, %i, %q, %q, %i, %i temperature %t threshold 0.0 alpha 0.3 : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %i: tensor<?xi32, #lm.dims<leaves>>, %q: tensor<?xi64, #lm.dims<leaves>>, %t: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{'decode.choose_typical' op expected a positive threshold and alpha}}
  %0, %1, %2 = decode.choose_typical %l, %i, %q, %q, %i, %i temperature %t threshold 0.1 alpha -1.0 : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%l: tensor<?x7xf32, #lm.dims<leaves>>, %i: tensor<?xi32, #lm.dims<leaves>>, %q: tensor<?xi64, #lm.dims<leaves>>, %t: tensor<?xf32, #lm.dims<leaves>>, %u: tensor<?xi32, #lm.dims<tokens>>) {
  // expected-error @+1 {{'decode.choose_typical' op expected what belongs to a leaf with the leading extent of 'tensor<?x7xf32, #lm.dims<leaves>>' but got 'tensor<?xi32, #lm.dims<tokens>>'}}
  %0, %1, %2 = decode.choose_typical %l, %i, %q, %q, %i, %u temperature %t threshold 0.1 alpha 0.3 : tensor<?x7xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi64, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<tokens>>, tensor<?xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f() {
  // expected-error @+2 {{failed to infer returned types}}
  // expected-error @+1 {{expected hidden states to join but got none}}
  %j = "decode.join_hidden"() : () -> tensor<?x8xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%h: tensor<?xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{expected hidden states of rank 2 with a static number of columns but got 'tensor<?xf32, #lm.dims<leaves>>'}}
  %j = decode.join_hidden %h : tensor<?xf32, #lm.dims<leaves>>
  return
}

// -----

func.func @f(%h: tensor<?x8xf32, #lm.dims<leaves>>, %t: tensor<?x4xf32, #lm.dims<leaves>>) {
  // expected-error @+1 {{expected hidden states of one type but got 'tensor<?x8xf32, #lm.dims<leaves>>' and 'tensor<?x4xf32, #lm.dims<leaves>>'}}
  %j = decode.join_hidden %h, %t : tensor<?x8xf32, #lm.dims<leaves>>, tensor<?x4xf32, #lm.dims<leaves>>
  return
}
