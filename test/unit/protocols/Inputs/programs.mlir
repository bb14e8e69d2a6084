// Protocols that ProtocolsTest.cpp runs on CPU ranks, NRANKS of them: those of this file, and what passes write of the
// steps at its end. ROWS2 are two rows of each rank, MCOLS 24 columns.
par.mesh @mesh axes ["tp"] sizes [NRANKS] rank 0

// Each rank reads what all have put in their own memory.
overlap.program @one_shot(%x: tensor<6x40xf32>) -> tensor<6x40xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  // A rank may be an epoch ahead, so that it takes two slots.
  %in = overlap.alloc : !overlap.buffer<6x40xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<6x40xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[6], sys>
  %own = overlap.view %in own : !overlap.buffer<6x40xf32, @mesh["tp"], slots = 2> -> !overlap.view<6x40xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<6x40xf32, @mesh["tp"], slots = 2> -> !overlap.view<6x40xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<6x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x40xf32, own>
  overlap.region pool(<threads = 3>) {
    overlap.tiles (%i) in [6] pool(<threads = 3>) {
      %v = overlap.slice %x[%i, %z] : tensor<6x40xf32> -> tensor<1x40xf32>
      overlap.put %v into %own[%i, %z] : tensor<1x40xf32> into !overlap.view<6x40xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[6], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[6], sys>
      %s = overlap.load_reduce %all[%i, %z] after %t : !overlap.view<6x40xf32, multicast> -> tensor<1x40xf32>
      overlap.put %s into %result[%i, %z] : tensor<1x40xf32> into !overlap.view<6x40xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<6x40xf32, own> -> tensor<6x40xf32>
  overlap.return %y : tensor<6x40xf32>
}

// The owner of two rows adds them up and stores them in the memory of all.
overlap.program @two_shot(%x: tensor<6x42xf32>) -> tensor<6x42xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %n = overlap.num_ranks
  %two = arith.constant 2 : index
  %in = overlap.alloc : !overlap.buffer<6x42xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<6x42xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i)[n] -> (i mod n)> : !overlap.counter<[3], sys>
  %d = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[3], sys>
  %own = overlap.view %in own : !overlap.buffer<6x42xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x42xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<6x42xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x42xf32, multicast>
  %sums = overlap.view %out multicast : !overlap.buffer<6x42xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x42xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<6x42xf32, @mesh["tp"], slots = 1> -> !overlap.view<6x42xf32, own>
  overlap.region pool(<sms = 3>) {
    overlap.tiles (%i) in [3] order affine_map<(i)[r] -> ((i + r) mod 3)> pool(<sms = 1>) {
      %first = arith.muli %i, %two : index
      %v = overlap.slice %x[%first, %z] : tensor<6x42xf32> -> tensor<2x42xf32>
      overlap.put %v into %own[%first, %z] : tensor<2x42xf32> into !overlap.view<6x42xf32, own>
      %o = arith.remui %i, %n : index
      overlap.arrive %c[%i] peer %o : !overlap.counter<[3], sys>
    }
    overlap.trigger %c (%i) token %t pool(<sms = 2>) : !overlap.counter<[3], sys> {
      %first = arith.muli %i, %two : index
      %s = overlap.load_reduce %all[%first, %z] after %t : !overlap.view<6x42xf32, multicast> -> tensor<2x42xf32>
      overlap.put %s into %sums[%first, %z] by tma : tensor<2x42xf32> into !overlap.view<6x42xf32, multicast>
      overlap.quiet written
      overlap.arrive %d[%i] multicast : !overlap.counter<[3], sys>
    }
  }
  %i1 = arith.constant 1 : index
  %t0 = overlap.wait %d[%z] : !overlap.counter<[3], sys>
  %t1 = overlap.wait %d[%i1] : !overlap.counter<[3], sys>
  %t2 = overlap.wait %d[%two] : !overlap.counter<[3], sys>
  %y = overlap.load %result[%z, %z] after %t0, %t1, %t2 : !overlap.view<6x42xf32, own> -> tensor<6x42xf32>
  overlap.return %y : tensor<6x42xf32>
}

// The owner of two rows adds them up, adds the residual, which it alone has, normalises, and stores the result in the
// memory of all.
overlap.program @all_reduce_norm(%x: tensor<ROWS2x40xf32>, %r: tensor<2x40xf32>, %g: !lm.weight<40, #lm.f32>)
    -> (tensor<ROWS2x40xf32>, tensor<2x40xf32>) on @mesh["tp"] replicated [2] {
  %z = arith.constant 0 : index
  %two = arith.constant 2 : index
  %in = overlap.alloc : !overlap.buffer<ROWS2x40xf32, @mesh["tp"], slots = 1>
  %out = overlap.alloc : !overlap.buffer<ROWS2x40xf32, @mesh["tp"], slots = 1>
  %residual = overlap.alloc : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 1>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> owner affine_map<(i) -> (i)> : !overlap.counter<[NRANKS], sys>
  %d = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  %own = overlap.view %in own : !overlap.buffer<ROWS2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<ROWS2x40xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<ROWS2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<ROWS2x40xf32, multicast>
  %norms = overlap.view %out multicast : !overlap.buffer<ROWS2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<ROWS2x40xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<ROWS2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<ROWS2x40xf32, own>
  %shard = overlap.view %residual own : !overlap.buffer<2x40xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x40xf32, own>
  overlap.region pool(<threads = 2>) {
    overlap.tiles (%i) in [NRANKS] order affine_map<(i)[r] -> ((i + r + 1) mod NRANKS)> pool(<threads = 1>) {
      %first = arith.muli %i, %two : index
      %v = overlap.slice %x[%first, %z] : tensor<ROWS2x40xf32> -> tensor<2x40xf32>
      overlap.put %v into %own[%first, %z] : tensor<2x40xf32> into !overlap.view<ROWS2x40xf32, own>
      overlap.arrive %c[%i] peer %i : !overlap.counter<[NRANKS], sys>
    }
    overlap.trigger %c (%i) token %t pool(<threads = 1>) : !overlap.counter<[NRANKS], sys> {
      %first = arith.muli %i, %two : index
      %v = overlap.load_reduce %all[%first, %z] after %t : !overlap.view<ROWS2x40xf32, multicast> -> tensor<2x40xf32>
      %s = lm.add %v, %r : tensor<2x40xf32>
      overlap.put %s into %shard[%z, %z] : tensor<2x40xf32> into !overlap.view<2x40xf32, own>
      %h = lm.rms_norm %s, %g eps 1.0e-5 : tensor<2x40xf32>, !lm.weight<40, #lm.f32>
      overlap.put %h into %norms[%first, %z] : tensor<2x40xf32> into !overlap.view<ROWS2x40xf32, multicast>
      overlap.arrive %d[%z] multicast : !overlap.counter<[1], sys>
    }
  }
  %t = overlap.wait %d[%z] : !overlap.counter<[1], sys>
  %y = overlap.load %result[%z, %z] after %t : !overlap.view<ROWS2x40xf32, own> -> tensor<ROWS2x40xf32>
  %p = overlap.load %shard[%z, %z] : !overlap.view<2x40xf32, own> -> tensor<2x40xf32>
  overlap.return %y, %p : tensor<ROWS2x40xf32>, tensor<2x40xf32>
}

// Tiles of a product are added in the memory of the rank that owns their rows, which begins with those of the others.
// Who has read the sum sets it to zero. A worker collects arrivals of all ranks for the one that reads.
overlap.program @gemm_reduce_scatter(%x: tensor<ROWS2x24xf32>, %w: !lm.weight<32x24, #lm.f32>) -> tensor<2x32xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %block = arith.constant 2 : index
  %rank = overlap.rank
  %zeros = arith.constant dense<0.0> : tensor<2x32xf32>
  %sum = overlap.alloc : !overlap.buffer<2x32xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<2x32xf32, @mesh["tp"], slots = 1>
  // One index for each rank that arrives: else an arrival of a rank that is an epoch ahead could count in the place of another.
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[NRANKS], sys>
  %d = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], gpu>
  %own = overlap.view %sum own : !overlap.buffer<2x32xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x32xf32, own>
  %result = overlap.view %out own : !overlap.buffer<2x32xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x32xf32, own>
  overlap.region pool(<sms = 4>) {
    overlap.tiles (%i) in [NRANKS] order affine_map<(i)[r] -> ((i + r + 1) mod NRANKS)> pool(<sms = 2>) {
      %first = arith.muli %i, %block : index
      %a = overlap.slice %x[%first, %z] : tensor<ROWS2x24xf32> -> tensor<2x24xf32>
      %acc = lm.linear %a, %w : tensor<2x24xf32>, !lm.weight<32x24, #lm.f32>
      %peer = overlap.view %sum peer %i : !overlap.buffer<2x32xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x32xf32, peer>
      overlap.reduce_add %acc into %peer[%z, %z] : tensor<2x32xf32> into !overlap.view<2x32xf32, peer>
      overlap.arrive %c[%rank] peer %i : !overlap.counter<[NRANKS], sys>
    }
    overlap.tiles (%i) in [NRANKS] pool(<sms = 1>) {
      %t = overlap.wait %c[%i] : !overlap.counter<[NRANKS], sys>
      overlap.arrive %d[%z] own : !overlap.counter<[1], gpu>
    }
    overlap.trigger %d (%i) token %t pool(<sms = 1>) : !overlap.counter<[1], gpu> {
      %v = overlap.load %own[%z, %z] after %t : !overlap.view<2x32xf32, own> -> tensor<2x32xf32>
      overlap.put %v into %result[%z, %z] : tensor<2x32xf32> into !overlap.view<2x32xf32, own>
      overlap.put %zeros into %own[%z, %z] : tensor<2x32xf32> into !overlap.view<2x32xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<2x32xf32, own> -> tensor<2x32xf32>
  overlap.return %y : tensor<2x32xf32>
}

// Ranks store their rows in the memory of all; tiles of the product wait for theirs, those of the rank's own rows first.
overlap.program @all_gather_gemm(%x: tensor<2x24xf32>, %w: !lm.weight<64x24, #lm.f32>) -> tensor<ROWS2x64xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %two = arith.constant 2 : index
  %rank = overlap.rank
  %mine = arith.muli %rank, %two : index
  %rows = overlap.alloc : !overlap.buffer<ROWS2x24xf32, @mesh["tp"], slots = 2>
  %out = overlap.alloc : !overlap.buffer<ROWS2x64xf32, @mesh["tp"], slots = 1>
  // One index for each rank that arrives.
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[NRANKS], sys>
  %all = overlap.view %rows multicast : !overlap.buffer<ROWS2x24xf32, @mesh["tp"], slots = 2> -> !overlap.view<ROWS2x24xf32, multicast>
  %own = overlap.view %rows own : !overlap.buffer<ROWS2x24xf32, @mesh["tp"], slots = 2> -> !overlap.view<ROWS2x24xf32, own>
  %result = overlap.view %out own : !overlap.buffer<ROWS2x64xf32, @mesh["tp"], slots = 1> -> !overlap.view<ROWS2x64xf32, own>
  overlap.region pool(<sms = 2>) {
    overlap.tiles (%i) in [1] pool(<copy_engines = 1>) {
      overlap.put %x into %all[%mine, %z] by copy : tensor<2x24xf32> into !overlap.view<ROWS2x24xf32, multicast>
      overlap.quiet written
      overlap.arrive %c[%rank] multicast : !overlap.counter<[NRANKS], sys>
    }
    overlap.tiles (%i) in [NRANKS] order affine_map<(i)[r] -> ((i + r) mod NRANKS)> pool(<sms = 2>) {
      %first = arith.muli %i, %two : index
      %t = overlap.wait %c[%i] : !overlap.counter<[NRANKS], sys>
      %a = overlap.load %own[%first, %z] after %t : !overlap.view<ROWS2x24xf32, own> -> tensor<2x24xf32>
      %acc = lm.linear %a, %w : tensor<2x24xf32>, !lm.weight<64x24, #lm.f32>
      overlap.put %acc into %result[%first, %z] : tensor<2x64xf32> into !overlap.view<ROWS2x64xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<ROWS2x64xf32, own> -> tensor<ROWS2x64xf32>
  overlap.return %y : tensor<ROWS2x64xf32>
}

!whole = tensor<?x64xf32, #lm.dims<tokens>>
!part = tensor<?x64xf32, #lm.dims<tokens_part>>
!wide = tensor<?x24xf32, #lm.dims<tokens>>
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @down from "down" part <at = [0, 24], of = [64, MCOLS]> : !lm.weight<64x24, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<64, #lm.f32>
  lm.weight @up from "up" : !lm.weight<64x24, #lm.f32>
  lm.weight @gate from "gate" : !lm.weight<128x24, #lm.f32>
}
decode.step @s(%h: !wide, %x: !part, %u: !whole) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>, #decode.role<logprob>], output_roles = []} {
  %v = par.all_reduce %u on @mesh ["tp"] : !whole
  %w = lm.get_weight @m::@down : !lm.weight<64x24, #lm.f32>
  %g = lm.get_weight @m::@gain : !lm.weight<64, #lm.f32>
  %p = lm.linear %h, %w : !wide, !lm.weight<64x24, #lm.f32>
  %a, %r = par.reduce_gather %p with(%x) {"tp" : even} on @mesh : (!whole, !part) -> (!whole, !part) {
  ^bb0(%sum: !part, %own: !part):
    %0 = lm.add %own, %sum : !part
    %1 = lm.rms_norm %0, %g eps 1.0e-05 : !part, !lm.weight<64, #lm.f32>
    par.yield %1, %0 : !part, !part
  }
  decode.return
}

// The same sum by itself, and a gathering that two products of different width take.
!narrow = tensor<?x24xf32, #lm.dims<tokens_part>>
!gated = tensor<?x128xf32, #lm.dims<tokens>>
decode.step @t(%h: !wide, %x: !narrow) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>], output_roles = []} {
  %w = lm.get_weight @m::@down : !lm.weight<64x24, #lm.f32>
  %u = lm.get_weight @m::@up : !lm.weight<64x24, #lm.f32>
  %g = lm.get_weight @m::@gate : !lm.weight<128x24, #lm.f32>
  %p = lm.linear %h, %w : !wide, !lm.weight<64x24, #lm.f32>
  %y = par.reduce_scatter %p dim 0 {"tp" : even} on @mesh : !whole -> !part
  %a = par.all_gather %x dim 0 {"tp" : even} on @mesh : !narrow -> !wide
  %q = lm.linear %a, %u : !wide, !lm.weight<64x24, #lm.f32>
  %v = lm.linear %a, %g : !wide, !lm.weight<128x24, #lm.f32>
  decode.return
}
