// As few slots as epochs need, whatever a program had.
//
// RUN: plait-opt %S/two-shot-all-reduce.mlir --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=TWO
// RUN: sed 's/slots = 1/slots = 4/g' %S/two-shot-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=TWO
// RUN: sed 's/slots = 2/slots = 1/g' %S/one-shot-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=ONE
// RUN: sed 's/slots = [12]/slots = 5/g' %S/all-gather-gemm.mlir | plait-opt --plait-allocate-slots --remarks-filter='plait-allocate-slots' --plait-verify-overlap 2>&1 | FileCheck %s --check-prefix=GATHER
// RUN: sed 's/slots = 2/slots = 3/g' %S/gemm-reduce-scatter.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='epochs=3 exhaustive=false schedules=20' | FileCheck %s --check-prefix=ADDED
// What is cleared is the slot of an epoch ahead: clearing for the one behind the next takes three, whatever there were, and for
// the one behind that four. Fewer are refused.
// RUN: sed 's/slots = [13]/slots = 1/g' %S/lamport-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='epochs=4' | FileCheck %s --check-prefix=LAMPORT
// RUN: sed 's/slots = [13]/slots = 2/g' %S/lamport-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=LAMPORT
// RUN: sed 's/slots = [13]/slots = 5/g' %S/lamport-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=LAMPORT
// RUN: sed 's/ahead 2/ahead 3/' %S/lamport-all-reduce.mlir | plait-opt --plait-allocate-slots='most=6' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50 epochs=6' | FileCheck %s --check-prefix=AHEAD
// RUN: sed 's/ahead 2/ahead 3/' %S/lamport-all-reduce.mlir | plait-opt --plait-allocate-slots='most=6' | sed 's/slots = 4/slots = 3/g' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: plait-opt %S/lamport-all-reduce.mlir --plait-allocate-slots | sed 's/slots = 3/slots = 2/g' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: not plait-opt %S/lamport-all-reduce.mlir --plait-allocate-slots='most=2' -o /dev/null 2>&1 | FileCheck %s --check-prefix=TWOSLOTS
// RUN: sed 's/sizes \[2\]/sizes [3]/' %S/algorithms.mlir | plait-opt --plait-outline-protocols='tokens=2 algorithm=lamport' --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=5' | FileCheck %s --check-prefix=WRITTEN
// One that is cleared for the next epoch, which others may be at, is not helped by any.
// RUN: sed 's/ahead 2/ahead 1/' %S/lamport-all-reduce.mlir | not plait-opt --plait-allocate-slots='most=8' -o /dev/null 2>&1 | FileCheck %s --check-prefix=NEXT
// Of each branch.
// RUN: sed 's/slots = 2/slots = 1/g' %S/plait-check-overlap.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap -o /dev/null
//
// RUN: plait-opt %s --verify-diagnostics --plait-allocate-slots
// RUN: not plait-opt %s --plait-allocate-slots='most=0' -o /dev/null 2>&1 | FileCheck %s --check-prefix=MOST
// RUN: not plait-opt %S/one-shot-all-reduce.mlir --plait-allocate-slots='most=1' -o /dev/null 2>&1 | FileCheck %s --check-prefix=FEW

// TWO-NOT: slots = {{[^1]}}
// ONE: slots = 2
// GATHER: @all_gather_gemm: 2 buffers take 3 slots together, and had 10
// GATHER-DAG: overlap.alloc : <2x4xf32, @mesh["tp"], slots = 2>
// GATHER-DAG: overlap.alloc : <2x3xf32, @mesh["tp"], slots = 1>
// ADDED: overlap.alloc : <1x4xf32, @mesh["tp"], slots = 2>
// LAMPORT-DAG: overlap.alloc : <2x2xf32, @mesh["tp"], slots = 3>
// LAMPORT-DAG: overlap.alloc : <1x2xf32, @mesh["tp"], slots = 1>
// AHEAD: overlap.alloc : <2x2xf32, @mesh["tp"], slots = 4>
// OWN: error: 'overlap.{{publish|clear}}' op and another store write the same elements of rank {{[01]}} in no order
// TWOSLOTS: error: 'overlap.alloc' op expected a buffer that 2 slots are enough for
// WRITTEN: overlap.alloc : <6x4xf32, @mesh["tp"], slots = 3>
// NEXT: error: 'overlap.{{publish|clear}}' op writes slot {{[0-9]+}} of rank {{[01]}} again {{.*}} without knowing that it has been written
// MOST: error: expected at most 1 to 64 slots but got most=0
// FEW: error: 'overlap.alloc' op expected a buffer that 1 slots are enough for; nothing tells who writes again that it has been read

par.mesh @mesh axes ["tp"] sizes [2]

// Rank 0 never hears of rank 1, which may be any number of epochs behind.
// expected-note @below {{in this program}}
overlap.program @one_way(%x: tensor<1x2xf32>) -> tensor<1x2xf32> on @mesh["tp"] {
  %z = arith.constant 0 : index
  %i1 = arith.constant 1 : index
  // expected-error @below {{expected a buffer that 3 slots are enough for; nothing tells who writes again that it has been read}}
  %b = overlap.alloc : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 2>
  %c = overlap.track expect affine_map<(i) -> (1)> : !overlap.counter<[2], sys>
  %peer = overlap.view %b peer %i1 : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x2xf32, peer>
  %rank = overlap.rank
  %is_first = arith.cmpi eq, %rank, %z : index
  %own = overlap.view %b own : !overlap.buffer<1x2xf32, @mesh["tp"], slots = 2> -> !overlap.view<1x2xf32, own>
  scf.if %is_first {
    overlap.put %x into %peer[%z, %z] : tensor<1x2xf32> into !overlap.view<1x2xf32, peer>
    overlap.put %x into %own[%z, %z] : tensor<1x2xf32> into !overlap.view<1x2xf32, own>
    overlap.arrive %c[%z] multicast : !overlap.counter<[2], sys>
    overlap.arrive %c[%i1] multicast : !overlap.counter<[2], sys>
  }
  %t = overlap.wait %c[%rank] : !overlap.counter<[2], sys>
  %y = overlap.load %own[%z, %z] after %t : !overlap.view<1x2xf32, own> -> tensor<1x2xf32>
  overlap.return %y : tensor<1x2xf32>
}
