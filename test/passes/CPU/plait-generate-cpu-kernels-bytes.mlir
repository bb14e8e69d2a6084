// Products of integers that round the inputs of many rows to bytes. What they compute is tested by
// test/unit/compiler/IntegerTileProductTest.cpp.
//
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16 bytes=vnni' --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=8 bytes=emulated' --canonicalize --cse | FileCheck %s --check-prefix=EMULATED
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16' --canonicalize --cse | FileCheck %s --check-prefix=PLAIN
// Programs of other numerics have no such products, whatever the target.
// RUN: sed 's/"fast"/"row_invariant"/' %s | plait-opt --plait-generate-cpu-kernels='lanes=16 bytes=vnni' --canonicalize --cse | FileCheck %s --check-prefix=PLAIN
// RUN: not plait-opt %s --plait-generate-cpu-kernels='lanes=8 bytes=vnni' 2>&1 | FileCheck %s --check-prefix=LANES

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x128x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>
!y = tensor<?x320xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<320x128, #lm.int4<group = 64>>, panel = 32, group = 8>

// LANES: error: expected lanes to be 16 for bytes=vnni but got 8
rt.model @table attributes {family = "llama", numerics = "fast", vocabulary = 1 : i64,
    max_positions = 1 : i64, layers = 1 : i64, pack_bytes = 0 : i64, parameters = 0 : i64} {
  rt.kernel @linear
}

// CHECK-LABEL: llvm.func @linear(
// With more than 4 rows inputs are rounded in front of the tile loop,
// CHECK: %[[MANY:.*]] = arith.cmpi sgt, %{{.*}}, %c4_i64
// CHECK: scf.if %[[MANY]]
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi8>
// CHECK: vector.shuffle {{.*}} [0, 4, 1, 5, 2, 6, 3, 7, 8, 12, 9, 13, 10, 14, 11, 15]
// CHECK: vector.reduction <add>
// as bytes of the weight lie, and multiplied four at a time.
// CHECK: scf.if %[[MANY]]
// CHECK: "llvm.x86.avx512.vpdpbusd.512"({{.*}}) : (vector<16xi32>, vector<64xi8>, vector<64xi8>) -> vector<16xi32>
// A few rows keep 16 bits.
// CHECK: } else {
// CHECK-NOT: vpdpbusd
// CHECK: "llvm.x86.avx512.pmaddw.d.512"
// CHECK: llvm.return

// EMULATED-LABEL: llvm.func @linear(
// EMULATED: vector<16xi8>
// EMULATED: "llvm.x86.avx2.pmadd.wd"
// EMULATED-NOT: vpdpbusd

// PLAIN-LABEL: llvm.func @linear(
// PLAIN-NOT: vector<{{[0-9]+}}xi8>
kernel.func @linear(%x: !x, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<320x128, #lm.int4<group = 64>>
  %y = lm.linear %x, %w : !x, !lm.weight<320x128, #lm.int4<group = 64>>
  kernel.return %y : !y
}
