// RUN: plait-opt %s --plait-decompose-attention | FileCheck %s

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!stops = tensor<?x?xi32, #lm.dims<leaves, stops>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>

// The state is staged before anything attends to it, and everything that used
// the state after the attention uses the staged one.
// CHECK-LABEL: lm.func @forward(
// CHECK-SAME: %[[Q:[a-z0-9]+]]: tensor<?x8xf32{{.*}}, %[[K:[a-z0-9]+]]: tensor<?x4xf32{{.*}}, %[[V:[a-z0-9]+]]: tensor<?x4xf32{{.*}}, %[[KV:[a-z0-9]+]]: !lm.state{{.*}}, %[[R:[a-z0-9]+]]: !lm.rows, %[[P:[a-z0-9]+]]: tensor<?xi32
// CHECK-NEXT: %[[S:.*]] = lm.stage %[[K]], %[[V]], %[[KV]], %[[R]], %[[P]] :
// CHECK-NEXT: %[[O:.*]] = lm.attend %[[Q]], %[[S]], %[[R]], %[[P]] scale 5.000000e-01 softcap 2.000000e+01 :
// CHECK-NEXT: lm.return %[[O]], %[[S]]
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.func @forward(%q: tensor<?x8xf32, #lm.dims<tokens>>, %k: !x, %v: !x, %kv: !kv, %rows: !lm.rows, %pos: !ids)
      -> (tensor<?x8xf32, #lm.dims<tokens>>, !kv) {
    %o, %s = lm.attention %q, %k, %v, %kv, %rows, %pos scale 0.5 softcap 20.0 : tensor<?x8xf32, #lm.dims<tokens>>, !x, !kv, !ids
    lm.return %o, %s : tensor<?x8xf32, #lm.dims<tokens>>, !kv
  }
}

// In the layers too; what is no attention is left alone.
// CHECK-LABEL: decode.step @step(
// CHECK: lm.layers
// CHECK-NEXT: lm.add
// CHECK-NEXT: %[[S:.*]] = lm.stage
// CHECK-NEXT: %[[O:.*]] = lm.attend %{{.*}}, %[[S]]
// CHECK-NEXT: lm.yield %[[O]], %[[S]]
// CHECK-NOT: lm.attention
decode.step @step(%x: !x, %kv: !kv, %rows: !lm.rows, %pos: !ids) -> !x
    attributes {input_roles = [#decode.role<tokens>, #decode.role<state>, #decode.role<rows>, #decode.role<positions>],
                output_roles = [#decode.role<chosen>]} {
  %y:2 = lm.layers 0 to 2 iter(%a = %x, %s = %kv) : !x, !kv {
    %b = lm.add %a, %a : !x
    %o, %n = lm.attention %b, %b, %b, %s, %rows, %pos scale 1.0 : !x, !x, !kv, !ids
    lm.yield %o, %n : !x, !kv
  }
  decode.return %y#0 : !x
}
