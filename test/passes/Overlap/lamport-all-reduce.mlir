// Each rank stores its rows at all, and what it stores tells by itself that it is there: no counters, one message. The
// slot before is cleared beside the waiting, so there are three.
//
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='epochs=4' -o /dev/null
// RUN: plait-opt %s --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=200 epochs=7' -o /dev/null
//
// With two, whoever clears for the next epoch clears what others may have stored already, and for the one behind it
// what it waits for itself.
// RUN: sed 's/slots = 3/slots = 2/g' %s | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=TWO
// RUN: sed 's/slots = 3/slots = 2/g' %s | not plait-opt --plait-check-overlap='epochs=3' -o /dev/null 2>&1 | FileCheck %s --check-prefix=ERASED
// RUN: sed 's/slots = 3/slots = 2/g; s/ahead 2/ahead 1/' %s | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=NEXT
// RUN: sed 's/slots = 3/slots = 2/g; s/ahead 2/ahead 1/' %s | not plait-opt --plait-check-overlap='epochs=3' -o /dev/null 2>&1 | FileCheck %s --check-prefix=ERASED
// Nobody clears: what an epoch before has left is taken for this one's.
// RUN: sed '/overlap.clear/d' %s | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=LEFT
// RUN: sed '/overlap.clear/d' %s | not plait-opt --plait-check-overlap='epochs=4' -o /dev/null 2>&1 | FileCheck %s --check-prefix=STALE

// TWO: error: 'overlap.{{publish|clear}}' op and another store write the same elements of rank {{[01]}} in no order (rank {{[01]}}, epoch 0)
// TWO: note: the other one
// NEXT: error: 'overlap.{{publish|clear}}' op writes slot {{[01]}} of rank {{[01]}} again {{.*}} without knowing that it has been written
// NEXT: note: of 2 slots; more slots, or a wait, give time
// ERASED: error: 'overlap.poll' op waits for ever: not all of what it waits for is there
// LEFT: error: 'overlap.poll' op sees what an epoch before has left in slot 0 of rank 0 (rank 0, epoch 3); expected an 'overlap.clear' of all of it in between
// LEFT: note: is published here, by rank
// STALE: error: 'overlap.poll' op gets what rank {{[01]}}, epoch 0 has written; expected it to be of its own epoch

par.mesh @mesh axes ["tp"] sizes [2]

func.func @reference(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %y = par.all_reduce %x on @mesh ["tp"] : tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

overlap.program @lamport(%x: tensor<1x2xf32>) -> tensor<1x2xf32> on @mesh["tp"] implements @reference {
  %z = arith.constant 0 : index
  %rank = overlap.rank
  %in = overlap.alloc : !overlap.buffer<2x2xf32, @mesh["tp"], slots = 3>
  %out = overlap.alloc : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 1>
  %own = overlap.view %in own : !overlap.buffer<2x2xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x2xf32, own>
  %all = overlap.view %in multicast : !overlap.buffer<2x2xf32, @mesh["tp"], slots = 3> -> !overlap.view<2x2xf32, multicast>
  %result = overlap.view %out own : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 1> -> !overlap.view<1x2xf32, own>
  overlap.region pool(<sms = 1>) {
    overlap.tiles (%i) in [1] pool(<sms = 1>) {
      overlap.publish %x into %all[%rank, %z] : tensor<1x2xf32> into !overlap.view<2x2xf32, multicast>
      overlap.clear %own[%z, %z] size [2, 2] ahead 2 : !overlap.view<2x2xf32, own>
      %s, %t = overlap.poll %own[%z, %z] rows 2 : !overlap.view<2x2xf32, own> -> tensor<1x2xf32>
      overlap.put %s into %result[%z, %z] : tensor<1x2xf32> into !overlap.view<1x2xf32, own>
    }
  }
  %y = overlap.load %result[%z, %z] : !overlap.view<1x2xf32, own> -> tensor<1x2xf32>
  overlap.return %y : tensor<1x2xf32>
}
