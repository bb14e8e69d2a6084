// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s

// One rank of two.
// CHECK: rt.model @main
// CHECK-SAME: chip = "sm_90a"
// CHECK-SAME: rank = 1 : i64
// CHECK-SAME: ranks = 2 : i64
rt.model @main attributes {chip = "sm_90a", family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 8192 : i64, parameters = 0 : i64, rank = 1 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {
  // CHECK: rt.kernel @k
  rt.kernel @k
  // CHECK: rt.kernel @gpu entries [#rt.entry<"gpu_rows16", rows = 16, threads = 256, shared = 8, grid = [<count = 3, dim = 0, block = 16, cyclic = false>], maps = [<buffer = 1, rows = 0, columns = 64, box = 8>]>, #rt.entry<"gpu", rows = 0, threads = 64, shared = 0, grid = [<count = 1, dim = -1, block = 1, cyclic = false>]>]
  rt.kernel @gpu entries [#rt.entry<"gpu_rows16", rows = 16, threads = 256, shared = 8, grid = [<count = 3, dim = 0, block = 16, cyclic = false>], maps = [<buffer = 1, rows = 0, columns = 64, box = 8>]>, #rt.entry<"gpu", rows = 0, threads = 64, shared = 0, grid = [<count = 1, dim = -1, block = 1, cyclic = false>]>]
  // CHECK: rt.kernel @assembled entries [{{.*}}] {image = "\00\FFx", resources = array<i64: 24, 0, 8, 16>}
  rt.kernel @assembled entries [#rt.entry<"assembled", rows = 0, threads = 64, shared = 0, grid = [<count = 1, dim = -1, block = 1, cyclic = false>]>] {image = "\00\FFx", resources = array<i64: 24, 0, 8, 16>}
  // CHECK: rt.weight "w" from "w"
  // CHECK-SAME: col_begin = 2 : i64
  // CHECK-SAME: row_begin = 32 : i64
  // CHECK-SAME: source_cols = 6 : i64
  // CHECK-SAME: source_rows = 64 : i64
  rt.weight "w" from "w" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 2 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64, row_begin = 32 : i64, col_begin = 2 : i64, source_rows = 64 : i64, source_cols = 6 : i64}
  // A last group of integers is short in the tensor as well.
  // CHECK: rt.weight "i" from "i"
  rt.weight "i" from "i" {cols = 96 : i64, element = i8, group = 4 : i64, layer_bytes = 4096 : i64, layers = 1 : i64, offset = 512 : i64, panel = 32 : i64, rows = 32 : i64, scale_group = 64 : i64, col_begin = 64 : i64, source_cols = 160 : i64}
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // CHECK: rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 loop from "o_proj"
    rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 loop from "o_proj"
    // CHECK: rt.launch @k [#rt.arg<slot 0>, #rt.arg<copy 1>] layers 0 to 2 barrier redundant from "n"
    rt.launch @k [#rt.arg<slot 0>, #rt.arg<copy 1>] layers 0 to 2 barrier redundant from "n"
    // CHECK: rt.launch @k [#rt.arg<copy 1>, #rt.arg<slot 0>] layers 0 to 2 barrier if_shared from "k_proj"
    rt.launch @k [#rt.arg<copy 1>, #rt.arg<slot 0>] layers 0 to 2 barrier if_shared from "k_proj"
    // CHECK: rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 layers 0 to 2 barrier from "o_proj" {axis = "tp"}
    rt.collective all_reduce #rt.arg<slot 0> to <slot 0> rows "tokens" columns 16 layers 0 to 2 barrier from "o_proj" {axis = "tp"}
    // CHECK: rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 10, 16] layers 0 to 2 barrier loop from "o_proj"
    rt.collective all_gather <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 10, 16] layers 0 to 2 barrier loop from "o_proj"
    // CHECK: rt.collective reduce_scatter <slot 1> to <slot 0> rows "tokens" columns 8 nodes [2, 3, 4] of [0, 1, 3] layers 0 to 2 barrier from "o_proj"
    rt.collective reduce_scatter <slot 1> to <slot 0> rows "tokens" columns 8 nodes [2, 3, 4] of [0, 1, 3] layers 0 to 2 barrier from "o_proj"
    // CHECK: rt.collective part <slot 1> to <slot 0> rows "tokens" columns 16 layers 0 to 1 barrier from "embed"
    rt.collective part <slot 1> to <slot 0> rows "tokens" columns 16 layers 0 to 1 barrier from "embed"
    // CHECK: rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 0> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    rt.collective reduce_gather <slot 0> to <slot 1> sum <slot 0> part <slot 1> epilogue 1 rows "tokens" columns 16 layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<slot 0>, #rt.arg<slot 1>] layers 0 to 2 barrier from "a"
    // CHECK: rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 barrier from "a"
    rt.launch @k [#rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 2 barrier from "a"
  }
  // CHECK: rt.strategy "mine()" runs {arguments = array<i64: 1>, begin = [], exact = "identical", inits = array<i64: 0>, models = ["main"], name = "mine", round = {ops = {{.*}}op = "forward", operands = array<i64: 1, 2>, results = array<i64: 3>, step = @ar}], stop = 4 : i64, yield = array<i64: 5>}, values = 6 : i64}
  rt.strategy "mine()" runs {name = "mine", exact = "identical", models = ["main"], values = 6 : i64, begin = [], inits = array<i64: 0>, arguments = array<i64: 1>, round = {ops = [{op = "forward", operands = array<i64: 1, 2>, results = array<i64: 3>, step = @ar}], yield = array<i64: 5>, stop = 4 : i64}}
}

// Rank 2 of four, in groups of two.
// CHECK: rt.model @grid
// CHECK-SAME: token_group = 1 : i64
rt.model @grid attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, rank = 2 : i64, ranks = 4 : i64, token_group = 1 : i64, vocabulary = 32 : i64} {
  // CHECK: rt.group [0, 1]
  rt.group [0, 1]
  // CHECK: rt.group [3, 2]
  rt.group [3, 2]
  rt.plan "ar" {
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    rt.slot [0, 64, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0]
    // CHECK: rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 order tree precision f64 group 1 layers 0 to 2 barrier from "a"
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 order tree precision f64 group 1 layers 0 to 2 barrier from "a"
    // CHECK: rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [#rt.sum_range<1 : lamport>, #rt.sum_range<24 : two_shot>] group 1 layers 0 to 2 barrier from "a"
    rt.collective all_reduce <slot 0> to <slot 0> rows "tokens" columns 16 algorithms [#rt.sum_range<1 : lamport>, #rt.sum_range<24 : two_shot>] group 1 layers 0 to 2 barrier from "a"
    // CHECK: rt.collective all_to_all <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 10, 16] to_dim 0 group 1 layers 0 to 2 barrier from "a"
    rt.collective all_to_all <slot 0> to <slot 1> rows "tokens" columns 16 parts [0, 10, 16] to_dim 0 group 1 layers 0 to 2 barrier from "a"
    // CHECK: rt.collective broadcast <slot 0> to <slot 0> rows "tokens" columns 16 other 3 layers 0 to 2 barrier from "a"
    rt.collective broadcast <slot 0> to <slot 0> rows "tokens" columns 16 other 3 layers 0 to 2 barrier from "a"
    // CHECK: rt.collective send <slot 0> to <slot 0> rows "tokens" columns 16 group 1 layers 0 to 2 barrier from "a"
    rt.collective send <slot 0> to <slot 0> rows "tokens" columns 16 group 1 other 0 layers 0 to 2 barrier from "a"
    // CHECK: rt.collective recv <slot 1> to <slot 1> rows "tokens" columns 16 other 1 layers 0 to 2 barrier from "a"
    rt.collective recv <slot 1> to <slot 1> rows "tokens" columns 16 other 1 layers 0 to 2 barrier from "a"
  }
}
// Until there is a model, in the module.
// CHECK: rt.strategy "mine()" runs {arguments = array<i64: 1>
rt.strategy "mine()" runs {name = "mine", exact = "identical", models = ["main"], values = 6 : i64, begin = [], inits = array<i64: 0>, arguments = array<i64: 1>, round = {ops = [{op = "forward", operands = array<i64: 1, 2>, results = array<i64: 3>, step = @ar}], yield = array<i64: 5>, stop = 4 : i64}}
