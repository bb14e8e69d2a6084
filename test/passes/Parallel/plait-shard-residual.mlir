// Sequence parallelism on the program of rank 1: sums leave each rank the rows of its
// tokens, norms and residual are computed on those, products see all tokens.
//
// RUN: plait-opt %s -split-input-file --plait-shard-residual | FileCheck %s
// RUN: plait-opt %s -split-input-file --plait-shard-residual --plait-verify-parallel --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

par.mesh @mesh axes ["tp"] sizes [2] rank 1
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @table from "table" : !lm.weight<50x24, #lm.bf16>
  lm.weight @gain from "gain.{layer}" layers 3 : !lm.weight<24, #lm.f32>
  lm.weight @up from "up.{layer}" layers 3 part <at = [40, 0], of = [80, 24]> : !lm.weight<40x24, #lm.bf16>
  lm.weight @down from "down.{layer}" layers 3 part <at = [0, 40], of = [24, 80]> : !lm.weight<24x40, #lm.bf16>
  // What all ranks compute: its rows are not worth a gathering.
  lm.weight @whole from "whole.{layer}" layers 3 : !lm.weight<24x24, #lm.bf16>
}
// CHECK-LABEL: decode.step @s
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %leaves: tensor<?xi32, #lm.dims<leaves>>) -> (tensor<?x24xf32, #lm.dims<leaves>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %t = lm.get_weight @m::@table : !lm.weight<50x24, #lm.bf16>
  // CHECK: %[[E:.*]] = lm.embed %{{.*}} : tensor<?xi32, #lm.dims<tokens>>
  // CHECK-NEXT: %[[P:.*]] = par.part %[[E]] dim 0 {"tp" : even} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens_part>>
  %e = lm.embed %ids, %t : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<50x24, #lm.bf16>
  // CHECK: %[[L:.*]] = lm.layers 0 to 3 iter(%[[X:.*]] = %[[P]]) : tensor<?x24xf32, #lm.dims<tokens_part>>
  %h = lm.layers 0 to 3 iter(%x = %e) : tensor<?x24xf32, #lm.dims<tokens>> {
    %g = lm.get_weight @m::@gain : !lm.weight<24, #lm.f32>
    // CHECK: %[[N:.*]] = lm.rms_norm %[[X]], %{{.*}} : tensor<?x24xf32, #lm.dims<tokens_part>>
    // CHECK-NEXT: %[[G:.*]] = par.all_gather %[[N]] dim 0 {"tp" : even} on @mesh : tensor<?x24xf32, #lm.dims<tokens_part>> -> tensor<?x24xf32, #lm.dims<tokens>>
    // CHECK-NOT: par.
    %n = lm.rms_norm %x, %g eps 1.0e-05 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24, #lm.f32>
    %wu = lm.get_weight @m::@up : !lm.weight<40x24, #lm.bf16>
    %wd = lm.get_weight @m::@down : !lm.weight<24x40, #lm.bf16>
    %ww = lm.get_weight @m::@whole : !lm.weight<24x24, #lm.bf16>
    // CHECK: lm.linear %[[G]], %{{.*}} : tensor<?x24xf32, #lm.dims<tokens>>, <40x24, #lm.bf16>
    %u = lm.linear %n, %wu : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<40x24, #lm.bf16>
    // CHECK: %[[D:.*]] = lm.linear
    %d = lm.linear %u, %wd : tensor<?x40xf32, #lm.dims<tokens>>, !lm.weight<24x40, #lm.bf16>
    // CHECK-NEXT: %[[S:.*]] = par.reduce_scatter %[[D]] dim 0 {"tp" : even} on @mesh : tensor<?x24xf32, #lm.dims<tokens>> -> tensor<?x24xf32, #lm.dims<tokens_part>>
    %s = par.all_reduce %d on @mesh ["tp"] : tensor<?x24xf32, #lm.dims<tokens>>
    // CHECK: %[[R:.*]] = lm.add %[[X]], %[[S]] : tensor<?x24xf32, #lm.dims<tokens_part>>
    %r = lm.add %x, %s : tensor<?x24xf32, #lm.dims<tokens>>
    // CHECK: %[[W:.*]] = lm.linear %[[G]], %{{.*}} : tensor<?x24xf32, #lm.dims<tokens>>, <24x24, #lm.bf16>
    // CHECK-NEXT: %[[WP:.*]] = par.part %[[W]] dim 0
    %w = lm.linear %n, %ww : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24x24, #lm.bf16>
    // CHECK: %[[Y:.*]] = lm.add %[[R]], %[[WP]] : tensor<?x24xf32, #lm.dims<tokens_part>>
    %y = lm.add %r, %w : tensor<?x24xf32, #lm.dims<tokens>>
    // CHECK: lm.yield %[[Y]] : tensor<?x24xf32, #lm.dims<tokens_part>>
    lm.yield %y : tensor<?x24xf32, #lm.dims<tokens>>
  }
  // CHECK: %[[H:.*]] = par.all_gather %[[L]] dim 0
  // CHECK: lm.take_rows %[[H]], %{{.*}} : tensor<?x24xf32, #lm.dims<tokens>>
  %l = lm.take_rows %h, %leaves : tensor<?x24xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
  decode.return %l : tensor<?x24xf32, #lm.dims<leaves>>
}
// REMARK-DAG: 96 bytes per token are gathered for lm.linear, which needs all tokens
// REMARK-DAG: 96 bytes per token are gathered for lm.take_rows, which needs all tokens

// -----

// Without sums there is nothing to do.
par.mesh @mesh axes ["tp"] sizes [2] rank 1
// CHECK-LABEL: decode.step @none
// CHECK-NOT: par.
decode.step @none(%x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = lm.add %x, %x : tensor<?x24xf32, #lm.dims<tokens>>
  decode.return %0 : tensor<?x24xf32, #lm.dims<tokens>>
}
