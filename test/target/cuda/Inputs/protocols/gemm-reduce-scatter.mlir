// Tiles of a product are added in the memory of the rank that owns their rows, which begins with those of the others.
// Who has read the sum sets it to zero.
par.mesh @mesh axes ["tp"] sizes [3]
overlap.program @gemm_reduce_scatter(%x: tensor<120x64xbf16>, %w: !lm.weight<72x64, #lm.bf16>) -> tensor<40x72xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %block = arith.constant 40 : index
  %rank = overlap.rank
  %zeros = arith.constant dense<0.0> : tensor<40x72xf32>
  %sum = overlap.alloc : !overlap.buffer<40x72xf32, @mesh["tp"], slots = 2>
  // One index for each rank that arrives: else an arrival of a rank that is an epoch ahead could count in the place of another.
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[3], sys>
  %own = overlap.view %sum own : !overlap.buffer<40x72xf32, @mesh["tp"], slots = 2> -> !overlap.view<40x72xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [3] order affine_map<(i)[r] -> ((i + r + 1) mod 3)> pool(<sms = 1>) {
      %first = arith.muli %i, %block : index
      %a = overlap.slice %x[%first, %z] : tensor<120x64xbf16> -> tensor<40x64xbf16>
      %acc = lm.linear %a, %w : tensor<40x64xbf16>, !lm.weight<72x64, #lm.bf16>
      %peer = overlap.view %sum peer %i : !overlap.buffer<40x72xf32, @mesh["tp"], slots = 2> -> !overlap.view<40x72xf32, peer>
      overlap.reduce_add %acc into %peer[%z, %z] : tensor<40x72xf32> into !overlap.view<40x72xf32, peer>
      overlap.arrive %c[%rank] peer %i : !overlap.counter<[3], sys>
    }
  }
  %i1 = arith.constant 1 : index
  %i2 = arith.constant 2 : index
  %t0 = overlap.wait %c[%z] : !overlap.counter<[3], sys>
  %t1 = overlap.wait %c[%i1] : !overlap.counter<[3], sys>
  %t2 = overlap.wait %c[%i2] : !overlap.counter<[3], sys>
  %y = overlap.load %own[%z, %z] after %t0, %t1, %t2 : !overlap.view<40x72xf32, own> -> tensor<40x72xf32>
  overlap.put %zeros into %own[%z, %z] : tensor<40x72xf32> into !overlap.view<40x72xf32, own>
  overlap.return %y : tensor<40x72xf32>
}
