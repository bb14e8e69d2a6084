// RUN: plait-opt %s -split-input-file --verify-diagnostics --plait-generate-cpu-kernels
// RUN: not plait-opt %s -split-input-file --plait-generate-cpu-kernels='lanes=5' 2>&1 | FileCheck %s

// CHECK: error: expected lanes to be 4, 8 or 16 but got 5

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>

kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'math.exp' op has no CPU kernel}}
  %y = math.exp %x : !x
  kernel.return %y : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<tokens>>
// expected-error @+1 {{'kernel.func' op expected one op that computes, and its results returned, as 'plait-outline-kernels' makes them}}
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  %y = lm.scale %x by 2.0 : !x
  %z = lm.scale %y by 2.0 : !x
  kernel.return %z : !x
}

// -----

#cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>
!x = tensor<?x8xf32, #lm.dims<places>>
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'lm.scale' op expected tensors whose first extent is one of a step but got 'tensor<?x8xf32, #lm.dims<places>>'}}
  %y = lm.scale %x by 2.0 : !x
  kernel.return %y : !x
}
