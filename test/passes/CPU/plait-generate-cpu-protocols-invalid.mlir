// RUN: plait-opt %s -split-input-file --verify-diagnostics --plait-generate-cpu-protocols

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @table(%t: tensor<2xi64>) on @mesh["tp"] {
  // expected-error @+1 {{'overlap.track' op expected a map of arrivals for a CPU but got a table}}
  %c = overlap.track table %t : tensor<2xi64> : !overlap.counter<[2], sys>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{'overlap.program' op expected a matrix of f32 for a CPU but got 'tensor<2x8xbf16>'}}
overlap.program @unused(%x: tensor<2x8xbf16>) on @mesh["tp"] {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @loop() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @+1 {{'scf.for' op has no CPU code in a program}}
  scf.for %i = %z to %one step %one {
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [32]
// expected-error @+1 {{'overlap.program' op expected at most 16 ranks for a CPU}}
overlap.program @many() on @mesh["tp"] {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @constant() -> tensor<1x2xf32> on @mesh["tp"] {
  // expected-error @+1 {{'arith.constant' op expected an index or one number for all elements for a CPU}}
  %v = arith.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
  overlap.return %v : tensor<1x2xf32>
}

// -----

// Rows 16 to 48 are of two panels.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @panels(%x: tensor<2x8xf32>, %w: !lm.weight<64x8, #lm.f32>) -> tensor<2x32xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %half = arith.constant 16 : index
  // expected-error @+1 {{'overlap.slice' op expected whole rows of an argument, from a multiple of 32 on and a multiple of 32 of them, for a CPU: weights lie in panels}}
  %part = overlap.slice %w[%half, %z] : !lm.weight<64x8, #lm.f32> -> !lm.weight<32x8, #lm.f32>
  %y = lm.linear %x, %part : tensor<2x8xf32>, !lm.weight<32x8, #lm.f32>
  overlap.return %y : tensor<2x32xf32>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @gathered(%x: tensor<2x8xf32>) -> tensor<2x8xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x8xf32, own>
  %v = overlap.load %own[%z, %z] : !overlap.view<4x8xf32, own> -> tensor<4x8xf32>
  // expected-error @+1 {{'overlap.slice' op expected a slice of an argument for a CPU}}
  %s = overlap.slice %v[%z, %z] : tensor<4x8xf32> -> tensor<2x8xf32>
  overlap.return %s : tensor<2x8xf32>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @elsewhere() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  %v = overlap.load %own[%z, %z] : !overlap.view<2x8xf32, own> -> tensor<2x8xf32>
  overlap.region pool(<threads = 1>) {
    overlap.tiles (%i) in [1] pool(<threads = 1>) {
      // expected-error @+1 {{'overlap.put' op expected a tile that is made in the same part of the program, a region or what is between regions, for a CPU: others are not of the same thread}}
      overlap.put %v into %own[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @clear() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<8xf32, @mesh["tp"], slots = 3> -> !overlap.view<8xf32, own>
  // expected-error @+1 {{'overlap.clear' op expected a matrix for a CPU but got sizes 8}}
  overlap.clear %own[%z] size [8] ahead 2 : !overlap.view<8xf32, own>
  overlap.return
}
