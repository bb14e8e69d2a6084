// RUN: plait-opt %s --plait-outline-kernels --plait-fuse-epilogues --remark-format=emitRemark --remarks-filter=plait-fuse-epilogues 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!packed = !kernel.packed<!lm.weight<4x4, #lm.bf16>, panel = 16, group = 2>
!w = !lm.weight<4x4, #lm.bf16>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @o from "o" : !lm.weight<4x4, #lm.bf16>
}

// The residual is read and written over, the product is not stored.
// CHECK-LABEL: decode.step @residual(
// CHECK-SAME: %[[H:[a-z0-9]+]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[X:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[P:.*]] = kernel.packed_weight @main::@o
// CHECK-NEXT: %[[Y:.*]] = kernel.launch @[[$RESIDUAL:linear_add[_0-9]*]](%[[X]], %[[P]], %[[H]]) from "layers.attn.o_proj+residual"
// CHECK-NEXT: decode.return %[[Y]]
decode.step @residual(%h: !x, %x: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>]} {
  %p = kernel.packed_weight @main::@o : !packed
  %w = kernel.unpack %p : !packed -> !w
  %y = lm.linear %x, %w : !x, !w loc("layers.attn.o_proj")
  %z = lm.add %h, %y : !x loc("layers.attn.residual")
  decode.return %z : !x
}

// A chain becomes one kernel.
// CHECK-LABEL: decode.step @chain(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[U:[a-z0-9]+]]: tensor
// CHECK-NEXT: %[[P:.*]] = kernel.packed_weight
// CHECK-NEXT: %[[Y:.*]] = kernel.launch @[[$CHAIN:linear_scale_glu[_0-9]*]](%[[X]], %[[P]], %[[U]]) from "lm.linear+scale+glu"
// CHECK-NEXT: decode.return %[[Y]]
decode.step @chain(%x: !x, %u: !x) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>]} {
  %p = kernel.packed_weight @main::@o : !packed
  %w = kernel.unpack %p : !packed -> !w
  %a = lm.linear %x, %w : !x, !w
  %b = lm.scale %a by 2.0 : !x
  %c = lm.glu silu %u, %b : !x
  decode.return %c : !x
}

// Not fused: a product that somebody else uses too; one that is returned; one whose
// user is not elementwise.
// CHECK-LABEL: decode.step @left(
// CHECK: kernel.launch @linear{{(_[0-9]+)?}}({{.*}} from "twice"
// CHECK-NEXT: kernel.launch @add
// CHECK-NEXT: kernel.launch @glu
// CHECK-NEXT: kernel.launch @linear{{(_[0-9]+)?}}({{.*}} from "rope"
// CHECK-NEXT: kernel.launch @rope
// CHECK-NEXT: kernel.launch @linear
// CHECK-NEXT: decode.return
decode.step @left(%x: !x, %pos: !ids) -> (!x, !x, !x)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
  %p = kernel.packed_weight @main::@o : !packed
  %w = kernel.unpack %p : !packed -> !w
  %a = lm.linear %x, %w : !x, !w loc("twice")
  %b = lm.add %x, %a : !x
  %c = lm.glu silu %b, %a : !x
  %d = lm.linear %c, %w : !x, !w loc("rope")
  %e = lm.rope %d, %pos head_dim 4 theta 10000.0 : !x, !ids
  %f = lm.linear %e, %w : !x, !w
  decode.return %c, %e, %f : !x, !x, !x
}

// Not fused: the input of the product would be overwritten while others read it.
// CHECK-LABEL: decode.step @overwritten(
// CHECK: kernel.launch @linear
// CHECK-NEXT: kernel.launch @add
decode.step @overwritten(%h: !x, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>]} {
  %p = kernel.packed_weight @main::@o : !packed
  %w = kernel.unpack %p : !packed -> !w
  %y = lm.linear %h, %w : !x, !w loc("overwritten")
  %z = lm.add %h, %y : !x
  decode.return %z : !x
}

// The cost is that of both, less a write and a read of the product: 16 + 16 + 48 - 32.
// CHECK: kernel.func @[[$RESIDUAL]](%[[X:.*]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[P:.*]]: !kernel.packed<{{.*}}>, %[[H:.*]]: tensor<?x4xf32, #lm.dims<tokens>>) -> tensor<?x4xf32, #lm.dims<tokens>>
// CHECK-SAME: cost = #kernel.cost<flops = [0, 36, 0, 0, 0], weights = [32, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
// CHECK-SAME: in_place = array<i64: 2, 0>
// CHECK-NEXT: %[[W:.*]] = kernel.unpack %[[P]]
// CHECK-NEXT: %[[Y:.*]] = lm.linear %[[X]], %[[W]]
// CHECK-NEXT: %[[Z:.*]] = lm.add %[[H]], %[[Y]]
// CHECK-NEXT: kernel.return %[[Z]]
// CHECK: kernel.func @[[$CHAIN]](
// CHECK: lm.linear
// CHECK-NEXT: lm.scale
// CHECK-NEXT: lm.glu
// CHECK-NEXT: kernel.return

// REMARK-DAG: Fused |{{.*}}Remark=layers.attn.o_proj+residual, Remark=" is one launch"
// REMARK-DAG: NotFused |{{.*}}Remark=twice, Remark=" stays as it is: ", Remark="its result has several uses, or one outside its layer"
// REMARK-DAG: NotFused |{{.*}}Remark=overwritten, Remark=" stays as it is: ", Remark="together with lm.add it would no longer be written in place"
