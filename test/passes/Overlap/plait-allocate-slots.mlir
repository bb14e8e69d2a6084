// As few slots as epochs need, whatever a program had.
//
// RUN: plait-opt %S/two-shot-all-reduce.mlir --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=TWO
// RUN: sed 's/slots = 1/slots = 4/g' %S/two-shot-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=TWO
// RUN: sed 's/slots = 2/slots = 1/g' %S/one-shot-all-reduce.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap | FileCheck %s --check-prefix=ONE
// RUN: sed 's/slots = [12]/slots = 5/g' %S/all-gather-gemm.mlir | plait-opt --plait-allocate-slots --remarks-filter='plait-allocate-slots' --plait-verify-overlap 2>&1 | FileCheck %s --check-prefix=GATHER
// RUN: sed 's/slots = 2/slots = 3/g' %S/gemm-reduce-scatter.mlir | plait-opt --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='epochs=3 exhaustive=false schedules=20' | FileCheck %s --check-prefix=ADDED
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
