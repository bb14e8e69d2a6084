// Kernels of shapes that the shipped model does not have: those of a layer of 8 billion
// parameters, and odd ones.

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!leaves = tensor<?xi32, #lm.dims<leaves>>
!hidden = tensor<?x4096xf32, #lm.dims<leaves>>
!logits = tensor<?x128256xf32, #lm.dims<leaves>>
!oddLogits = tensor<?x50257xf32, #lm.dims<leaves>>
!x = tensor<?x4096xf32, #lm.dims<tokens>>
!r = tensor<?x4128xbf16, #lm.dims<tokens>>
!rl = tensor<?x4128xbf16, #lm.dims<leaves>>
!ff = tensor<?x14336xf32, #lm.dims<tokens>>
!rff = tensor<?x14368xbf16, #lm.dims<tokens>>
!odd = tensor<?x2051xf32, #lm.dims<tokens>>
!small = tensor<?x100xf32, #lm.dims<tokens>>
!kv = tensor<?x240xf32, #lm.dims<tokens>>
!kv8 = tensor<?x1024xf32, #lm.dims<tokens>>
!gain = !kernel.packed<!lm.weight<4096, #lm.bf16>, panel = 0, group = 1>
!headGain = !kernel.packed<!lm.weight<128, #lm.bf16>, panel = 0, group = 1>
!oddGain = !kernel.packed<!lm.weight<2051, #lm.f32>, panel = 0, group = 1>
!wq = !kernel.packed<!lm.weight<4096x4096, #lm.bf16>, panel = 0, group = 1>
!wk = !kernel.packed<!lm.weight<1024x4096, #lm.bf16>, panel = 0, group = 1>
!wg = !kernel.packed<!lm.weight<14336x4096, #lm.bf16>, panel = 0, group = 1>
!wd = !kernel.packed<!lm.weight<4096x14336, #lm.bf16>, panel = 0, group = 1>
!wh = !kernel.packed<!lm.weight<128256x4096, #lm.bf16>, panel = 0, group = 1>
!ws = !kernel.packed<!lm.weight<100x200, #lm.bf16>, panel = 0, group = 1>
!bs = !kernel.packed<!lm.weight<100, #lm.bf16>, panel = 0, group = 1>
!rs = tensor<?x224xbf16, #lm.dims<tokens>>
!state = !lm.state<layers = 2, kv_heads = 8, head_dim = 128, bf16>
!xb = tensor<?x4096xbf16, #lm.dims<tokens>>
!spans = tensor<?x4160xf32, #lm.dims<spans>>
!state64 = !lm.state<layers = 2, kv_heads = 8, head_dim = 64, bf16>
!xb64 = tensor<?x2048xbf16, #lm.dims<tokens>>
!x64 = tensor<?x2048xf32, #lm.dims<tokens>>
!state80 = !lm.state<layers = 2, kv_heads = 3, head_dim = 80, bf16>
!xb80 = tensor<?x240xbf16, #lm.dims<tokens>>
!state96 = !lm.state<layers = 2, kv_heads = 1, head_dim = 96, bf16>
!xb96 = tensor<?x1920xbf16, #lm.dims<tokens>>
!x96 = tensor<?x1920xf32, #lm.dims<tokens>>
!state256 = !lm.state<layers = 2, kv_heads = 4, head_dim = 256, bf16, window = 4096>
!xb256 = tensor<?x2048xbf16, #lm.dims<tokens>>
!stateOdd = !lm.state<layers = 2, kv_heads = 3, head_dim = 80, f32, window = 100>

rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 0 : i64, parameters = 0 : i64, vocabulary = 32 : i64} {
  rt.kernel @activation
  rt.kernel @softcap
  rt.kernel @embed
  rt.kernel @take_ids
  rt.kernel @rms_norm
  rt.kernel @head_norm
  rt.kernel @layer_norm
  rt.kernel @slice
  rt.kernel @rope_stage
  rt.kernel @rope_interleaved
  rt.kernel @attend
  rt.kernel @attend_odd
  rt.kernel @attend_tiles
  rt.kernel @attend_spans
  rt.kernel @attend_64
  rt.kernel @attend_80
  rt.kernel @attend_96
  rt.kernel @attend_256
  rt.kernel @linear_qkv
  rt.kernel @linear_glu
  rt.kernel @linear_add
  rt.kernel @linear_ragged
  rt.kernel @head
  rt.kernel @summarize
  rt.kernel @summarize_tops
  rt.kernel @summarize_odd
  rt.kernel @join_hidden
}

kernel.func @activation(%x: !odd) -> !odd attributes {cost = #cost} {
  %y = lm.activation gelu_tanh %x : !odd
  kernel.return %y : !odd
}

kernel.func @softcap(%x: !ff) -> !ff attributes {cost = #cost} {
  %y = lm.softcap %x cap 30.0 : !ff
  kernel.return %y : !ff
}

kernel.func @embed(%i: !ids, %p: !wk) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !wk -> !lm.weight<1024x4096, #lm.bf16>
  %y = lm.embed %i, %w {first = 1024 : i64} : !ids, !lm.weight<1024x4096, #lm.bf16>
  kernel.return %y : !x
}

kernel.func @take_ids(%x: !ids, %i: !leaves) -> !leaves attributes {cost = #cost} {
  %y = lm.take_rows %x, %i : !ids, !leaves
  kernel.return %y : !leaves
}

kernel.func @rms_norm(%x: !x, %p: !gain) -> !r attributes {cost = #cost} {
  %g = kernel.unpack %p : !gain -> !lm.weight<4096, #lm.bf16>
  %y = lm.rms_norm %x, %g eps 1.0e-5 unit_offset : !x, !lm.weight<4096, #lm.bf16>
  %z = lm.round %y to 4128 : !x
  kernel.return %z : !r
}

kernel.func @head_norm(%x: !x, %p: !headGain) -> !x attributes {cost = #cost} {
  %g = kernel.unpack %p : !headGain -> !lm.weight<128, #lm.bf16>
  %y = lm.rms_norm %x, %g eps 1.0e-6 : !x, !lm.weight<128, #lm.bf16>
  kernel.return %y : !x
}

kernel.func @layer_norm(%x: !odd, %p: !oddGain, %q: !oddGain) -> !odd attributes {cost = #cost} {
  %g = kernel.unpack %p : !oddGain -> !lm.weight<2051, #lm.f32>
  %b = kernel.unpack %q : !oddGain -> !lm.weight<2051, #lm.f32>
  %y = lm.layer_norm %x, %g, %b eps 1.0e-5 : !odd, !lm.weight<2051, #lm.f32>, !lm.weight<2051, #lm.f32>
  kernel.return %y : !odd
}

kernel.func @slice(%x: !odd) -> !small attributes {cost = #cost} {
  %y = lm.slice_columns %x 7 size 100 : !odd
  kernel.return %y : !small
}

kernel.func @rope_stage(%x: !kv8, %v: !kv8, %s: !state, %rows: !lm.rows, %p: !ids) -> !state attributes {cost = #cost} {
  %k = lm.rope %x, %p head_dim 128 theta 500000.0 scaling(#lm.linear_scaling<factor = 2.0>) : !kv8, !ids
  %t = lm.stage %k, %v, %s, %rows, %p : !kv8, !state, !ids
  kernel.return %t : !state
}

kernel.func @rope_interleaved(%x: !kv, %v: !kv, %s: !stateOdd, %rows: !lm.rows, %p: !ids) -> !stateOdd attributes {cost = #cost} {
  %k = lm.rope %x, %p head_dim 80 theta 10000.0 rotary_dim 20 interleaved : !kv, !ids
  %t = lm.stage %k, %v, %s, %rows, %p : !kv, !stateOdd, !ids
  kernel.return %t : !stateOdd
}

kernel.func @attend(%q: !x, %s: !state, %rows: !lm.rows, %p: !ids) -> !x attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p scale 0.088 softcap 50.0 : !x, !state, !ids
  kernel.return %o : !x
}

kernel.func @attend_odd(%q: !kv, %s: !stateOdd, %rows: !lm.rows, %p: !ids) -> !kv attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p scale 0.11 : !kv, !stateOdd, !ids
  kernel.return %o : !kv
}

kernel.func @attend_tiles(%q: !xb, %s: !state, %rows: !lm.rows, %p: !ids, %x: !spans) -> !x attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p spans %x scale 0.088 : !xb, !state, !ids, !spans
  kernel.return %o : !x
}

kernel.func @attend_spans(%q: !xb, %s: !state, %rows: !lm.rows, %p: !ids) -> !spans attributes {cost = #cost} {
  %x = lm.attend_spans %q, %s, %rows, %p scale 0.088 : !xb, !state, !ids
  kernel.return %x : !spans
}

kernel.func @attend_64(%q: !xb64, %s: !state64, %rows: !lm.rows, %p: !ids) -> !x64 attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p scale 0.125 : !xb64, !state64, !ids
  kernel.return %o : !x64
}

kernel.func @attend_80(%q: !xb80, %s: !state80, %rows: !lm.rows, %p: !ids) -> !kv attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p scale 0.11 : !xb80, !state80, !ids
  kernel.return %o : !kv
}

kernel.func @attend_96(%q: !xb96, %s: !state96, %rows: !lm.rows, %p: !ids) -> !x96 attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p scale 0.1 : !xb96, !state96, !ids
  kernel.return %o : !x96
}

kernel.func @attend_256(%q: !xb256, %s: !state256, %rows: !lm.rows, %p: !ids) -> !x64 attributes {cost = #cost} {
  %o = lm.attend %q, %s, %rows, %p scale 0.0625 softcap 50.0 : !xb256, !state256, !ids
  kernel.return %o : !x64
}

kernel.func @linear_qkv(%x: !r, %a: !wq, %b: !wk, %c: !wk) -> (!x, !kv8, !kv8) attributes {cost = #cost} {
  %0 = kernel.unpack %a : !wq -> !lm.weight<4096x4096, #lm.bf16>
  %q = lm.linear %x, %0 : !r, !lm.weight<4096x4096, #lm.bf16>
  %1 = kernel.unpack %b : !wk -> !lm.weight<1024x4096, #lm.bf16>
  %k = lm.linear %x, %1 : !r, !lm.weight<1024x4096, #lm.bf16>
  %2 = kernel.unpack %c : !wk -> !lm.weight<1024x4096, #lm.bf16>
  %v = lm.linear %x, %2 : !r, !lm.weight<1024x4096, #lm.bf16>
  kernel.return %q, %k, %v : !x, !kv8, !kv8
}

kernel.func @linear_glu(%x: !r, %a: !wg, %b: !wg) -> !ff attributes {cost = #cost} {
  %0 = kernel.unpack %a : !wg -> !lm.weight<14336x4096, #lm.bf16>
  %g = lm.linear %x, %0 : !r, !lm.weight<14336x4096, #lm.bf16>
  %1 = kernel.unpack %b : !wg -> !lm.weight<14336x4096, #lm.bf16>
  %u = lm.linear %x, %1 : !r, !lm.weight<14336x4096, #lm.bf16>
  %y = lm.glu gelu_tanh %g, %u : !ff
  kernel.return %y : !ff
}

kernel.func @linear_add(%h: !x, %x: !rff, %p: !wd) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %w = kernel.unpack %p : !wd -> !lm.weight<4096x14336, #lm.bf16>
  %y = lm.linear %x, %w : !rff, !lm.weight<4096x14336, #lm.bf16>
  %z = lm.add %h, %y : !x
  kernel.return %z : !x
}

kernel.func @linear_ragged(%x: !rs, %p: !ws, %q: !bs) -> !small attributes {cost = #cost} {
  %w = kernel.unpack %p : !ws -> !lm.weight<100x200, #lm.bf16>
  %b = kernel.unpack %q : !bs -> !lm.weight<100, #lm.bf16>
  %y = lm.linear %x, %w bias %b : !rs, !lm.weight<100x200, #lm.bf16>, !lm.weight<100, #lm.bf16>
  %z = lm.activation silu %y : !small
  kernel.return %z : !small
}

kernel.func @head(%x: !rl, %p: !wh) -> tensor<?x128256xf32, #lm.dims<leaves>> attributes {cost = #cost} {
  %w = kernel.unpack %p : !wh -> !lm.weight<128256x4096, #lm.bf16>
  %y = lm.head %x, %w : !rl, !lm.weight<128256x4096, #lm.bf16>
  kernel.return %y : tensor<?x128256xf32, #lm.dims<leaves>>
}

kernel.func @summarize(%l: !logits) -> tensor<?x1004xf32, #lm.dims<leaves>> attributes {cost = #cost} {
  %s = decode.summarize_blocks %l {first = 0 : i64} : (!logits) -> tensor<?x1004xf32, #lm.dims<leaves>>
  kernel.return %s : tensor<?x1004xf32, #lm.dims<leaves>>
}

kernel.func @summarize_tops(%l: !logits, %n: !leaves) -> (tensor<?x1004xf32, #lm.dims<leaves>>, tensor<?x502xf32, #lm.dims<top_entries>>) attributes {cost = #cost} {
  %s, %e = decode.summarize_blocks %l tops %n {first = 0 : i64} : (!logits, !leaves) -> (tensor<?x1004xf32, #lm.dims<leaves>>, tensor<?x502xf32, #lm.dims<top_entries>>)
  kernel.return %s, %e : tensor<?x1004xf32, #lm.dims<leaves>>, tensor<?x502xf32, #lm.dims<top_entries>>
}

kernel.func @summarize_odd(%l: !oddLogits, %n: !leaves) -> (tensor<?x396xf32, #lm.dims<leaves>>, tensor<?x198xf32, #lm.dims<top_entries>>) attributes {cost = #cost} {
  %s, %e = decode.summarize_blocks %l tops %n {first = 50257 : i64} : (!oddLogits, !leaves) -> (tensor<?x396xf32, #lm.dims<leaves>>, tensor<?x198xf32, #lm.dims<top_entries>>)
  kernel.return %s, %e : tensor<?x396xf32, #lm.dims<leaves>>, tensor<?x198xf32, #lm.dims<top_entries>>
}

kernel.func @join_hidden(%a: !hidden, %b: !hidden) -> tensor<?x8192xf32, #lm.dims<leaves>> attributes {cost = #cost} {
  %y = decode.join_hidden %a, %b : !hidden, !hidden
  kernel.return %y : tensor<?x8192xf32, #lm.dims<leaves>>
}
