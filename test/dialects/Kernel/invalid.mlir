// RUN: plait-opt %s --split-input-file --verify-diagnostics

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  // expected-error @+1 {{'lm.add' op expected each result to be used in the kernel but got an unused one, #0}}
  %y = lm.add %x, %x : !x
  kernel.return %x : !x
}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!x = tensor<?x4xf32, #lm.dims<tokens>>
// expected-error @+1 {{'kernel.func' op expected in_place to list pairs but got 3 numbers}}
kernel.func @k(%x: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0, 0>} {
  %y = lm.add %x, %x : !x
  kernel.return %y : !x
}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!x = tensor<?x4xf32, #lm.dims<tokens>>
// expected-error @+1 {{'kernel.func' op expected in_place to list an argument and a result of equal type but got 0 and 1}}
kernel.func @k(%x: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 1>} {
  %y = lm.add %x, %x : !x
  kernel.return %y : !x
}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!y = tensor<?x2xf32, #lm.dims<tokens>>
// expected-error @+1 {{'kernel.func' op expected in_place to list an argument and a result of equal type but got 0 and 0}}
kernel.func @k(%x: !x) -> !y attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %y = lm.slice_columns %x 0 size 2 : !x
  kernel.return %y : !y
}

// -----

// expected-error @+1 {{'kernel.func' op expected a body of one block with a 'kernel.return' at the end}}
kernel.func private @k(tensor<4xf32>) -> tensor<4xf32> attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}

// -----

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!x = tensor<?x4xf32, #lm.dims<tokens>>
kernel.func @k(%x: !x) -> !x attributes {cost = #cost} {
  %y = lm.add %x, %x : !x
  kernel.return %y : !x
}
decode.step @ar(%x: !x) -> !x attributes {input_roles = [#decode.role<tokens>], output_roles = [#decode.role<chosen>]} {
  // expected-error @+1 {{'kernel.launch' op expected launches alone to use the results of a redundant launch}}
  %y = kernel.launch @k(%x) from "k" redundant : (!x) -> !x
  // expected-note @+1 {{used here}}
  decode.return %y : !x
}
