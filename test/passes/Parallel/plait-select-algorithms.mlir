// Which algorithm carries a sum out, by rows, ranks, machine and numerics.
//
// On a switch of 8: data that tells by itself that it is there for a few rows, and more rows each added up by one.
// RUN: plait-opt %s --plait-select-algorithms --plait-verify-parallel --remarks-filter='plait-select-algorithms' 2>%t | FileCheck %s --check-prefix=EIGHT
// RUN: FileCheck %s --check-prefix=WHY < %t
// Of two ranks nothing is shared out that would be less.
// RUN: sed 's/sizes \[8\]/sizes [2]/' %s | plait-opt --plait-select-algorithms --remarks-filter='plait-select-algorithms' 2>&1 | FileCheck %s --check-prefix=PAIR
// In any order: through the switch, if it can add up, and around otherwise only where latency is nothing.
// RUN: sed 's/row_invariant/fast/' %s | plait-opt --plait-select-algorithms --plait-verify-parallel | FileCheck %s --check-prefix=FAST
// RUN: sed 's/row_invariant/fast/; s/, multicast = true//' %s | plait-opt --plait-select-algorithms --plait-verify-parallel | FileCheck %s --check-prefix=EIGHT
// RUN: sed 's/row_invariant/fast/; s/, multicast = true//; s/kind = switch/kind = network/; s/latency = 2.0e-6/latency = 0.0/' %s | plait-opt --plait-select-algorithms | FileCheck %s --check-prefix=MESSAGES
// Shared memory has what the runtime does there.
// RUN: sed 's/kind = switch/kind = shared_memory/' %s | plait-opt --plait-select-algorithms | FileCheck %s --check-prefix=SHARED
// RUN: sed 's/kind = switch/kind = shared_memory/; s/sizes \[8\]/sizes [2]/' %s | plait-opt --plait-select-algorithms | FileCheck %s --check-prefix=SHARED2
// A table has measured bytes, of bf16: 1 MiB for 8 ranks.
// RUN: plait-opt %s --plait-select-algorithms=table=dgx-h100 --remarks-filter='plait-select-algorithms' 2>%t | FileCheck %s --check-prefix=TABLE
// RUN: FileCheck %s --check-prefix=MEASURED < %t
// RUN: sed 's/sizes \[8\]/sizes [4]/' %s | plait-opt --plait-select-algorithms=table=dgx-h100 | FileCheck %s --check-prefix=TABLE4
// RUN: sed 's/sizes \[8\]/sizes [4]/; s/row_invariant/fast/' %s | plait-opt --plait-select-algorithms=table=dgx-h100 | FileCheck %s --check-prefix=TABLE4F
// A ring of neighbours can do nothing in the order of ranks.
// RUN: plait-opt %s --plait-select-algorithms=table=t3 --remarks-filter='plait-select-algorithms' -o /dev/null 2>&1 | FileCheck %s --check-prefix=NONE
// RUN: sed 's/row_invariant/fast/' %s | plait-opt --plait-select-algorithms=table=t3 | FileCheck %s --check-prefix=AROUND
// Of sums that are sent as bf16 nothing is decided: no program adds what was rounded on its way. What is decided stays in f32.
// RUN: plait-opt %s --plait-narrow-sums --plait-select-algorithms --plait-verify-parallel --remarks-filter='plait-select-algorithms' 2>&1 | FileCheck %s --check-prefix=NARROW
// RUN: not plait-opt %s --plait-select-algorithms --plait-narrow-sums -o /dev/null 2>&1 | FileCheck %s --check-prefix=DECIDED
// Without a machine nothing is decided.
// RUN: sed -e '/^par.machine/,/^] host/d' -e 's/ on @gpus//' %s | plait-opt --plait-select-algorithms --remarks-filter='plait-select-algorithms' 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not plait-opt %s --plait-select-algorithms=table=none -o /dev/null 2>&1 | FileCheck %s --check-prefix=NOTABLE
// RUN: not plait-opt %s --plait-select-algorithms=most-rows=0 -o /dev/null 2>&1 | FileCheck %s --check-prefix=MOST

// 10 us at 450 GB/s less what is sent twice: 857 KB, 26.2 rows of f32.
// EIGHT: par.all_reduce %{{.*}} on @mesh ["tp"] algorithms <1 : lamport, 27 : two_shot> : tensor<?x8192xf32
// EIGHT: par.all_reduce %{{.*}} on @mesh ["tp"] order tree : tensor<?x8192xf32
// EIGHT: par.reduce_gather {{.*}} algorithms <1 : lamport, 16 : two_shot>
// WHY: over 8 ranks by lamport from 1 row on (2.5 us; one_shot 6.5 us; two_shot 12.1 us); two_shot from 27 rows on (15.4 us; one_shot 19.8 us; lamport 15.8 us); others would change bits
// WHY: how it is carried out is not decided: its sum is not taken in the order of ranks, in f32
// PAIR: over 2 ranks by lamport from 1 row on (2.1 us; one_shot 6.1 us; two_shot 12.1 us); others would change bits
// PAIR: par.all_reduce %{{.*}} on @mesh ["tp"] algorithms <1 : lamport> : tensor<?x8192xf32
// FAST: par.all_reduce %{{.*}} algorithms <1 : lamport, 15 : multimem>
// FAST: par.reduce_gather {{.*}} algorithms <1 : lamport, 16 : multimem>
// MESSAGES: par.all_reduce %{{.*}} algorithms <1 : two_shot>
// SHARED: par.all_reduce %{{.*}} algorithms <1 : one_shot, 2 : two_shot>
// SHARED: par.reduce_gather {{.*}} algorithms <1 : one_shot, 16 : two_shot>
// SHARED2: par.all_reduce %{{.*}} algorithms <1 : one_shot, 33 : two_shot>
// TABLE: par.all_reduce %{{.*}} algorithms <1 : lamport, 65 : two_shot>
// MEASURED: by lamport from 1 row on ({{[0-9.]+}} us, known to be the one up to these bytes; one_shot {{[0-9.]+}} us; two_shot
// TABLE4: par.all_reduce %{{.*}} algorithms <1 : lamport, 129 : two_shot>
// TABLE4F: par.all_reduce %{{.*}} algorithms <1 : lamport, 129 : {{two_shot|multimem}}
// NONE: how it is carried out is not decided: the link has no algorithm that adds in the order of ranks
// AROUND: par.all_reduce %{{.*}} algorithms <1 : ring>
// NARROW: how it is carried out is not decided: it is sent as bf16, and programs of sums send f32
// NARROW: par.all_reduce %{{.*}} on @mesh ["tp"] wire bf16 : tensor
// NARROW: par.reduce_gather %{{.*}} wire bf16 :
// NARROW-NOT: algorithms
// DECIDED: error: 'par.all_reduce' op expected algorithms of a sum in the order of the devices, sent and added in f32, alone
// UNKNOWN-NOT: remark
// UNKNOWN: par.all_reduce %{{.*}} on @mesh ["tp"] : tensor
// UNKNOWN-NOT: algorithms
// NOTABLE: error: table: found no machine "none"; expected one of dgx-h100, t3{{.*}}, or a file NAME.json
// MOST: error: expected most-rows from 1 to 2^32 but got 0

par.machine @gpus devices [
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>,
  <kind = "gpu", memory = 85899345920, bandwidth = 3.0e12, peak = {f32 = 6.0e13}, launch = 5.0e-6>
] links [
  <members = [0, 1, 2, 3, 4, 5, 6, 7], kind = switch, bandwidth = 4.5e11, latency = 2.0e-6, multicast = true>
] host <step = 5.0e-5, sequence = 1.0e-5>
!whole = tensor<?x8192xf32, #lm.dims<tokens>>
!part = tensor<?x8192xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [8] on @gpus rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<8192, #lm.f32>
}
decode.step @s(%a: !whole, %b: !whole) -> (!whole, !whole, !whole)
    attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>], output_roles = [#decode.role<logits>, #decode.role<hidden>, #decode.role<logprob>], share_tokens = 16 : i64} {
  %0 = par.all_reduce %a on @mesh ["tp"] : !whole
  %1 = par.all_reduce %a on @mesh ["tp"] order tree : !whole
  %g = lm.get_weight @m::@gain : !lm.weight<8192, #lm.f32>
  %2 = par.reduce_gather %b {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    %n = lm.rms_norm %sum, %g eps 1.0e-05 : !part, !lm.weight<8192, #lm.f32>
    par.yield %n : !part
  }
  decode.return %0, %1, %2 : !whole, !whole, !whole
}
