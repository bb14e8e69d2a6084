// RUN: plait-opt %s --plait-outline-kernels --plait-fuse-gated --remark-format=emitRemark --remarks-filter=plait-fuse-gated 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<4x4, #lm.bf16>, panel = 16, group = 2>
!f32 = !kernel.packed<!lm.weight<4x4, #lm.f32>, panel = 16, group = 1>
!w = !lm.weight<4x4, #lm.bf16>
!v = !lm.weight<4x4, #lm.f32>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @gate from "gate" : !lm.weight<4x4, #lm.bf16>
  lm.weight @up from "up" : !lm.weight<4x4, #lm.bf16>
  lm.weight @other from "other" : !lm.weight<4x4, #lm.f32>
}

// CHECK-LABEL: decode.step @gated(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor
// CHECK-DAG: %[[G:.*]] = kernel.packed_weight @main::@gate
// CHECK-DAG: %[[U:.*]] = kernel.packed_weight @main::@up
// CHECK: %[[Y:.*]] = kernel.launch @[[$GATED:linear_glu[_0-9]*]](%[[X]], %[[G]], %[[U]]) from "mlp.gate_proj+up_proj+act_fn"
// CHECK-NEXT: decode.return %[[Y]]
decode.step @gated(%x: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>]} {
  %p = kernel.packed_weight @main::@gate : !packed
  %w = kernel.unpack %p : !packed -> !w
  %g = lm.linear %x, %w : !x, !w loc("mlp.gate_proj")
  %q = kernel.packed_weight @main::@up : !packed
  %v = kernel.unpack %q : !packed -> !w
  %u = lm.linear %x, %v : !x, !w loc("mlp.up_proj")
  %y = lm.glu silu %g, %u : !x loc("mlp.act_fn")
  decode.return %y : !x
}

// Not fused: products of different inputs, of weights in different layouts, and one
// that is returned as well; an op of one product alone is not looked at.
// CHECK-LABEL: decode.step @left(
// CHECK-COUNT-6: kernel.launch @linear{{(_[0-9]+)?}}(
// CHECK-NOT: kernel.launch @linear_
// CHECK: decode.return
decode.step @left(%x: !x, %z: !x) -> (!x, !x, !x, !x)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>, #decode.role<logits>]} {
  %p = kernel.packed_weight @main::@gate : !packed
  %w = kernel.unpack %p : !packed -> !w
  %q = kernel.packed_weight @main::@other : !f32
  %v = kernel.unpack %q : !f32 -> !v
  %a = lm.linear %x, %w : !x, !w
  %b = lm.linear %z, %w : !x, !w
  %c = lm.linear %x, %w : !x, !w
  %d = lm.linear %x, %v : !x, !v
  %e = lm.linear %x, %w : !x, !w
  %f = lm.linear %x, %w : !x, !w
  %y = lm.glu silu %a, %b : !x loc("inputs")
  %i = lm.glu silu %c, %d : !x loc("layouts")
  %j = lm.glu silu %e, %f : !x loc("uses")
  %k = lm.glu silu %x, %z : !x
  decode.return %y, %i, %j, %e : !x, !x, !x, !x
}

// The input is read once, neither product is written or read: 2 * 32 + 48 - 4 * 16 - 16.
// CHECK: kernel.func @[[$GATED]](
// CHECK-SAME: cost = #kernel.cost<flops = [0, 84, 0, 0, 0], weights = [64, 0, 0, 0, 0], activations = [0, 32, 0, 0, 0]>
// CHECK: %[[A:.*]] = lm.linear
// CHECK: %[[B:.*]] = lm.linear
// CHECK-NEXT: %[[C:.*]] = lm.glu silu %[[A]], %[[B]]
// CHECK-NEXT: kernel.return %[[C]]

// REMARK-DAG: Fused |{{.*}}Remark=mlp.gate_proj+up_proj+act_fn, Remark=" is one launch"
// REMARK-DAG: NotFused |{{.*}}Remark=inputs, Remark=" stays as it is: ", Remark="the products that it uses have different inputs"
// REMARK-DAG: NotFused |{{.*}}Remark=layouts, Remark=" stays as it is: ", Remark="the weights of the products that it uses have different layouts"
// REMARK-DAG: NotFused |{{.*}}Remark=uses, Remark=" stays as it is: ", Remark="a product that it uses has other uses, or is outside its layer"
