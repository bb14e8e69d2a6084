// How many states there are, with and without leaving out orders that nobody can tell apart.
//
// RUN: plait-opt %s --plait-check-overlap --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REDUCED
// RUN: plait-opt %s --plait-check-overlap='reduce=false' --remarks-filter='.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=ALL
// RUN: not plait-opt %s --plait-check-overlap='reduce=false max-states=10' -o /dev/null 2>&1 | FileCheck %s --check-prefix=MOST
// RUN: not plait-opt %s --plait-check-overlap='epochs=0' -o /dev/null 2>&1 | FileCheck %s --check-prefix=EPOCHS

// Remarks are of each algorithm.
// REDUCED-COUNT-2: exchange: {{[0-9]+}} states
// ALL-COUNT-2: exchange: {{[0-9]+}}{{[0-9][0-9]}} states
// MOST: has more than 10 states; run fewer tiles or epochs, or random schedules
// EPOCHS: expected 1 to 64 epochs, at least one state, and no negative number of schedules

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%small: i1, %x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %y = par.all_reduce %x on @mesh ["tp"] : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// Two algorithms, chosen by what all ranks have alike; neither uses the other's counters.
overlap.program @exchange(%small: i1, %x: tensor<1x2xf32>) -> tensor<1x2xf32> on @mesh["tp"] implements @reference replicated [0] {
  %z = arith.constant 0 : index
  %n = overlap.num_ranks
  %one = arith.constant 1 : index
  %result = scf.if %small -> tensor<1x2xf32> {
    %y = overlap.alloc : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 2>
    %own = overlap.view %y own : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x2xf32, own>
    %all = overlap.view %y multicast : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x2xf32, multicast>
    %c = overlap.track expect affine_map<(i)[n] -> (n)> : !overlap.counter<[1], sys>
    overlap.put %x into %own[%z, %z] : tensor<1x2xf32> into !overlap.view<1x2xf32, own>
    overlap.arrive %c[%z] multicast : !overlap.counter<[1], sys>
    %t = overlap.wait %c[%z] : !overlap.counter<[1], sys>
    %s = overlap.load_reduce %all[%z, %z] after %t : !overlap.view<1x2xf32, multicast> -> tensor<1x2xf32>
    scf.yield %s : tensor<1x2xf32>
  } else {
    // Everybody stores at everybody's, and waits for them one by one.
    %rank = overlap.rank
    %zeros = arith.constant dense<0.0> : tensor<1x2xf32>
    %y = overlap.alloc : !overlap.buffer<2x2xf32, @mesh["tp"], slots = 2>
    %own = overlap.view %y own : !overlap.buffer<2x2xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x2xf32, own>
    %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
    scf.for %i = %z to %n step %one {
      %peer = overlap.view %y peer %i : !overlap.buffer<2x2xf32, @mesh["tp"], slots = 2> -> !overlap.view<2x2xf32, peer>
      overlap.put %x into %peer[%rank, %z] : tensor<1x2xf32> into !overlap.view<2x2xf32, peer>
      overlap.arrive %c[%rank] peer %i : !overlap.counter<[2], sys>
    }
    %none = overlap.merge()
    %s, %t = scf.for %i = %z to %n step %one iter_args(%sum = %zeros, %before = %none) -> (tensor<1x2xf32>, !overlap.token) {
      %t = overlap.wait %c[%i] : !overlap.counter<[2], sys>
      %both = overlap.merge(%before, %t)
      %v = overlap.load %own[%i, %z] after %both : !overlap.view<2x2xf32, own> -> tensor<1x2xf32>
      %next = lm.add %sum, %v : tensor<1x2xf32>
      scf.yield %next, %both : tensor<1x2xf32>, !overlap.token
    }
    scf.yield %s : tensor<1x2xf32>
  }
  overlap.return %result : tensor<1x2xf32>
}
