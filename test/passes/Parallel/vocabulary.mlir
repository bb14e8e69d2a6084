// Tokens that three ranks share out: the table of embedding and head, and the choice.
//
// RUN: plait-opt %s --plait-propagate-sharding --plait-partition=rank=1 | FileCheck %s
// RUN: plait-opt %s --plait-propagate-sharding --remarks-filter='plait-.*' -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// RUN: sed 's/^  \/\/ KEEP//' %s | plait-opt --plait-propagate-sharding --plait-partition=rank=1 --remarks-filter='plait-.*' 2>&1 | FileCheck %s --check-prefix=WHOLE

// REMARK: dimension of 70 of table (8960 bytes) is split: 23 23 24
// WHOLE: dimension of 70 of table stays whole: a constraint keeps it so
// WHOLE-NOT: par.all
// WHOLE: decode.choose_sample
// WHOLE-NOT: par.all
par.mesh @mesh axes ["tp"] sizes [3]
lm.model @m family "t" numerics row_invariant max_positions 8 {
  // CHECK: lm.weight @table from "table" part <at = [23, 0], of = [70, 32]> : !lm.weight<23x32, #lm.f32>
  lm.weight @table from "table" : !lm.weight<70x32, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<32, #lm.f32>
}
!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!l = tensor<?xi64, #lm.dims<leaves>>
!ei = tensor<?xi32, #lm.dims<edits>>
!ef = tensor<?xf32, #lm.dims<edits>>
!logits = tensor<?x70xf32, #lm.dims<leaves>>
// CHECK-LABEL: decode.step @s
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %leaves: !i, %temp: !f, %k: !i, %p: !f, %m: !f, %seed: !l, %seq: !l,
               %ends: !i, %et: !ei, %eb: !ef, %es: !ef, %eo: !ef, %counts: !i)
    -> (!i, !i, !f, tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>, !logits)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<leaves>, #decode.role<temperature>, #decode.role<top_k>, #decode.role<top_p>, #decode.role<min_p>, #decode.role<seed>, #decode.role<sequence>, #decode.role<edit_ends>, #decode.role<edit_tokens>, #decode.role<edit_biases>, #decode.role<edit_scales>, #decode.role<edit_offsets>, #decode.role<top_counts>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>, #decode.role<top_tokens>, #decode.role<top_logprobs>, #decode.role<logits>]} {
  %w = lm.get_weight @m::@table : !lm.weight<70x32, #lm.f32>
  %g = lm.get_weight @m::@gain : !lm.weight<32, #lm.f32>
  // CHECK: %[[X:.*]] = lm.embed {{.*}} {first = 23 : i64}
  // CHECK-NEXT: %[[H:.*]] = par.all_reduce %[[X]] on @mesh ["tp"]
  %h = lm.embed %ids, %w : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<70x32, #lm.f32>
  // CHECK-NEXT: lm.rms_norm %[[H]]
  %n = lm.rms_norm %h, %g eps 1.0e-5 : tensor<?x32xf32, #lm.dims<tokens>>, !lm.weight<32, #lm.f32>
  %hl = lm.take_rows %n, %leaves : tensor<?x32xf32, #lm.dims<tokens>>, !i
  // CHECK: %[[L:.*]] = lm.head {{.*}}<23x32, #lm.f32>
  // CHECK: %[[G:.*]] = par.all_gather %[[L]] dim 1 {"tp" : 0 to 23, 23 to 46, 46 to 70} on @mesh
  // CHECK: %[[ALL:.*]] = lm.slice_columns %[[G]] 0 size 70
  %l = lm.head %hl, %w : tensor<?x32xf32, #lm.dims<leaves>>, !lm.weight<70x32, #lm.f32>
  // KEEP %l2 = par.constraint %l as <@mesh, [{}, {}]> : !logits
  // CHECK: %[[E:.*]] = decode.edit_logits %[[L]]{{.*}} {first = 23 : i64}
  // CHECK-NEXT: %[[S0:.*]] = decode.summarize %[[E]] {first = 23 : i64}
  // CHECK-NEXT: %[[S:.*]] = par.all_gather %[[S0]] dim 1 {"tp" : 0 to 4, 4 to 8, 8 to 12} on @mesh : tensor<?x4xf32, #lm.dims<leaves>> -> tensor<?x12xf32, #lm.dims<leaves>>
  %e = decode.edit_logits %l, %ends, %et, %eb, %es, %eo : !logits, !i, !ei, !ef, !ef, !ef
  // One exchange for each eight bits of a threshold, and one for the draw.
  // CHECK: decode.bin_logits %[[E]], %[[S]], {{.*}} rule <top_k> round 0
  // CHECK-NEXT: par.all_gather {{.*}} : tensor<?x512xf32, #lm.dims<warps>> -> tensor<?x1536xf32, #lm.dims<warps>>
  // CHECK-NEXT: decode.narrow_threshold {{.*}} rule <top_k> round 0
  // CHECK: decode.bin_logits {{.*}} state {{.*}} rule <top_k> round 3
  // CHECK: decode.bin_logits {{.*}} state {{.*}} rule <top_p> round 0
  // CHECK: %[[T:.*]] = decode.narrow_threshold {{.*}} rule <top_p> round 3
  // CHECK-NEXT: %[[D0:.*]] = decode.draw_part %[[E]], %[[S]], {{.*}} state %[[T]] min_p {{.*}} {first = 23 : i64}
  // CHECK-NEXT: %[[D:.*]] = par.all_gather %[[D0]] {{.*}} : tensor<?x3xf32, #lm.dims<draws>> -> tensor<?x9xf32, #lm.dims<draws>>
  // CHECK-NEXT: %[[C:.*]], %[[ST:.*]], %[[LP:.*]] = decode.choose_summarized %[[S]] drawn %[[D]] temperature
  %t, %st, %lp = decode.choose_sample %e, %leaves, %seed, %seq temperature %temp top_k %k top_p %p min_p %m : !logits, !i, !l, !l, !f top_k !i top_p !f min_p !f
  // CHECK-NEXT: %[[P:.*]] = decode.top_part %[[E]], %{{.*}} {first = 23 : i64}
  // CHECK-NEXT: par.all_gather %[[P]] {{.*}} : tensor<?x2xf32, #lm.dims<top_entries>> -> tensor<?x6xf32, #lm.dims<top_entries>>
  // CHECK-NEXT: %[[TT:.*]], %[[TL:.*]] = decode.join_tops %{{.*}}, %[[S]],
  %tt, %tl = decode.top_logprobs %e, %counts : !logits, !i
  // CHECK-NOT: par.
  // CHECK: decode.return %[[C]], %[[ST]], %[[LP]], %[[TT]], %[[TL]], %[[ALL]]
  decode.return %t, %st, %lp, %tt, %tl, %l : !i, !i, !f, tensor<?x?xi32, #lm.dims<leaves, tops>>, tensor<?x?xf32, #lm.dims<leaves, tops>>, !logits
}
