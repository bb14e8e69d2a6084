// Ranks store their rows in the memory of all; tiles of the product wait for theirs, those of
// the rank's own rows first.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='schedules=20' -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<1x4xf32>, %w: !lm.weight<3x4, #lm.f32>) -> tensor<2x3xf32> {
  %a = par.all_gather %x dim 0 {"tp" : 0 to 1, 1 to 2} on @mesh : tensor<1x4xf32> -> tensor<2x4xf32>
  %y = lm.linear %a, %w : tensor<2x4xf32>, !lm.weight<3x4, #lm.f32>
  return %y : tensor<2x3xf32>
}

overlap.program @all_gather_gemm(%x: tensor<1x4xf32>, %w: !lm.weight<3x4, #lm.f32>) -> tensor<2x3xf32>
    on @mesh["tp"] implements @reference {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %rows = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<2x3xf32, @mesh["tp"], slots = 1>
  // One index for each rank that arrives.
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %all = overlap.view %rows multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x4xf32, multicast>
  %own = overlap.view %rows own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x4xf32, own>
  %result = overlap.view %out own : !overlap.buffer<2x3xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x3xf32, own>
  overlap.region pool(<sms = 4>) {
    overlap.tiles (%i) in [1] pool(<copy_engines = 1>) {
      overlap.put %x into %all[%rank, %z] by copy : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
      overlap.quiet written
      overlap.arrive %c[%rank] multicast : !overlap.counter<[2], sys>
    }
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> ((i + r) mod 2)> pool(<sms = 1>) {
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
      %a = overlap.load %own[%i, %z] after %t : !overlap.view<2x4xf32, own> -> tensor<1x4xf32>
      %acc = lm.linear %a, %w : tensor<1x4xf32>, !lm.weight<3x4, #lm.f32>
      overlap.put %acc into %result[%i, %z] : tensor<1x3xf32> into !overlap.view<2x3xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x3xf32, own> -> tensor<2x3xf32>
  overlap.return %y : tensor<2x3xf32>
}
