// RUN: plait-opt %s --split-input-file --verify-diagnostics --plait-generate-cpu-kernels='lanes=16 tiles=amx'
// RUN: not plait-opt %s --split-input-file --plait-generate-cpu-kernels='lanes=16' 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: not plait-opt %s --split-input-file --plait-generate-cpu-kernels='tiles=emulated fma=false' 2>&1 | FileCheck %s --check-prefix=FMA

// NONE: error: 'lm.linear' op expected an input of f32 but got 'tensor<?x32xbf16, #lm.dims<tokens>>': the target has no tiles that multiply bf16
// RUN: not plait-opt %s --split-input-file --plait-generate-cpu-kernels='pairs=emulated fma=false' 2>&1 | FileCheck %s --check-prefix=FMA
// RUN: not plait-opt %s --split-input-file --plait-generate-cpu-kernels='lanes=16 pairs=avx512' 2>&1 | FileCheck %s --check-prefix=PAIRS
// RUN: not plait-opt %s --split-input-file --plait-generate-cpu-kernels='lanes=8 pairs=avx512' 2>&1 | FileCheck %s --check-prefix=LANES

// LANES: error: expected lanes to be 16 for pairs=avx512 but got 8
// FMA: error: expected a target with fma for emulated tiles and pairs
// PAIRS: error: 'lm.linear' op expected a weight of bf16 in panels of 32 rows and groups of 2 but got '!kernel.packed<<8x8, #lm.bf16>, panel = 16, group = 2>'
// PAIRS: error: 'lm.linear' op expected an input with an even number of at least 34 columns but got 33

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x32xbf16, #lm.dims<tokens>>
!y = tensor<?x8xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<8x8, #lm.bf16>, panel = 16, group = 2>

kernel.func @panel(%x: !x, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<8x8, #lm.bf16>
  // expected-error @+1 {{expected a weight of bf16 in panels of 32 rows and groups of 2 but got '!kernel.packed<<8x8, #lm.bf16>, panel = 16, group = 2>'}}
  %y = lm.linear %x, %w : !x, !lm.weight<8x8, #lm.bf16>
  kernel.return %y : !y
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x62xbf16, #lm.dims<tokens>>
!y = tensor<?x8xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<8x33, #lm.bf16>, panel = 32, group = 2>

kernel.func @columns(%x: !x, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<8x33, #lm.bf16>
  // expected-error @+1 {{expected an input with at least 64 columns but got 62}}
  %y = lm.linear %x, %w : !x, !lm.weight<8x33, #lm.bf16>
  kernel.return %y : !y
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x33xbf16, #lm.dims<tokens>>
!y = tensor<?x8xf32, #lm.dims<tokens>>
!w = !kernel.packed<!lm.weight<8x33, #lm.bf16>, panel = 32, group = 2>

kernel.func @odd(%x: !x, %p: !w) -> !y attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<8x33, #lm.bf16>
  // expected-error @+1 {{expected an input with at least 64 columns but got 33}}
  %y = lm.linear %x, %w : !x, !lm.weight<8x33, #lm.bf16>
  kernel.return %y : !y
}
