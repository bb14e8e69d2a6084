// RUN: plait-opt %s --plait-round-queries --remark-format=emitRemark --remarks-filter=plait-round-queries 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t
// RUN: plait-opt %s --plait-round-queries | plait-opt --plait-round-queries | FileCheck %s
// RUN: plait-opt %s --plait-round-queries --plait-split-attention=rounded=true | FileCheck %s --check-prefix=SPLIT

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x96xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 32, bf16>
!odd = !lm.state<layers = 1, kv_heads = 1, head_dim = 24, bf16>
!wide = !lm.state<layers = 1, kv_heads = 1, head_dim = 32, f32>

lm.model @main family "llama" numerics row_invariant max_positions 512 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.bf16>
}

// CHECK-LABEL: decode.step @step(
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x96xf32
// CHECK: %[[R:.*]] = lm.round %[[X]] to 96 : tensor<?x96xf32, #lm.dims<tokens>>
// CHECK-NEXT: %[[O:.*]] = lm.attend %[[R]], {{.*}} : tensor<?x96xbf16, #lm.dims<tokens>>,
// CHECK-NEXT: %[[P:.*]] = lm.attend %[[O]], {{.*}} : tensor<?x96xf32, #lm.dims<tokens>>,
// CHECK-NEXT: lm.attend %[[P]], {{.*}} : tensor<?x96xf32, #lm.dims<tokens>>,
// CHECK-NOT: lm.round
// REMARK: RoundedQueries
// REMARK: [Missed] NotRounded {{.*}}the state is not of bf16, or its heads are no multiple of 16 columns up to 256
// REMARK: [Missed] NotRounded
// SPLIT: lm.round
// SPLIT-NEXT: %[[S:.*]] = lm.attend_spans {{.*}} : tensor<?x96xbf16
// SPLIT-NEXT: lm.attend {{.*}} spans %[[S]] {{.*}}tensor<?x102xf32, #lm.dims<spans>>
// SPLIT-NOT: spans
decode.step @step(%x: !x, %kv: !kv, %odd: !odd, %wide: !wide, %rows: !lm.rows, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<state>, #decode.role<state>, #decode.role<state>, #decode.role<rows>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>]} {
  %o = lm.attend %x, %kv, %rows, %pos scale 0.5 : !x, !kv, !ids loc("attention")
  %p = lm.attend %o, %odd, %rows, %pos scale 0.5 : !x, !odd, !ids loc("attention")
  %q = lm.attend %p, %wide, %rows, %pos scale 0.5 : !x, !wide, !ids loc("attention")
  decode.return %q : !x
}
