// Sums that are carried out alike have one program, and those in an order of their own none.
//
// RUN: plait-opt %s --plait-outline-protocols='rows=2' --remarks-filter='plait-outline-protocols' 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK < %t
// RUN: plait-opt %s --plait-outline-protocols='rows=2' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50' -o /dev/null
// RUN: plait-opt %s --plait-outline-protocols='rows=2 sms=4 comm-sms=2' --plait-verify-overlap --plait-check-overlap='exhaustive=false schedules=50' | FileCheck %s --check-prefix=GPU
// RUN: not plait-opt %s --plait-outline-protocols='sms=2 comm-sms=2' -o /dev/null 2>&1 | FileCheck %s --check-prefix=WORKERS
// RUN: not plait-opt %s --plait-outline-protocols='rows=0' -o /dev/null 2>&1 | FileCheck %s --check-prefix=ROWS

!whole = tensor<?x4xf32, #lm.dims<tokens>>
!part = tensor<?x4xf32, #lm.dims<tokens_part>>
par.mesh @mesh axes ["tp"] sizes [2] rank 0
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
  lm.weight @other from "other" : !lm.weight<4, #lm.f32>
}
decode.step @s(%a: !whole, %b: !whole, %c: !whole) attributes {input_roles = [#decode.role<hidden>, #decode.role<logits>, #decode.role<logprob>], output_roles = []} {
  %g = lm.get_weight @m::@gain : !lm.weight<4, #lm.f32>
  %h = lm.get_weight @m::@other : !lm.weight<4, #lm.f32>
  %0 = par.reduce_gather %a {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    %n = lm.rms_norm %sum, %g eps 1.0e-05 : !part, !lm.weight<4, #lm.f32>
    par.yield %n : !part
  }
  %1 = par.reduce_gather %b {"tp" : even} on @mesh : (!whole) -> !whole {
  ^bb0(%sum: !part):
    %n = lm.rms_norm %sum, %h eps 1.0e-05 : !part, !lm.weight<4, #lm.f32>
    par.yield %n : !part
  }
  %2 = par.reduce_gather %c {"tp" : even} on @mesh order tree : (!whole) -> !whole {
  ^bb0(%sum: !part):
    %n = lm.rms_norm %sum, %g eps 1.0e-05 : !part, !lm.weight<4, #lm.f32>
    par.yield %n : !part
  }
  decode.return
}
// CHECK: overlap.program @reduce_gather(%{{.*}}: tensor<4x4xf32>
// CHECK-NOT: overlap.program
// REMARK: there is no program for this sum: its sum is not taken in the order of ranks, in f32
// ROWS: expected at least one row of each rank but got 0
// GPU: overlap.region pool(<sms = 4>)
// GPU: overlap.tiles {{.*}} pool(<sms = 2>)
// GPU: overlap.trigger {{.*}} pool(<sms = 2>)
// GPU: overlap.region pool(<sms = 2>)
// WORKERS: error: expected more workers in all than for communication, but got sms=2 comm-sms=2
