// RUN: plait-opt %s -split-input-file --verify-diagnostics --plait-generate-cuda-kernels
// RUN: not plait-opt %s -split-input-file --plait-generate-cuda-kernels='chip=sm_90' 2>&1 | FileCheck %s

// CHECK: error: expected chip to be sm_80, sm_90a or sm_100a but got 'sm_90'

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'math.exp' op has no CUDA kernel}}
  %y = math.exp %x : !x
  kernel.return %y : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>
// expected-error @+1 {{'kernel.func' op expected an op that computes but found none}}
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  kernel.return %x : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<places>>
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'lm.scale' op expected tensors whose first extent is one of a step but got 'tensor<?x8xf32, #lm.dims<places>>'}}
  %y = lm.scale %x by 2.0 : !x
  kernel.return %y : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<8x8, #lm.bf16>, panel = 0, group = 1>
kernel.func @k(%x: !x, %p: !packed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !packed -> !lm.weight<8x8, #lm.bf16>
  // expected-error @+1 {{'lm.linear' op expected an input of bf16, from 'lm.round', for CUDA but got 'tensor<?x8xf32, #lm.dims<tokens>>'}}
  %y = lm.linear %x, %w : !x, !lm.weight<8x8, #lm.bf16>
  kernel.return %y : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xbf16, #lm.dims<tokens>>
!y = tensor<?x8xf32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<8x8, #lm.bf16>, panel = 32, group = 2>
kernel.func @k(%x: !x, %p: !packed) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !packed -> !lm.weight<8x8, #lm.bf16>
  // expected-error @+1 {{'lm.linear' op expected a weight of bf16 by rows for CUDA but got '!kernel.packed<<8x8, #lm.bf16>, panel = 32, group = 2>'}}
  %y = lm.linear %x, %w : !x, !lm.weight<8x8, #lm.bf16>
  kernel.return %y : !y
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x36xbf16, #lm.dims<tokens>>
!y = tensor<?x8xf32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<8x36, #lm.bf16>, panel = 0, group = 1>
kernel.func @k(%x: !x, %p: !packed) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !packed -> !lm.weight<8x36, #lm.bf16>
  // expected-error @+1 {{'lm.linear' op expected a multiple of 8 columns for CUDA but got 36}}
  %y = lm.linear %x, %w : !x, !lm.weight<8x36, #lm.bf16>
  kernel.return %y : !y
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<tokens>>
!y = tensor<?x8xf32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<8x8, #lm.bf16>, panel = 32, group = 2>
kernel.func @k(%i: !i, %p: !packed) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !packed -> !lm.weight<8x8, #lm.bf16>
  // expected-error @+1 {{'lm.embed' op expected a table by rows, of f32 or bf16, for CUDA but got '!kernel.packed<<8x8, #lm.bf16>, panel = 32, group = 2>'}}
  %y = lm.embed %i, %w : !i, !lm.weight<8x8, #lm.bf16>
  kernel.return %y : !y
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x32xf32, #lm.dims<tokens>>
!state = !lm.state<layers = 1, kv_heads = 1, head_dim = 32, i8>
kernel.func @k(%k: !x, %v: !x, %s: !state, %rows: !lm.rows, %p: !i) -> !state attributes {cost = #cost} {
  // expected-error @+1 {{'lm.stage' op expected a state of f32 or bf16 for CUDA but got one of integers}}
  %t = lm.stage %k, %v, %s, %rows, %p : !x, !state, !i
  kernel.return %t : !state
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x32xf32, #lm.dims<tokens>>
!state = !lm.state<layers = 1, kv_heads = 1, head_dim = 32, i8>
kernel.func @k(%q: !x, %s: !state, %rows: !lm.rows, %p: !i) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'lm.attend' op expected a state of f32 or bf16 for CUDA but got one of integers}}
  %o = lm.attend %q, %s, %rows, %p scale 0.1 : !x, !state, !i
  kernel.return %o : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x24xbf16, #lm.dims<tokens>>
!y = tensor<?x24xf32, #lm.dims<tokens>>
!state = !lm.state<layers = 1, kv_heads = 1, head_dim = 24, bf16>
kernel.func @k(%q: !x, %s: !state, %rows: !lm.rows, %p: !i) -> !y attributes {cost = #cost} {
  // expected-error @+1 {{'lm.attend' op expected queries of f32 for CUDA where heads have 24 columns, no multiple of 16 up to 256}}
  %o = lm.attend %q, %s, %rows, %p scale 0.1 : !x, !state, !i
  kernel.return %o : !y
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!i = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x32xf32, #lm.dims<tokens>>
!y = tensor<?x34xf32, #lm.dims<spans>>
!state = !lm.state<layers = 1, kv_heads = 1, head_dim = 32, bf16>
kernel.func @k(%q: !x, %s: !state, %rows: !lm.rows, %p: !i) -> !y attributes {cost = #cost} {
  // expected-error @+1 {{'lm.attend_spans' op expected queries of bf16 for CUDA; 'plait-split-attention{rounded}' leaves others alone}}
  %o = lm.attend_spans %q, %s, %rows, %p scale 0.1 : !x, !state, !i
  kernel.return %o : !y
}
