// A reduce-scatter, in which the owner of a row adds it up, and an all-gather, in which it
// stores the sum in the memory of all.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='schedules=20' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [4]/' %s | plait-opt --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = par.all_reduce %x on @mesh ["tp"] : tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

overlap.program @two_shot(%x: tensor<2x4xf32>) -> tensor<2x4xf32> on @mesh["tp"] implements @reference {
  %z = arith.constant 0 : index
  %n = overlap.num_ranks
  %in = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[2], sys>
  %d = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %own = overlap.view %in own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %sums = overlap.view %out multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> ((i + r) mod 2)> pool(<sms = 1>) {
      %v = overlap.slice %x[%i, %z] : tensor<2x4xf32> -> tensor<1x4xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[2], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 1>) : !overlap.counter<[2], sys> {
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      overlap.put %s into %sums[%i, %z] by tma : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
      overlap.quiet written
      overlap.arrive %d[%i] multicast : !overlap.counter<[2], sys>
    }
  }
  // On the stream, behind the region.
  %i1 = arith.constant 1 : index
  %t0 = overlap.wait %d[%z] : !overlap.counter<[2], sys>
  %t1 = overlap.wait %d[%i1] : !overlap.counter<[2], sys>
  %y = overlap.load %result[%z, %z] after %t0, %t1 : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.return %y : tensor<2x4xf32>
}
