// RUN: plait-opt %s --plait-inline-model | FileCheck %s

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>

// The model stays: its weights are named from outside.
// CHECK-LABEL: lm.model @main
// CHECK: lm.call @norm
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @scale from "scale" : !lm.weight<4, #lm.f32>
  lm.weight @proj from "layers.{layer}.proj" layers 2 : !lm.weight<4x4, #lm.f32>
  lm.func @norm(%x: !x) -> !x {
    %w = lm.get_weight @scale : !lm.weight<4, #lm.f32>
    %y = lm.rms_norm %x, %w eps 1.0e-5 : !x, !lm.weight<4, #lm.f32>
    lm.return %y : !x
  }
  lm.func @twice(%x: !x) -> !x {
    %y = lm.call @norm(%x) : (!x) -> !x
    lm.return %y : !x
  }
  lm.func @forward(%x: !x) -> (!x, !x) {
    %y = lm.layers 0 to 2 iter(%a = %x) : !x {
      %w = lm.get_weight @proj : !lm.weight<4x4, #lm.f32>
      %b = lm.linear %a, %w : !x, !lm.weight<4x4, #lm.f32>
      lm.yield %b : !x
    }
    lm.return %y, %x : !x, !x
  }
}

// CHECK-LABEL: decode.step @step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[Y:.*]] = lm.layers 0 to 2 iter(%[[A:.*]] = %[[X]])
// CHECK-NEXT: %[[W:.*]] = lm.get_weight @main::@proj
// CHECK-NEXT: %[[B:.*]] = lm.linear %[[A]], %[[W]]
// CHECK-NEXT: lm.yield %[[B]]
// CHECK: %[[S:.*]] = lm.get_weight @main::@scale
// CHECK-NEXT: %[[N:.*]] = lm.rms_norm %[[Y]], %[[S]]
// What the callee calls.
// CHECK: %[[T:.*]] = lm.get_weight @main::@scale
// CHECK-NEXT: %[[O:.*]] = lm.rms_norm %[[N]], %[[T]]
// A result that is an argument.
// CHECK-NEXT: decode.return %[[O]], %[[X]]
// CHECK-NOT: lm.call
decode.step @step(%x: !x) -> (!x, !x)
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>, #decode.role<logits>]} {
  %y:2 = lm.call @main::@forward(%x) : (!x) -> (!x, !x)
  %n = lm.call @main::@norm(%y#0) : (!x) -> !x
  %o = lm.call @main::@twice(%n) : (!x) -> !x
  decode.return %o, %y#1 : !x, !x
}
