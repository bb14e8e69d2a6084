// Each rank reads what all have put in their own memory.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='schedules=20' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [8]/' %s | plait-opt --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<2x4xf32>) -> tensor<2x4xf32> {
  %y = par.all_reduce %x on @mesh ["tp"] : tensor<2x4xf32>
  return %y : tensor<2x4xf32>
}

overlap.program @one_shot(%x: tensor<2x4xf32>) -> tensor<2x4xf32> on @mesh["tp"] implements @reference {
  %z = arith.constant 0 : index
  // A rank may be an epoch ahead, so that it takes two slots.
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
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      overlap.put %s into %result[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.return %y : tensor<2x4xf32>
}
