// RUN: plait-opt %s -split-input-file --verify-diagnostics --plait-generate-cuda-protocols

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @threads() on @mesh["tp"] {
  // expected-error @+1 {{'overlap.region' op expected a pool of sms for CUDA but got #overlap.pool<threads = 2>}}
  overlap.region pool(<threads = 2>) {
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @engine(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, own>
  // expected-error @+1 {{'overlap.put' op has no CUDA code by a copy engine: that is the stream's}}
  overlap.put %x into %own[%z, %z] by copy : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @table(%t: tensor<2xi64>) on @mesh["tp"] {
  // expected-error @+1 {{'overlap.track' op expected a map of arrivals for CUDA but got a table}}
  %c = overlap.track table %t : tensor<2xi64> : !overlap.counter<[2], sys>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @columns(%x: tensor<1x4xf32>) -> tensor<1x4xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %four = arith.constant 4 : index
  %b = overlap.alloc : !overlap.buffer<1x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<1x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x8xf32, own>
  // expected-error @+1 {{'overlap.put' op expected whole rows for CUDA, from column 0 on}}
  overlap.put %x into %own[%z, %four] : tensor<1x4xf32> into !overlap.view<1x8xf32, own>
  overlap.return %x : tensor<1x4xf32>
}

// -----

// A tile of many rows is not kept beyond what orders memory.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @kept() -> tensor<2x4xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %v = overlap.load %own[%z, %z] : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.quiet written
  // expected-error @+1 {{'overlap.put' op expected a tile that is used before the next op which orders memory}}
  overlap.put %v into %own[%z, %z] : tensor<2x4xf32> into !overlap.view<2x4xf32, own>
  overlap.return %v : tensor<2x4xf32>
}

// -----

// A product reads what is loaded where it is, until it is stored.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @loaded(%w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{'overlap.load' op expected a product that is stored in another buffer than what it takes, for CUDA}}
      %v = overlap.load %own[%z, %z] : !overlap.view<2x8xf32, own> -> tensor<2x8xf32>
      %y = lm.linear %v, %w : tensor<2x8xf32>, !lm.weight<8x8, #lm.bf16>
      overlap.put %y into %own[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @told(%w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xbf16, @mesh["tp"], slots = 1>
  %o = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[1], gpu>
  %own = overlap.view %b own : !overlap.buffer<2x8xbf16, @mesh["tp"], slots = 1> -> !overlap.view<2x8xbf16, own>
  %out = overlap.view %o own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{'overlap.load' op expected no arrival, wait or quiet before the product is stored, as it reads the tile where it is, for CUDA}}
      %v = overlap.load %own[%z, %z] : !overlap.view<2x8xbf16, own> -> tensor<2x8xbf16>
      %y = lm.linear %v, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
      overlap.arrive %c[%z] own : !overlap.counter<[1], gpu>
      overlap.put %y into %out[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @columns_of(%w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x16xbf16, @mesh["tp"], slots = 1>
  %o = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x16xbf16, @mesh["tp"], slots = 1> -> !overlap.view<2x16xbf16, own>
  %out = overlap.view %o own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{'overlap.load' op expected whole rows for CUDA}}
      %v = overlap.load %own[%z, %z] : !overlap.view<2x16xbf16, own> -> tensor<2x8xbf16>
      %y = lm.linear %v, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
      overlap.put %y into %out[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
    }
  }
  overlap.return
}

// -----

// Products by TMA and by copies of threads have blocks of other sizes.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @both(%x: tensor<2x8xbf16>, %w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xbf16, @mesh["tp"], slots = 1>
  %o = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x8xbf16, @mesh["tp"], slots = 1> -> !overlap.view<2x8xbf16, own>
  %out = overlap.view %o own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x8xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      %v = overlap.load %own[%z, %z] : !overlap.view<2x8xbf16, own> -> tensor<2x8xbf16>
      // expected-error @+1 {{'lm.linear' op expected all products of a region to take what is loaded for sm_90a, or none}}
      %y = lm.linear %v, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
      overlap.put %y into %out[%z, %z] : tensor<2x8xf32> into !overlap.view<4x8xf32, own>
    }
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      %two = arith.constant 2 : index
      %y = lm.linear %x, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
      overlap.put %y into %out[%two, %z] : tensor<2x8xf32> into !overlap.view<4x8xf32, own>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @f32(%x: tensor<2x8xf32>, %w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{'lm.linear' op expected an input of bf16, from 'lm.round', for CUDA but got 'tensor<2x8xf32>'}}
      %y = lm.linear %x, %w : tensor<2x8xf32>, !lm.weight<8x8, #lm.bf16>
      overlap.put %y into %own[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @loop() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @+1 {{'scf.for' op has no CUDA code in a program}}
  scf.for %i = %z to %one step %one {
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [32]
// expected-error @+1 {{'overlap.program' op expected at most 16 ranks for CUDA}}
overlap.program @many() on @mesh["tp"] {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @stream(%x: tensor<2x8xbf16>, %w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  // expected-error @+1 {{'lm.linear' op expected one product alone in 'overlap.tiles' or 'overlap.trigger' for CUDA}}
  %y = lm.linear %x, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
  overlap.put %y into %own[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @two(%x: tensor<2x8xbf16>, %u: tensor<2x8xbf16>, %w: !lm.weight<8x8, #lm.bf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %b own : !overlap.buffer<2x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x8xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{'lm.linear' op expected one product alone in 'overlap.tiles' or 'overlap.trigger' for CUDA}}
      %y = lm.linear %x, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
      overlap.put %y into %own[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
      %v = lm.linear %u, %w : tensor<2x8xbf16>, !lm.weight<8x8, #lm.bf16>
      overlap.put %v into %own[%z, %z] : tensor<2x8xf32> into !overlap.view<2x8xf32, own>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @crowd() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  // expected-error @+1 {{'overlap.region' op expected at most 132 workers, the SMs of a GPU of sm_90a, but got 133: those that wait for each other have to be there at the same time}}
  overlap.region pool(<sms = 133>) {
    overlap.tiles (%i) in [2] pool(<sms = 133>) {
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
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
  // expected-error @+1 {{'overlap.clear' op expected a matrix for CUDA but got sizes 8}}
  overlap.clear %own[%z] size [8] ahead 2 : !overlap.view<8xf32, own>
  overlap.return
}
