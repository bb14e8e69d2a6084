// RUN: plait-opt %s --plait-outline-kernels --plait-fuse-parallel --remark-format=emitRemark --remarks-filter=plait-fuse-parallel 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!y = tensor<?x2xf32, #lm.dims<tokens>>
!q = !kernel.packed<!lm.weight<4x4, #lm.bf16>, panel = 16, group = 2>
!k = !kernel.packed<!lm.weight<2x4, #lm.bf16>, panel = 16, group = 2>
!wq = !lm.weight<4x4, #lm.bf16>
!wk = !lm.weight<2x4, #lm.bf16>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @q from "q" : !lm.weight<4x4, #lm.bf16>
  lm.weight @k from "k" : !lm.weight<2x4, #lm.bf16>
  lm.weight @v from "v" : !lm.weight<2x4, #lm.bf16>
}

// Products of one input, and rotations of the same rows. A weight that is named
// after the place of the launch is named before it.
// CHECK-LABEL: decode.step @projections(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[POS:[a-z0-9]+]]: tensor
// CHECK-DAG: %[[Q:.*]] = kernel.packed_weight @main::@q
// CHECK-DAG: %[[K:.*]] = kernel.packed_weight @main::@k
// CHECK-DAG: %[[V:.*]] = kernel.packed_weight @main::@v
// CHECK: %[[P:.*]]:3 = kernel.launch @[[$LINEAR:linear[_0-9]*]](%[[X]], %[[Q]], %[[K]], %[[V]]) from "attn.q_proj+k_proj+v_proj"
// CHECK-NEXT: %[[R:.*]]:2 = kernel.launch @[[$ROPE:rope[_0-9]*]](%[[P]]#0, %[[POS]], %[[P]]#1) from "attn.rope_q+rope_k"
// CHECK-NEXT: decode.return %[[R]]#0, %[[R]]#1, %[[P]]#2
decode.step @projections(%x: !x, %pos: !ids) -> (!x, !y, !y)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
  %p = kernel.packed_weight @main::@q : !q
  %w = kernel.unpack %p : !q -> !wq
  %a = lm.linear %x, %w : !x, !wq loc("attn.q_proj")
  %b = lm.rope %a, %pos head_dim 4 theta 10000.0 : !x, !ids loc("attn.rope_q")
  %q = kernel.packed_weight @main::@k : !k
  %v = kernel.unpack %q : !k -> !wk
  %c = lm.linear %x, %v : !x, !wk loc("attn.k_proj")
  %d = lm.rope %c, %pos head_dim 2 theta 10000.0 : !y, !ids loc("attn.rope_k")
  %r = kernel.packed_weight @main::@v : !k
  %u = kernel.unpack %r : !k -> !wk
  %e = lm.linear %x, %u : !x, !wk loc("attn.v_proj")
  decode.return %b, %d, %e : !x, !y, !y
}

// Not fused: products of different inputs, what needs the other's result.
// CHECK-LABEL: decode.step @left(
// CHECK: kernel.launch @linear{{(_[0-9]+)?}}({{.*}}) from "first"
// CHECK-NEXT: kernel.launch @linear{{(_[0-9]+)?}}({{.*}}) from "second"
// CHECK-NEXT: kernel.launch @scale
// CHECK-NEXT: kernel.launch @rope
decode.step @left(%x: !x, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>], output_roles = [#decode.role<chosen>]} {
  %p = kernel.packed_weight @main::@q : !q
  %w = kernel.unpack %p : !q -> !wq
  %a = lm.linear %x, %w : !x, !wq loc("first")
  %b = lm.linear %a, %w : !x, !wq loc("second")
  %c = lm.scale %b by 2.0 : !x
  %d = lm.rope %c, %pos head_dim 4 theta 10000.0 : !x, !ids loc("rope")
  decode.return %d : !x
}

// CHECK: kernel.func @[[$ROPE]](
// CHECK-SAME: in_place = array<i64: 0, 0, 2, 1>
// CHECK-COUNT-2: lm.rope
// CHECK: kernel.func @[[$LINEAR]](
// CHECK-COUNT-3: lm.linear
// CHECK: kernel.return %{{.*}}, %{{.*}}, %{{.*}} : tensor<?x4xf32

// REMARK-DAG: Fused |{{.*}}Remark=attn.q_proj+k_proj+v_proj, Remark=" is one launch"
// REMARK-DAG: NotFused |{{.*}}Remark=rope, Remark=" stays as it is: ", Remark="it needs what lm.scale makes"
