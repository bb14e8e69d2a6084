// The three protocols of overlap.md at the size of a 70B model on 8 GPUs: rows of 8192 columns.
par.mesh @mesh axes ["tp"] sizes [8]

// Few rows: each rank adds up all of them, and computes residual and norm.
overlap.program @one_shot_all_reduce_norm(%x: tensor<16x8192xf32>, %r: tensor<16x8192xf32>, %g: !lm.weight<8192, #lm.f32>)
    -> (tensor<16x8192xf32>, tensor<16x8192xf32>) on @mesh["tp"] replicated [1, 2] {
  %z = arith.constant 0 : index
  %in = overlap.alloc : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 1>
  %kept = overlap.alloc : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[16], sys>
  %own = overlap.view %in own : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 2> -> !overlap.view<16x8192xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 2> -> !overlap.view<16x8192xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<16x8192xf32, own>
  %residual = overlap.view %kept own : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<16x8192xf32, own>
  overlap.region pool(<sms = 16>) {
    overlap.tiles (%i) in [16] pool(<sms = 16>) {
      %v = overlap.slice %x[%i, %z] : tensor<16x8192xf32> -> tensor<1x8192xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x8192xf32> into !overlap.view<16x8192xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[16], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[16], sys>
      %p = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<16x8192xf32, multicast> -> tensor<1x8192xf32>
      %row = overlap.slice %r[%i, %z] : tensor<16x8192xf32> -> tensor<1x8192xf32>
      %s = lm.add %p, %row : tensor<1x8192xf32>
      overlap.put %s into %residual[%i, %z] : tensor<1x8192xf32> into !overlap.view<16x8192xf32, own>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<1x8192xf32>, !lm.weight<8192, #lm.f32>
      overlap.put %h into %result[%i, %z] : tensor<1x8192xf32> into !overlap.view<16x8192xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<16x8192xf32, own> -> tensor<16x8192xf32>
  %k = overlap.load %residual[%z, %z] : !overlap.view<16x8192xf32, own> -> tensor<16x8192xf32>
  overlap.return %y, %k : tensor<16x8192xf32>, tensor<16x8192xf32>
}

// More rows: each has an owner, which alone has its residual; in bulk.
overlap.program @two_shot_all_reduce_norm(%x: tensor<128x8192xf32>, %r: tensor<16x8192xf32>, %g: !lm.weight<8192, #lm.f32>)
    -> (tensor<128x8192xf32>, tensor<16x8192xf32>) on @mesh["tp"] replicated [2] {
  %z = arith.constant 0 : index
  %rows = arith.constant 16 : index
  %rank = overlap.rank
  %first = arith.muli %rank, %rows : index
  %in = overlap.alloc : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1>
  %kept = overlap.alloc : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i) -> (i floordiv 16)> : !overlap.counter<[128], sys>
  %d = overlap.track expect affine_map<(i) -> (128)> : !overlap.counter<[1], sys>
  %own = overlap.view %in own : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<128x8192xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<128x8192xf32, multicast>
  %norms = overlap.view %out multicast : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<128x8192xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<128x8192xf32, own>
  %residual = overlap.view %kept own : !overlap.buffer<16x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<16x8192xf32, own>
  overlap.region pool(<sms = 16>) {
    overlap.tiles (%i) in [128] order affine_map<(i)[r] -> ((i + (r + 1) * 16) mod 128)> pool(<sms = 8>) {
      %v = overlap.slice %x[%i, %z] : tensor<128x8192xf32> -> tensor<1x8192xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x8192xf32> into !overlap.view<128x8192xf32, own>
      %o = arith.divui %i, %rows : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[128], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 8>) : !overlap.counter<[128], sys> {
      %p = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<128x8192xf32, multicast> -> tensor<1x8192xf32>
      %j = arith.subi %i, %first : index
      %row = overlap.slice %r[%j, %z] : tensor<16x8192xf32> -> tensor<1x8192xf32>
      %s = lm.add %p, %row : tensor<1x8192xf32>
      overlap.put %s into %residual[%j, %z] : tensor<1x8192xf32> into !overlap.view<16x8192xf32, own>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<1x8192xf32>, !lm.weight<8192, #lm.f32>
      overlap.put %h into %norms[%i, %z] by tma : tensor<1x8192xf32> into !overlap.view<128x8192xf32, multicast>
      overlap.quiet written
      overlap.arrive %d[%z] multicast : !overlap.counter<[1], sys>
    }
  }
  %t = overlap.wait %d[%z] : !overlap.counter<[1], sys>
  %y = overlap.load %result[%z, %z] after %t : !overlap.view<128x8192xf32, own> -> tensor<128x8192xf32>
  %k = overlap.load %residual[%z, %z] : !overlap.view<16x8192xf32, own> -> tensor<16x8192xf32>
  overlap.return %y, %k : tensor<128x8192xf32>, tensor<16x8192xf32>
}

// The down projection with its sum, residual and norm by tiles: blocks of 128 rows, of which a rank owns one.
overlap.program @gemm_all_reduce_norm(%x: tensor<1024x3584xbf16>, %w: !lm.weight<8192x3584, #lm.bf16>, %r: tensor<128x8192xf32>,
                                      %g: !lm.weight<8192, #lm.f32>) -> (tensor<1024x8192xf32>, tensor<128x8192xf32>)
    on @mesh["tp"] replicated [3] {
  %z = arith.constant 0 : index
  %rows = arith.constant 128 : index
  %columns = arith.constant 512 : index
  %partial = overlap.alloc : !overlap.buffer<1024x8192xf32, @mesh["tp"], slots = 1>
  %norm = overlap.alloc : !overlap.buffer<1024x8192xf32, @mesh["tp"], slots = 1>
  %kept = overlap.alloc : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n * 16)> owner affine_map<(i) -> (i)> : !overlap.counter<[8], sys>
  %d = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  %own = overlap.view %partial own : !overlap.buffer<1024x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<1024x8192xf32, own>
  %all = overlap.view %partial multicast : !overlap.buffer<1024x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<1024x8192xf32, multicast>
  %norms = overlap.view %norm multicast : !overlap.buffer<1024x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<1024x8192xf32, multicast>
  %result = overlap.view %norm own : !overlap.buffer<1024x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<1024x8192xf32, own>
  %residual = overlap.view %kept own : !overlap.buffer<128x8192xf32, @mesh["tp"], slots = 1> -> !overlap.view<128x8192xf32, own>
  overlap.region pool(<sms = 132>) {
    // A rank begins with the rows of another one, and ends with its own.
    overlap.tiles (%i, %j) in [8, 16] order affine_map<(i, j)[r] -> ((i + r + 1) mod 8, j)> pool(<sms = 124>) {
      %first = arith.muli %i, %rows : index
      %column = arith.muli %j, %columns : index
      %a = overlap.slice %x[%first, %z] : tensor<1024x3584xbf16> -> tensor<128x3584xbf16>
      %b = overlap.slice %w[%column, %z] : !lm.weight<8192x3584, #lm.bf16> -> !lm.weight<512x3584, #lm.bf16>
      %acc = lm.linear %a, %b : tensor<128x3584xbf16>, !lm.weight<512x3584, #lm.bf16>
      overlap.put %acc into %own[%first, %column] : tensor<128x512xf32> into !overlap.view<1024x8192xf32, own>
      overlap.arrive %c[%i] peer %i : !overlap.counter<[8], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 8>) : !overlap.counter<[8], sys> {
      %first = arith.muli %i, %rows : index
      %p = overlap.load_reduce %all[%first, %z] after %t : !overlap.view<1024x8192xf32, multicast> -> tensor<128x8192xf32>
      %s = lm.add %p, %r : tensor<128x8192xf32>
      overlap.put %s into %residual[%z, %z] : tensor<128x8192xf32> into !overlap.view<128x8192xf32, own>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<128x8192xf32>, !lm.weight<8192, #lm.f32>
      overlap.put %h into %norms[%first, %z] by tma : tensor<128x8192xf32> into !overlap.view<1024x8192xf32, multicast>
      overlap.quiet written
      overlap.arrive %d[%z] multicast : !overlap.counter<[1], sys>
    }
  }
  %t = overlap.wait %d[%z] : !overlap.counter<[1], sys>
  %y = overlap.load %result[%z, %z] after %t : !overlap.view<1024x8192xf32, own> -> tensor<1024x8192xf32>
  %k = overlap.load %residual[%z, %z] : !overlap.view<128x8192xf32, own> -> tensor<128x8192xf32>
  overlap.return %y, %k : tensor<1024x8192xf32>, tensor<128x8192xf32>
}
