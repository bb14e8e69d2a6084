// Products of bf16 in vectors: weights are loaded as they lie, a word of the input goes to
// all lanes. What they compute is tested by test/unit/compiler/BF16ProductTest.cpp.
//
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16 pairs=avx512' --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cpu-kernels='pairs=emulated' --canonicalize --cse | FileCheck %s --check-prefix=EMULATED

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!r = tensor<?x96xbf16, #lm.dims<tokens>>
!y = tensor<?x320xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<320x64, #lm.bf16>, panel = 32, group = 2>

// CHECK-LABEL: llvm.func @linear(
// Twelve rows by a panel, over the pairs of K.
// CHECK: %[[WORDS:.*]] = arith.constant 32 : i64
// CHECK: scf.for
// CHECK-COUNT-2: llvm.load {{.*}} : !llvm.ptr -> vector<16xi32>
// CHECK: llvm.bitcast {{.*}} : vector<16xi32> to vector<32xbf16>
// CHECK-COUNT-24: llvm.call_intrinsic "llvm.x86.avx512bf16.dpbf16ps.512"({{.*}}) : (vector<16xf32>, vector<32xbf16>, vector<32xbf16>) -> vector<16xf32>
// CHECK-NOT: dpbf16ps
// CHECK: scf.yield

// EMULATED-LABEL: llvm.func @linear(
// EMULATED-NOT: dpbf16ps
// EMULATED: llvm.intr.fma{{.*}} : (vector<8xf32>
kernel.func @linear(%r: !r, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<320x64, #lm.bf16>
  %y = lm.linear %r, %w : !r, !lm.weight<320x64, #lm.bf16>
  kernel.return %y : !y
}
