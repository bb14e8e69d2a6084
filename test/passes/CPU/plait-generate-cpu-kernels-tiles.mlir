// Products on tiles. What they compute is tested by
// test/unit/compiler/BF16ProductTest.cpp, which runs emulated tiles.
//
// RUN: plait-opt %s --plait-generate-cpu-kernels='lanes=16 tiles=amx' --canonicalize --cse | FileCheck %s
// RUN: plait-opt %s --plait-generate-cpu-kernels='tiles=emulated' --canonicalize --cse | FileCheck %s --check-prefix=EMULATED

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x64xf32, #lm.dims<tokens>>
!r = tensor<?x96xbf16, #lm.dims<tokens>>
!y = tensor<?x320xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<320x64, #lm.bf16>, panel = 32, group = 2>

// CHECK: rt.kernel @round tiles <count = 1, dim = 0, block = 1, cyclic = false>
// A tile is a panel, so that threads share them out evenly.
// CHECK: rt.kernel @linear tiles <count = 10, dim = -1, block = 1, cyclic = false>
rt.model @table attributes {family = "llama", numerics = "row_invariant", vocabulary = 1 : i64,
    max_positions = 1 : i64, layers = 1 : i64, pack_bytes = 0 : i64, parameters = 0 : i64} {
  rt.kernel @round
  rt.kernel @linear
}

// In integers, whatever the target can do.
// CHECK-LABEL: llvm.func @round(
// CHECK: llvm.store %{{.*}} : vector<16xi16>
// CHECK-NOT: truncf
// CHECK: arith.trunci %{{.*}} : vector<16xi32> to vector<16xi16>
kernel.func @round(%x: !x) -> !r attributes {cost = #cost} {
  %y = lm.round %x to 96 : !x
  kernel.return %y : !r
}

// Configured before the first tile of the launch and released after the last, if
// there are more than a few rows.
// CHECK-LABEL: llvm.func @linear(
// CHECK: llvm.call_intrinsic "llvm.x86.sse.stmxcsr"
// CHECK-NOT: scf.for
// CHECK: scf.if
// CHECK-NEXT: llvm.store
// CHECK: llvm.call_intrinsic "llvm.x86.ldtilecfg"
// CHECK-NOT: llvm.x86.ldtilecfg
// CHECK: scf.for
// Up to 16 rows: one tile of them and two panels; the weight passes by the caches.
// CHECK: scf.if
// CHECK: scf.if
// CHECK: scf.for
// CHECK-COUNT-4: "llvm.x86.tilezero"
// CHECK: scf.for
// CHECK-COUNT-64: llvm.intr.prefetch
// CHECK-COUNT-4: "llvm.x86.tileloaddt164"
// CHECK: "llvm.x86.tdpbf16ps"
// CHECK-NEXT: }
// CHECK-COUNT-4: "llvm.x86.tilestored64"
// More: two tiles of them and one panel.
// CHECK: } else {
// CHECK: scf.if
// CHECK: "llvm.x86.tileloaddt164"
// CHECK: } else {
// CHECK-COUNT-4: "llvm.x86.tilezero"
// CHECK: scf.for
// CHECK-COUNT-3: "llvm.x86.tileloadd64"
// CHECK-COUNT-2: "llvm.x86.tdpbf16ps"
// CHECK: "llvm.x86.tileloadd64"
// CHECK-COUNT-2: "llvm.x86.tdpbf16ps"
// CHECK-NEXT: }
// A few: vectors, with subnormal numbers as zeros.
// CHECK: } else {
// CHECK: "llvm.x86.sse.ldmxcsr"
// CHECK: llvm.intr.fma{{.*}} : (vector<16xf32>
// CHECK: "llvm.x86.sse.ldmxcsr"
// CHECK: "llvm.x86.tilerelease"
// CHECK-NEXT: }
// CHECK-NEXT: llvm.return

// EMULATED-LABEL: llvm.func @linear(
// EMULATED-NOT: {{ldtilecfg|tileload|tdpbf16ps}}
// EMULATED: llvm.intr.fma{{.*}} : (vector<16xf32>
kernel.func @linear(%r: !r, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<320x64, #lm.bf16>
  %y = lm.linear %r, %w : !r, !lm.weight<320x64, #lm.bf16>
  kernel.return %y : !y
}
