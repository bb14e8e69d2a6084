// Tiles of a product are added in the memory of the rank that owns their rows, which begins
// with those of the others. Who has read the sum sets it to zero.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='schedules=20 epochs=3' -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<2x3xf32>, %w: !lm.weight<4x3, #lm.f32>) -> tensor<1x4xf32> {
  %p = lm.linear %x, %w : tensor<2x3xf32>, !lm.weight<4x3, #lm.f32>
  %y = par.reduce_scatter %p dim 0 {"tp" : 0 to 1, 1 to 2} on @mesh : tensor<2x4xf32> -> tensor<1x4xf32>
  return %y : tensor<1x4xf32>
}

overlap.program @gemm_reduce_scatter(%x: tensor<2x3xf32>, %w: !lm.weight<4x3, #lm.f32>) -> tensor<1x4xf32>
    on @mesh["tp"] implements @reference {
  %z = arith.constant 0 : index
  %i1 = arith.constant 1 : index
  %rank = overlap.rank
  %zeros = arith.constant dense<0.0> : tensor<1x4xf32>
  %sum = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  // One index for each rank that arrives: else an arrival of a rank that is an epoch ahead
  // could count in the place of another.
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %own = overlap.view %sum own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> ((i + r + 1) mod 2)> pool(<sms = 1>) {
      %a = overlap.slice %x[%i, %z] : tensor<2x3xf32> -> tensor<1x3xf32>
      %acc = lm.linear %a, %w : tensor<1x3xf32>, !lm.weight<4x3, #lm.f32>
      %peer = overlap.view %sum peer %i : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, peer>
      overlap.reduce_add %acc into %peer[%z, %z] by tma : tensor<1x4xf32> into !overlap.view<1x4xf32, peer>
      overlap.quiet written
      overlap.arrive %c[%rank] peer %i : !overlap.counter<[2], sys>
    }
  }
  %t0 = overlap.wait %c[%z] : !overlap.counter<[2], sys>
  %t1 = overlap.wait %c[%i1] : !overlap.counter<[2], sys>
  %y = overlap.load %own[%z, %z] after %t0, %t1 : !overlap.view<1x4xf32, own> -> tensor<1x4xf32>
  overlap.put %zeros into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
  overlap.return %y : tensor<1x4xf32>
}
