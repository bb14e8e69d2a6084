// One-shot all-reduce: each rank reads what all have put in their own memory.
par.mesh @mesh axes ["tp"] sizes [NRANKS]
overlap.program @one_shot(%x: tensor<6x72xf32>) -> tensor<6x72xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  // A rank may be an epoch ahead, so that it takes two slots.
  %in = overlap.alloc : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[6], sys>
  %own = overlap.view %in own : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 2> -> !overlap.view<6x72xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 2> -> !overlap.view<6x72xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<6x72xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x72xf32, own>
  overlap.region pool(<sms = 3>) {
    overlap.tiles (%i) in [6] pool(<sms = 3>) {
      %v = overlap.slice %x[%i, %z] : tensor<6x72xf32> -> tensor<1x72xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x72xf32> into !overlap.view<6x72xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[6], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[6], sys>
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<6x72xf32, multicast> -> tensor<1x72xf32>
      overlap.put %s into %result[%i, %z] : tensor<1x72xf32> into !overlap.view<6x72xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<6x72xf32, own> -> tensor<6x72xf32>
  overlap.return %y : tensor<6x72xf32>
}
