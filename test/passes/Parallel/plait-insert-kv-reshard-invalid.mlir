// RUN: plait-opt %s --split-input-file --verify-diagnostics --plait-insert-kv-reshard

// expected-error @+1 {{expected one 'par.phase' of prefill and one of decode}}
module {
  par.mesh @decode axes ["tp"] sizes [2]
  par.phase "decode" on @decode states [] as []
}

// -----

module {
  par.mesh @prefill axes ["tp"] sizes [1]
  par.mesh @decode axes ["tp"] sizes [2]
  par.phase "prefill" on @prefill states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, f32>] as [#par.shard<@prefill, [{}]>]
  // expected-error @+1 {{expected the states of prefill, }}
  par.phase "decode" on @decode states [!lm.state<layers = 4, kv_heads = 2, head_dim = 32, bf16>] as [#par.shard<@decode, [{}]>]
}
