// RUN: plait-opt %s --plait-plan-launches -split-input-file -verify-diagnostics

// expected-error @+1 {{expected one 'lm.model' and at least one 'decode.step' but got 0 and 0}}
module {
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
// expected-error @+1 {{expected a function @head with logits as its result}}
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.step @ar(%ids: !ids, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = []} {
  decode.return
}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!embed = !kernel.packed<!lm.weight<32x4, #lm.bf16>, panel = 16, group = 2>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<32x4, #lm.bf16>
  lm.func @head(!h) -> !l
}
kernel.func @embed(%x: !ids, %p: !embed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.embed %x, %w : !ids, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @glu(%x: !x, %y: !x) -> !x attributes {cost = #cost} {
  %z = lm.glu silu %x, %y : !x
  kernel.return %z : !x
}
decode.step @ar(%ids: !ids, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = []} {
  %p = kernel.packed_weight @main::@embed : !embed
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !embed) -> !x
  %f = kernel.launch @embed(%ids, %p) from "f" : (!ids, !embed) -> !x
  // expected-error @+1 {{expected a value carried through the layers to be updated in place, as a residual stream is; carried value #0 is not}}
  %y = lm.layers 0 to 2 iter(%c = %e) : !x {
    %a = kernel.launch @glu(%c, %f) from "a" : (!x, !x) -> !x
    lm.yield %a : !x
  }
  %z = kernel.launch @glu(%y, %f) from "z" : (!x, !x) -> !x
  decode.return
}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!embed = !kernel.packed<!lm.weight<32x4, #lm.bf16>, panel = 16, group = 2>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<32x4, #lm.bf16>
  lm.func @head(!h) -> !l
}
kernel.func @embed(%x: !ids, %p: !embed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.embed %x, %w : !ids, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @add(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
decode.step @ar(%ids: !ids, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = []} {
  %p = kernel.packed_weight @main::@embed : !embed
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !embed) -> !x
  %f = kernel.launch @embed(%ids, %p) from "f" : (!ids, !embed) -> !x
  // expected-error @+1 {{expected a value carried through the layers to have no other use}}
  %y = lm.layers 0 to 2 iter(%c = %e) : !x {
    %a = kernel.launch @add(%c, %f) from "a" : (!x, !x) -> !x
    lm.yield %a : !x
  }
  %z = kernel.launch @add(%y, %e) from "z" : (!x, !x) -> !x
  decode.return
}

// -----

!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(!h) -> !l
}
// expected-error @+1 {{expected an input role for argument 1 but got #decode.role<chosen>}}
decode.step @ar(%ids: !ids, %c: !ids, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<chosen>, #decode.role<state>], output_roles = []} {
  decode.return
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x32xf32, #lm.dims<leaves>>
}
// expected-error @+1 {{expected an argument of role state but found none}}
decode.step @ar(%ids: tensor<?xi32, #lm.dims<tokens>>) attributes {input_roles = [#decode.role<tokens>], output_roles = []} {
  decode.return
}

// -----

!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
// expected-error @+1 {{expected a function @head with logits as its result}}
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>)
}
decode.step @ar(%kv: !kv) attributes {input_roles = [#decode.role<state>], output_roles = []} {
  decode.return
}

// -----

// One value cannot lie in two outputs.
#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> !l
}
kernel.func @choose(%l: !l) -> (!i, !i, !f) attributes {cost = #cost} {
  %t:3 = decode.choose_greedy %l : !l
  kernel.return %t#0, %t#1, %t#2 : !i, !i, !f
}
decode.step @ar(%l: !l, %kv: !kv) -> (!i, !i) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = [#decode.role<chosen>, #decode.role<status>]} {
  %t:3 = kernel.launch @choose(%l) from "c" : (!l) -> (!i, !i, !f)
  // expected-error @+1 {{'decode.return' op expected results of launches, each once; operand #1 is not}}
  decode.return %t#0, %t#0 : !i, !i
}

// -----

// No launch would write it.
#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> !l
}
kernel.func @choose(%l: !l) -> (!i, !i, !f) attributes {cost = #cost} {
  %t:3 = decode.choose_greedy %l : !l
  kernel.return %t#0, %t#1, %t#2 : !i, !i, !f
}
decode.step @ar(%l: !l, %kv: !kv) -> !l attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = [#decode.role<logits>]} {
  // expected-error @+1 {{'decode.return' op expected results of launches, each once; operand #0 is not}}
  decode.return %l : !l
}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> !l
}
kernel.func @choose(%l: !l) -> (!i, !i, !f) attributes {cost = #cost} {
  %t:3 = decode.choose_greedy %l : !l
  kernel.return %t#0, %t#1, %t#2 : !i, !i, !f
}
// expected-error @+1 {{expected an output role for result 0 but got #decode.role<rows>}}
decode.step @ar(%l: !l, %kv: !kv) -> !i attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = [#decode.role<rows>]} {
  %t:3 = kernel.launch @choose(%l) from "c" : (!l) -> (!i, !i, !f)
  decode.return %t#0 : !i
}

// -----

// What is no launch would not run.
#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> !l
}
kernel.func @choose(%l: !l) -> (!i, !i, !f) attributes {cost = #cost} {
  %t:3 = decode.choose_greedy %l : !l
  kernel.return %t#0, %t#1, %t#2 : !i, !i, !f
}
decode.step @ar(%l: !l, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = []} {
  // expected-error @+1 {{'decode.choose_greedy' op illegal in a plan; expected to have been made a launch by 'plait-outline-kernels'}}
  %t:3 = decode.choose_greedy %l : !l
  decode.return
}
