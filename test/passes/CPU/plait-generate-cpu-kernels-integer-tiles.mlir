// Products of integers on tiles. What they compute is tested by
// test/unit/compiler/IntegerTileProductTest.cpp.
//
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16 tiles=amx' --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,TILES
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16' --canonicalize --cse | FileCheck %s --check-prefixes=CHECK,VECTORS

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x128x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>
!y = tensor<?x320xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<320x128, #lm.int4<group = 64>>, panel = 32, group = 8>

rt.model @table attributes {family = "llama", numerics = "row_invariant", vocabulary = 1 : i64,
    max_positions = 1 : i64, layers = 1 : i64, pack_bytes = 0 : i64, parameters = 0 : i64} {
  rt.kernel @linear
}

// CHECK-LABEL: llvm.func @linear(
// VECTORS-NOT: {{ldtilecfg|tileload|tdpb}}
// TILES: scf.if
// TILES: "llvm.x86.ldtilecfg"
// Inputs are taken apart in front of the tile loop, into two bytes.
// TILES: scf.for
// TILES: scf.if
// TILES: arith.trunci %{{.*}} : vector<16xi16> to vector<16xi8>
// TILES: scf.for
// TILES: scf.if
// 4 bits as bytes, once per group for all rows.
// TILES: arith.andi
// TILES: scf.for
// TILES-COUNT-4: "llvm.x86.tilezero"
// The upper byte has a sign, the lower one and the weight have none.
// TILES: "llvm.x86.tdpbsud"
// TILES: "llvm.x86.tdpbuud"
// TILES: "llvm.x86.tdpbsud"
// TILES: "llvm.x86.tdpbuud"
// TILES-COUNT-4: "llvm.x86.tilestored64"
// A few rows: vectors.
// TILES: } else {
// CHECK: "llvm.x86.avx512.pmaddw.d.512"
// TILES: "llvm.x86.tilerelease"
kernel.func @linear(%x: !x, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<320x128, #lm.int4<group = 64>>
  %y = lm.linear %x, %w : !x, !lm.weight<320x128, #lm.int4<group = 64>>
  kernel.return %y : !y
}
