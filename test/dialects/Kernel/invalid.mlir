// RUN: plait-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{'kernel.func' op expected a body of one block with a 'kernel.return' at the end}}
kernel.func private @k(tensor<4xf32>) -> tensor<4xf32> attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>}

// -----

// expected-error @+1 {{'kernel.func' op expected in_place to hold pairs of an argument below 1 and a result below 1 but got array<i64: 0, 1>}}
kernel.func @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>, in_place = array<i64: 0, 1>} {
  %y = lm.scale %x by 2.0 : tensor<4xf32>
  kernel.return %y : tensor<4xf32>
}

// -----

// expected-error @+1 {{'kernel.func' op expected in_place to hold pairs of an argument below 1 and a result below 1 but got array<i64: 0>}}
kernel.func @k(%x: tensor<4xf32>) -> tensor<4xf32> attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>, in_place = array<i64: 0>} {
  %y = lm.scale %x by 2.0 : tensor<4xf32>
  kernel.return %y : tensor<4xf32>
}
