// One rank forgets to say that its rows are there: the others wait for ever.
//
// RUN: not plait-opt %s --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s

// CHECK: error: 'overlap.wait' op expected 2 arrivals in an epoch at index [0] on rank 0 but got 1
// CHECK: note: counter is here
// CHECK: note: 1 arrive here, the first of rank 0

par.mesh @mesh axes ["tp"] sizes [2]

overlap.program @one_shot(%x: tensor<2x4xf32>) -> tensor<2x4xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %isFirst = arith.cmpi eq, %rank, %z : index
  %in = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  %own = overlap.view %in own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x4xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [2] pool(<sms = 2>) {
      %v = overlap.slice %x[%i, %z] : tensor<2x4xf32> -> tensor<1x4xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
      scf.if %isFirst {
        overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      }
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      overlap.put %s into %result[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.return %y : tensor<2x4xf32>
}
