// RUN: plait-opt %s --split-input-file --verify-diagnostics --plait-narrow-sums | FileCheck %s
// RUN: plait-opt %s --split-input-file --verify-diagnostics --plait-narrow-sums --plait-shard-residual --plait-rotate-layers --plait-fuse-all-reduce-epilogue | FileCheck %s --check-prefix=FUSED

!x = tensor<?x64xf32, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @g from "g" : !lm.weight<64, #lm.f32>
  lm.weight @w from "w" : !lm.weight<64x64, #lm.f32>
}

// Whatever a pass makes of a sum is sent likewise.
// CHECK-LABEL: decode.step @s
// CHECK: par.all_reduce %{{.*}} on @mesh ["tp"] wire bf16 :
// FUSED-LABEL: decode.step @s
// FUSED: par.reduce_gather %{{.*}} on @mesh wire bf16 :
decode.step @s(%p: !x) -> (!x)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %g = lm.get_weight @m::@g : !lm.weight<64, #lm.f32>
  %w = lm.get_weight @m::@w : !lm.weight<64x64, #lm.f32>
  %s = par.all_reduce %p on @mesh ["tp"] : !x
  %n = lm.rms_norm %s, %g eps 1.0e-05 : !x, !lm.weight<64, #lm.f32>
  %u = lm.linear %n, %w : !x, !lm.weight<64x64, #lm.f32>
  decode.return %u : !x
}

// -----

// expected-error @+1 {{'lm.model' op expected sums that may depend on the number of ranks, but its numerics are tp_invariant; leave wire f32 or choose row_invariant}}
lm.model @m family "t" numerics tp_invariant max_positions 8 {
}
