// One slot for two epochs: a rank that is ahead writes over what another has yet to read.
//
// RUN: not plait-opt %s --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s

// CHECK: error: 'overlap.put' op writes slot 0 of rank 0 again (rank 0, epoch 1) without knowing that it has been read (rank 1, epoch 0)
// CHECK: note: is read here
// CHECK: note: of 1 slot; more slots, or a wait, give time

par.mesh @mesh axes ["tp"] sizes [2]

overlap.program @one_shot(%x: tensor<2x4xf32>) -> tensor<2x4xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %in = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  %own = overlap.view %in own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [2] pool(<sms = 2>) {
      %v = overlap.slice %x[%i, %z] : tensor<2x4xf32> -> tensor<1x4xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      overlap.put %s into %result[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.return %y : tensor<2x4xf32>
}
