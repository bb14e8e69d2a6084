// RUN: plait-opt %s --plait-quantize-activations | FileCheck %s

!x = tensor<?x128xf32, #lm.dims<tokens>>
!i8 = !lm.weight<128x128, #lm.int8<group = 64>>
!row = !lm.weight<128x128, #lm.int8>
!i4 = !lm.weight<128x128, #lm.int4<group = 64>>
!bf16 = !lm.weight<128x128, #lm.bf16>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @i8 from "a" : !i8
  lm.weight @row from "b" : !row
  lm.weight @i4 from "c" : !i4
  lm.weight @bf16 from "d" : !bf16
  lm.weight @layer from "{layer}" layers 2 : !i8
}

// CHECK-LABEL: decode.step @step(
// CHECK-SAME: %[[X:.*]]: tensor<?x128xf32
decode.step @step(%x: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<logits>]} {
  %i8 = lm.get_weight @main::@i8 : !i8
  %i4 = lm.get_weight @main::@i4 : !i4
  %row = lm.get_weight @main::@row : !row
  %bf16 = lm.get_weight @main::@bf16 : !bf16
  // Products of one input share it,
  // CHECK: %[[A:.*]] = lm.quantize %[[X]] to !lm.int16<group = 64, distance = 2>
  // CHECK-NEXT: lm.linear %[[A]]
  // CHECK-NEXT: lm.linear %[[A]]
  %0 = lm.linear %x, %i8 : !x, !i8
  %1 = lm.linear %x, %i8 : !x, !i8
  // but not those that take integers apart in another way, or in groups of another size.
  // CHECK-NEXT: %[[B:.*]] = lm.quantize %[[X]] to !lm.int16<group = 64, distance = 4>
  // CHECK-NEXT: lm.linear %[[B]]
  %2 = lm.linear %x, %i4 : !x, !i4
  // CHECK-NEXT: %[[C:.*]] = lm.quantize %[[X]] to !lm.int16<group = 128, distance = 2>
  // CHECK-NEXT: %[[Y:.*]] = lm.linear %[[C]]
  %3 = lm.linear %x, %row : !x, !row
  // Weights that are no integers keep their input.
  // CHECK-NEXT: %[[Z:.*]] = lm.linear %[[Y]], {{.*}} : tensor<?x128xf32
  %4 = lm.linear %3, %bf16 : !x, !bf16
  // A loop has its own.
  // CHECK: lm.layers
  // CHECK: lm.get_weight
  // CHECK-NEXT: lm.quantize %{{.*}} to !lm.int16<group = 64, distance = 2>
  // CHECK-NEXT: lm.linear
  // CHECK-NOT: lm.quantize
  %5 = lm.layers 0 to 2 iter(%h = %4) : !x {
    %w = lm.get_weight @main::@layer : !i8
    %6 = lm.linear %h, %w : !x, !i8
    %7 = lm.linear %6, %bf16 : !x, !bf16
    lm.yield %7 : !x
  }
  decode.return %5 : !x
}
