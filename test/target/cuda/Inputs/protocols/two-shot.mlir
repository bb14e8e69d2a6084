// Two-shot all-reduce: the owner of two rows adds them up and stores them in the memory of all, in bulk.
par.mesh @mesh axes ["tp"] sizes [NRANKS]
overlap.program @two_shot(%x: tensor<6x72xf32>) -> tensor<6x72xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %n = overlap.num_ranks
  %two = arith.constant 2 : index
  %in = overlap.alloc : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[3], sys>
  %d = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[3], sys>
  %own = overlap.view %in own : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x72xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x72xf32, multicast>
  %sums = overlap.view %out multicast : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x72xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x72xf32, own>
  overlap.region pool(<sms = 3>) {
    overlap.tiles (%i) in [3] order affine_map<(i)[r] -> ((i + r) mod 3)> pool(<sms = 1>) {
      %first = arith.muli %i, %two : index
      %v = overlap.slice %x[%first, %z] : tensor<6x72xf32> -> tensor<2x72xf32>
      overlap.put %v into %own[%first, %z] : tensor<2x72xf32> into !overlap.view<6x72xf32, own>
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[3], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 2>) : !overlap.counter<[3], sys> {
      %first = arith.muli %i, %two : index
      %s = overlap.load_reduce %all[%first, %z] after %t : !overlap.view<6x72xf32, multicast> -> tensor<2x72xf32>
      overlap.put %s into %sums[%first, %z] by tma : tensor<2x72xf32> into !overlap.view<6x72xf32, multicast>
      overlap.quiet written
      overlap.arrive %d[%i] multicast : !overlap.counter<[3], sys>
    }
  }
  // On the stream, behind the region.
  %i1 = arith.constant 1 : index
  %t0 = overlap.wait %d[%z] : !overlap.counter<[3], sys>
  %t1 = overlap.wait %d[%i1] : !overlap.counter<[3], sys>
  %t2 = overlap.wait %d[%two] : !overlap.counter<[3], sys>
  %y = overlap.load %result[%z, %z] after %t0, %t1, %t2 : !overlap.view<6x72xf32, own> -> tensor<6x72xf32>
  overlap.return %y : tensor<6x72xf32>
}
