// RUN: plait-opt %s --split-input-file --plait-expand-sums | FileCheck %s
// RUN: plait-opt %s --split-input-file --plait-expand-sums --plait-verify-parallel -o /dev/null
// RUN: plait-opt %s --split-input-file --plait-expand-sums --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

!x = tensor<?x64xf32, #lm.dims<tokens>>
!part = tensor<?x64xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [3] rank 1

// In the order of the ranks.
// CHECK-LABEL: decode.step @sum
// CHECK: %[[ALL:.*]] = par.all_gather %{{.*}} dim 1 {"tp" : 0 to 64, 64 to 128, 128 to 192} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens>>
// CHECK: %[[A:.*]] = lm.slice_columns %[[ALL]] 0 size 64
// CHECK: %[[B:.*]] = lm.slice_columns %[[ALL]] 64 size 64
// CHECK: %[[AB:.*]] = lm.add %[[A]], %[[B]]
// CHECK: %[[C:.*]] = lm.slice_columns %[[ALL]] 128 size 64
// CHECK: %[[SUM:.*]] = lm.add %[[AB]], %[[C]]
// CHECK: decode.return %[[SUM]]
decode.step @sum(%p: !x) -> (!x)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %s = par.all_reduce %p on @mesh ["tp"] : !x
  decode.return %s : !x
}

// Each rank its rows of all columns.
// CHECK-LABEL: decode.step @scattered
// CHECK: %[[ALL:.*]] = par.all_to_all %{{.*}} dim 1 {"tp" : 0 to 64, 64 to 128, 128 to 192} to dim 0 {"tp" : even} on @mesh : tensor<?x64xf32, #lm.dims<tokens>> -> tensor<?x192xf32, #lm.dims<tokens_part>>
// CHECK-COUNT-2: lm.add %{{.*}} : tensor<?x64xf32, #lm.dims<tokens_part>>
// CHECK: par.all_gather %{{.*}} dim 0
decode.step @scattered(%p: !x) -> (!x)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %s = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : !x -> !part
  %a = par.all_gather %s dim 0 {"tp" : even} on @mesh : !part -> !x
  %0 = lm.slice_columns %a 0 size 64 : !x
  decode.return %0 : !x
}

// What would have other bits stays, and so does what is no row of a token.
// CHECK-LABEL: decode.step @others
// CHECK: par.all_reduce %{{.*}} accumulate f64
// CHECK: par.all_reduce %{{.*}} wire bf16
// CHECK: par.reduce_scatter %{{.*}} dim 1
// CHECK-NOT: lm.add
// CHECK-LABEL: decode.step @choices
// CHECK-NEXT: par.all_reduce
// REMARK-DAG: its summands are added in f64
// REMARK-DAG: its summands are sent as bf16
// REMARK-DAG: its parts are of columns
// REMARK-DAG: it is not one of rows of tokens
decode.step @others(%p: !x) -> (!x)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = par.all_reduce %p on @mesh ["tp"] accumulate f64 : !x
  %1 = par.all_reduce %0 on @mesh ["tp"] wire bf16 : !x
  %2 = par.reduce_scatter %p dim 1 {"tp" : 0 to 22, 22 to 42, 42 to 64} on @mesh : !x -> tensor<?x20xf32, #lm.dims<tokens>>
  decode.return %1 : !x
}
decode.step @choices(%p: tensor<?x8xf32, #lm.dims<leaves>>) -> (tensor<?x8xf32, #lm.dims<leaves>>)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %0 = par.all_reduce %p on @mesh ["tp"] : tensor<?x8xf32, #lm.dims<leaves>>
  decode.return %0 : tensor<?x8xf32, #lm.dims<leaves>>
}

// -----

// By a tree: (0 + 1) + (2 + 3), and then 4.
!x = tensor<?x64xf32, #lm.dims<tokens>>
par.mesh @mesh axes ["dp", "tp"] sizes [2, 5] rank 7
// CHECK-LABEL: decode.step @tree
// CHECK: %[[ALL:.*]] = par.all_gather
// CHECK-DAG: %[[A:.*]] = lm.slice_columns %[[ALL]] 0 size
// CHECK-DAG: %[[B:.*]] = lm.slice_columns %[[ALL]] 64 size
// CHECK-DAG: %[[C:.*]] = lm.slice_columns %[[ALL]] 128 size
// CHECK-DAG: %[[D:.*]] = lm.slice_columns %[[ALL]] 192 size
// CHECK-DAG: %[[E:.*]] = lm.slice_columns %[[ALL]] 256 size
// CHECK-DAG: %[[AB:.*]] = lm.add %[[A]], %[[B]]
// CHECK-DAG: %[[CD:.*]] = lm.add %[[C]], %[[D]]
// CHECK-DAG: %[[ABCD:.*]] = lm.add %[[AB]], %[[CD]]
// CHECK: lm.add %[[ABCD]], %[[E]]
decode.step @tree(%p: !x) -> (!x)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %s = par.all_reduce %p on @mesh ["tp"] order tree : !x
  decode.return %s : !x
}
