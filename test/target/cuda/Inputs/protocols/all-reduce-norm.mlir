// All-reduce, residual and RMSNorm at once (TokenWeave, arXiv 2505.11329): the owner of two rows adds them up, adds the
// residual, of which it alone has them, normalises, and stores the result in the memory of all.
par.mesh @mesh axes ["tp"] sizes [NRANKS]
overlap.program @all_reduce_norm(%x: tensor<NROWSx72xf32>, %r: tensor<2x72xf32>, %g: !lm.weight<72, #lm.f32>)
    -> (tensor<NROWSx72xf32>, tensor<2x72xf32>) on @mesh["tp"] replicated [2] {
  %z = arith.constant 0 : index
  %two = arith.constant 2 : index
  %in = overlap.alloc : !overlap.buffer<NROWSx72xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<NROWSx72xf32, @mesh["tp"], slots = 1>
  %residual = overlap.alloc : !overlap.buffer<2x72xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i) -> (i)> : !overlap.counter<[NRANKS], sys>
  %d = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  %own = overlap.view %in own : !overlap.buffer<NROWSx72xf32, @mesh["tp"], slots = 1> -> !overlap.view<NROWSx72xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<NROWSx72xf32, @mesh["tp"], slots = 1> -> !overlap.view<NROWSx72xf32, multicast>
  %norms = overlap.view %out multicast : !overlap.buffer<NROWSx72xf32, @mesh["tp"], slots = 1> -> !overlap.view<NROWSx72xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<NROWSx72xf32, @mesh["tp"], slots = 1> -> !overlap.view<NROWSx72xf32, own>
  %shard = overlap.view %residual own : !overlap.buffer<2x72xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x72xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [NRANKS] order affine_map<(i)[r] -> ((i + r + 1) mod NRANKS)> pool(<sms = 1>) {
      %first = arith.muli %i, %two : index
      %v = overlap.slice %x[%first, %z] : tensor<NROWSx72xf32> -> tensor<2x72xf32>
      overlap.put %v into %own[%first, %z] : tensor<2x72xf32> into !overlap.view<NROWSx72xf32, own>
      overlap.arrive %c[%i] peer %i : !overlap.counter<[NRANKS], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 1>) : !overlap.counter<[NRANKS], sys> {
      %first = arith.muli %i, %two : index
      %v = overlap.load_reduce %all[%first, %z] after %t : !overlap.view<NROWSx72xf32, multicast> -> tensor<2x72xf32>
      %s = lm.add %v, %r : tensor<2x72xf32>
      overlap.put %s into %shard[%z, %z] : tensor<2x72xf32> into !overlap.view<2x72xf32, own>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<2x72xf32>, !lm.weight<72, #lm.f32>
      overlap.put %h into %norms[%first, %z] : tensor<2x72xf32> into !overlap.view<NROWSx72xf32, multicast>
      overlap.arrive %d[%z] multicast : !overlap.counter<[1], sys>
    }
  }
  %t = overlap.wait %d[%z] : !overlap.counter<[1], sys>
  %y = overlap.load %result[%z, %z] after %t : !overlap.view<NROWSx72xf32, own> -> tensor<NROWSx72xf32>
  %p = overlap.load %shard[%z, %z] : !overlap.view<2x72xf32, own> -> tensor<2x72xf32>
  overlap.return %y, %p : tensor<NROWSx72xf32>, tensor<2x72xf32>
}
