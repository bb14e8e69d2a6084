// All-reduce, residual and RMSNorm at once (TokenWeave, arXiv 2505.11329): the owner of a row
// adds it up, adds the residual, of which it alone has that row, normalises, and stores the
// result in the memory of all.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='schedules=20' -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<2x4xf32>, %r: tensor<2x4xf32>, %g: !lm.weight<4, #lm.f32>) -> (tensor<2x4xf32>, tensor<1x4xf32>) {
  %y = par.all_reduce %x on @mesh ["tp"] : tensor<2x4xf32>
  %s = lm.add %y, %r : tensor<2x4xf32>
  %n = lm.rms_norm %s, %g eps 1.0e-5 : tensor<2x4xf32>, !lm.weight<4, #lm.f32>
  %p = par.part %s dim 0 {"tp" : 0 to 1, 1 to 2} on @mesh : tensor<2x4xf32> -> tensor<1x4xf32>
  return %n, %p : tensor<2x4xf32>, tensor<1x4xf32>
}

overlap.program @all_reduce_norm(%x: tensor<2x4xf32>, %r: tensor<2x4xf32>, %g: !lm.weight<4, #lm.f32>) -> (tensor<2x4xf32>, tensor<1x4xf32>)
    on @mesh["tp"] implements @reference replicated [1, 2] {
  %z = arith.constant 0 : index
  %i1 = arith.constant 1 : index
  %n = overlap.num_ranks
  %in = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %residual = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[2], sys>
  %d = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %own = overlap.view %in own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %norms = overlap.view %out multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %shard = overlap.view %residual own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [2] pool(<sms = 1>) {
      %v = overlap.slice %x[%i, %z] : tensor<2x4xf32> -> tensor<1x4xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[2], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 1>) : !overlap.counter<[2], sys> {
      %v = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      %row = overlap.slice %r[%i, %z] : tensor<2x4xf32> -> tensor<1x4xf32>
      %s = lm.add %v, %row : tensor<1x4xf32>
      overlap.put %s into %shard[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<1x4xf32>, !lm.weight<4, #lm.f32>
      overlap.put %h into %norms[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
      overlap.arrive %d[%i] multicast : !overlap.counter<[2], sys>
    }
  }
  %t0 = overlap.wait %d[%z] : !overlap.counter<[2], sys>
  %t1 = overlap.wait %d[%i1] : !overlap.counter<[2], sys>
  %y = overlap.load %result[%z, %z] after %t0, %t1 : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  %p = overlap.load %shard[%z, %z] : !overlap.view<1x4xf32, own> -> tensor<1x4xf32>
  overlap.return %y, %p : tensor<2x4xf32>, tensor<1x4xf32>
}
