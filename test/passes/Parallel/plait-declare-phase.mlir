// What a program says of its phase: on one rank its states are whole, on several as they are
// split; heads that ranks share are in the parts of each.
//
// RUN: plait-compile %models/kjv-2m --weights none --stop-after decode -o %t.mlir
// RUN: plait-opt %t.mlir --plait-parallel-pipeline='tp=1 serving-phase=prefill' | FileCheck %s --check-prefix=ONE
// RUN: plait-opt %t.mlir --plait-parallel-pipeline='tp=3 dp=2 rank=1 serving-phase=decode' | FileCheck %s --check-prefix=THREE
// RUN: plait-opt %t.mlir --plait-parallel-pipeline='tp=1 tp-invariant serving-phase=decode' | FileCheck %s --check-prefix=TREES
// RUN: plait-opt %t.mlir --plait-parallel-pipeline='tp=2' | FileCheck %s --check-prefix=NONE
// RUN: plait-opt %s --verify-diagnostics --plait-declare-phase=phase=decode

// ONE: par.mesh @prefill axes ["tp"] sizes [1] rank 0
// ONE: par.phase "prefill" on @prefill states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>] as [#par.shard<@prefill, [{}]>]
// ONE: lm.call
// THREE: par.mesh @decode axes ["dp", "tp"] sizes [2, 3] rank 1
// THREE: par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 32, 0 to 64, 32 to 64}]>]
// THREE: decode.step @ar({{.*}}!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>
// TREES: par.mesh @decode axes ["tp"] sizes [1] rank 0
// TREES: par.phase "decode" on @decode
// NONE-NOT: par.phase

// expected-error @+1 {{expected one 'par.mesh' and a 'decode.step' but got 0 and 0}}
module {}
