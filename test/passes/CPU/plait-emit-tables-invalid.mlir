// RUN: plait-opt %s --verify-diagnostics --plait-emit-tables

rt.model @main attributes {chip = "sm_90a", family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  // expected-error @+1 {{'rt.kernel' op expected an image and what its entries take; the driver sets them after cuda}}
  rt.kernel @g entries [#rt.entry<"g", rows = 0, threads = 64, shared = 0, grid = [<count = 1, dim = 0, block = 1, cyclic = false>]>] {image = "x", resources = array<i64: 24, 0, 0>}
  rt.plan "ar" {
    rt.launch @g [] layers 0 to 1 barrier from "a"
  }
}
