// RUN: plait-opt %s --plait-outline-steps --split-input-file --verify-diagnostics
//
// Parts that a model does not have, or of which a strategy asks something else than a step gives.

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @prompt_tokens from "prompt_tokens.weight" : !lm.weight<1x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %a, %s = lm.attention %x, %x, %x, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @clover(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>) -> tensor<?x8xf32, #lm.dims<tokens>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y = lm.add %h, %x : tensor<?x8xf32, #lm.dims<tokens>>
    lm.return %y : tensor<?x8xf32, #lm.dims<tokens>>
  }
  lm.func @mtp_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    %s = lm.stage %h, %h, %kv, %rows, %pos : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %s : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @mtp(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %a, %s = lm.attention %h, %h, %h, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @parts(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : <2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    // expected-error @+1 {{'decode.recur' op found no function @other of the model @main; expected one of that name: that of mtp.safetensors}}
    %h0 = decode.recur %leaf, %p in %y by @other : <@main>, !decode.path, <@main>
    %l0 = decode.head %h0 : <@main>
    %n0 = decode.top %l0 : <@main> -> <2>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %c until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @prompt_tokens from "prompt_tokens.weight" : !lm.weight<1x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %a, %s = lm.attention %x, %x, %x, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @clover(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>) -> tensor<?x8xf32, #lm.dims<tokens>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y = lm.add %h, %x : tensor<?x8xf32, #lm.dims<tokens>>
    lm.return %y : tensor<?x8xf32, #lm.dims<tokens>>
  }
  lm.func @mtp(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %a, %s = lm.attention %h, %h, %h, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @parts(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : <2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    // expected-error @+1 {{'decode.recur' op found no function @mtp_stage(hidden, ids, positions, rows, state) -> state of the model @main; expected one that fills the state of @mtp}}
    %h0 = decode.recur %leaf, %p in %y by @mtp : <@main>, !decode.path, <@main>
    %l0 = decode.head %h0 : <@main>
    %n0 = decode.top %l0 : <@main> -> <2>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %c until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @prompt_tokens from "prompt_tokens.weight" : !lm.weight<1x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %a, %s = lm.attention %x, %x, %x, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @clover(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>) -> tensor<?x8xf32, #lm.dims<tokens>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y = lm.add %h, %x : tensor<?x8xf32, #lm.dims<tokens>>
    lm.return %y : tensor<?x8xf32, #lm.dims<tokens>>
  }
  lm.func @mtp_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    %s = lm.stage %h, %h, %kv, %rows, %pos : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %s : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @mtp(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %a, %s = lm.attention %h, %h, %h, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @parts(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : <2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    // expected-error @+1 {{'decode.recur' op is not compiled yet: found no candidates of its hidden state; expected one 'decode.head' of it, and one 'decode.top'}}
    %h0 = decode.recur %leaf, %p in %y by @clover : <@main>, !decode.path, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %c until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %a, %s = lm.attention %x, %x, %x, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @clover(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>) -> tensor<?x8xf32, #lm.dims<tokens>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y = lm.add %h, %x : tensor<?x8xf32, #lm.dims<tokens>>
    lm.return %y : tensor<?x8xf32, #lm.dims<tokens>>
  }
  lm.func @mtp_stage(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32> {
    %s = lm.stage %h, %h, %kv, %rows, %pos : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %s : !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @mtp(%h: tensor<?x8xf32, #lm.dims<tokens>>, %ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>) {
    %a, %s = lm.attention %h, %h, %h, %kv, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
    lm.return %a, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 1, kv_heads = 1, head_dim = 8, f32>
  }
}
decode.strategy @ar(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : <@main> -> <1>
    %h, %st = decode.forward %x, %b : <@main>, <1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <1>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}
decode.strategy @ppd(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : <2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    // expected-error @+1 {{'decode.expand_prompts' op found no prompt tokens of the model @main; expected 1, those of prompt_tokens.safetensors}}
    %b = decode.expand_prompts %x, %c trees [[-1], [-1, 0]] prompts [[1], [1, 0]] : <@main>, !decode.candidates<2> -> <tree 3 prompts 1>
    %h, %st = decode.forward %x, %b : <@main>, <tree 3 prompts 1>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree 3 prompts 1>, <@main>
    %n = decode.prompted %b, %l, %p : <tree 3 prompts 1>, <@main> -> !decode.candidates<2>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}
