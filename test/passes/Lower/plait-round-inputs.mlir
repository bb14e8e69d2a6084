// RUN: plait-opt %s --plait-round-inputs | FileCheck %s

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x64xf32, #lm.dims<tokens>>
!y = tensor<?x33xf32, #lm.dims<tokens>>
!h = tensor<?x33xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @a from "a" : !lm.weight<64x64, #lm.bf16>
  lm.weight @b from "b" : !lm.weight<64x64, #lm.bf16>
  lm.weight @c from "c" : !lm.weight<33x64, #lm.f32>
  lm.weight @d from "d" : !lm.weight<32x33, #lm.bf16>
  lm.weight @e from "e" : !lm.weight<32x64, #lm.bf16>
}

// An odd number of cache lines: 2 become 3. One rounding for both products; a
// gather, and a product with a weight of f32, are left alone.
// CHECK-LABEL: decode.step @step(
// CHECK: %[[X:.*]] = lm.embed
// CHECK-NEXT: %[[R:.*]] = lm.round %[[X]] to 96 : tensor<?x64xf32, #lm.dims<tokens>>
// CHECK-NOT: lm.round
// CHECK: lm.linear %[[R]], %{{.*}} : tensor<?x96xbf16, #lm.dims<tokens>>, <64x64, #lm.bf16>
// CHECK: %[[Y:.*]] = lm.linear %[[R]], %{{.*}} : tensor<?x96xbf16, #lm.dims<tokens>>, <64x64, #lm.bf16>
// CHECK: lm.linear %[[Y]], %{{.*}} : tensor<?x64xf32, #lm.dims<tokens>>, <33x64, #lm.f32>
// CHECK: %[[H:.*]] = lm.take_rows
// CHECK-NEXT: %[[S:.*]] = lm.round %[[H]] to 96 : tensor<?x33xf32, #lm.dims<leaves>>
// CHECK: lm.head %[[S]], %{{.*}} : tensor<?x96xbf16, #lm.dims<leaves>>, <32x33, #lm.bf16>
decode.step @step(%ids: !ids, %leaves: !i) -> !l
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %e = lm.get_weight @main::@e : !lm.weight<32x64, #lm.bf16>
  %x = lm.embed %ids, %e : !ids, !lm.weight<32x64, #lm.bf16>
  %a = lm.get_weight @main::@a : !lm.weight<64x64, #lm.bf16>
  %0 = lm.linear %x, %a : !x, !lm.weight<64x64, #lm.bf16>
  %b = lm.get_weight @main::@b : !lm.weight<64x64, #lm.bf16>
  %1 = lm.linear %x, %b : !x, !lm.weight<64x64, #lm.bf16>
  %c = lm.get_weight @main::@c : !lm.weight<33x64, #lm.f32>
  %2 = lm.linear %1, %c : !x, !lm.weight<33x64, #lm.f32>
  %h = lm.take_rows %2, %leaves : !y, !i
  %d = lm.get_weight @main::@d : !lm.weight<32x33, #lm.bf16>
  %l = lm.head %h, %d : !h, !lm.weight<32x33, #lm.bf16>
  decode.return %l : !l
}
