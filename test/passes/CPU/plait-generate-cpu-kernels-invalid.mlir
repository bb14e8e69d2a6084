// RUN: plait-opt %s -split-input-file --verify-diagnostics --plait-generate-cpu-kernels
// RUN: not plait-opt %s -split-input-file --plait-generate-cpu-kernels='lanes=5' 2>&1 | FileCheck %s

// CHECK: error: expected lanes to be 4, 8 or 16 but got 5

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>

kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'math.exp' op has no CPU kernel}}
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
!x = tensor<?x8xf32, #lm.dims<tokens>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<8x8, #lm.bf16>, panel = 32, group = 2>
kernel.func @k(%x: !x, %p: !packed, %i: !ids) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !packed -> !lm.weight<8x8, #lm.bf16>
  %y = lm.linear %x, %w : !x, !lm.weight<8x8, #lm.bf16>
  // expected-error @+1 {{'lm.rope' op expected an elementwise op, a reduction of blocks or a product after 'lm.linear' in one part of a kernel, or row by row ops alone}}
  %z = lm.rope %y, %i head_dim 8 theta 10000.0 : !x, !ids
  kernel.return %z : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>
!h = tensor<?x8xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
kernel.func @k(%x: !x, %i: !i) -> !h attributes {cost = #cost} {
  // expected-error @+1 {{'lm.take_rows' op expected a product as the first op of a part that is not row by row}}
  %y = lm.take_rows %x, %i : !x, !i
  %z = lm.scale %y by 2.0 : !h
  kernel.return %z : !h
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

!l = tensor<?x600xf32, #lm.dims<leaves>>
!s = tensor<?x8xf32, #lm.dims<leaves>>
!p = !kernel.packed<<600x8, #lm.f32>, panel = 96, group = 1>
kernel.func @panels(%x: tensor<?x8xf32, #lm.dims<leaves>>, %p: !p) -> !s attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
  %w = kernel.unpack %p : <<600x8, #lm.f32>, panel = 96, group = 1> -> !lm.weight<600x8, #lm.f32>
  // expected-error @+1 {{'lm.head' op expected panels that make up blocks of 512 rows, as these are reduced, but got '!kernel.packed<<600x8, #lm.f32>, panel = 96, group = 1>'}}
  %l = lm.head %x, %w : tensor<?x8xf32, #lm.dims<leaves>>, !lm.weight<600x8, #lm.f32>
  %s = decode.summarize_blocks %l {first = 0 : i64} : (!l) -> !s
  kernel.return %s : !s
}
