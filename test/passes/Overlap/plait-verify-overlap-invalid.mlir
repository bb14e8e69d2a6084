// What the proofs find, each in a program that is right but for one thing.
//
// RUN: plait-opt %s -split-input-file --plait-verify-overlap -verify-diagnostics -o /dev/null

// A dropped arrival: the second rank does not tell the first.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @dropped(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %isFirst = arith.cmpi eq, %rank, %z : index
  // expected-note @+1 {{counter is here}}
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      scf.if %isFirst {
        // expected-note @+1 {{1 arrive here, the first of rank 0}}
        overlap.arrive %c[%i] multicast : !overlap.counter<[1], sys>
      }
      // expected-error @+1 {{expected 2 arrivals in an epoch at index [0] on rank 0 but got 1}}
      %t = overlap.wait %c[%i] : !overlap.counter<[1], sys>
    }
  }
  overlap.return
}

// -----

// A wrong count: row blocks of 2 column tiles, of which one is expected.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @count() on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-note @+1 {{counter is here}}
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  overlap.region pool(<sms = 4>) {
    overlap.tiles (%i, %j) in [2, 2] pool(<sms = 2>) {
      // expected-note @+1 {{4 arrive here, the first of rank 0}}
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
    }
    // expected-error @+1 {{expected 2 arrivals in an epoch at index [0] on rank 0 but got 4}}
    overlap.trigger %c (%i) token %t pool(<sms = 2>) : !overlap.counter<[2], sys> {
    }
  }
  overlap.return
}

// -----

// A table that is known, and wrong; nobody waits.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @table() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %table = arith.constant dense<[2, 1]> : tensor<2xi64>
  // expected-error @+1 {{expected 1 arrivals in an epoch at index [1] on rank 0 but got 0}}
  %c = overlap.track table %table : tensor<2xi64> : !overlap.counter<[2], sys>
  overlap.arrive %c[%z] multicast : !overlap.counter<[2], sys>
  overlap.return
}

// -----

// A table that is known at run time.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @run_time(%table: tensor<1xi64>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-warning @+1 {{expects as many arrivals as a table says at run time; that there are so many is not proved}}
  %c = overlap.track table %table : tensor<1xi64> : !overlap.counter<[1], sys>
  overlap.arrive %c[%z] own : !overlap.counter<[1], sys>
  overlap.return
}

// -----

// Rank 0 begins with tile 0 and rank 1 with tile 1; each waits for the other's on its only worker.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @circle() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[2], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> ((i + r) mod 2)> pool(<sms = 1>) {
      // expected-note @+2 {{this arrival, of rank 1, epoch 0, is missing}}
      // expected-note @+1 {{this arrival, of rank 0, epoch 0, is missing}}
      overlap.arrive %c[%i] multicast : !overlap.counter<[2], sys>
      // expected-error @+3 {{never ends: waits at index [0] on rank 0, for what comes only after it}}
      // expected-note @+2 {{behind this wait, of rank 1, epoch 0, at index [1] on rank 1}}
      // expected-note @+1 {{which is behind the first, of rank 0, epoch 0}}
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
    }
  }
  overlap.return
}

// -----

// The consumer of a producer on the same worker, in front of it.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @same_pool() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[1], gpu>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [2] pool(<sms = 1>) {
      %isFirst = arith.cmpi eq, %i, %z : index
      scf.if %isFirst {
        // expected-error @+2 {{never ends: waits at index [0] on rank 0, for what comes only after it}}
        // expected-note @+1 {{which is behind the first, of rank 0, epoch 0}}
        %t = overlap.wait %c[%z] : !overlap.counter<[1], gpu>
      } else {
        // expected-note @+1 {{this arrival, of rank 0, epoch 0, is missing}}
        overlap.arrive %c[%z] own : !overlap.counter<[1], gpu>
      }
    }
  }
  overlap.return
}

// -----

// No token: the load may come before the wait.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @no_token(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-note @+1 {{is written here}}
      overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[1], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[1], sys>
      // expected-error @+2 {{reads what rank 1 writes, and nothing orders it behind (rank 0, epoch 0)}}
      // expected-note @+1 {{it holds no token of a wait}}
      %v = overlap.load_reduce %all[%z, %z] : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
    }
  }
  overlap.return
}

// -----

// A relaxed arrival, as that of an atomic without a scope or an order.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @relaxed(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-note @+1 {{is written here}}
      overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
      // expected-note @+1 {{this arrival is relaxed, and releases nothing}}
      overlap.arrive %c[%i] multicast relaxed : !overlap.counter<[1], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[1], sys>
      // expected-error @+1 {{reads what rank 1 writes, and nothing orders it behind (rank 0, epoch 0)}}
      %v = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
    }
  }
  overlap.return
}

// -----

// wait_group.read: the tile has been read, but not written yet.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @read_only_wait(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-note @+1 {{is written here}}
      overlap.put %x into %own[%z, %z] by tma : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
      // expected-note @+1 {{this waits only until what is stored has been read; expected 'overlap.quiet written'}}
      overlap.quiet read
      overlap.arrive %c[%i] multicast : !overlap.counter<[1], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[1], sys>
      // expected-error @+1 {{reads what rank 1 writes, and nothing orders it behind (rank 0, epoch 0)}}
      %v = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
    }
  }
  overlap.return
}

// -----

// An asynchronous store that nothing waits for.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @no_quiet(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, multicast>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  %c = overlap.track expect affine_map<(i) -> (1)> owner affine_map<(i) -> (1)> : !overlap.counter<[1], sys>
  %rank = overlap.rank
  %isFirst = arith.cmpi eq, %rank, %z : index
  %one = arith.constant 1 : index
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      scf.if %isFirst {
        // expected-note @+1 {{is written here}}
        overlap.put %x into %all[%z, %z] by copy : tensor<1x4xf32> into !overlap.view<1x4xf32, multicast>
        // expected-note @+1 {{the store goes on by itself, and this arrival does not wait for it; expected 'overlap.quiet written' before}}
        overlap.arrive %c[%z] peer %one : !overlap.counter<[1], sys>
      } else {
        %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
        // expected-error @+1 {{reads what rank 0 writes, and nothing orders it behind (rank 1, epoch 0)}}
        %v = overlap.load %own[%z, %z] after %t : !overlap.view<1x4xf32, own> -> tensor<1x4xf32>
      }
    }
  }
  overlap.return
}

// -----

// The arrival comes before the store.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @early(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      overlap.arrive %c[%i] multicast : !overlap.counter<[1], sys>
      // expected-note @+1 {{is written here}}
      overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
      %t = overlap.wait %c[%i] : !overlap.counter<[1], sys>
      // expected-error @+1 {{reads what rank 1 writes, and nothing orders it behind (rank 0, epoch 0)}}
      %v = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
    }
  }
  overlap.return
}

// -----

// Nobody writes the second row.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @unwritten(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-note @+1 {{buffer is here}}
  %y = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %y own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<2x4xf32, own>
  overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, own>
  // expected-error @+1 {{reads element [1, 0] of rank 0, which nothing has written in this epoch (rank 0, epoch 0)}}
  %v = overlap.load %own[%z, %z] : !overlap.view<2x4xf32, own> -> tensor<2x4xf32>
  overlap.return
}

// -----

// One slot: a rank that is an epoch ahead writes what another still reads.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @slot(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-note @+1 {{of 1 slot; more slots, or a wait, give time}}
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, own>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, multicast>
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      // expected-error @+1 {{writes slot 0 of rank 0 again (rank 0, epoch 1) without knowing that it has been read (rank 1, epoch 0)}}
      overlap.put %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
      overlap.arrive %c[%i] multicast : !overlap.counter<[1], sys>
      %t = overlap.wait %c[%i] : !overlap.counter<[1], sys>
      // expected-note @+1 {{is read here}}
      %v = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x4xf32, multicast> -> tensor<1x4xf32>
    }
  }
  overlap.return
}

// -----

// Two ranks write one place.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @twice(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1>
  %all = overlap.view %y multicast : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, multicast>
  // expected-error @+2 {{and another store write the same elements of rank 0 in no order (rank 0, epoch 0)}}
  // expected-note @+1 {{the other one, of rank 1, epoch 0}}
  overlap.put %x into %all[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, multicast>
  overlap.return
}

// -----

// A sum that begins with the one of two epochs before.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @no_reset(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x4xf32, own>
  // expected-error @+2 {{adds to what an epoch before has left in slot 0 of rank 0 (rank 0, epoch 2); expected a put of zeros in between}}
  // expected-note @+1 {{is added here, by rank 0, epoch 0}}
  overlap.reduce_add %x into %own[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
  overlap.return
}

// -----

// Ranks arrive at each other's counters before their own: rank 0, an epoch ahead, counts for
// what is still to come.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @counts_for_another(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-note @+1 {{counter is here; one for each who arrives, or a wait, tells them apart}}
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [2] order affine_map<(i)[r] -> ((i + r + 1) mod 2)> pool(<sms = 1>) {
      // expected-error-re @+2 {{may count in the place of an arrival of the epoch before, at index [0] on rank 0 (rank 1, epoch 1)}}
      // expected-note @+1 {{which is this one, of rank 0, epoch 0}}
      overlap.arrive %c[%z] peer %i : !overlap.counter<[1], sys>
    }
  }
  %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  overlap.return
}

// -----

// A heuristic of each rank's own: the hang of vLLM and FlashInfer.
par.mesh @mesh axes ["tp"] sizes [2]
// expected-note @+1 {{argument 0 may differ between ranks}}
overlap.program @own_choice(%freeBytes: index, %x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %most = arith.constant 1000000 : index
  %isOneShot = arith.cmpi ult, %freeBytes, %most : index
  // expected-error @+1 {{expected a condition on which all ranks agree, or that follows from the rank and indices; ranks that choose differently wait for each other in vain}}
  scf.if %isOneShot {
    // expected-note @+1 {{as 'overlap.track' depends on it}}
    %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
    overlap.arrive %c[%z] multicast : !overlap.counter<[1], sys>
    %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  }
  overlap.return
}

// -----

// Of both ways of a uniform condition the second goes wrong.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @second_way(%tokens: index) on @mesh["tp"] replicated [0] {
  %z = arith.constant 0 : index
  %most = arith.constant 128 : index
  %isOneShot = arith.cmpi ult, %tokens, %most : index
  // expected-note @+1 {{counter is here}}
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
  scf.if %isOneShot {
    overlap.arrive %c[%z] multicast : !overlap.counter<[1], sys>
  }
  // expected-error @+1 {{expected 2 arrivals in an epoch at index [0] on rank 0 but got 0}}
  %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  overlap.return
}

// -----

// What cannot be followed.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @bounds(%tokens: index) on @mesh["tp"] replicated [0] {
  %z = arith.constant 0 : index
  %one = arith.constant 1 : index
  // expected-error @+1 {{expected bounds that follow from constants, the rank and indices}}
  scf.for %i = %z to %tokens step %one {
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @unknown_index(%i: index) on @mesh["tp"] replicated [0] {
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], gpu>
  // expected-error @+1 {{expected indices that follow from constants, the rank and indices}}
  overlap.arrive %c[%i] own : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @index() on @mesh["tp"] {
  %four = arith.constant 4 : index
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], gpu>
  // expected-error @+1 {{expected an index from 0 to 3 of the counter but got 4 on rank 0}}
  overlap.arrive %c[%four] own : !overlap.counter<[4], gpu>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @rank() on @mesh["tp"] {
  %two = arith.constant 2 : index
  %z = arith.constant 0 : index
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[4], sys>
  // expected-error @+1 {{expected a rank from 0 to 1 but got 2 on rank 0}}
  overlap.arrive %c[%z] peer %two : !overlap.counter<[4], sys>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @offset(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %one = arith.constant 1 : index
  %y = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %y own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x4xf32, own>
  // expected-error @+1 {{expected a tile within [1, 4] but got offset 1 on rank 0}}
  overlap.put %x into %own[%one, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, own>
  overlap.return
}

// -----

// A collective of whole tensors is not an op of tiles.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @collective(%x: tensor<1x4xf32>) -> tensor<1x4xf32> on @mesh["tp"] {
  // expected-error @+1 {{expected an op of overlap, one that computes a tile, or index arithmetic in a program}}
  %y = par.all_reduce %x on @mesh ["tp"] : tensor<1x4xf32>
  overlap.return %y : tensor<1x4xf32>
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @large() on @mesh["tp"] {
  %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[20000], sys>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [20000] pool(<sms = 1>) {
      // expected-error @+1 {{expected at most 20000 steps of all ranks and epochs together; verify the program with fewer tiles}}
      overlap.arrive %c[%i] multicast : !overlap.counter<[20000], sys>
    }
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [65]
// expected-error @+1 {{expected at most 64 ranks to follow but got 65; use a smaller mesh}}
overlap.program @ranks() on @mesh["tp"] {
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @endless() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %one = arith.constant 1 : index
  %most = arith.constant 1000000000000 : index
  scf.for %i = %z to %most step %one {
    // expected-error @+1 {{expected at most 1000000 ops to follow; use shorter loops}}
    %r = overlap.rank
  }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [64]
overlap.program @counters() on @mesh["tp"] {
  // expected-error @+1 {{expected at most 262144 counters of all ranks; use fewer indices}}
  %c = overlap.track expect affine_map<(i) -> (0)> : !overlap.counter<[65536], sys>
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @choices(%a: i1, %b: i1, %c: i1, %d: i1, %e: i1, %f: i1, %g: i1, %h: i1, %i: i1) on @mesh["tp"]
    replicated [0, 1, 2, 3, 4, 5, 6, 7, 8] {
  scf.if %a { }
  scf.if %b { }
  scf.if %c { }
  scf.if %d { }
  scf.if %e { }
  scf.if %f { }
  scf.if %g { }
  scf.if %h { }
  // expected-error @+1 {{expected at most 8 uniform conditions in a program}}
  scf.if %i { }
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @division() on @mesh["tp"] {
  %z = arith.constant 0 : index
  // expected-error @+1 {{expected index arithmetic that can be followed}}
  %i = arith.divui %z, %z : index
  overlap.return
}

// -----

par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @operand(%i: index, %x: tensor<2x4xf32>) on @mesh["tp"] {
  // expected-error @+1 {{expected operands that are tiles or known numbers}}
  %v = overlap.slice %x[%i, %i] : tensor<2x4xf32> -> tensor<1x4xf32>
  overlap.return
}

// -----

// Halves in order.
!x = tensor<4x8xf32>
!h = tensor<2x8xf32>
!kv = !lm.state<layers = 1, kv_heads = 2, head_dim = 4, f32>
func.func @in_order(%x: !x, %kv: !kv, %rows: !lm.rows, %p: tensor<2xi32>) -> (!x, !kv) {
  %a, %b = overlap.split_tokens %x sizes [2, 2] align 2 : !x -> !h, !h
  %o0, %s0 = lm.attention %a, %a, %a, %kv, %rows, %p scale 0.5 : !h, !h, !kv, tensor<2xi32>
  %o1, %s1 = lm.attention %b, %b, %b, %s0, %rows, %p scale 0.5 : !h, !h, !kv, tensor<2xi32>
  %y = overlap.join_tokens %o0, %o1 : !h, !h -> !x
  return %y, %s1 : !x, !kv
}

// -----

// The second half in front of the first.
!x = tensor<4x8xf32>
!h = tensor<2x8xf32>
!kv = !lm.state<layers = 1, kv_heads = 2, head_dim = 4, f32>
func.func @reversed(%x: !x, %kv: !kv, %rows: !lm.rows, %p: tensor<2xi32>) -> (!x, !kv) {
  // expected-note @+1 {{tokens are split here}}
  %a, %b = overlap.split_tokens %x sizes [2, 2] align 2 : !x -> !h, !h
  // expected-error @+1 {{of part 1 of the tokens does not see the part before it; expected the state that 'lm.attention' returns}}
  %o1, %s1 = lm.attention %b, %b, %b, %kv, %rows, %p scale 0.5 : !h, !h, !kv, tensor<2xi32>
  // expected-note @+1 {{of part 0}}
  %o0, %s0 = lm.attention %a, %a, %a, %s1, %rows, %p scale 0.5 : !h, !h, !kv, tensor<2xi32>
  %y = overlap.join_tokens %o0, %o1 : !h, !h -> !x
  return %y, %s0 : !x, !kv
}

// -----

// Ranks that choose their algorithm each for itself: one counts at all, and the other one publishes.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @algorithms(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %isFirst = arith.cmpi eq, %rank, %z : index
  // expected-note @+1 {{counter is here}}
  %c = overlap.track expect affine_map<(i)[n, r] -> (n - n * r)> : !overlap.counter<[1], sys>
  %b = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x4xf32, multicast>
  scf.if %isFirst {
    // expected-note @+1 {{1 arrive here, the first of rank 0}}
    overlap.arrive %c[%z] own : !overlap.counter<[1], sys>
    // expected-error @+1 {{expected 2 arrivals in an epoch at index [0] on rank 0 but got 1}}
    %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
  } else {
    overlap.publish %x into %all[%rank, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
    %v, %t = overlap.poll %own[%z, %z] rows 2 : !overlap.view<2x4xf32, own> -> tensor<1x4xf32>
  }
  overlap.return
}

// -----

// The same where each waits for what tells by itself that it is there.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @unpublished(%x: tensor<1x4xf32>) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %isFirst = arith.cmpi eq, %rank, %z : index
  // expected-note @+1 {{buffer is here}}
  %b = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x4xf32, own>
  %all = overlap.view %b multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x4xf32, multicast>
  scf.if %isFirst {
    overlap.publish %x into %all[%rank, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
  }
  // expected-error @+1 {{reads element [1, 0] of rank 0, which nothing has written in this epoch (rank 0, epoch 0)}}
  %v, %t = overlap.poll %own[%z, %z] rows 2 : !overlap.view<2x4xf32, own> -> tensor<1x4xf32>
  overlap.return
}

// -----

// A number of rows that is a rank's own: they may differ in which algorithm it is for.
par.mesh @mesh axes ["tp"] sizes [2]
// expected-note @+1 {{argument 1 may differ between ranks}}
overlap.program @rows(%x: tensor<1x4xf32>, %isFew: i1) on @mesh["tp"] {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %b = overlap.alloc : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3>
  %all = overlap.view %b multicast : !overlap.buffer<2x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x4xf32, multicast>
  // expected-error @+1 {{expected a condition on which all ranks agree}}
  scf.if %isFew {
    // expected-note @+1 {{as 'overlap.publish' depends on it}}
    overlap.publish %x into %all[%rank, %z] : tensor<1x4xf32> into !overlap.view<2x4xf32, multicast>
  }
  overlap.return
}

// -----

// Two ranks that publish only what the other one has.
par.mesh @mesh axes ["tp"] sizes [2]
overlap.program @circle() on @mesh["tp"] {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %one = arith.constant 1 : index
  %next = arith.subi %one, %rank : index
  %b = overlap.alloc : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 3>
  %own = overlap.view %b own : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<1x4xf32, own>
  %peer = overlap.view %b peer %next : !overlap.buffer<1x4xf32, @mesh["tp"], slots = 3> -> !overlap.view<1x4xf32, peer>
  // expected-error @+3 {{never ends: waits for what is published on rank 0, for what comes only after it}}
  // expected-note @+2 {{behind this wait, of rank 1, epoch 0, at what is published on rank 1}}
  // expected-note @+1 {{which is behind the first, of rank 0, epoch 0}}
  %v, %t = overlap.poll %own[%z, %z] rows 1 : !overlap.view<1x4xf32, own> -> tensor<1x4xf32>
  // expected-note @+2 {{this publishing, of rank 1, epoch 0, is missing}}
  // expected-note @+1 {{this publishing, of rank 0, epoch 0, is missing}}
  overlap.publish %v into %peer[%z, %z] : tensor<1x4xf32> into !overlap.view<1x4xf32, peer>
  overlap.return
}
