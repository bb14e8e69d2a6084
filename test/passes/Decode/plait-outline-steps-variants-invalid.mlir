// RUN: plait-opt %s --plait-outline-steps -split-input-file -verify-diagnostics

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op found the layer 4 to skip; expected layers of the model, 0 to 3}}
    %h1, %st1 = decode.forward %fork, %one skip [1, 4] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op is not compiled yet: found no layer that is left; expected at least one that is not skipped}}
    %h1, %st1 = decode.forward %fork, %one skip [0, 1, 2, 3] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// Layers of a loop that adds nothing have no sublayers.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %x1 = lm.layers 0 to 4 iter(%h = %x) : tensor<?x8xf32, #lm.dims<tokens>> {
      lm.yield %h : tensor<?x8xf32, #lm.dims<tokens>>
    }
    %y:2 = lm.layers 0 to 4 iter(%h = %x1, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
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
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op found single sublayers to skip of a model whose layers are no sums with the residual stream; expected whole layers}}
    %h1, %st1 = decode.forward %fork, %one skip [attention.1] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
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
decode.strategy @medusa(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : !decode.candidates<2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    // expected-error @+1 {{'decode.head' op found no function @medusa_1 of the model @main; expected a head of that name: those of medusa_lm_head.safetensors beside the model, or in the folder of --heads, are @medusa_0, @medusa_1, ...}}
    %m = decode.head %leaf by @medusa_1 : <@main>
    %n = decode.top %m : <@main> -> <2>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}

// -----

// The name of a step is taken.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
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
decode.step @head_medusa_0() attributes {input_roles = [], output_roles = []} {
  decode.return
}
decode.strategy @medusa(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : !decode.candidates<2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    // expected-error @+1 {{'decode.head' op found a symbol @head_medusa_0 already; expected none, as its step is called so}}
    %m = decode.head %leaf by @medusa_0 : <@main>
    %n = decode.top %m : <@main> -> <2>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}

// -----

// Of a leaf only candidates are wanted.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %w = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %u = lm.linear %h, %w : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %a, %s2 = lm.attention %u, %u, %u, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %h2 = lm.add %h, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %h2, %s2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
  }
  lm.func @medusa_0(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %l = lm.head %h, %e : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<16x8, #lm.f32>
    lm.return %l : tensor<?x16xf32, #lm.dims<leaves>>
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
decode.strategy @medusa(%s: !decode.sequence<@main>) {
  %none = decode.new_candidates : !decode.candidates<2>
  %end:2 = decode.round iter(%x = %s, %c = %none) : !decode.sequence<@main>, !decode.candidates<2> {
    %b = decode.expand %x, %c : <@main>, !decode.candidates<2> -> <tree [-1, 0]>
    %h, %st = decode.forward %x, %b : <@main>, <tree [-1, 0]>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <tree [-1, 0]>, <@main>
    %leaf = decode.leaf %h, %p : <@main>
    %m = decode.head %leaf by @medusa_0 : <@main>
    %n = decode.top %m : <@main> -> <2>
    // expected-error @+1 {{'decode.verify_sample' op is not compiled yet: found another use of a leaf's logits than its candidates; expected 'decode.top'}}
    %q = decode.verify_sample %b, %m [#decode.warp<temperature>] : <tree [-1, 0]>, <@main>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %n until %stop : !decode.sequence<@main>, !decode.candidates<2>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.candidates<2>
}
