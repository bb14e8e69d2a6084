// A product and the fused sum behind it as one program of tiles; what is no such product has none.
//
// RUN: plait-opt %s --plait-fuse-tiles --plait-verify-overlap --plait-check-overlap='schedules=50' | FileCheck %s
// RUN: plait-opt %s --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=3' --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: not plait-opt %s --plait-fuse-tiles='sms=1' -o /dev/null 2>&1 | FileCheck %s --check-prefix=WORKERS
// RUN: not plait-opt %s --plait-fuse-tiles='rows=9000000000000000000' -o /dev/null 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not plait-opt %s --plait-fuse-tiles='rows=3 tile-rows=2' -o /dev/null 2>&1 | FileCheck %s --check-prefix=ROWS
//
// Tiles of several rows: a block of them is counted, added up and distributed at once.
// RUN: plait-opt %s --plait-fuse-tiles='rows=4 tile-rows=2 sms=3' --plait-assign-tile-order --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50' | FileCheck %s --check-prefix=TALL
// RUN: sed 's/sizes \[2\]/sizes [3]/' %s | plait-opt --plait-fuse-tiles='rows=4 tile-rows=4 sms=4' --plait-assign-tile-order --plait-assign-pools='comm=2' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20' -o /dev/null
//
// The counter misses the tiles of a column.
// RUN: plait-opt %s --plait-fuse-tiles | sed 's/-> (s0 \* 2)/-> (s0)/' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=COUNT

!whole = tensor<?x4xf32, #lm.dims<tokens>>
!part = tensor<?x4xf32, #lm.dims<tokens_part>>
!wide = tensor<?x6xf32, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @down from "down" part <at = [0, 6], of = [4, 12]> : !lm.weight<4x6, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
}
decode.step @s(%h: !wide, %x: !part, %e: !whole) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>, #decode.role<logprob>], output_roles = []} {
  %w = lm.get_weight @m::@down : !lm.weight<4x6, #lm.f32>
  %g = lm.get_weight @m::@gain : !lm.weight<4, #lm.f32>
  %p = lm.linear %h, %w : !wide, !lm.weight<4x6, #lm.f32>
  %a, %r = par.reduce_gather %p with(%x) {"tp" : even} on @mesh : (!whole, !part) -> (!whole, !part) {
  ^bb0(%sum: !part, %own: !part):
    %0 = lm.add %own, %sum : !part
    %1 = lm.rms_norm %0, %g eps 1.0e-05 : !part, !lm.weight<4, #lm.f32>
    par.yield %1, %0 : !part, !part
  }
  %b = par.reduce_gather %e {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    %0 = lm.rms_norm %sum, %g eps 1.0e-05 : !part, !lm.weight<4, #lm.f32>
    par.yield %0 : !part
  }
  decode.return
}
// CHECK: overlap.program @linear_reduce_gather(%{{.*}}: tensor<2x6xf32>, %{{.*}}: !lm.weight<4x6, #lm.f32>, %{{.*}}: tensor<1x4xf32>, %{{.*}}: !lm.weight<4, #lm.f32>) -> (tensor<2x4xf32>, tensor<1x4xf32>)
// CHECK: %[[C:.*]] = overlap.track expect #[[EXPECT:.*]] owner
// CHECK: overlap.region pool(<sms = 132>)
// CHECK: overlap.tiles (%[[I:.*]], %[[J:.*]]) in [2, 2] pool(<sms = 131>)
// CHECK: overlap.slice %{{.*}} : !lm.weight<4x6, #lm.f32> -> !lm.weight<2x6, #lm.f32>
// CHECK: lm.linear %{{.*}} : tensor<1x6xf32>, <2x6, #lm.f32>
// CHECK: overlap.arrive %[[C]][%[[I]]] peer
// CHECK: overlap.trigger %[[C]]
// CHECK-NOT: overlap.program
// REMARK: there is no program for this sum: what it adds up is no product, or is used elsewhere
// CUT: there is no program for this product: its 4 columns cannot be cut into 3 tiles
// WORKERS: error: expected 1 to 16777216 rows, 1 to 65536 tiles of them, and 2 to 65536 workers, of which one exchanges, but got rows=1 column-tiles=2 sms=1
// MANY: error: expected 1 to 16777216 rows, 1 to 65536 tiles of them, and 2 to 65536 workers, of which one exchanges, but got rows=9000000000000000000
// ROWS: error: expected tiles of so many rows that they divide a rank's, but got rows=3 tile-rows=2
// TALL: overlap.track expect #{{.*}} owner #{{.*}} : <[4], sys>
// TALL: overlap.tiles (%[[I:.*]], %{{.*}}) in [4, 2]
// TALL: lm.linear %{{.*}} : tensor<2x6xf32>, <2x6, #lm.f32>
// TALL: overlap.load_reduce {{.*}} -> tensor<2x4xf32>
// TALL: lm.rms_norm {{.*}} : tensor<2x4xf32>
// TALL: overlap.load {{.*}} : <8x4xf32, peer> -> tensor<2x4xf32>
// COUNT: error: 'overlap.trigger' op expected 2 arrivals in an epoch at index [0] on rank 0 but got 4
