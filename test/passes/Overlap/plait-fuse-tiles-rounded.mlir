// What is gathered and then rounded for products is rounded by who gives it: half as much goes from rank to rank.
//
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=1 sms=2' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='schedules=50 epochs=3' | FileCheck %s
// RUN: plait-opt %s --plait-fuse-tiles='rows=4 tile-rows=2 sms=4' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50 epochs=4' -o /dev/null
// For GPUs: products read symmetric memory by asynchronous copies of threads, as no map of it is there for TMA.
// RUN: plait-opt %s --plait-fuse-tiles='sms=2' --plait-generate-cuda-protocols | FileCheck %s --check-prefix=GPU
// Its rows are of no use where others need them as they are.
// RUN: sed 's/lm.add %x, %x : !part/lm.add %b, %b : !whole/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefix=USED

!whole = tensor<?x8xf32, #lm.dims<tokens>>
!part = tensor<?x8xf32, #lm.dims<tokens_part>>
!rounded = tensor<?x8xbf16, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<4x8, #lm.bf16>
}
decode.step @s(%x: !part) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %w = lm.get_weight @m::@up : !lm.weight<4x8, #lm.bf16>
  %b = par.all_gather %x dim 0 {"tp" : even} on @mesh : !part -> !whole
  %z = lm.add %x, %x : !part
  %a = lm.round %b to 8 : !whole
  %y = lm.linear %a, %w : !rounded, !lm.weight<4x8, #lm.bf16>
  decode.return
}
// CHECK: func.func @all_gather_linear_reference(%{{.*}}: tensor<1x8xf32>, %{{.*}}: !lm.weight<4x8, #lm.bf16>) -> tensor<2x4xf32>
// CHECK: %[[A:.*]] = par.all_gather
// CHECK: lm.round %[[A]] to 8 : tensor<2x8xf32>
// CHECK: overlap.program @all_gather_linear(%[[X:.*]]: tensor<1x8xf32>,
// CHECK: overlap.alloc : <2x8xbf16, @mesh["tp"], slots = 2>
// CHECK: overlap.alloc : <2x4xf32, @mesh["tp"], slots = 1>
// CHECK: %[[V:.*]] = overlap.slice %[[X]]
// CHECK: %[[R:.*]] = lm.round %[[V]] to 8 : tensor<1x8xf32>
// CHECK: overlap.put %[[R]] into {{.*}} : tensor<1x8xbf16> into <2x8xbf16, multicast>
// CHECK: overlap.load {{.*}} : <2x8xbf16, own> -> tensor<1x8xbf16>
// CHECK: lm.linear
// GPU: nvvm.cp.async.shared.global
// GPU: nvvm.mma.sync
// USED: there is no program for this gathering: what it gathers is used by what is no product, or by nothing
