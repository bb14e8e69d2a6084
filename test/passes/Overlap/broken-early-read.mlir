// What others have put is read without the token of the wait: it may not be there yet.
//
// RUN: not plait-opt %s --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s

// CHECK: error: 'overlap.load_reduce' op reads what rank 1 writes, and nothing orders it behind (rank 0, epoch 0)
// CHECK: note: is written here
// CHECK: note: it holds no token of a wait

par.mesh @mesh axes ["tp"] sizes [2]

overlap.program @one_shot(%x: tensor<2x4xf32>) -> tensor<2x4xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
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
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
      %s = overlap.load_reduce %all[%i, %z] : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      overlap.put %s into %result[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.return %y : tensor<2x4xf32>
}
