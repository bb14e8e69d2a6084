// RUN: plait-opt %s --plait-verify-lower -split-input-file -verify-diagnostics

// What holds.
!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @add(%x: !x, %y: !x) -> !x
    attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @add
  rt.state "kv" {layers = 2 : i64, page_bytes = 4096 : i64, page_tokens = 64 : i64}
  rt.plan "ar" {
    rt.slot [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 1>, #rt.arg<slot 0>] layers 0 to 1 barrier from "a" {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}
  }
}

// -----

// expected-error @+1 {{expected one 'rt.model' after lower but got 0}}
module {
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
}
// expected-error @+1 {{illegal after lower; expected to have been converted by 'plait-plan-launches'}}
lm.model @other family "llama" numerics row_invariant max_positions 64 {
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{expected the symbol of a 'kernel.func' but got @gone}}
  rt.kernel @gone
}

// -----

!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @add(%x: !x, %y: !x) -> !x
    attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @add
  rt.plan "ar" {
    rt.slot [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // expected-error @+1 {{expected an index below 1 but got #rt.arg<slot 1>}}
    rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 1>, #rt.arg<slot 0>] layers 0 to 1 barrier from "a" {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}
  }
}

// -----

!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @add(%x: !x, %y: !x) -> !x
    attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @add
  rt.plan "ar" {
    // expected-error @+1 {{expected an index below 0 but got #rt.arg<weight 0>}}
    rt.launch @add [#rt.arg<weight 0>] layers 0 to 1 barrier from "a" {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}
  }
}

// -----

!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @add(%x: !x, %y: !x) -> !x
    attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @add
  rt.plan "ar" {
    // expected-error @+1 {{expected an index below 22 but got #rt.arg<input 22>}}
    rt.launch @add [#rt.arg<input 22>] layers 0 to 1 barrier from "a" {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}
  }
}

// -----

// Two page tables, by the states that use them.
!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @add(%x: !x, %y: !x) -> !x
    attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @add
  rt.state "kv0" {layers = 2 : i64, page_bytes = 4096 : i64, page_tokens = 64 : i64}
  rt.state "kv1" {layers = 2 : i64, page_bytes = 4096 : i64, page_tokens = 64 : i64, window = 8 : i64, table = 1 : i64}
  rt.plan "ar" {
    rt.launch @add [#rt.arg<state 1>, #rt.arg<pages 1>] layers 0 to 1 barrier from "a" {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}
    // expected-error @+1 {{expected an index below 2 but got #rt.arg<pages 2>}}
    rt.launch @add [#rt.arg<state 1>, #rt.arg<pages 2>] layers 0 to 1 barrier from "a" {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}
  }
}
