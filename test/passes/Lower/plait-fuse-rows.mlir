// RUN: plait-opt %s --plait-outline-kernels --plait-fuse-rows --remark-format=emitRemark --remarks-filter=plait-fuse-rows 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!wide = tensor<?x16385xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!packed = !kernel.packed<!lm.weight<4, #lm.bf16>, panel = 0, group = 1>
!g = !lm.weight<4, #lm.bf16>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @gain from "gain" : !lm.weight<4, #lm.bf16>
}

// Rotation and staging of a key: the rotated key is within the kernel. Attention
// reads other rows and stays.
// CHECK-LABEL: decode.step @stage(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[POS:[a-z0-9]+]]: tensor<?xi32, #lm.dims<tokens>>, %[[KV:[a-z0-9]+]]: !lm.state<{{.*}}>, %[[ROWS:[a-z0-9]+]]: !lm.rows
// CHECK-NEXT: %[[S:.*]] = kernel.launch @[[$STAGE:rope_stage[_0-9]*]](%[[X]], %[[POS]], %[[KV]], %[[ROWS]]) from "attn.rope_k+stage"
// CHECK-NEXT: %[[Y:.*]] = kernel.launch @attend
// CHECK-NEXT: decode.return %[[Y]]
decode.step @stage(%x: !x, %pos: !ids, %kv: !kv, %rows: !lm.rows) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<state>, #decode.role<rows>],
                output_roles = [#decode.role<chosen>]} {
  %k = lm.rope %x, %pos head_dim 4 theta 10000.0 : !x, !ids loc("attn.rope_k")
  %s = lm.stage %k, %x, %kv, %rows, %pos : !x, !kv, !ids loc("attn.stage")
  %y = lm.attend %x, %s, %rows, %pos scale 0.5 : !x, !kv, !ids
  decode.return %y : !x
}

// The sum is used again: it is written as before, over the residual.
// CHECK-LABEL: decode.step @norm(
// CHECK: %[[Y:.*]]:2 = kernel.launch @[[$NORM:add_rms_norm[_0-9]*]](
// CHECK-NEXT: decode.return %[[Y]]#0, %[[Y]]#1
decode.step @norm(%h: !x, %x: !x) -> (!x, !x)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>, #decode.role<status>]} {
  %p = kernel.packed_weight @main::@gain : !packed
  %g = kernel.unpack %p : !packed -> !g
  %y = lm.add %h, %x : !x
  %n = lm.rms_norm %y, %g eps 1.0e-5 : !x, !g
  decode.return %y, %n : !x, !x
}

// Not fused: other rows (of the leaves), rows too wide for a thread's stack, and what
// stands before a launch that needs the first and makes what the second needs.
// CHECK-LABEL: decode.step @left(
// CHECK: kernel.launch @rms_norm{{(_[0-9]+)?}}(
// CHECK-NEXT: kernel.launch @take_rows
// CHECK-NEXT: kernel.launch @scale{{(_[0-9]+)?}}(
// CHECK-NEXT: kernel.launch @scale{{(_[0-9]+)?}}(
decode.step @left(%x: !x, %i: !i, %a: !wide) -> (!h, !wide)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>, #decode.role<status>]} {
  %p = kernel.packed_weight @main::@gain : !packed
  %g = kernel.unpack %p : !packed -> !g
  %n = lm.rms_norm %x, %g eps 1.0e-5 : !x, !g
  %t = lm.take_rows %n, %i : !x, !i
  %b = lm.scale %a by 2.0 : !wide loc("wide")
  %c = lm.scale %b by 3.0 : !wide
  decode.return %t, %c : !h, !wide
}

// CHECK-LABEL: decode.step @between(
// CHECK: kernel.launch @rope{{(_[0-9]+)?}}(
// CHECK-NEXT: kernel.launch @attend{{(_[0-9]+)?}}(
// CHECK-NEXT: kernel.launch @add{{(_[0-9]+)?}}(
decode.step @between(%x: !x, %pos: !ids, %kv: !kv, %rows: !lm.rows) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<state>, #decode.role<rows>],
                output_roles = [#decode.role<chosen>]} {
  %q = lm.rope %x, %pos head_dim 4 theta 10000.0 : !x, !ids loc("between")
  %y = lm.attend %q, %kv, %rows, %pos scale 0.5 : !x, !kv, !ids
  %z = lm.add %q, %y : !x
  decode.return %z : !x
}

// CHECK: kernel.func @[[$STAGE]](%[[X:.*]]: tensor<?x4xf32, #lm.dims<tokens>>, %[[POS:.*]]: tensor<?xi32, #lm.dims<tokens>>, %[[KV:.*]]: !lm.state<{{.*}}>, %[[ROWS:.*]]: !lm.rows) -> !lm.state
// CHECK-NEXT: %[[K:.*]] = lm.rope %[[X]], %[[POS]]
// CHECK-NEXT: %[[S:.*]] = lm.stage %[[K]], %[[X]], %[[KV]], %[[ROWS]], %[[POS]]
// CHECK-NEXT: kernel.return %[[S]]
// CHECK: kernel.func @[[$NORM]](
// CHECK-SAME: in_place = array<i64: 0, 0>
// CHECK: kernel.return %{{.*}}, %{{.*}} : tensor

// REMARK-DAG: Fused |{{.*}}Remark=attn.rope_k+stage, Remark=" is one launch"
// REMARK-DAG: NotFused |{{.*}}Remark=wide, Remark=" stays as it is: ", Remark="its rows have more than 65536 bytes"
// REMARK-DAG: NotFused |{{.*}}Remark=between, Remark=" stays as it is: ", Remark="a launch between it and lm.add needs one of them"
