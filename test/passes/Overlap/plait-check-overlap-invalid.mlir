// What goes wrong in some order.
//
// RUN: plait-opt %s -split-input-file --plait-check-overlap -verify-diagnostics -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @early(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  // expected-note @+1 {{this should have been read, of rank 1, epoch 0}}
  overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
  overlap.arrive %c[%z] multicast relaxed : !overlap.counter<[1], sys>
  %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  // expected-error @+1 {{gets what nothing has written; expected it to be of its own epoch (rank 0, epoch 0)}}
  %v = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @slot(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  // expected-note @+2 {{is written here}}
  // expected-note @+1 {{this should have been read, of rank 0, epoch 0}}
  overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
  overlap.arrive %c[%z] multicast : !overlap.counter<[1], sys>
  %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  // expected-error @+1 {{gets what rank 0, epoch 1 has written; expected it to be of its own epoch (rank 1, epoch 0)}}
  %v = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
  overlap.return
}

// -----

// Each waits for the other's second tile first.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @circle() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> ((i + r) mod 2)> pool(<sms = 1>) {
      // expected-note @+1 {{this arrival, of rank 1, epoch 0, is to come}}
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      // expected-error @+1 {{waits for ever: 1 of 2 arrivals at index [0] on rank 0 (rank 0, epoch 0)}}
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @dropped() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  // expected-note @+1 {{this arrival, of rank 0, epoch 1, is to come}}
  overlap.arrive %c[%z] own : !overlap.counter<[1], sys>
  // expected-error @+1 {{waits for ever: 1 of 2 arrivals at index [0] on rank 0 (rank 0, epoch 0)}}
  %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @nobody() on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-note @+1 {{counter is here}}
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  // expected-error @+1 {{waits for ever: 0 of 2 arrivals at index [0] on rank 0 (rank 0, epoch 0)}}
  %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @more() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %table = arith.constant dense<1> : tensor<1xi64>
  // expected-error @+1 {{expected 2 arrivals at index [0] on rank 0 in all epochs but got 4}}
  %c = overlap.track table %table : tensor<1xi64> : !overlap.counter<[1], sys>
  overlap.arrive %c[%z] multicast : !overlap.counter<[1], sys>
  overlap.return
}

// -----

// The residual is added twice.
par.mesh @mesh axes ["tp"] sizes [2]
func.func @reference(%x: tensor<1x1xf32>, %r: tensor<1x1xf32>) -> tensor<1x1xf32> {
  %y = lm.add %x, %r : tensor<1x1xf32>
  return %y : tensor<1x1xf32>
}
// expected-note @+1 {{which implements @reference}}
overlap.program @sum(%x: tensor<1x1xf32>, %r: tensor<1x1xf32>) -> tensor<1x1xf32> on @mesh["tp"] implements @reference {
  %y = lm.add %x, %r : tensor<1x1xf32>
  %s = lm.add %y, %r : tensor<1x1xf32>
  // expected-error @+1 {{as element 0 of result 0 but got}}
  overlap.return %s : tensor<1x1xf32>
}

// -----

// A mesh of two axes cannot be that of one program.
par.mesh @mesh axes ["dp", "tp"] sizes [2, 2]
func.func private @reference()
// expected-error @+1 {{expected a mesh of one axis to run it on but got 4 ranks}}
overlap.program @axes() on @mesh["tp"] implements @reference {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected a body of one block}}
func.func private @reference()
overlap.program @no_body() on @mesh["tp"] implements @reference {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected a tensor or weight of known extents but got 'tensor<?x4xf32>'}}
overlap.program @unknown(%x: tensor<?x4xf32>) on @mesh["tp"] {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.f32>
}
overlap.program @weight(%x: tensor<1x4xf32>) on @mesh["tp"] {
  // expected-error @+1 {{expected weights to be arguments of the program}}
  %w = lm.get_weight @m::@w : !lm.weight<4x4, #lm.f32>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.f32>
}
func.func @reference() {
  // expected-error @+1 {{expected weights to be arguments of the function}}
  %w = lm.get_weight @m::@w : !lm.weight<4x4, #lm.f32>
  return
}
overlap.program @reference_weight() on @mesh["tp"] implements @reference {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected at most 1048576 elements in arguments and buffers of all ranks and epochs; use smaller ones}}
overlap.program @elements(%x: tensor<100000x100000xf32>) on @mesh["tp"] {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected at most 2000 steps to go through all orders but got 2412; run fewer tiles or epochs, or random schedules}}
overlap.program @steps() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[600], gpu>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [600] pool(<sms = 1>) {
      overlap.arrive %c[%i] own : !overlap.counter<[600], gpu>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @outside(%x: tensor<2x4xf32>) on @mesh["tp"] {
  %two = arith.constant 2 : index
  // expected-error @+1 {{expected a tile within [2, 4] but got offsets [2, 2]}}
  %v = overlap.slice %x[%two, %two] : tensor<2x4xf32> -> tensor<1x4xf32>
  overlap.return
}
