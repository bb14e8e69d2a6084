// RUN: plait-opt %s --split-input-file --plait-split-attention --remark-format=emitRemark --remarks-filter=plait-split-attention 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t
// RUN: plait-opt %s --split-input-file --plait-split-attention | plait-opt --split-input-file --plait-split-attention | FileCheck %s
// RUN: plait-opt %s --split-input-file --plait-split-attention --plait-outline-kernels | FileCheck %s --check-prefix=LAUNCH

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x8xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>

lm.model @main family "llama" numerics row_invariant max_positions 300 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.bf16>
}

// 2 heads of 4 columns, with a top and a total each.
// CHECK-LABEL: decode.step @step(
// CHECK: %[[P:.*]] = lm.attend_spans %[[A:.*]], %[[S:.*]], %[[R:.*]], %[[POS:.*]] scale 5.000000e-01 softcap 2.000000e+01 : tensor
// CHECK-NEXT: lm.attend %[[A]], %[[S]], %[[R]], %[[POS]] spans %[[P]] scale 5.000000e-01 softcap 2.000000e+01 : tensor<?x8xf32, #lm.dims<tokens>>, {{.*}}, tensor<?xi32, #lm.dims<tokens>>, tensor<?x12xf32, #lm.dims<spans>>
// CHECK-NOT: lm.attend
// REMARK: [Passed] Split {{.*}}"spans of ", Remark=256, Remark=" positions are computed apart in steps that have some"
// LAUNCH: kernel.launch @attend_spans(%[[A:.*]], %[[S:.*]], %[[R:.*]], %[[POS:.*]]) from "attention" : {{.*}} -> tensor<?x12xf32, #lm.dims<spans>>
// LAUNCH-NEXT: kernel.launch @attend(%[[A]], %[[S]], %[[R]], %[[POS]], %{{.*}}) from "attention"
decode.step @step(%x: !x, %kv: !kv, %rows: !lm.rows, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<state>, #decode.role<rows>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>]} {
  %o = lm.attend %x, %kv, %rows, %pos scale 0.5 softcap 20.0 : !x, !kv, !ids loc("attention")
  decode.return %o : !x
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x8xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>

// No position is in a second span.
lm.model @main family "llama" numerics row_invariant max_positions 256 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.bf16>
}
// CHECK-LABEL: decode.step @short(
// CHECK-NOT: lm.attend_spans
// CHECK: lm.attend
// CHECK-NOT: spans
// REMARK: [Missed] NotSplit {{.*}}"a token sees ", Remark=256, Remark=" positions at most; a span has ", Remark=256
decode.step @short(%x: !x, %kv: !kv, %rows: !lm.rows, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<state>, #decode.role<rows>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>]} {
  %o = lm.attend %x, %kv, %rows, %pos scale 0.5 : !x, !kv, !ids loc("attention")
  decode.return %o : !x
}

// -----

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x8xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32, window = 256>
!wide = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32, window = 257>

lm.model @main family "llama" numerics row_invariant max_positions 4096 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.bf16>
}
// CHECK-LABEL: decode.step @windows(
// CHECK-NOT: lm.attend_spans
// CHECK: %[[O:.*]] = lm.attend {{.*}} scale
// CHECK-NEXT: %[[P:.*]] = lm.attend_spans %[[O]]
// CHECK-NEXT: lm.attend %[[O]]{{.*}} spans %[[P]]
// REMARK: [Missed] NotSplit {{.*}}"a token sees ", Remark=256, Remark=" positions at most; a span has ", Remark=256
decode.step @windows(%x: !x, %kv: !kv, %wide: !wide, %rows: !lm.rows, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<state>, #decode.role<state>, #decode.role<rows>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>]} {
  %o = lm.attend %x, %kv, %rows, %pos scale 0.5 : !x, !kv, !ids loc("attention")
  %p = lm.attend %o, %wide, %rows, %pos scale 0.5 : !x, !wide, !ids loc("attention")
  decode.return %p : !x
}
