// A product and the scattered sum behind it as one program of tiles, and what has none.
//
// RUN: plait-opt %s --plait-fuse-tiles --plait-verify-overlap --plait-check-overlap='schedules=50' | FileCheck %s
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=1 sms=2' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='schedules=20 epochs=3' -o /dev/null
// RUN: plait-opt %s --plait-fuse-tiles='rows=4 tile-rows=2 sms=4' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50 epochs=4' | FileCheck %s --check-prefix=TALL
// RUN: sed 's/sizes \[2\]/sizes [3]/' %s | plait-opt --plait-fuse-tiles='rows=2' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [5]/' %s | plait-opt --plait-fuse-tiles='sms=2' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=3' --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: plait-opt %s --plait-fuse-tiles='rows=100000' --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=TILES
//
// Each rule: of the order of sums, of parts, of bias and scales, of who else uses the summands.
// RUN: sed 's/on @mesh : !whole -> !part/on @mesh order tree : !whole -> !part/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,ORDER
// RUN: sed 's/on @mesh : !whole -> !part/on @mesh accumulate f64 : !whole -> !part/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,ORDER
// RUN: sed 's/dim 0 {"tp" : even}/dim 1 {"tp" : 0 to 2, 2 to 4}/; s/^!part = .*/!part = tensor<?x2xf32, #lm.dims<tokens>>/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,PARTS
// RUN: sed 's/lm.linear %h, %w :/lm.linear %h, %w bias %g :/; s/!lm.weight<4x6, #lm.f32> \/\/ product/!lm.weight<4x6, #lm.f32>, !lm.weight<4, #lm.f32>/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,BIAS
// RUN: sed 's/ part <at.*> :/ :/; s/4x6, #lm.f32>/4x6, #lm.int8>/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,SCALES
// RUN: sed 's/lm.add %y, %y : !part/lm.add %m, %m : !whole/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefix=USED
//
// Faults in what comes out are found: a rank is counted for another one; the sum does not wait for one rank; with one slot it is
// written too early.
// RUN: plait-opt %s --plait-fuse-tiles | sed 's/overlap.arrive %\([0-9]*\)\[%[0-9]*, /overlap.arrive %\1[%c0, /' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=COUNT
// RUN: plait-opt %s --plait-fuse-tiles | sed 's/\(overlap.load_reduce .*after %[0-9]*\), %[0-9]* :/\1 :/' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: plait-opt %s --plait-fuse-tiles | sed 's/slots = 2/slots = 1/g' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=SLOT

!whole = tensor<?x4xf32, #lm.dims<tokens>>
!part = tensor<?x4xf32, #lm.dims<tokens_part>>
!wide = tensor<?x6xf32, #lm.dims<tokens>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @down from "down" part <at = [0, 6], of = [4, 12]> : !lm.weight<4x6, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
}
decode.step @s(%h: !wide) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %w = lm.get_weight @m::@down : !lm.weight<4x6, #lm.f32>
  %g = lm.get_weight @m::@gain : !lm.weight<4, #lm.f32>
  %m = lm.linear %h, %w : !wide, !lm.weight<4x6, #lm.f32> // product
  %y = par.reduce_scatter %m dim 0 {"tp" : even} on @mesh : !whole -> !part
  %z = lm.add %y, %y : !part
  // The same again has the same program.
  %q = lm.linear %h, %w : !wide, !lm.weight<4x6, #lm.f32> // product
  %u = par.reduce_scatter %q dim 0 {"tp" : even} on @mesh : !whole -> !part
  decode.return
}
// CHECK: func.func @linear_reduce_scatter_reference(%{{.*}}: tensor<2x6xf32>, %{{.*}}: !lm.weight<4x6, #lm.f32>) -> tensor<1x4xf32>
// CHECK: lm.linear
// CHECK: par.reduce_scatter %{{.*}} dim 0 {"tp" : 0 to 1, 1 to 2} on @mesh
// CHECK: overlap.program @linear_reduce_scatter(%[[X:.*]]: tensor<2x6xf32>, %[[W:.*]]: !lm.weight<4x6, #lm.f32>) -> tensor<1x4xf32> on @mesh["tp"] implements @linear_reduce_scatter_reference
// CHECK: %[[RANK:.*]] = overlap.rank
// CHECK: overlap.alloc : <2x4xf32, @mesh["tp"], slots = 2>
// CHECK: %[[C:.*]] = overlap.track {{.*}} : <[2, 1], sys>
// CHECK: overlap.region pool(<sms = 132>)
// CHECK: overlap.tiles (%{{.*}}, %{{.*}}) in [2, 2] pool(<sms = 131>)
// CHECK: lm.linear %{{.*}} : tensor<1x6xf32>, <2x6, #lm.f32>
// CHECK: overlap.arrive %[[C]][%[[RANK]], %{{.*}}] peer
// CHECK: overlap.tiles (%[[I:.*]]) in [1] pool(<sms = 1>)
// CHECK: %[[A:.*]] = overlap.wait %[[C]][%{{.*}}, %[[I]]]
// CHECK: %[[B:.*]] = overlap.wait %[[C]][%{{.*}}, %[[I]]]
// CHECK: overlap.load_reduce {{.*}} after %[[A]], %[[B]]
// CHECK-NOT: overlap.program
// TALL: overlap.alloc : <8x4xf32, @mesh["tp"], slots = 2>
// TALL: overlap.alloc : <4x4xf32, @mesh["tp"], slots = 1>
// TALL: overlap.track {{.*}} : <[2, 2], sys>
// TALL: overlap.tiles (%{{.*}}, %{{.*}}) in [4, 2] order
// TALL: overlap.tiles (%{{.*}}) in [2] pool
// TILES: there is no program for this product: it has 400000 tiles, and a program 65536 at most; use larger ones
// CUT: there is no program for this product: its 4 columns cannot be cut into 3 tiles
// ORDER: there is no program for this sum: its sum is not taken in the order of ranks, in f32
// PARTS: there is no program for this sum: its parts are no even shares of the rows
// BIAS: there is no program for this sum: a product has a bias
// SCALES: there is no program for this sum: a product's weight has scales
// USED: there is no program for this sum: what it adds up is no product, or is used elsewhere
// NONE-NOT: overlap.program
// COUNT: error: 'overlap.wait' op expected 2 arrivals in an epoch at index [0, 0] on rank 0 but got 4
// TOKEN: error: 'overlap.load_reduce' op reads what rank 1 writes, and nothing orders it behind (rank 0, epoch 0)
// SLOT: error: {{.*}} slot 0 of rank {{.*}} again {{.*}} without knowing that it has been read
