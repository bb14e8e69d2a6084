// RUN: plait-opt %s -split-input-file -verify-diagnostics

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    // expected-error @+1 {{'rt.launch' op expected a kernel of the model's table but got @add}}
    rt.launch @add [] layers 0 to 1 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.weight' op expected element f32, bf16, i8 or i4 but got 'f16'}}
  rt.weight "w" from "w" {cols = 4 : i64, element = f16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.weight' op expected rows > 0 but got 0}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 0 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.weight' op expected layers > 0 but got -1}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = -1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.weight' op expected group > 0 but got 0}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 0 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.weight' op expected panel >= 0 but got -16}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = -16 : i64, rows = 32 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.weight' op expected offset >= 0 but got -64}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = -64 : i64, panel = 16 : i64, rows = 32 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.state' op expected page_tokens > 0 but got 0}}
  rt.state "kv" {layers = 2 : i64, page_bytes = 4096 : i64, page_tokens = 0 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.state' op expected layers > 0 but got 0}}
  rt.state "kv" {layers = 0 : i64, page_bytes = 4096 : i64, page_tokens = 64 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.state' op expected window >= 0 and table >= 0 but got -8 and 0}}
  rt.state "kv" {layers = 2 : i64, page_bytes = 4096 : i64, page_tokens = 64 : i64, window = -8 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    // expected-error @+1 {{'rt.slot' op expected 8 coefficients but got 2}}
    rt.slot [0, 16]
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    // expected-error @+1 {{'rt.launch' op expected 0 <= layer_begin < layer_end but got 1 to 1}}
    rt.launch @k [] layers 1 to 1 from "a"
  }
}
