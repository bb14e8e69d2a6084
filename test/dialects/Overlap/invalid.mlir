// RUN: plait-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected 1 to 64 slots but got 0}}
func.func private @f(!overlap.buffer<4x8xf32, @mesh["tp"], slots = 0>)

// -----

// expected-error @+1 {{expected 1 to 64 slots but got 65}}
func.func private @f(!overlap.buffer<4x8xf32, @mesh["tp"], slots = 65>)

// -----

// expected-error @+1 {{expected positive extents but got 0}}
func.func private @f(!overlap.buffer<4x0xf32, @mesh["tp"], slots = 1>)

// -----

// expected-error @+1 {{expected at least one extent}}
func.func private @f(!overlap.buffer<f32, @mesh["tp"], slots = 1>)

// -----

// expected-error @+1 {{expected elements of floating point but got 'i32'}}
func.func private @f(!overlap.buffer<4xi32, @mesh["tp"], slots = 1>)

// -----

// expected-error @+1 {{expected elements of floating point but got 'i32'}}
func.func private @f(!overlap.view<4xi32, own>)

// -----

// expected-error @+1 {{expected one of [own, peer, multicast] for whose memory, got: yours}}
func.func private @f(!overlap.view<4xf32, yours>)

// -----

// expected-error @+1 {{expected positive extents whose product is at most 65536 but got 4, 0}}
func.func private @f(!overlap.counter<[4, 0], sys>)

// -----

// expected-error @+1 {{expected positive extents whose product is at most 65536 but got 65537}}
func.func private @f(!overlap.counter<[65537], sys>)

// -----

// expected-error @+1 {{expected at least one extent}}
func.func private @f(!overlap.counter<[], sys>)

// -----

// expected-error @+1 {{expected one of [gpu, sys] for among whom a counter orders, got: cluster}}
func.func private @f(!overlap.counter<[4], cluster>)

// -----

// expected-error @+1 {{expected the symbol of a 'par.mesh' but got @mesh}}
overlap.program @p() on @mesh["tp"]

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected an axis of mesh mesh or a part of its factors but got "dp"}}
overlap.program @p() on @mesh["dp"]

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected an axis but got 1 : i64}}
"overlap.program"() <{sym_name = "p", function_type = () -> (), mesh = @mesh, axis = 1 : i64}> ({}) : () -> ()

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected the symbol of a function but got @f}}
overlap.program @p() on @mesh["tp"] implements @f

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-note @+1 {{which is this}}
func.func private @f(tensor<4xf32>)
// expected-error @+1 {{expected to have the type of what it implements, '(tensor<4xf32>) -> ()', but got '() -> ()'}}
overlap.program @p() on @mesh["tp"] implements @f

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected replicated arguments from 0 to 0 but got 1}}
overlap.program @p(index) on @mesh["tp"] replicated [1]

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected each replicated argument once but got 0 again}}
overlap.program @p(index) on @mesh["tp"] replicated [0, 0]

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected a body of one block that ends with 'overlap.return'}}
overlap.program @p() on @mesh["tp"] {
  overlap.return
^other:
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<4xf32>) -> tensor<4xf32> on @mesh["tp"] {
  // expected-error @+1 {{expected values of types 'tensor<4xf32>' but got }}
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected only tiles, triggers and ops without side effects inside but got 'overlap.quiet'}}
  overlap.region pool(<sms = 1>) {
    // expected-note @+1 {{which is here}}
    overlap.quiet written
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected pools of at most 4 sms together, as they wait for each other, but got 5}}
  overlap.region pool(<sms = 4>) {
    overlap.tiles (%i) in [2] pool(<sms = 3>) {
    }
    overlap.tiles (%i) in [2] pool(<copy_engines = 3>) {
    }
    // expected-note @+1 {{with this one}}
    overlap.tiles (%i) in [2] pool(<sms = 2>) {
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected a pool of 1 to 65536 but got 0}}
  overlap.region pool(<sms = 0>) {
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected positive extents whose product is at most 65536 but got 0}}
    overlap.tiles (%i) in [0] pool(<sms = 1>) {}
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected an index for each of 2 extents, at least one}}
    overlap.tiles (%i) in [2, 2] pool(<sms = 1>) {}
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected an order of 1 indices and at most the rank but got affine_map<(d0, d1) -> (d0)>}}
    overlap.tiles (%i) in [2] order affine_map<(i, j) -> (i)> pool(<sms = 1>) {}
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected an order that names each tile once on rank 1 but got tile [0] again at place 1}}
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> (i * (1 - r))> pool(<sms = 1>) {}
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected an order that names each tile once on rank 0 but got tile [2] at place 1}}
    overlap.tiles (%i) in [2] order affine_map<(i) -> (i + 1)> pool(<sms = 1>) {}
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{'overlap.tiles' op expects parent op 'overlap.region'}}
  overlap.tiles (%i) in [2] pool(<sms = 1>) {}
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], gpu>
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected 1 indices, as the counter has, and a token}}
    overlap.trigger %c (%i, %j) token %t pool(<sms = 1>) : !overlap.counter<[4], gpu> {}
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], gpu>
  overlap.region pool(<sms = 1>) {
    // expected-error @+1 {{expected no wait inside: it would keep a worker that others wait for}}
    overlap.trigger %c (%i) token %t pool(<sms = 1>) : !overlap.counter<[4], gpu> {
      // expected-note @+1 {{which is here}}
      %u = overlap.wait %c[%i] : !overlap.counter<[4], gpu>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
par.mesh @other axes ["tp"] sizes [2]
// expected-note @+1 {{program is here}}
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected a buffer along the axis of the program, @mesh["tp"], but got '!overlap.buffer<4xf32, @other["tp"], slots = 1>'}}
  %y = overlap.alloc : !overlap.buffer<4xf32, @other["tp"], slots = 1>
  overlap.return
}

// -----

func.func @f() {
  // expected-error @+1 {{expected to be an op of a program, in no region and no loop}}
  %y = overlap.alloc : !overlap.buffer<4xf32, @mesh["tp"], slots = 1>
  return
}

// -----

func.func @f(%b: !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1>, %r: index) {
  // expected-error @+1 {{expected a rank exactly for the window of a peer}}
  %v = overlap.view %b own %r : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x8xf32, own>
  return
}

// -----

func.func @f(%b: !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1>) {
  // expected-error @+1 {{expected a rank exactly for the window of a peer}}
  %v = overlap.view %b peer : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x8xf32, peer>
  return
}

// -----

func.func @f(%b: !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1>) {
  // expected-error @+1 {{expected a view of type '!overlap.view<4x8xf32, own>' but got '!overlap.view<4x4xf32, own>'}}
  %v = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 1> -> !overlap.view<4x4xf32, own>
  return
}

// -----

func.func @f(%v: !overlap.view<4x8xf32, own>, %t: tensor<8xf32>, %i: index) {
  // expected-error @+1 {{expected a tile of 2 extents of 'f32' but got one of 1 of 'f32'}}
  overlap.put %t into %v[%i] : tensor<8xf32> into !overlap.view<4x8xf32, own>
  return
}

// -----

func.func @f(%v: !overlap.view<4x8xf32, own>, %t: tensor<1x8xbf16>, %i: index) {
  // expected-error @+1 {{expected a tile of 2 extents of 'f32' but got one of 2 of 'bf16'}}
  overlap.reduce_add %t into %v[%i, %i] : tensor<1x8xbf16> into !overlap.view<4x8xf32, own>
  return
}

// -----

func.func @f(%v: !overlap.view<4x8xf32, own>, %t: tensor<1x8xf32>, %i: index) {
  // expected-error @+1 {{expected an offset for each of 2 extents but got 1}}
  overlap.put %t into %v[%i] : tensor<1x8xf32> into !overlap.view<4x8xf32, own>
  return
}

// -----

func.func @f(%v: !overlap.view<4x8xf32, own>, %t: tensor<5x8xf32>, %i: index) {
  // expected-error @+1 {{expected a tile within [4, 8] but got [5, 8]}}
  overlap.put %t into %v[%i, %i] : tensor<5x8xf32> into !overlap.view<4x8xf32, own>
  return
}

// -----

func.func @f(%v: !overlap.view<4x8xf32, multicast>, %i: index) {
  // expected-error @+1 {{expected a view of one rank but got '!overlap.view<4x8xf32, multicast>'}}
  %t = overlap.load %v[%i, %i] : !overlap.view<4x8xf32, multicast> -> tensor<1x8xf32>
  return
}

// -----

func.func @f(%v: !overlap.view<4x8xf32, own>, %i: index) {
  // expected-error @+1 {{expected a view of all ranks but got '!overlap.view<4x8xf32, own>'}}
  %t = overlap.load_reduce %v[%i, %i] : !overlap.view<4x8xf32, own> -> tensor<1x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>, %i: index) {
  // expected-error @+1 {{expected two tensors, or two weights without scales, of known extents but got 'tensor<?x8xf32>' and 'tensor<1x8xf32>'}}
  %t = overlap.slice %x[%i, %i] : tensor<?x8xf32> -> tensor<1x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %i: index) {
  // expected-error @+1 {{expected a tile of the elements of 'tensor<4x8xf32>' but got 'tensor<1x8xbf16>'}}
  %t = overlap.slice %x[%i, %i] : tensor<4x8xf32> -> tensor<1x8xbf16>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %i: index) {
  // expected-error @+1 {{expected a tile of 2 extents and an offset for each but got 'tensor<1x8xf32>' and 1}}
  %t = overlap.slice %x[%i] : tensor<4x8xf32> -> tensor<1x8xf32>
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>, %i: index) {
  // expected-error @+1 {{expected a tile within [4, 8] but got [1, 9]}}
  %t = overlap.slice %x[%i, %i] : tensor<4x8xf32> -> tensor<1x9xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected either a map or a table of arrivals}}
  %c = overlap.track : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%t: tensor<4xi64>) on @mesh["tp"] {
  // expected-error @+1 {{expected either a map or a table of arrivals}}
  %c = overlap.track expect affine_map<(i) -> (1)> table %t : tensor<4xi64> : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%t: tensor<5xi64>) on @mesh["tp"] {
  // expected-error @+1 {{expected a table of the extents of '!overlap.counter<[4], gpu>' but got 'tensor<5xi64>'}}
  %c = overlap.track table %t : tensor<5xi64> : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected a map of 1 indices, and at most the number of ranks and the rank, but got affine_map<(d0, d1) -> (1)>}}
  %c = overlap.track expect affine_map<(i, j) -> (1)> : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  // expected-error @+1 {{expected an owner of 1 indices, and at most the number of ranks, but got affine_map<(d0)[s0, s1] -> (s1)>}}
  %c = overlap.track expect affine_map<(i) -> (1)> owner affine_map<(i)[n, r] -> (r)> : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p() on @mesh["tp"] {
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{expected to be an op of a program, in no region and no loop}}
      %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], gpu>
    }
  }
  overlap.return
}

// -----

func.func @f(%c: !overlap.counter<[4], gpu>, %i: index) {
  // expected-error @+1 {{expected a rank exactly for the counter of a peer}}
  overlap.arrive %c[%i] peer : !overlap.counter<[4], gpu>
  return
}

// -----

func.func @f(%c: !overlap.counter<[4], gpu>, %i: index) {
  // expected-error @+1 {{expected a rank exactly for the counter of a peer}}
  overlap.arrive %c[%i] own %i : !overlap.counter<[4], gpu>
  return
}

// -----

func.func @f(%c: !overlap.counter<[4], gpu>, %i: index) {
  // expected-error @+1 {{expected a counter of scope sys, as another device waits for it, but got '!overlap.counter<[4], gpu>'}}
  overlap.arrive %c[%i] peer %i : !overlap.counter<[4], gpu>
  return
}

// -----

func.func @f(%c: !overlap.counter<[4], gpu>, %i: index) {
  // expected-error @+1 {{expected a counter of scope sys, as another device waits for it, but got '!overlap.counter<[4], gpu>'}}
  overlap.arrive %c[%i] multicast : !overlap.counter<[4], gpu>
  return
}

// -----

func.func @f(%c: !overlap.counter<[4], gpu>, %i: index) {
  // expected-error @+1 {{expected an index for each of 1 extents of the counter but got 2}}
  overlap.arrive %c[%i, %i] own : !overlap.counter<[4], gpu>
  return
}

// -----

func.func @f(%c: !overlap.counter<[4], gpu>) {
  // expected-error @+1 {{expected an index for each of 1 extents of the counter but got 0}}
  %t = overlap.wait %c[] : !overlap.counter<[4], gpu>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected at least two parts but got 1}}
  %a = overlap.split_tokens %x sizes [6] align 1 : tensor<6x8xf32> -> tensor<6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @+1 {{expected a known number of rows but got 'tensor<?x8xf32>'}}
  %a, %b = overlap.split_tokens %x sizes [4, 2] align 1 : tensor<?x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected some rows of 'tensor<6x8xf32>' but got 'tensor<2x7xf32>'}}
  %a, %b = overlap.split_tokens %x sizes [4, 2] align 1 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x7xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected parts of 6 rows together but got 5}}
  %a, %b = overlap.split_tokens %x sizes [4, 1] align 1 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<1x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected a positive alignment but got 0}}
  %a, %b = overlap.split_tokens %x sizes [4, 2] align 0 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected a size for each of 2 parts but got 1}}
  %a, %b = overlap.split_tokens %x sizes [6] align 1 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected parts of sizes 2, 4 but got one of 4 rows}}
  %a, %b = overlap.split_tokens %x sizes [2, 4] align 1 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected parts but the last to be multiples of 3 rows but got 4}}
  %a, %b = overlap.split_tokens %x sizes [4, 2] align 3 : tensor<6x8xf32> -> tensor<4x8xf32>, tensor<2x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected at least two parts but got 1}}
  %a = overlap.join_tokens %x : tensor<6x8xf32> -> tensor<6x8xf32>
  return
}

// -----

func.func @f(%x: tensor<6x8xf32>) {
  // expected-error @+1 {{expected parts of 11 rows together but got 12}}
  %a = overlap.join_tokens %x, %x : tensor<6x8xf32>, tensor<6x8xf32> -> tensor<11x8xf32>
  return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected arguments that are tensors, weights or integers but got '!overlap.token'}}
overlap.program @p(!overlap.token) on @mesh["tp"]

// -----

par.mesh @mesh axes ["tp"] sizes [2]
// expected-error @+1 {{expected results that are tensors but got 'index'}}
overlap.program @p() -> index on @mesh["tp"]

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{expected a view of the rank's own memory but got '!overlap.view<4x8xf32, multicast>'}}
  %v, %t = overlap.poll %all[%z, %z] rows 2 : !overlap.view<4x8xf32, multicast> -> tensor<1x8xf32>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{expected sums of at most 1 times 3 rows but got 'tensor<2x8xf32>'}}
  %v, %t = overlap.poll %own[%z, %z] rows 3 : !overlap.view<4x8xf32, own> -> tensor<2x8xf32>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{expected 1 to 4 rows of each sum, as the view has, but got 0}}
  %v, %t = overlap.poll %own[%z, %z] rows 0 : !overlap.view<4x8xf32, own> -> tensor<2x8xf32>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{expected 1 to 63 epochs ahead but got 0}}
  overlap.clear %own[%z, %z] size [1, 8] ahead 0 : !overlap.view<4x8xf32, own>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{expected positive sizes but got 0, 8}}
  overlap.clear %own[%z, %z] size [0, 8] ahead 2 : !overlap.view<4x8xf32, own>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{expected a tile within [4, 8] but got [5, 8]}}
  overlap.clear %own[%z, %z] size [5, 8] ahead 2 : !overlap.view<4x8xf32, own>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xbf16>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xbf16, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xbf16, @mesh["tp"], slots = 3> -> !overlap.view<4x8xbf16, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xbf16, @mesh["tp"], slots = 3> -> !overlap.view<4x8xbf16, multicast>
  // expected-error @+1 {{expected elements of f32, of which one pattern of bits is the mark, but got '!overlap.view<4x8xbf16, own>'}}
  overlap.clear %own[%z, %z] size [1, 8] ahead 2 : !overlap.view<4x8xbf16, own>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @p(%x: tensor<1x8xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %b = overlap.alloc : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<4x8xf32, @mesh["tp"], slots = 3> -> !overlap.view<4x8xf32, multicast>
  // expected-note @+1 {{elements of it tell here that they are there}}
  overlap.publish %x into %all[%z, %z] : tensor<1x8xf32> into !overlap.view<4x8xf32, multicast>
  // expected-error @+1 {{'overlap.put' op expected a buffer without marks}}
  overlap.put %x into %own[%z, %z] : tensor<1x8xf32> into !overlap.view<4x8xf32, own>
  overlap.return
}
