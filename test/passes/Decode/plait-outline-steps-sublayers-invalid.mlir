// RUN: plait-opt %s --plait-outline-steps -split-input-file -verify-diagnostics

// All of it, by its parts.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q from "layers.{layer}.q" layers 2 : !lm.weight<8x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 2 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 2 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %wm = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %xm = lm.linear %a, %wm : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %m = lm.add %xm, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %m, %sa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
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
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op is not compiled yet: found no layer that is left; expected at least one that is not skipped}}
    %h1, %st1 = decode.forward %fork, %one skip [attention.0, mlp.0, attention.1, mlp.1] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}

// -----

// Beyond the last layer.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q from "layers.{layer}.q" layers 2 : !lm.weight<8x8, #lm.f32>
  lm.weight @up from "layers.{layer}.up" layers 2 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 2 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %wm = lm.get_weight @up : !lm.weight<8x8, #lm.f32>
      %xm = lm.linear %a, %wm : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %m = lm.add %xm, %a : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %m, %sa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
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
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op found the layer 2 to skip; expected layers of the model, 0 to 1}}
    %h1, %st1 = decode.forward %fork, %one skip [attention.0, mlp.2] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}

// -----

// What an MLP adds is read in the next layer.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q from "layers.{layer}.q" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:3 = lm.layers 0 to 4 iter(%h = %x, %late = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %a, %oa, %sa : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#2 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
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
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op found single sublayers to skip of a model with a delayed residual; expected whole layers}}
    %h1, %st1 = decode.forward %fork, %one skip [attention.1] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}

// -----

// What the attention computes is added twice.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q from "layers.{layer}.q" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %g = lm.activation silu %oa : tensor<?x8xf32, #lm.dims<tokens>>
      %m = lm.add %a, %g : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %m, %sa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
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
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op found sublayers to skip whose attention others need as well; expected whole layers}}
    %h1, %st1 = decode.forward %fork, %one skip [attention.1] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}

// -----

// No MLP.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
  lm.weight @q from "layers.{layer}.q" layers 4 : !lm.weight<8x8, #lm.f32>
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      %qa = lm.get_weight @q : !lm.weight<8x8, #lm.f32>
      %ua = lm.linear %h, %qa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.weight<8x8, #lm.f32>
      %oa, %sa = lm.attention %ua, %ua, %ua, %s, %rows, %pos scale 1.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>, tensor<?xi32, #lm.dims<tokens>>
      %a = lm.add %h, %oa : tensor<?x8xf32, #lm.dims<tokens>>
      lm.yield %a, %sa : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.func @head(%h: tensor<?x8xf32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
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
  %known = decode.new_acceptance : !decode.acceptance
  %end:2 = decode.round iter(%x = %s, %a = %known) : !decode.sequence<@main>, !decode.acceptance {
    %root = decode.pending %x : <@main> -> <3>
    %fork = decode.fork %x : <@main>
    %one = decode.pending %fork : <@main> -> <1>
    // expected-error @+1 {{'decode.forward' op found no sublayer 'mlp.2' of the model; expected one that adds to the residual stream by itself}}
    %h1, %st1 = decode.forward %fork, %one skip [attention.0, mlp.2] : <@main>, <1>
    %l1 = decode.head %h1 : <@main>
    %p1 = decode.verify_sample %one, %l1 [#decode.warp<temperature>] : <1>, <@main>
    %next = decode.commit %fork, %st1, %p1 : <@main>, <@main>
    %b = decode.append %root, %p1 : <3>
    decode.drop %next : <@main>
    %h, %st = decode.forward %x, %b : <@main>, <3>
    %l = decode.head %h : <@main>
    %p = decode.verify_sample %b, %l [#decode.warp<temperature>] : <3>, <@main>
    %seen = decode.observe %a, %b, %p : !decode.acceptance, <3>
    %y = decode.commit %x, %st, %p : <@main>, <@main>
    %stop = decode.stop %y : <@main>
    decode.yield %y, %seen until %stop : !decode.sequence<@main>, !decode.acceptance
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.acceptance
}
