// Gathered rows and the products that take them as one program of tiles, and what has none.
//
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=1 sms=3' --plait-verify-overlap --plait-check-overlap='schedules=50' | FileCheck %s
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=1 sms=3' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='schedules=20 epochs=3' -o /dev/null
// RUN: plait-opt %s --plait-fuse-tiles='rows=4 tile-rows=2 sms=4' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50 epochs=4' | FileCheck %s --check-prefix=TALL
// RUN: sed 's/sizes \[2\]/sizes [3]/' %s | plait-opt --plait-fuse-tiles='rows=2' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [5]/' %s | plait-opt --plait-fuse-tiles='sms=3' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null
// RUN: plait-opt %s --plait-fuse-tiles='column-tiles=4' --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=CUT
// RUN: plait-opt %s --plait-fuse-tiles='sms=2' --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=WORKERS
// RUN: plait-opt %s --plait-fuse-tiles='rows=100000' --remarks-filter='plait-fuse-tiles' -o /dev/null 2>&1 | FileCheck %s --check-prefix=TILES
//
// Each rule: of parts, of bias and scales, of who uses the rows.
// RUN: sed 's/dim 0 {"tp" : even}/dim 1 {"tp" : 0 to 3, 3 to 6}/; s/^!part = .*/!part = tensor<?x3xf32, #lm.dims<tokens>>/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,PARTS
// RUN: sed 's/lm.linear %a, %w :/lm.linear %a, %w bias %g :/; s/!lm.weight<4x6, #lm.f32> \/\/ product/!lm.weight<4x6, #lm.f32>, !lm.weight<4, #lm.f32>/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,BIAS
// RUN: sed 's/2x6, #lm.f32>/2x6, #lm.int8>/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,SCALES
// RUN: sed 's/lm.add %x, %x : !part/lm.add %a, %a : !whole/' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,USED
// RUN: sed '/lm.linear/d' %s | plait-opt --plait-fuse-tiles --remarks-filter='plait-fuse-tiles' 2>&1 | FileCheck %s --check-prefixes=NONE,USED
//
// Faults in what comes out are found: products do not wait; rows are put where others still read.
// RUN: plait-opt %s --plait-fuse-tiles | sed 's/\(overlap.load .*\) after %[0-9]* :/\1 :/' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOKEN
// RUN: plait-opt %s --plait-fuse-tiles | sed 's/slots = 2/slots = 1/g' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=SLOT
//
// What a product takes must be rounded on GPUs.
// RUN: not plait-opt %s --plait-fuse-tiles --plait-generate-cuda-protocols -o /dev/null 2>&1 | FileCheck %s --check-prefix=CUDA

!whole = tensor<?x6xf32, #lm.dims<tokens>>
!part = tensor<?x6xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up" : !lm.weight<4x6, #lm.f32>
  lm.weight @gate from "gate" : !lm.weight<2x6, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
}
decode.step @s(%x: !part) attributes {input_roles = [#decode.role<hidden>], output_roles = []} {
  %w = lm.get_weight @m::@up : !lm.weight<4x6, #lm.f32>
  %v = lm.get_weight @m::@gate : !lm.weight<2x6, #lm.f32>
  %g = lm.get_weight @m::@gain : !lm.weight<4, #lm.f32>
  %a = par.all_gather %x dim 0 {"tp" : even} on @mesh : !part -> !whole
  %z = lm.add %x, %x : !part
  %p = lm.linear %a, %w : !whole, !lm.weight<4x6, #lm.f32> // product
  %q = lm.linear %a, %v : !whole, !lm.weight<2x6, #lm.f32>
  decode.return
}
// CHECK: func.func @all_gather_linear_reference(%{{.*}}: tensor<1x6xf32>, %{{.*}}: !lm.weight<4x6, #lm.f32>, %{{.*}}: !lm.weight<2x6, #lm.f32>) -> (tensor<2x4xf32>, tensor<2x2xf32>)
// CHECK: par.all_gather %{{.*}} dim 0 {"tp" : 0 to 1, 1 to 2} on @mesh
// CHECK: lm.linear
// CHECK: lm.linear
// CHECK: overlap.program @all_gather_linear(%[[X:.*]]: tensor<1x6xf32>, %[[W:.*]]: !lm.weight<4x6, #lm.f32>, %[[V:.*]]: !lm.weight<2x6, #lm.f32>) -> (tensor<2x4xf32>, tensor<2x2xf32>)
// CHECK: %[[C:.*]] = overlap.track {{.*}} : <[2], sys>
// CHECK: overlap.tiles (%{{.*}}) in [1] pool(<sms = 1>)
// CHECK: overlap.put {{.*}} into <2x6xf32, multicast>
// CHECK: overlap.arrive %[[C]][%{{.*}}] multicast
// CHECK: overlap.tiles (%[[I:.*]], %{{.*}}) in [2, 1] pool(<sms = 1>)
// CHECK: %[[T:.*]] = overlap.wait %[[C]][%[[I]]]
// CHECK: %[[R:.*]] = overlap.load {{.*}} after %[[T]]
// CHECK: lm.linear %[[R]], %[[W]]
// CHECK: overlap.tiles (%[[J:.*]], %{{.*}}) in [2, 1] pool(<sms = 1>)
// CHECK: %[[U:.*]] = overlap.wait %[[C]][%[[J]]]
// CHECK: %[[S:.*]] = overlap.load {{.*}} after %[[U]]
// CHECK: lm.linear %[[S]], %[[V]]
// TALL: overlap.alloc : <8x6xf32, @mesh["tp"], slots = 2>
// TALL: overlap.alloc : <8x4xf32, @mesh["tp"], slots = 1>
// TALL: overlap.tiles (%{{.*}}) in [2] pool
// TALL: overlap.tiles (%{{.*}}, %{{.*}}) in [4, 2] order
// WORKERS: there is no program for these products: they take 3 workers, but there are 2
// TILES: there is no program for this product: it has 400000 tiles, and a program 65536 at most; use larger ones
// CUT: there is no program for this product: its 2 columns cannot be cut into 4 tiles
// PARTS: there is no program for this gathering: its parts are no even shares of the rows
// BIAS: there is no program for this gathering: a product has a bias
// SCALES: there is no program for this gathering: a product's weight has scales
// USED: there is no program for this gathering: what it gathers is used by what is no product, or by nothing
// NONE-NOT: overlap.program
// TOKEN: error: 'overlap.load' op reads what rank {{[01]}} writes, and nothing orders it behind
// SLOT: error: {{.*}} slot 0 of rank {{.*}} again {{.*}} without knowing that it has been read
// CUDA: error: 'lm.linear' op expected an input of bf16, from 'lm.round', for CUDA but got 'tensor<1x6xf32>'
