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
  // expected-error @+1 {{'rt.state' op expected cells in groups of 9 numbers >= 0 but got 0, 2, 2048}}
  rt.state "kv" {cells = array<i64: 0, 2, 2048>, layers = 2 : i64, page_bytes = 4096 : i64, page_tokens = 64 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    // expected-error @+1 {{'rt.slot' op expected 13 coefficients but got 2}}
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

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    // expected-error @+1 {{'rt.launch' op expected 'barrier' before 'if_shared'}}
    rt.launch @k [] layers 0 to 1 if_shared from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    // expected-error @+1 {{'rt.launch' op expected a copy, and neither states nor outputs, in a redundant launch}}
    rt.launch @k [#rt.arg<slot 0>] layers 0 to 1 redundant from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    // expected-error @+1 {{'rt.launch' op expected a copy, and neither states nor outputs, in a redundant launch}}
    rt.launch @k [#rt.arg<copy 0>, #rt.arg<output 0>] layers 0 to 1 redundant from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 1> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    // expected-error @+1 {{'rt.launch' op expected no copies in the epilogue of an 'rt.collective'}}
    rt.launch @k [#rt.arg<copy 1>] layers 0 to 2 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 1> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier from "a"
    // expected-error @+1 {{'rt.launch' op expected 'barrier' after the epilogue of an 'rt.collective'}}
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier if_shared from "a"
  }
}

// -----

// expected-error @+1 {{'rt.model' op expected 0 <= rank < ranks but got 2 and 2}}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, rank = 2 : i64, ranks = 2 : i64} {
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  // expected-error @+1 {{'rt.weight' op expected a part of the tensor [64, 4] but got [32, 4] from row 33 and column 0}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64, row_begin = 33 : i64, source_rows = 64 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  // expected-error @+1 {{'rt.weight' op expected a part of the tensor [32, 4] but got [32, 4] from row 0 and column 1}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64, col_begin = 1 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  // expected-error @+1 {{'rt.weight' op expected row_begin >= 0 but got -1}}
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64, row_begin = -1 : i64}
}

// -----

// The second group of 64 columns would be cut: by the begin of a part, and by its end.
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  // expected-error @+1 {{'rt.weight' op expected whole groups of 64 columns but got columns 96 to 192}}
  rt.weight "w" from "w" {cols = 96 : i64, element = i8, group = 4 : i64, layer_bytes = 4096 : i64, layers = 1 : i64, offset = 0 : i64, panel = 32 : i64, rows = 32 : i64, scale_group = 64 : i64, col_begin = 96 : i64, source_cols = 192 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  // expected-error @+1 {{'rt.weight' op expected whole groups of 64 columns but got columns 0 to 96}}
  rt.weight "w" from "w" {cols = 96 : i64, element = i8, group = 4 : i64, layer_bytes = 4096 : i64, layers = 1 : i64, offset = 0 : i64, panel = 32 : i64, rows = 32 : i64, scale_group = 64 : i64, source_cols = 192 : i64}
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected a model of several ranks but got one of 1}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected a slot but got weight}}
    rt.collective all_reduce <weight 0> to <weight 0> rows "tokens" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected one of 1 slots but got slot 1}}
    rt.collective all_reduce <slot 1> to <slot 1> rows "tokens" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected 0 <= layer_begin < layer_end but got 2 to 2}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 layers 2 to 2 barrier from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected 'barrier': all threads must have finished}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 layers 0 to 2 from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 layers 0 to 2 barrier from "o_proj"
    // expected-error @+1 {{'rt.launch' op expected 'barrier' after an 'rt.collective'}}
    rt.launch @k [#rt.arg<slot 0>] layers 0 to 2 from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.launch @k [] layers 0 to 2 from "a"
    // expected-error @+1 {{'rt.slot' op expected rt.slot ops, then rt.launch and rt.collective ops in an 'rt.plan'}}
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected at most 16 columns, as slot 0 has, but got 17}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 17 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected at most 0 columns, as slot 0 has, but got 16}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "leaves" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected at most 0 columns, as slot 0 has, but got 16}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected at most 16 columns, as slot 0 has, but got 24}}
    rt.collective all_reduce <slot 0> to <slot 1> rows "tokens" columns 8 nodes [1, 2, 3, 4] of [0, 3, 4] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected one slot but got slots 0 and 1}}
    rt.collective all_reduce <slot 0> to <slot 1> rows "tokens" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected different slots but got slots 0 and 0}}
    rt.collective part <slot 0> to <slot 0> rows "tokens" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected rows of a plait_dim_t but got "widgets"}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "widgets" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected rows "tokens" but got "leaves"}}
    rt.collective part <slot 0> to <slot 1> rows "leaves" columns 16 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected columns > 0 but got 0}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 0 layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected parts, not of an all_reduce, that rise from 0 to 16}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 8, 15] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected parts, not of an all_reduce, that rise from 0 to 16}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 parts [0, 8, 16] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected bounds for 2 ranks but got 4}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 8, 12, 16] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected nodes of a sum, with rising ends, some for each rank}}
    rt.collective all_reduce <slot 0> to <slot 1> rows "tokens" columns 8 nodes [1, 1] of [0, 1, 2] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected nodes of a sum, with rising ends, some for each rank}}
    rt.collective all_reduce <slot 0> to <slot 1> rows "tokens" columns 8 nodes [1, 2] of [0, 0, 2] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64, ranks = 2 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected nodes of a sum, with rising ends, some for each rank}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 8 nodes [1, 2] of [0, 1, 2] layers 0 to 2 barrier loop from "o_proj"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected a group of the table, with rank 2, but got 0}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 group 0 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected a group of the table, with rank 2, but got 2}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 group 2 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected one of 2 ranks but got 2}}
    rt.collective broadcast <slot 0> to <slot 0> rows "tokens" columns 16 group 1 other 2 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected another one of 2 ranks but got 1}}
    rt.collective send <slot 0> to <slot 0> rows "tokens" columns 16 group 1 other 1 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected one of 1 ranks but got 1}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 other 1 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected one slot but got slots 0 and 1}}
    rt.collective recv <slot 0> to <slot 1> rows "tokens" columns 16 other 1 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, token_group = 1 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected the group that shares tokens out, 1, but got -1}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected bounds for 2 ranks but got 5}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 4, 8, 12, 16] group 1 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected parts, that rise from 0 to 16}}
    rt.collective all_to_all <slot 0> to <slot 1> rows "tokens" columns 16 to_dim 0 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected to_dim 0 or 1 of an all_to_all, and of nothing else}}
    rt.collective all_to_all <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 4, 8, 12, 16] layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected to_dim 0 or 1 of an all_to_all, and of nothing else}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 to_dim 1 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected an order and a precision of sums without nodes alone}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 order tree layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected an order and a precision of sums without nodes alone}}
    rt.collective broadcast <slot 0> to <slot 0> rows "tokens" columns 16 precision f64 layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{expected members below 4, each once, but got 1, 1}}
  rt.group [1, 1]
  rt.plan "ar" {
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{expected members below 4, each once, but got 4}}
  rt.group [4]
  rt.plan "ar" {
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{expected at least one member}}
  rt.group []
  rt.plan "ar" {
  }
}

// -----

// expected-error @+1 {{expected a token_group of the table, with rank 2, but got 0}}
rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, token_group = 0 : i64, vocabulary = 32 : i64} {
  rt.group [0, 1]
  rt.plan "ar" {
  }
}

// -----

// expected-error @+1 {{'rt.strategy' op expected what users call it but got an empty text}}
rt.strategy "" runs {}

// -----

// expected-error @+1 {{'rt.strategy' op expected a program with a member "round"}}
rt.strategy "a()" runs {name = "a", exact = "identical", models = ["main"], values = 1 : i64, begin = [], inits = array<i64: 0>, arguments = array<i64: 1>}

// -----

func.func @f() {
  // expected-error @+1 {{'rt.strategy' op expects parent op to be one of 'rt.model, builtin.module'}}
  rt.strategy "a()" runs {}
  return
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected sum, part and epilogue of a reduce_gather, and of nothing else}}
    rt.collective reduce_gather <slot 0> to <slot 1> rows "tokens" columns 16 layers 0 to 2 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected sum, part and epilogue of a reduce_gather, and of nothing else}}
    rt.collective all_reduce <slot 0> to <slot 0> sum <slot 1> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected 2 launches of the same layers behind it but got 1}}
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 1> part <slot 1> epilogue 2 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 1 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 1> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier from "a"
    // expected-error @+1 {{'rt.launch' op expected 'barrier' after the epilogue of an 'rt.collective'}}
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected at most 0 columns, as slot 0 has, but got 16}}
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 0> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected parts of rows but got parts of columns}}
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 1> part <slot 1> epilogue 1 rows "tokens" columns 16 parts [0, 8, 16] layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected algorithms of an all_reduce or a reduce_gather in the order of the ranks, in f32, alone}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 precision f64 algorithms [#rt.sum_range<1 : ring>] layers 0 to 2 barrier loop from "a"
  }
}


// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected algorithms of an all_reduce or a reduce_gather in the order of the ranks, in f32, alone}}
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 algorithms [#rt.sum_range<1 : ring>] layers 0 to 2 barrier loop from "a"
  }
}


// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected algorithms from 1 row on, with rising rows and neighbours that differ, but got}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [#rt.sum_range<2 : ring>] layers 0 to 2 barrier loop from "a"
  }
}


// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected algorithms from 1 row on, with rising rows and neighbours that differ, but got}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [#rt.sum_range<1 : ring>, #rt.sum_range<1 : lamport>] layers 0 to 2 barrier loop from "a"
  }
}


// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected algorithms from 1 row on, with rising rows and neighbours that differ, but got}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [#rt.sum_range<1 : ring>, #rt.sum_range<4 : ring>] layers 0 to 2 barrier loop from "a"
  }
}


// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected an algorithm but got none}}
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [] layers 0 to 2 barrier loop from "a"
  }
}

// -----

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  rt.kernel @k
  rt.plan "ar" attributes {share_tokens = 16 : i64} {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // expected-error @+1 {{'rt.collective' op expected two_shot or ring of 16 rows and more, which ranks share out, but got one_shot from 8 on}}
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 1> part <slot 1> epilogue 1 rows "tokens" columns 16 algorithms [#rt.sum_range<1 : two_shot>, #rt.sum_range<8 : one_shot>] layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 1>] layers 0 to 2 barrier from "a"
  }
}
