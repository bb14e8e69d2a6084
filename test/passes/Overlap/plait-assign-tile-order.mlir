// Whose rows a rank begins with, where tiles are of one rank each.
//
// RUN: plait-opt %s --plait-assign-tile-order --remarks-filter='plait-assign-tile-order' --plait-verify-overlap 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
//
// Orders written by hand come out again, and what passes write has those that it had from its builder.
// RUN: sed 's/ order affine_map.* pool/ pool/' %S/all-gather-gemm.mlir | plait-opt --plait-assign-tile-order --plait-verify-overlap | FileCheck %s --check-prefix=GATHER
// RUN: sed 's/ order affine_map.* pool/ pool/' %S/gemm-reduce-scatter.mlir | plait-opt --plait-assign-tile-order --plait-verify-overlap | FileCheck %s --check-prefix=SCATTER
// RUN: plait-opt %S/plait-fuse-tiles.mlir --plait-fuse-tiles='rows=4 tile-rows=2' --plait-assign-tile-order | FileCheck %s --check-prefix=FUSED

// GATHER-DAG: #[[OWN:.*]] = affine_map<(d0)[s0] -> ((d0 + s0) mod 2)>
// GATHER: overlap.tiles (%{{.*}}) in [1] pool
// GATHER: overlap.tiles (%{{.*}}) in [2] order #[[OWN]] pool
// SCATTER-DAG: #[[BEHIND:.*]] = affine_map<(d0)[s0] -> ((d0 + s0 + 1) mod 2)>
// SCATTER: overlap.tiles (%{{.*}}) in [2] order #[[BEHIND]] pool
// FUSED-DAG: #[[BEHIND:.*]] = affine_map<(d0, d1)[s0] -> ((d0 + (s0 + 1) * 2) mod 4, d1)>
// FUSED-DAG: #[[OWN:.*]] = affine_map<(d0)[s0] -> ((d0 + s0 * 2) mod 4)>
// FUSED: overlap.tiles (%{{.*}}, %{{.*}}) in [4, 2] order #[[BEHIND]] pool
// FUSED: overlap.tiles (%{{.*}}) in [4] order #[[OWN]] pool

par.mesh @mesh axes ["tp"] sizes [2]

// Ranks own blocks of two tiles, then take turns.
// CHECK-DAG: #[[BLOCKS:.*]] = affine_map<(d0, d1)[s0] -> ((d0 + (s0 + 1) * 2) mod 4, d1)>
// CHECK-DAG: #[[TURNS:.*]] = affine_map<(d0)[s0] -> ((d0 + s0 + 1) mod 4)>
// CHECK-DAG: #[[MINE:.*]] = affine_map<(d0)[s0] -> ((d0 + s0) mod 4)>
// CHECK-DAG: #[[GIVEN:.*]] = affine_map<(d0) -> (-d0 + 3)>
// CHECK: overlap.program @tiles
overlap.program @tiles() on @mesh["tp"] {
  %two = arith.constant 2 : index
  %n = overlap.num_ranks
  %blocks = overlap.track expect affine_map<(i)[n] -> (3 * n)> owner affine_map<(i) -> (i floordiv 2)> : !overlap.counter<[4], sys>
  %turns = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[4], sys>
  %mine = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], sys>
  %given = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[4], sys>
  %all = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[4], sys>
  %uneven = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i) -> (i floordiv 3)> : !overlap.counter<[4], sys>
  overlap.region pool(<sms = 8>) {
    // CHECK: overlap.tiles (%{{.*}}, %{{.*}}) in [4, 3] order #[[BLOCKS]] pool
    overlap.tiles (%i, %j) in [4, 3] pool(<sms = 1>) {
      %o = arith.divui %i, %two : index
      overlap.arrive %blocks[%i] peer %o : !overlap.counter<[4], sys>
    }
    // CHECK: overlap.tiles (%{{.*}}) in [4] order #[[TURNS]] pool
    overlap.tiles (%i) in [4] pool(<sms = 1>) {
      %o = arith.remui %i, %n : index
      overlap.arrive %turns[%i] peer %o : !overlap.counter<[4], sys>
    }
    // CHECK: overlap.trigger
    overlap.trigger %turns (%i) token %t pool(<sms = 1>) : !overlap.counter<[4], sys> {
      overlap.arrive %mine[%i] multicast : !overlap.counter<[4], sys>
    }
    // What the trigger of one rank gives.
    // CHECK: overlap.tiles (%{{.*}}) in [4] order #[[MINE]] pool
    overlap.tiles (%i) in [4] pool(<sms = 1>) {
      %t = overlap.wait %mine[%i] : !overlap.counter<[4], sys>
    }
    // It has one already.
    // CHECK: overlap.tiles (%{{.*}}) in [4] order #[[GIVEN]] pool
    overlap.tiles (%i) in [4] order affine_map<(i) -> (3 - i)> pool(<sms = 1>) {
      %o = arith.remui %i, %n : index
      overlap.arrive %given[%i] peer %o : !overlap.counter<[4], sys>
    }
    // Of all ranks.
    // CHECK: overlap.tiles (%{{.*}}) in [4] pool
    overlap.tiles (%i) in [4] pool(<sms = 1>) {
      overlap.arrive %all[%i] multicast : !overlap.counter<[4], sys>
      %t = overlap.wait %all[%i] : !overlap.counter<[4], sys>
    }
    // Not as many of each.
    // CHECK: overlap.tiles (%{{.*}}) in [4] pool
    overlap.tiles (%i) in [4] pool(<sms = 1>) {
      %three = arith.constant 3 : index
      %o = arith.divui %i, %three : index
      overlap.arrive %uneven[%i] peer %o : !overlap.counter<[4], sys>
    }
  }
  // An epoch ends when all are there.
  %z = arith.constant 0 : index
  %end = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.arrive %end[%z] multicast : !overlap.counter<[1], sys>
  %t = overlap.wait %end[%z] : !overlap.counter<[1], sys>
  overlap.return
}
// REMARK-DAG: each rank begins with what the rank behind it owns, and ends with its own
// REMARK-DAG: each rank begins with what it has itself, and goes on with what the rank behind it gives
// REMARK-DAG: tiles stay in natural order: they are not of one rank each, in turn
