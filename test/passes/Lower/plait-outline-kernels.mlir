// RUN: plait-opt %s --plait-outline-kernels | FileCheck %s

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!packed = !kernel.packed<!lm.weight<4x4, #lm.bf16>, panel = 16, group = 2>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @proj from "proj" : !lm.weight<4x4, #lm.bf16>
  // What is in no step is not outlined.
  // CHECK: lm.add
  lm.func @left(%x: !x) -> !x {
    %y = lm.add %x, %x : !x
    lm.return %y : !x
  }
}

// CHECK-LABEL: decode.step @step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32
// CHECK-NEXT: %[[W:.*]] = kernel.packed_weight @main::@proj
// The weight enters packed; the source is the name of the op's location, or the op's own.
// CHECK-NEXT: %[[A:.*]] = kernel.launch @linear(%[[X]], %[[W]]) from "layers.q_proj"
// CHECK-NEXT: %[[B:.*]] = kernel.launch @[[SECOND:linear_[0-9]+]](%[[A]], %[[W]]) from "lm.linear"
// CHECK-NEXT: %[[C:.*]] = kernel.launch @add(%[[X]], %[[B]])
// One operand for a value that is used twice.
// CHECK-NEXT: %[[D:.*]] = kernel.launch @[[TWICE:add_[0-9]+]](%[[C]])
// CHECK-NEXT: decode.return %[[D]]
// CHECK-NOT: kernel.unpack
decode.step @step(%x: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>]} {
  %p = kernel.packed_weight @main::@proj : !packed
  %w = kernel.unpack %p : !packed -> !lm.weight<4x4, #lm.bf16>
  %a = lm.linear %x, %w : !x, !lm.weight<4x4, #lm.bf16> loc("layers.q_proj")
  %b = lm.linear %a, %w : !x, !lm.weight<4x4, #lm.bf16>
  %c = lm.add %x, %b : !x
  %d = lm.add %c, %c : !x
  decode.return %d : !x
}

// CHECK: kernel.func @linear(%[[X:.*]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[P:.*]]: !kernel.packed<<4x4, #lm.bf16>, panel = 16, group = 2>) -> tensor<?x4xf32, #lm.dims<tokens>>
// CHECK-SAME: cost = #kernel.cost<flops = [0, 32, 0, 0, 0], weights = [32, 0, 0, 0, 0]
// CHECK-NOT: in_place
// CHECK-NEXT: %[[W:.*]] = kernel.unpack %[[P]]
// CHECK-NEXT: %[[Y:.*]] = lm.linear %[[X]], %[[W]]
// CHECK-NEXT: kernel.return %[[Y]]
// CHECK: kernel.func @[[SECOND]](
// CHECK: kernel.func @add(%[[X:.*]]: tensor{{.*}}, %[[Y:.*]]: tensor
// CHECK-SAME: in_place
// CHECK-NEXT: lm.add %[[X]], %[[Y]]
// CHECK: kernel.func @[[TWICE]](%[[X:[a-z0-9]+]]: tensor<?x4xf32, #lm.dims<tokens>>) ->
// CHECK-NEXT: lm.add %[[X]], %[[X]]
