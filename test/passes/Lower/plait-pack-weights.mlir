// RUN: plait-opt %s --plait-pack-weights | FileCheck %s --check-prefixes=CHECK,P32
// RUN: plait-opt %s --plait-pack-weights=panel=8 | FileCheck %s --check-prefixes=CHECK,P8
// RUN: not plait-opt %s --plait-pack-weights=panel=-8 2>&1 | FileCheck %s --check-prefix=NEGATIVE

// NEGATIVE: error: expected panel to be at least 0 but got -8

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>

// CHECK-LABEL: lm.model @main
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @scale from "scale" : !lm.weight<4, #lm.f32>
  lm.weight @bias from "bias" : !lm.weight<4, #lm.bf16>
  lm.weight @f32 from "f32" : !lm.weight<4x4, #lm.f32>
  lm.weight @bf16 from "bf16" : !lm.weight<4x4, #lm.bf16>
  lm.weight @gathered from "gathered" : !lm.weight<32x4, #lm.bf16>
  lm.weight @tied from "tied" : !lm.weight<32x4, #lm.bf16>
  lm.weight @int8 from "int8" : !lm.weight<4x4, #lm.int8>
  lm.weight @int4 from "int4" : !lm.weight<4x4, #lm.int4<group = 32>>
  lm.weight @table from "table" : !lm.weight<32x4, #lm.int8<group = 32>>
  // A function is no step: it has been inlined.
  // CHECK: lm.get_weight @scale
  // CHECK-NOT: kernel.
  lm.func @unused() -> !lm.weight<4, #lm.f32> {
    %w = lm.get_weight @scale : !lm.weight<4, #lm.f32>
    lm.return %w : !lm.weight<4, #lm.f32>
  }
}

// CHECK-LABEL: decode.step @step(
// A vector has no panels, nor has a matrix that is only gathered from.
// CHECK: kernel.packed_weight @main::@gathered : <<32x4, #lm.bf16>, panel = 0, group = 1>
// CHECK-NEXT: %[[G:.*]] = kernel.unpack
// CHECK-NEXT: lm.embed %{{.*}}, %[[G]]
// Gathered from and multiplied by: one layout, in both places.
// P32: kernel.packed_weight @main::@tied : <<32x4, #lm.bf16>, panel = 32, group = 2>
// P8: kernel.packed_weight @main::@tied : <<32x4, #lm.bf16>, panel = 8, group = 2>
// CHECK: lm.embed
// CHECK: kernel.packed_weight @main::@scale : <<4, #lm.f32>, panel = 0, group = 1>
// CHECK: lm.rms_norm
// A 32-bit group of each row, so one f32 or two bf16.
// P32: kernel.packed_weight @main::@f32 : <<4x4, #lm.f32>, panel = 32, group = 1>
// P8: kernel.packed_weight @main::@f32 : <<4x4, #lm.f32>, panel = 8, group = 1>
// CHECK: lm.linear
// P32: kernel.packed_weight @main::@bf16 : <<4x4, #lm.bf16>, panel = 32, group = 2>
// The bias of a product is not what is multiplied by.
// CHECK: kernel.packed_weight @main::@bias : <<4, #lm.bf16>, panel = 0, group = 1>
// CHECK: lm.linear
// P32: kernel.packed_weight @main::@tied : <<32x4, #lm.bf16>, panel = 32, group = 2>
// P8: kernel.packed_weight @main::@tied : <<32x4, #lm.bf16>, panel = 8, group = 2>
// CHECK: lm.head
// CHECK-NOT: lm.get_weight
decode.step @step(%ids: !ids, %leaves: !i) -> !l
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %g = lm.get_weight @main::@gathered : !lm.weight<32x4, #lm.bf16>
  %a = lm.embed %ids, %g : !ids, !lm.weight<32x4, #lm.bf16>
  %t = lm.get_weight @main::@tied : !lm.weight<32x4, #lm.bf16>
  %b = lm.embed %ids, %t : !ids, !lm.weight<32x4, #lm.bf16>
  %c = lm.add %a, %b : !x
  %s = lm.get_weight @main::@scale : !lm.weight<4, #lm.f32>
  %d = lm.rms_norm %c, %s eps 1.0e-5 : !x, !lm.weight<4, #lm.f32>
  %w = lm.get_weight @main::@f32 : !lm.weight<4x4, #lm.f32>
  %e = lm.linear %d, %w : !x, !lm.weight<4x4, #lm.f32>
  %v = lm.get_weight @main::@bf16 : !lm.weight<4x4, #lm.bf16>
  %bias = lm.get_weight @main::@bias : !lm.weight<4, #lm.bf16>
  %f = lm.linear %e, %v bias %bias : !x, !lm.weight<4x4, #lm.bf16>, !lm.weight<4, #lm.bf16>
  %h = lm.take_rows %f, %leaves : !x, !i
  %u = lm.get_weight @main::@tied : !lm.weight<32x4, #lm.bf16>
  %l = lm.head %h, %u : !h, !lm.weight<32x4, #lm.bf16>
  decode.return %l : !l
}
