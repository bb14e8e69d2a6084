// RUN: plait-opt %s --verify-diagnostics --plait-generate-cpu-kernels
// RUN: not plait-opt %s --plait-generate-cpu-kernels='lanes=5' 2>&1 | FileCheck %s

// CHECK: error: expected lanes to be 4, 8 or 16 but got 5

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>

kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'math.exp' op has no CPU kernel}}
  %y = math.exp %x : !x
  kernel.return %y : !x
}
