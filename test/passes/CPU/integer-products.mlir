// The shape of products with weights of integers. What they compute is tested by
// test/unit/compiler/CpuKernelsTest.cpp.
//
// RUN: plait-opt %s --plait-generate-cpu-kernels --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16' --canonicalize --cse | FileCheck %s --check-prefix=WIDE
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=4 fma=false' --canonicalize --cse | FileCheck %s --check-prefix=NARROW

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x128xf32, #lm.dims<tokens>>
!q = tensor<?x128x!lm.int16<group = 64, distance = 4>, #lm.dims<tokens>>
!y = tensor<?x64xf32, #lm.dims<tokens>>
!w = !lm.weight<64x128, #lm.int4<group = 64>>
!p = !kernel.packed<!w, panel = 32, group = 8>

// Activations of f32: integers are converted, and no product is one of integers.
// CHECK-LABEL: llvm.func @float(
// CHECK-NOT: pmadd
// CHECK: arith.constant dense<-2004318072> : vector<8xi32>
// CHECK-NOT: pmadd
// CHECK: arith.sitofp {{.*}} : vector<8xi32> to vector<8xf32>
// CHECK-NOT: pmadd
// CHECK: llvm.return
kernel.func @float(%x: !x, %p: !p) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !p -> !w
  %y = lm.linear %x, %w : !x, !w
  kernel.return %y : !y
}

// CHECK-LABEL: llvm.func @integer(
// CHECK: llvm.call_intrinsic "llvm.x86.avx2.pmadd.wd"({{.*}}) : (vector<16xi16>, vector<16xi16>) -> vector<8xi32>
// CHECK: arith.sitofp {{.*}} : vector<8xi32> to vector<8xf32>
// WIDE-LABEL: llvm.func @integer(
// WIDE: llvm.call_intrinsic "llvm.x86.avx512.pmaddw.d.512"({{.*}}) : (vector<32xi16>, vector<32xi16>) -> vector<16xi32>
// NARROW-LABEL: llvm.func @integer(
// NARROW: llvm.call_intrinsic "llvm.x86.sse2.pmadd.wd"({{.*}}) : (vector<8xi16>, vector<8xi16>) -> vector<4xi32>
kernel.func @integer(%x: !q, %p: !p) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !p -> !w
  %y = lm.linear %x, %w : !q, !w
  kernel.return %y : !y
}

// Eight columns are four pairs: 0 and 4, 1 and 5, ...
// CHECK-LABEL: llvm.func @quantize(
// CHECK: vector.shuffle {{.*}} [0, 4, 1, 5, 2, 6, 3, 7] : vector<8xi32>, vector<8xi32>
// CHECK: arith.trunci {{.*}} : vector<8xi32> to vector<8xi16>
kernel.func @quantize(%x: !x) -> !q attributes {cost = #cost} {
  %q = lm.quantize %x to !lm.int16<group = 64, distance = 4> : !x
  kernel.return %q : !q
}
