// A model whose next token is known: the head maps token i to i + 1, modulo 4.
//
// RUN: python3 %S/Inputs/write_safetensors.py %t.safetensors \
// RUN:   embed=F32:4x4:1,0,0,0,0,1,0,0,0,0,1,0,0,0,0,1 head=F32:4x4:0,0,0,1,1,0,0,0,0,1,0,0,0,0,1,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='weights=%t.safetensors tokens=0,1;3 new-tokens=5' | FileCheck %s --check-prefix=TOKENS
// RUN: plait-opt %s -o /dev/null --plait-evaluate='weights=%t.safetensors tokens=2' | FileCheck %s --check-prefix=ONE
// RUN: plait-opt %s --plait-evaluate='weights=%t.safetensors tokens=2 print=false' | FileCheck %s --check-prefix=SILENT
//
// What a run writes, another reads: here as the weights of @written.
// RUN: python3 %S/Inputs/write_safetensors.py %t.unit.safetensors arg0=F32:1x1:1
// RUN: plait-opt %s -o /dev/null --plait-evaluate='weights=%t.safetensors tokens=2 new-tokens=2 print=false output=%t.out.safetensors'
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::written weights=%t.out.safetensors inputs=%t.unit.safetensors' | FileCheck %s --check-prefix=WRITTEN
//
// Random weights are a function of seed, name and index alone; these were
// computed apart from RandomWeights.h.
// RUN: python3 %S/Inputs/write_safetensors.py %t.units.safetensors arg0=F32:3x3:1,0,0,0,1,0,0,0,1 arg1=F32:1x1:1
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::random weights=random:7 inputs=%t.units.safetensors' | FileCheck %s --check-prefix=RANDOM

// TOKENS: logits: 3x4 f32
// TOKENS-NEXT: {{^}}  0 1 0 0{{$}}
// TOKENS-NEXT: {{^}}  0 0 1 0{{$}}
// TOKENS-NEXT: {{^}}  1 0 0 0{{$}}
// TOKENS-NEXT: tokens: 2x5 i32
// TOKENS-NEXT: {{^}}  2 3 0 1 2{{$}}
// TOKENS-NEXT: {{^}}  0 1 2 3 0{{$}}

// ONE: logits: 1x4 f32
// ONE-NEXT: {{^}}  0 0 0 1{{$}}
// ONE-NOT: tokens

// The IR stays as it is.
// SILENT-NOT: logits
// SILENT: lm.model @main
// SILENT: lm.func @forward

// WRITTEN: result0: 1x4 f32
// WRITTEN-NEXT: {{^}}  0 0 0 1{{$}}
// WRITTEN-NEXT: result1: 1x2 f32
// WRITTEN-NEXT: {{^}}  3 0{{$}}

// RANDOM: result0: 3x2 f32
// RANDOM-NEXT: {{^}}  0.637964 0.279992{{$}}
// RANDOM-NEXT: {{^}}  0.564895 0.00641239{{$}}
// RANDOM-NEXT: {{^}}  -0.114481 -0.445093{{$}}
// RANDOM-NEXT: result1: 1x3 f32
// RANDOM-NEXT: {{^}}  1.0869 1.08099 1.0879{{$}}

!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x4xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, f32>

lm.model @draft family "llama" numerics row_invariant max_positions 1 {
}
lm.model @main family "llama" numerics row_invariant max_positions 7 {
  lm.weight @embed from "embed" : !lm.weight<4x4, #lm.bf16>
  lm.weight @head_weight from "head" : !lm.weight<4x4, #lm.f32>
  lm.weight @matrix from "layers.1.w.weight" : !lm.weight<2x3, #lm.f32>
  lm.weight @gain from "g.weight" : !lm.weight<3x1, #lm.f32>
  lm.weight @logits from "logits" transposed : !lm.weight<4x1, #lm.f32>
  lm.weight @tokens from "tokens" transposed : !lm.weight<2x1, #lm.f32>

  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %w = lm.get_weight @embed : !lm.weight<4x4, #lm.bf16>
    %x = lm.embed %ids, %w : !ids, !lm.weight<4x4, #lm.bf16>
    lm.return %x, %kv : !hidden, !kv
  }
  lm.func @head(%h: tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>> {
    %w = lm.get_weight @head_weight : !lm.weight<4x4, #lm.f32>
    %l = lm.head %h, %w : tensor<?x4xf32, #lm.dims<leaves>>, !lm.weight<4x4, #lm.f32>
    lm.return %l : tensor<?x4xf32, #lm.dims<leaves>>
  }
  lm.func @written(%x: tensor<1x1xf32>) -> (tensor<1x4xf32>, tensor<1x2xf32>) {
    %l = lm.get_weight @logits : !lm.weight<4x1, #lm.f32>
    %0 = lm.linear %x, %l : tensor<1x1xf32>, !lm.weight<4x1, #lm.f32>
    %t = lm.get_weight @tokens : !lm.weight<2x1, #lm.f32>
    %1 = lm.linear %x, %t : tensor<1x1xf32>, !lm.weight<2x1, #lm.f32>
    lm.return %0, %1 : tensor<1x4xf32>, tensor<1x2xf32>
  }
  lm.func @random(%x: tensor<3x3xf32>, %one: tensor<1x1xf32>) -> (tensor<3x2xf32>, tensor<1x3xf32>) {
    %w = lm.get_weight @matrix : !lm.weight<2x3, #lm.f32>
    %z = lm.linear %x, %w : tensor<3x3xf32>, !lm.weight<2x3, #lm.f32>
    %g = lm.get_weight @gain : !lm.weight<3x1, #lm.f32>
    %u = lm.linear %one, %g : tensor<1x1xf32>, !lm.weight<3x1, #lm.f32>
    lm.return %z, %u : tensor<3x2xf32>, tensor<1x3xf32>
  }
}
