// Sums of a step, plain and with what follows them, carried out by each algorithm: proved, run in all orders by two
// ranks, and in some by more.
//
// RUN: plait-opt %s --plait-outline-protocols='tokens=2 algorithm=one_shot' --plait-verify-overlap --plait-check-overlap | FileCheck %s --check-prefix=ONE
// RUN: plait-opt %s --plait-outline-protocols='tokens=2 algorithm=two_shot' --plait-verify-overlap --plait-check-overlap | FileCheck %s --check-prefix=TWO
// RUN: plait-opt %s --plait-outline-protocols='tokens=2 algorithm=ring' --plait-verify-overlap --plait-check-overlap | FileCheck %s --check-prefix=RING
// RUN: plait-opt %s --plait-outline-protocols='tokens=2 algorithm=multimem' --plait-verify-overlap --plait-check-overlap | FileCheck %s --check-prefix=SWITCH
// RUN: plait-opt %s --plait-outline-protocols='tokens=1 algorithm=lamport' --plait-verify-overlap --plait-check-overlap='epochs=3' | FileCheck %s --check-prefix=LAMPORT
// RUN: sed 's/sizes \[2\]/sizes [3]/' %s | plait-opt --plait-outline-protocols='rows=2 algorithm=ring' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=40 epochs=3' | FileCheck %s --check-prefix=RING3
// RUN: sed 's/sizes \[2\]/sizes [5]/' %s | plait-opt --plait-outline-protocols='rows=1 algorithm=ring sms=10 comm-sms=2' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [8]/' %s | plait-opt --plait-outline-protocols='tokens=3 algorithm=lamport' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=5' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [4]/' %s | plait-opt --plait-outline-protocols='tokens=3 algorithm=one_shot' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=4' -o /dev/null
// RUN: sed 's/sizes \[2\]/sizes [4]/' %s | plait-opt --plait-outline-protocols='rows=2 algorithm=multimem' --plait-assign-tile-order --plait-allocate-slots --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=20 epochs=3' | FileCheck %s --check-prefix=ORDER
//
// What the passes write has no slot too many.
// RUN: plait-opt %s --plait-outline-protocols='tokens=1 algorithm=lamport' | sed 's/slots = 3/slots = 2/g' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=SLOTS
// RUN: plait-opt %s --plait-outline-protocols='tokens=2 algorithm=one_shot' | sed 's/slots = 2/slots = 1/g' | not plait-opt --plait-verify-overlap -o /dev/null 2>&1 | FileCheck %s --check-prefix=SLOT
//
// By the ops' own choice for so many rows; `algorithm` goes before it.
// RUN: plait-opt %s --plait-outline-protocols='tokens=4' | FileCheck %s --check-prefix=FEW
// RUN: plait-opt %s --plait-outline-protocols='tokens=6' | FileCheck %s --check-prefix=MANY
// RUN: plait-opt %s --plait-outline-protocols='tokens=5 algorithm=ring' --remarks-filter='plait-outline-protocols' -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNEVEN
// RUN: plait-opt %s --plait-outline-protocols='algorithm=ring sms=2' --remarks-filter='plait-outline-protocols' -o /dev/null 2>&1 | FileCheck %s --check-prefix=WORKERS
// RUN: sed 's/algorithms <.*two_shot>/wire bf16/' %s | plait-opt --plait-outline-protocols='tokens=2 algorithm=one_shot' --remarks-filter='plait-outline-protocols' 2>&1 | FileCheck %s --check-prefix=NARROW
// RUN: not plait-opt %s --plait-outline-protocols='algorithm=tree' -o /dev/null 2>&1 | FileCheck %s --check-prefix=NAME
// RUN: not plait-opt %s --plait-outline-protocols='tokens=-1' -o /dev/null 2>&1 | FileCheck %s --check-prefix=TOKENS

// Each rank has all rows, and adds up all.
// ONE: func.func @all_reduce_one_shot_reference(%{{.*}}: tensor<2x4xf32>) -> tensor<2x4xf32>
// ONE: par.all_reduce
// ONE: overlap.program @all_reduce_one_shot(%{{.*}}: tensor<2x4xf32>) -> tensor<2x4xf32>
// ONE: overlap.program @reduce_gather_one_shot(%{{.*}}: tensor<2x4xf32>, %{{.*}}: tensor<2x4xf32>, %{{.*}}: !lm.weight<4, #lm.f32>) -> (tensor<2x4xf32>, tensor<2x4xf32>) on @mesh["tp"] implements @reduce_gather_one_shot_reference replicated [1, 2]
// ONE: overlap.arrive %[[C:.*]][%[[I:.*]]] multicast
// ONE-NEXT: %[[T:.*]] = overlap.wait %[[C]][%[[I]]]
// ONE-NEXT: overlap.load_reduce %{{.*}}[%[[I]], %{{.*}}] after %[[T]]
// ONE: lm.rms_norm

// Each has its part.
// TWO: overlap.program @reduce_gather(%{{.*}}: tensor<2x4xf32>, %{{.*}}: tensor<1x4xf32>, %{{.*}}: !lm.weight<4, #lm.f32>)

// Two ranks: what one begins the other ends.
// RING: overlap.program @reduce_gather_ring(%{{.*}}: tensor<2x4xf32>, %{{.*}}: tensor<1x4xf32>, %{{.*}}: !lm.weight<4, #lm.f32>)
// RING: overlap.region pool(<threads = 3>)
// RING-COUNT-3: overlap.tiles
// RING-NOT: overlap.tiles
// More of them hand on what they get.
// RING3: overlap.program @reduce_gather_ring(%{{.*}}: tensor<6x4xf32>, %{{.*}}: tensor<2x4xf32>
// RING3: overlap.region pool(<threads = 5>)
// RING3: overlap.tiles (%{{.*}}) in [2]
// RING3: overlap.tiles (%{{.*}}, %{{.*}}) in [1, 2]
// RING3: overlap.wait
// RING3: lm.add
// RING3: overlap.put
// RING3: overlap.arrive %{{.*}} peer
// RING3: lm.rms_norm

// SWITCH: overlap.program @reduce_gather_multimem(%{{.*}}: tensor<2x4xf32>, %{{.*}}: tensor<1x4xf32>
// SWITCH: overlap.tiles (%{{.*}}) in [2] pool
// SWITCH: overlap.load_reduce %{{.*}} in_switch after
// SWITCH: overlap.put %{{.*}} : tensor<1x4xf32> into <2x4xf32, multicast>

// A rank begins with the rows of the one behind it.
// ORDER: affine_map<(d0)[s0] -> ((d0 + (s0 + 1) * 2) mod 8)>
// ORDER: overlap.program @reduce_gather_multimem(
// ORDER: overlap.tiles (%{{.*}}) in [8] order

// LAMPORT: overlap.program @reduce_gather_lamport(%{{.*}}: tensor<1x4xf32>, %{{.*}}: tensor<1x4xf32>, %{{.*}}: !lm.weight<4, #lm.f32>)
// LAMPORT: overlap.alloc : <2x4xf32, @mesh["tp"], slots = 3>
// LAMPORT-NOT: overlap.track
// LAMPORT: overlap.publish
// LAMPORT-NEXT: overlap.clear %{{.*}} size [2, 4] ahead 2
// LAMPORT-NEXT: overlap.poll %{{.*}} rows 2
// LAMPORT: lm.rms_norm

// SLOTS: write the same elements of rank
// SLOT: writes slot 0 of rank 0 again

// FEW: overlap.program @all_reduce_lamport(
// FEW: overlap.program @reduce_gather(%
// MANY: overlap.program @all_reduce(%
// UNEVEN: there is no program for this sum: 5 rows cannot be shared out evenly to 2 ranks
// WORKERS: there is no program for this sum: its steps take 3 workers, but there are 2
// NARROW: there is no program for this sum: its sum is not taken in the order of ranks, in f32
// NARROW-NOT: overlap.program @all_reduce
// NARROW: overlap.program @reduce_gather_one_shot(
// NAME: error: expected algorithm to be one_shot, two_shot, ring, multimem or lamport but got 'tree'
// TOKENS: error: expected no negative number of tokens but got -1

!whole = tensor<?x4xf32, #lm.dims<tokens>>
!part = tensor<?x4xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics fast max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
}
decode.step @s(%a: !whole, %b: !whole, %x: !part) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>, #decode.role<logprob>], output_roles = []} {
  %0 = par.all_reduce %a on @mesh ["tp"] algorithms <1 : lamport, 6 : two_shot> : !whole
  %g = lm.get_weight @m::@gain : !lm.weight<4, #lm.f32>
  %1, %r = par.reduce_gather %b with(%x) {"tp" : even} on @mesh : (!whole, !part) -> (!whole, !part) {
  ^bb0(%sum: !part, %own: !part):
    %s = lm.add %own, %sum : !part
    %n = lm.rms_norm %s, %g eps 1.0e-05 : !part, !lm.weight<4, #lm.f32>
    par.yield %n, %s : !part, !part
  }
  decode.return
}
