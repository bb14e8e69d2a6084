// Product, all-reduce, residual and RMSNorm, and the product behind, at the level of tiles and
// without splitting the tokens. A block of rows is complete when all its tiles of all ranks
// are there: as many as ranks times column tiles. Its owner then adds it up, normalises it and
// stores it in the memory of all, while other tiles are computed, and the next product begins
// with whichever block is there.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='schedules=20' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [8]/' %s | plait-opt --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=10 epochs=3' -o /dev/null

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<2x3xf32>, %w: !lm.weight<4x3, #lm.f32>, %r: tensor<2x4xf32>,
                     %g: !lm.weight<4, #lm.f32>, %u: !lm.weight<3x4, #lm.f32>) -> tensor<2x3xf32> {
  %p = lm.linear %x, %w : tensor<2x3xf32>, !lm.weight<4x3, #lm.f32>
  %y = par.all_reduce %p on @mesh ["tp"] : tensor<2x4xf32>
  %s = lm.add %y, %r : tensor<2x4xf32>
  %n = lm.rms_norm %s, %g eps 1.0e-5 : tensor<2x4xf32>, !lm.weight<4, #lm.f32>
  %q = lm.linear %n, %u : tensor<2x4xf32>, !lm.weight<3x4, #lm.f32>
  return %q : tensor<2x3xf32>
}

overlap.program @gemm_all_reduce_norm(%x: tensor<2x3xf32>, %w: !lm.weight<4x3, #lm.f32>, %r: tensor<2x4xf32>,
                                      %g: !lm.weight<4, #lm.f32>, %u: !lm.weight<3x4, #lm.f32>) -> tensor<2x3xf32>
    on @mesh["tp"] implements @reference replicated [2, 3] {
  %z = arith.constant 0 : index
  %two = arith.constant 2 : index
  %n = overlap.num_ranks
  %partial = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %norm = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<2x3xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n * 2)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[2], sys>
  %d = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %own = overlap.view %partial own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %partial multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %norms = overlap.view %norm multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, multicast>
  %rows = overlap.view %norm own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  %result = overlap.view %out own : !overlap.buffer<2x3xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x3xf32, own>
  overlap.region pool(<sms = 132>) {
    // A rank begins with the rows of another one, and ends with its own.
    overlap.tiles (%i, %j) in [2, 2] order affine_map<(i, j)[r] -> ((i + r + 1) mod 2, j)> pool(<sms = 1>) {
      %a = overlap.slice %x[%i, %z] : tensor<2x3xf32> -> tensor<1x3xf32>
      %column = arith.muli %j, %two : index
      %b = overlap.slice %w[%column, %z] : !lm.weight<4x3, #lm.f32> -> !lm.weight<2x3, #lm.f32>
      %acc = lm.linear %a, %b : tensor<1x3xf32>, !lm.weight<2x3, #lm.f32>
      overlap.put %acc into %own[%i, %column] by tma : tensor<1x2xf32> into !overlap.view<2x4xf32, own>
      overlap.quiet written
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[2], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 8>) : !overlap.counter<[2], sys> {
      %v = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<2x4xf32, multicast> -> tensor<1x4xf32>
      %row = overlap.slice %r[%i, %z] : tensor<2x4xf32> -> tensor<1x4xf32>
      %s = lm.add %v, %row : tensor<1x4xf32>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<1x4xf32>, !lm.weight<4, #lm.f32>
      overlap.put %h into %norms[%i, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
      overlap.arrive %d[%i] multicast : !overlap.counter<[2], sys>
    }
    overlap.trigger %d (%i) token %t pool(<sms = 123>) : !overlap.counter<[2], sys> {
      %h = overlap.load %rows[%i, %z] after %t : !overlap.view<2x4xf32, own> -> tensor<1x4xf32>
      %q = lm.linear %h, %u : tensor<1x4xf32>, !lm.weight<3x4, #lm.f32>
      overlap.put %q into %result[%i, %z] : tensor<1x3xf32> into !overlap.view<2x3xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x3xf32, own> -> tensor<2x3xf32>
  overlap.return %y : tensor<2x3xf32>
}
