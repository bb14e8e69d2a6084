// RUN: plait-opt %s -split-input-file -verify-diagnostics

// Errors of what strategies with drafts are made of; invalid.mlir has those of rounds and steps.

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

// expected-error @+1 {{expected a positive block size but got -1}}
func.func private @f(!decode.block<-1>)

// -----

// expected-error @+1 {{expected a positive block size but got 0}}
func.func private @f(!decode.block<tree 0>)

// -----

// expected-error @+1 {{expected integer value}}
func.func private @f(!decode.block<tree []>)

// -----

// expected-error @+1 {{expected integer value}}
func.func private @f(!decode.block<tree>)

// -----

// expected-error @+1 {{expected integer value}}
func.func private @f(!decode.block<chain 3>)

// -----

// expected-error @+1 {{unbalanced '[' character in pretty dialect name}}
func.func private @f(!decode.block<tree [-1, 0>)

// -----

// expected-error @+1 {{expected '>'}}
func.func private @f(!decode.block<4 tree>)

// -----

// expected-error @+1 {{expected integer value}}
func.func private @f(!decode.block<4 prompts>)

// -----

// expected-error @+1 {{expected '<'}}
func.func private @f(!decode.block)

// -----

// Parents are those of a tree.
// expected-error @+1 {{expected integer value}}
func.func private @f(!decode.block<[-1, 0]>)

// -----

// expected-error @+1 {{expected no parent (-1) as parent of node 0 but got 0}}
func.func private @f(!decode.block<tree [0, 0]>)

// -----

// There is one root.
// expected-error @+1 {{expected a node before it as parent of node 1 but got -1}}
func.func private @f(!decode.block<tree [-1, -1]>)

// -----

// expected-error @+1 {{expected a node before it as parent of node 2 but got 2}}
func.func private @f(!decode.block<tree [-1, 0, 2]>)

// -----

// expected-error @+1 {{expected a node before it as parent of node 1 but got 2}}
func.func private @f(!decode.block<tree [-1, 2, 0]>)

// -----

// expected-error @+1 {{expected fewer prompts than the 2 nodes but got 2}}
func.func private @f(!decode.block<tree [-1, 0] prompts 2>)

// -----

// expected-error @+1 {{expected fewer prompts than the 20 nodes but got -1}}
func.func private @f(!decode.block<tree 20 prompts -1>)

// -----

// expected-error @+1 {{expected 1 to 65536 prompts that see each other but got 0}}
func.func private @f(!decode.block<tree 20 prompts 6 together 0>)

// -----

// expected-error @+1 {{expected 1 to 65536 prompts that see each other but got 65537}}
func.func private @f(!decode.block<tree 20 prompts 6 together 65537>)

// -----

// Tokens of the text see nothing behind them.
// expected-error @+1 {{expected prompts, of which 3 see each other, but got none}}
func.func private @f(!decode.block<tree 20 together 3>)

// -----

// expected-error @+1 {{expected a positive number but got 0}}
func.func private @f(!decode.candidates<0>)

// -----

// expected-error @+1 {{expected a positive number but got -1}}
func.func private @f(!decode.guesses<-1>)

// -----

// expected-error @+1 {{expected a positive number but got 0}}
func.func private @f(!decode.successors<0>)

// -----

// expected-error @+1 {{unknown  type `draft` in dialect `decode`}}
func.func private @f(!decode.draft<4>)

// -----

//===----------------------------------------------------------------------===//
// Strategies and loops
//===----------------------------------------------------------------------===//

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{expected identical, distribution, reference, semantics or approximate but got 'nonsense'}}
decode.strategy @s(%s: !decode.sequence<@main>) exact nonsense {
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{expected valid keyword}}
decode.strategy @s(%s: !decode.sequence<@main>) exact {
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{expected a sequence as the first argument}}
decode.strategy @s() {
  decode.return
}

// -----

// Tokens of one are tokens of the other.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(%h: tensor<?x7xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>> {
    lm.return %h : tensor<?x7xf32, #lm.dims<leaves>>
  }
}
lm.model @draft family "llama" numerics row_invariant max_positions 64 {
  lm.func @head(%h: tensor<?x9xf32, #lm.dims<leaves>>) -> tensor<?x9xf32, #lm.dims<leaves>> {
    lm.return %h : tensor<?x9xf32, #lm.dims<leaves>>
  }
}
// expected-error @+1 {{expected models with one vocabulary but got 7 tokens and, for '!decode.sequence<@draft>', 9}}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@draft>) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@draft> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x, %e until %stop : !decode.sequence<@main>, !decode.sequence<@draft>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@draft>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// What comes before the round is there when decoding begins: it looks at nothing.
// expected-error @+1 {{expected a body of initial values, one 'decode.round' and a 'decode.return' of its results}}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %b = decode.pending %s : !decode.sequence<@main> -> !decode.block<1>
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{expected a body of initial values, one 'decode.round' and a 'decode.return' of its results}}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>) {
  %end:2 = decode.round iter(%x = %s, %e = %d) : !decode.sequence<@main>, !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x, %e until %stop : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0 : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// expected-error @+1 {{expected a round whose first value is the first sequence}}
decode.strategy @s(%s: !decode.sequence<@main>, %d: !decode.sequence<@main>) {
  %end:2 = decode.round iter(%e = %d, %x = %s) : !decode.sequence<@main>, !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %e, %x until %stop : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
// Two handles of one sequence.
// expected-error @+1 {{expected one use of argument 0, as a value of the round}}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end:2 = decode.round iter(%x = %s, %e = %s) : !decode.sequence<@main>, !decode.sequence<@main> {
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x, %e until %stop : !decode.sequence<@main>, !decode.sequence<@main>
  }
  decode.return %end#0, %end#1 : !decode.sequence<@main>, !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  // expected-error @+1 {{expected a 'decode.yield' with 'until' at the end}}
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    decode.yield %x : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<2>
    // expected-error @+1 {{expected 2 types but got 1}}
    %c, %y = decode.repeat 2 iter(%d = %b, %z = %x) : !decode.block<2> {
    }
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{attribute 'count' failed to satisfy constraint}}
    %v = decode.repeat 0 iter(%g = %w) : !decode.sequence<@main> {
      decode.yield %g : !decode.sequence<@main>
    }
    decode.drop %v : !decode.sequence<@main>
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{expected initial values, block arguments, yielded values and results of the same types}}
    %v = decode.repeat 2 iter(%g = %w) : !decode.sequence<@main> {
      %b = decode.pending %g : !decode.sequence<@main> -> !decode.block<1>
      decode.yield %g, %b : !decode.sequence<@main>, !decode.block<1>
    }
    decode.drop %v : !decode.sequence<@main>
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    // expected-error @+1 {{expected '!decode.sequence<@main>' to be consumed exactly once but got 0 consuming uses}}
    %v = decode.repeat 2 iter(%g = %w) : !decode.sequence<@main> {
      %y = decode.fork %g : !decode.sequence<@main>
      decode.yield %y : !decode.sequence<@main>
    }
    decode.drop %v : !decode.sequence<@main>
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.fork' op expected '!decode.sequence<@main>' to be consumed exactly once but got 0 consuming uses}}
    %w = decode.fork %x : !decode.sequence<@main>
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// It would be consumed as often as the loop runs.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %w = decode.fork %x : !decode.sequence<@main>
    %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
    %c = decode.repeat 2 iter(%d = %b) : !decode.block<1> {
      // expected-error @+1 {{'decode.drop' op expected '!decode.sequence<@main>' to be consumed in the region that it is from}}
      decode.drop %w : !decode.sequence<@main>
      decode.yield %d : !decode.block<1>
    }
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // expected-error @+1 {{'decode.drop' op expected a fork but got the sequence itself}}
    decode.drop %x : !decode.sequence<@main>
    %stop = decode.stop %x : !decode.sequence<@main>
    decode.yield %x until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

// What it had published since would be overwritten.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    %y = decode.repeat 1 iter(%z = %x) : !decode.sequence<@main> {
      decode.yield %z : !decode.sequence<@main>
    }
    // expected-error @+1 {{'decode.fork' op expected no use of '!decode.sequence<@main>' after it is consumed}}
    %w = decode.fork %x : !decode.sequence<@main>
    decode.drop %w : !decode.sequence<@main>
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
}
decode.strategy @s(%s: !decode.sequence<@main>) {
  %end = decode.round iter(%x = %s) : !decode.sequence<@main> {
    // The loop has it now.
    %y = decode.repeat 1 iter(%z = %x) : !decode.sequence<@main> {
      // expected-error @+1 {{'decode.pending' op expected no use of '!decode.sequence<@main>' after it is consumed}}
      %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<1>
      decode.yield %z : !decode.sequence<@main>
    }
    %stop = decode.stop %y : !decode.sequence<@main>
    decode.yield %y until %stop : !decode.sequence<@main>
  }
  decode.return %end : !decode.sequence<@main>
}

// -----

//===----------------------------------------------------------------------===//
// Sequences and models
//===----------------------------------------------------------------------===//

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to skip in ascending order but got [0, 0]}}
  %h, %st = decode.forward %x, %b skip [0, 0] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to skip in ascending order but got [2, 1]}}
  %h, %st = decode.forward %x, %b skip [2, 1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to skip in ascending order but got [-1]}}
  %h, %st = decode.forward %x, %b skip [-1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to skip in ascending order but got [mlp.1, attention.1]}}
  %h, %st = decode.forward %x, %b skip [mlp.1, attention.1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to skip in ascending order but got [1, attention.1]}}
  %h, %st = decode.forward %x, %b skip [1, attention.1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{found the sublayer 'ffn.2'; expected attention.N or mlp.N, or N for both, of layer N}}
  %h, %st = decode.forward %x, %b skip [1, ffn.2] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{found the sublayer 'mlp'; expected attention.N or mlp.N}}
  %h, %st = decode.forward %x, %b skip [mlp] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{expected a layer N, or attention.N or mlp.N}}
  %h, %st = decode.forward %x, %b skip [[1], ["a"]] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected 'by' a 'decode.choose_variant' of 2, as there are as many sets to skip}}
  %h, %st = decode.forward %x, %b skip [[1], [mlp.1]] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>, %a: !decode.acceptance) {
  %v = decode.choose_variant %a of 3 lengths [2] : !decode.acceptance
  // expected-error @+1 {{'decode.forward' op expected 'by' a 'decode.choose_variant' of 2, as there are as many sets to skip}}
  %h, %st = decode.forward %x, %b skip [[1], [mlp.1]] by %v : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_variant' op expected ascending lengths of at least 0 but got [2, 1]}}
  %v = decode.choose_variant %a of 3 lengths [2, 1] : !decode.acceptance
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to tap in ascending order but got [0, 0]}}
  %h, %st, %t:2 = decode.forward %x, %b taps [0, 0] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to tap in ascending order but got [2, 1]}}
  %h, %st, %t:2 = decode.forward %x, %b taps [2, 1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to tap in ascending order but got [-1]}}
  %h, %st, %t = decode.forward %x, %b taps [-1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to tap that are not skipped but got 2}}
  %h, %st, %t:2 = decode.forward %x, %b skip [1, 2] taps [0, 2] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to tap that are not skipped but got 2}}
  %h, %st, %t:2 = decode.forward %x, %b skip [1, mlp.2] taps [0, 2] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected a layer to tap but got none; leave out 'taps'}}
  %h, %st = decode.forward %x, %b taps [] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 2 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32> {
      lm.yield %h, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 2, kv_heads = 1, head_dim = 8, f32>
  }
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
}
func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected layers to tap of the model, 0 to 1, but got 2}}
  %h, %st, %t:2 = decode.forward %x, %b taps [1, 2] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

// Layers of several kinds: the state has others than the loop.
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  // expected-note @+1 {{its @forward}}
  lm.func @forward(%ids: tensor<?xi32, #lm.dims<tokens>>, %pos: tensor<?xi32, #lm.dims<tokens>>, %rows: !lm.rows, %kv: !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) -> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>) {
    %e = lm.get_weight @embed : !lm.weight<16x8, #lm.f32>
    %x = lm.embed %ids, %e : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<16x8, #lm.f32>
    %y:2 = lm.layers 0 to 2 iter(%h = %x, %s = %kv) : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32> {
      lm.yield %h, %s : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
    }
    lm.return %y#0, %y#1 : tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 1, head_dim = 8, f32>
  }
  lm.weight @embed from "embed" : !lm.weight<16x8, #lm.f32>
}
func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>) {
  // expected-error @+1 {{'decode.forward' op expected a model with one loop over layers of one kind, as some are tapped}}
  %h, %st, %t = decode.forward %x, %b taps [1] : !decode.sequence<@main>, !decode.block<1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>, %c: !decode.block<1>, %l: !decode.logits<@main>) {
  %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
  %p = decode.verify_greedy %c, %l : !decode.block<1>, !decode.logits<@main>
  // expected-error @+1 {{'decode.commit' op expected a path from a rule on the block of that 'decode.forward'}}
  %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %b: !decode.block<1>, %p: !decode.path) {
  %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
  // expected-error @+1 {{'decode.commit' op expected a path from a rule on the block of that 'decode.forward'}}
  %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.edit' op expected the logits of a 'decode.forward' of the same sequence}}
  %e = decode.edit %x, %l : !decode.sequence<@main>, !decode.logits<@main>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %w: !decode.sequence<@main>, %b: !decode.block<1>) {
  %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<1>
  %l = decode.head %h : !decode.hidden<@main>
  // expected-error @+1 {{'decode.edit' op expected the logits of a 'decode.forward' of the same sequence}}
  %e = decode.edit %w, %l : !decode.sequence<@main>, !decode.logits<@main>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Draft sources
//===----------------------------------------------------------------------===//

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.pending' op expected a chain but got '!decode.block<tree [-1, 0]>'}}
  %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<tree [-1, 0]>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.pending' op expected a chain but got '!decode.block<4 prompts 2>'}}
  %b = decode.pending %x : !decode.sequence<@main> -> !decode.block<4 prompts 2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand_prompts' op expected candidates for one depth at least, and as many trees as lists of prompts but got 2 and 1}}
  %b = decode.expand_prompts %x, %c trees [[-1], [-1, 0]] prompts [[1]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand_prompts' op expected a node before it as parent of node 1 of tree 0 but got 1}}
  %b = decode.expand_prompts %x, %c trees [[-1, 1]] prompts [[1, 0]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand_prompts' op expected a number of prompts for each node of tree 0 but got 1 for 2}}
  %b = decode.expand_prompts %x, %c trees [[-1, 0]] prompts [[1]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand_prompts' op expected at most 2 nodes after node 0 of tree 0}}
  %b = decode.expand_prompts %x, %c trees [[-1, 0, 0, 0]] prompts [[0, 0, 0, 0]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand_prompts' op expected 0 to 1 prompts behind a node, as there are candidates of so many depths, but got 2}}
  %b = decode.expand_prompts %x, %c trees [[-1, 0]] prompts [[2, 0]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 5 prompts 2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand_prompts' op expected a block <tree 4 prompts 2>, for the largest tree, but got '!decode.block<tree 3 prompts 2>'}}
  %b = decode.expand_prompts %x, %c trees [[-1], [-1, 0]] prompts [[1], [1, 1]] : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 3 prompts 2>
  return
}

// -----

// Prompts stand for no token, so that none is committed: a source of tokens makes a block without them, what has them
// grows by no token, and a path that went through them in another block is none of this one.

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand' op expected a block without prompts but got '!decode.block<tree [-1, 0, 1] prompts 1>'}}
  %b = decode.expand %x, %c, %c : !decode.sequence<@main>, !decode.candidates<2>, !decode.candidates<2> -> !decode.block<tree [-1, 0, 1] prompts 1>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %a: !decode.successors<2>) {
  // expected-error @+1 {{'decode.recall' op expected a block without prompts but got '!decode.block<tree [-1, 0, 1] prompts 1>'}}
  %b = decode.recall %x, %a : !decode.sequence<@main>, !decode.successors<2> -> !decode.block<tree [-1, 0, 1] prompts 1>
  return
}

// -----

func.func @f(%b: !decode.block<tree 5 prompts 2>, %p: !decode.path) {
  // expected-error @+1 {{'decode.append' op expected a chain but got '!decode.block<tree 5 prompts 2>'}}
  %c = decode.append %b, %p : !decode.block<tree 5 prompts 2>
  return
}

// -----

// Of nodes 0, 1 and 2, which in the block that was forwarded are two prompts behind the root.
func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<1>) {
  %b = decode.expand_prompts %x, %c, %c trees [[-1]] prompts [[2]] : !decode.sequence<@main>, !decode.candidates<1>, !decode.candidates<1> -> !decode.block<tree 3 prompts 2>
  %t = decode.expand %x, %c, %c : !decode.sequence<@main>, !decode.candidates<1>, !decode.candidates<1> -> !decode.block<tree [-1, 0, 1]>
  %h, %st = decode.forward %x, %b : !decode.sequence<@main>, !decode.block<tree 3 prompts 2>
  %l = decode.head %h : !decode.hidden<@main>
  %p = decode.verify_greedy %t, %l : !decode.block<tree [-1, 0, 1]>, !decode.logits<@main>
  // expected-error @+1 {{'decode.commit' op expected a path from a rule on the block of that 'decode.forward'}}
  %y = decode.commit %x, %st, %p : !decode.sequence<@main>, !decode.stage<@main>
  return
}

// -----

func.func @f(%h: !decode.hidden<@main>, %x: !decode.sequence<@draft>, %p: !decode.path) {
  // expected-error @+1 {{'decode.recur' op expected a sequence and a hidden state of one model but got '!decode.sequence<@draft>' and '!decode.hidden<@main>'}}
  %n = decode.recur %h, %p in %x by @clover : !decode.hidden<@main>, !decode.path, !decode.sequence<@draft>
  return
}

// -----

func.func @f(%b: !decode.block<tree 4>, %p: !decode.path) {
  // expected-error @+1 {{'decode.append' op expected a chain but got '!decode.block<tree 4>'}}
  %c = decode.append %b, %p : !decode.block<tree 4>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.lookup' op expected longest >= shortest but got 1 and 2}}
  %b = decode.lookup %x longest 1 shortest 2 : !decode.sequence<@main> -> !decode.block<5>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.lookup' op attribute 'shortest' failed to satisfy constraint}}
  %b = decode.lookup %x longest 1 shortest 0 : !decode.sequence<@main> -> !decode.block<5>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.lookup' op expected a chain but got '!decode.block<tree 5>'}}
  %b = decode.lookup %x longest 2 shortest 1 : !decode.sequence<@main> -> !decode.block<tree 5>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand' op expected a static tree but got '!decode.block<3>'}}
  %b = decode.expand %x, %c : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<3>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand' op expected a static tree but got '!decode.block<tree 3>'}}
  %b = decode.expand %x, %c : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree 3>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand' op expected at most 2 nodes after node 0 of '!decode.block<tree [-1, 0, 0, 0]>'}}
  %b = decode.expand %x, %c : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree [-1, 0, 0, 0]>
  return
}

// -----

// There are candidates for depth 1 alone.
func.func @f(%x: !decode.sequence<@main>, %c: !decode.candidates<2>) {
  // expected-error @+1 {{'decode.expand' op expected at most 0 nodes after node 1 of '!decode.block<tree [-1, 0, 1]>'}}
  %b = decode.expand %x, %c : !decode.sequence<@main>, !decode.candidates<2> -> !decode.block<tree [-1, 0, 1]>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %t: !decode.successors<1>) {
  // expected-error @+1 {{'decode.recall' op expected at most 1 nodes after node 1 of '!decode.block<tree [-1, 0, 1, 1]>'}}
  %b = decode.recall %x, %t : !decode.sequence<@main>, !decode.successors<1> -> !decode.block<tree [-1, 0, 1, 1]>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %t: !decode.successors<1>) {
  // expected-error @+1 {{'decode.recall' op expected a static tree but got '!decode.block<tree 4>'}}
  %b = decode.recall %x, %t : !decode.sequence<@main>, !decode.successors<1> -> !decode.block<tree 4>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %g: !decode.guesses<4>) {
  // expected-error @+1 {{'decode.carry' op expected a block of 5 nodes for 4 guesses but got '!decode.block<4>'}}
  %b = decode.carry %x, %g : !decode.sequence<@main>, !decode.guesses<4> -> !decode.block<4>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %g: !decode.guesses<4>) {
  // expected-error @+1 {{'decode.carry' op expected a chain but got '!decode.block<tree 5>'}}
  %b = decode.carry %x, %g : !decode.sequence<@main>, !decode.guesses<4> -> !decode.block<tree 5>
  return
}

// -----

func.func @f(%b: !decode.block<tree 5 prompts 2>, %k: index) {
  // expected-error @+1 {{'decode.shorten' op expected a block without prompts but got '!decode.block<tree 5 prompts 2>'}}
  %c = decode.shorten %b to %k : !decode.block<tree 5 prompts 2>
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected ascending lengths of at least 0 but got [2, 1]}}
  %k = decode.choose_length %a of [2, 1] : !decode.acceptance
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected ascending lengths of at least 0 but got [1, 1]}}
  %k = decode.choose_length %a of [1, 1] : !decode.acceptance
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected ascending lengths of at least 0 but got [-1, 0]}}
  %k = decode.choose_length %a of [-1, 0] : !decode.acceptance
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected lengths to choose from}}
  %k = decode.choose_length %a of [] : !decode.acceptance
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected 2 positive costs, one for each length}}
  %k = decode.choose_length %a of [1, 2] costs [1.0] : !decode.acceptance
  return
}

// -----

func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected 2 positive costs, one for each length}}
  %k = decode.choose_length %a of [1, 2] costs [1.0, 0.0] : !decode.acceptance
  return
}

// -----

// NaN is no cost.
func.func @f(%a: !decode.acceptance) {
  // expected-error @+1 {{'decode.choose_length' op expected 2 positive costs, one for each length}}
  %k = decode.choose_length %a of [1, 2] costs [1.0, 0x7FF8000000000000] : !decode.acceptance
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>) {
  // expected-error @+1 {{'decode.expand' op expected candidates for one depth at least}}
  %b = "decode.expand"(%x) : (!decode.sequence<@main>) -> !decode.block<tree [-1]>
  return
}

// -----

//===----------------------------------------------------------------------===//
// Rules
//===----------------------------------------------------------------------===//

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_reject' op expected temperature as the first warp but got [#decode.warp<top_k>]}}
  %p = decode.verify_reject %b, %l [#decode.warp<top_k>] : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_typical' op expected temperature as the first warp but got [#decode.warp<top_k>]}}
  %p = decode.verify_typical %b, %l [#decode.warp<top_k>] threshold 0.1 alpha 0.3 : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_jacobi' op expected warps in the order temperature, top_k, top_p, min_p without repetition but got [#decode.warp<top_k>, #decode.warp<temperature>]}}
  %p, %g = decode.verify_jacobi %b, %l [#decode.warp<top_k>, #decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<2>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_typical' op expected a positive threshold and alpha}}
  %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.0 alpha 0.3 : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_typical' op expected a positive threshold and alpha}}
  %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0.1 alpha -0.3 : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_typical' op expected a positive threshold and alpha}}
  %p = decode.verify_typical %b, %l [#decode.warp<temperature>] threshold 0x7FF8000000000000 alpha 0.3 : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_jacobi' op expected a chain of 9 nodes for 8 guesses but got '!decode.block<3>'}}
  %p, %g = decode.verify_jacobi %b, %l [#decode.warp<temperature>] : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<8>
  return
}

// -----

func.func @f(%b: !decode.block<tree 3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_jacobi' op expected a chain of 3 nodes for 2 guesses but got '!decode.block<tree 3>'}}
  %p, %g = decode.verify_jacobi %b, %l [#decode.warp<temperature>] : !decode.block<tree 3>, !decode.logits<@main> -> !decode.guesses<2>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{enum values for attribute 'purpose' [sample, draft]}}
  %p = decode.verify_sample %b, %l [#decode.warp<temperature>] purpose fun : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{enum values for attribute 'against' [stale, fresh]}}
  %p, %g = decode.verify_jacobi %b, %l [#decode.warp<temperature>] against old : !decode.block<3>, !decode.logits<@main> -> !decode.guesses<2>
  return
}

// -----

func.func @f(%x: !decode.sequence<@main>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{enum values for attribute 'history' [path, prefix]}}
  %e = decode.edit %x, %l history all : !decode.sequence<@main>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{attribute 'top' failed to satisfy constraint}}
  %p = decode.verify_momentum %b, %l top 0 alpha 0.2 resistance [1.0] : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_momentum' op expected a finite alpha that is not negative}}
  %p = decode.verify_momentum %b, %l top 3 alpha 0x7FF0000000000000 resistance [1.0] : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_momentum' op expected at least one resistance, all finite and none negative}}
  %p = decode.verify_momentum %b, %l top 3 alpha 0.2 resistance [] : !decode.block<3>, !decode.logits<@main>
  return
}

// -----

func.func @f(%b: !decode.block<3>, %l: !decode.logits<@main>) {
  // expected-error @+1 {{'decode.verify_momentum' op expected at least one resistance, all finite and none negative}}
  %p = decode.verify_momentum %b, %l top 3 alpha 0.2 resistance [1.0, -1.0] : !decode.block<3>, !decode.logits<@main>
  return
}
