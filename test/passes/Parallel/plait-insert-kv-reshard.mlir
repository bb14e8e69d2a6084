// RUN: plait-opt %s --split-input-file --plait-insert-kv-reshard | FileCheck %s
// RUN: plait-opt %s --split-input-file --plait-insert-kv-reshard --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// From one rank to two: each gets its heads.
// CHECK: par.handover from "prefill" to "decode" {
// CHECK-NEXT: ^bb0(%[[KV:.*]]: !lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>):
// CHECK-NEXT: par.kv_reshard %[[KV]] from <@prefill, [{}]> to <@decode, [{"tp" : 0 to 64, 64 to 96}]> sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>, #par.heads<source = 0, source_head = 2, target = 1, target_head = 0, count = 1>]
// REMARK: state 0, 3 heads: 3072 bytes per position go from 1 ranks to 2 in 2 runs of heads
// REMARK: state 0: heads 0 to 2, 2048 bytes per position, from rank 0 to rank 0: no other rank has them
// REMARK: state 0: heads 2 to 3, 1024 bytes per position, from rank 0 to rank 1: no other rank has them
par.mesh @prefill axes ["tp"] sizes [1]
par.mesh @decode axes ["tp"] sizes [2]
par.phase "prefill" on @prefill states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@prefill, [{}]>]
par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 3, head_dim = 32, f32>] as [#par.shard<@decode, [{"tp" : 0 to 64, 64 to 96}]>]

// -----

// Heads that ranks of prefill have in common, of two states, in replicas: who has sent less
// sends, and a run of heads ends where the rank's do. int8 has scales beside: 20 bytes of a
// key, 20 padded to 32 of a value, and 8 of scales.
// CHECK: par.handover
// CHECK: par.kv_reshard %{{.*}} sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 1>, #par.heads<source = 1, source_head = 0, target = 1, target_head = 0, count = 1>, #par.heads<source = 2, source_head = 0, target = 2, target_head = 0, count = 1>]
// CHECK: par.kv_reshard %{{.*}} sends [#par.heads<source = 0, source_head = 0, target = 0, target_head = 0, count = 2>, #par.heads<source = 1, source_head = 0, target = 1, target_head = 0, count = 2>, #par.heads<source = 2, source_head = 0, target = 2, target_head = 0, count = 2>]
// REMARK: state 0: heads 0 to 1, 64 bytes per position, from rank 0 to rank 0: of 2 ranks that have them it sends least so far
// REMARK: state 0: heads 1 to 2, 64 bytes per position, from rank 2 to rank 2: no other rank has them
// REMARK: state 1: heads 0 to 2, 240 bytes per position, from rank 1 to rank 1: of 3 ranks that have them it sends least so far
par.mesh @prefill axes ["dp", "tp"] sizes [2, 3]
par.mesh @decode axes ["tp"] sizes [3]
par.phase "prefill" on @prefill states [!lm.state<layers = 1, kv_heads = 2, head_dim = 16, bf16>, !lm.state<layers = 2, kv_heads = 2, head_dim = 20, i8, window = 6>] as [#par.shard<@prefill, [{"tp" : 0 to 16, 0 to 16, 16 to 32}]>, #par.shard<@prefill, [{}]>]
par.phase "decode" on @decode states [!lm.state<layers = 1, kv_heads = 2, head_dim = 16, bf16>, !lm.state<layers = 2, kv_heads = 2, head_dim = 20, i8, window = 6>] as [#par.shard<@decode, [{"tp" : 0 to 16, 0 to 16, 16 to 32}]>, #par.shard<@decode, [{}]>]
