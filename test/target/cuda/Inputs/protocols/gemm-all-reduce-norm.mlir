// Product, all-reduce, residual and RMSNorm at the level of tiles, without splitting the tokens: a block of rows is
// complete when all its tiles of all ranks are there; its owner then adds it up, normalises it and stores it in the
// memory of all, while other tiles are computed.
par.mesh @mesh axes ["tp"] sizes [NRANKS]
overlap.program @gemm_all_reduce_norm(%x: tensor<96x72xbf16>, %w: !lm.weight<144x72, #lm.bf16>, %r: tensor<96x144xf32>,
                                      %g: !lm.weight<144, #lm.f32>) -> tensor<96x144xf32>
    on @mesh["tp"] replicated [2, 3] {
  %z = arith.constant 0 : index
  %blocks = arith.constant 48 : index
  %tile = arith.constant 72 : index
  %n = overlap.num_ranks
  %partial = overlap.alloc : !overlap.buffer<96x144xf32, @mesh["tp"], slots = 1>
  %norm = overlap.alloc : !overlap.buffer<96x144xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n * 2)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[2], sys>
  %d = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %own = overlap.view %partial own : !overlap.buffer<96x144xf32, @mesh["tp"], slots = 1> -> !overlap.view<96x144xf32, own>
  %all = overlap.view %partial multicast : !overlap.buffer<96x144xf32, @mesh["tp"], slots = 1> -> !overlap.view<96x144xf32, multicast>
  %norms = overlap.view %norm multicast : !overlap.buffer<96x144xf32, @mesh["tp"], slots = 1> -> !overlap.view<96x144xf32, multicast>
  %rows = overlap.view %norm own : !overlap.buffer<96x144xf32, @mesh["tp"], slots = 1> -> !overlap.view<96x144xf32, own>
  overlap.region pool(<sms = 3>) {
    // A rank begins with the rows of another one, and ends with its own.
    overlap.tiles (%i, %j) in [2, 2] order affine_map<(i, j)[r] -> ((i + r + 1) mod 2, j)> pool(<sms = 2>) {
      %first = arith.muli %i, %blocks : index
      %a = overlap.slice %x[%first, %z] : tensor<96x72xbf16> -> tensor<48x72xbf16>
      %column = arith.muli %j, %tile : index
      %b = overlap.slice %w[%column, %z] : !lm.weight<144x72, #lm.bf16> -> !lm.weight<72x72, #lm.bf16>
      %acc = lm.linear %a, %b : tensor<48x72xbf16>, !lm.weight<72x72, #lm.bf16>
      overlap.put %acc into %own[%first, %column] : tensor<48x72xf32> into !overlap.view<96x144xf32, own>
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[2], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 1>) : !overlap.counter<[2], sys> {
      %first = arith.muli %i, %blocks : index
      %v = overlap.load_reduce %all[%first, %z] after %t : !overlap.view<96x144xf32, multicast> -> tensor<48x144xf32>
      %row = overlap.slice %r[%first, %z] : tensor<96x144xf32> -> tensor<48x144xf32>
      %s = lm.add %v, %row : tensor<48x144xf32>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<48x144xf32>, !lm.weight<144, #lm.f32>
      overlap.put %h into %norms[%first, %z] : tensor<48x144xf32> into !overlap.view<96x144xf32, multicast>
      overlap.arrive %d[%i] multicast : !overlap.counter<[2], sys>
    }
  }
  %i1 = arith.constant 1 : index
  %t0 = overlap.wait %d[%z] : !overlap.counter<[2], sys>
  %t1 = overlap.wait %d[%i1] : !overlap.counter<[2], sys>
  %y = overlap.load %rows[%z, %z] after %t0, %t1 : !overlap.view<96x144xf32, own> -> tensor<96x144xf32>
  overlap.return %y : tensor<96x144xf32>
}
