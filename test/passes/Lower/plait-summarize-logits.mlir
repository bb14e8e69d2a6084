// RUN: plait-opt %s --split-input-file --plait-summarize-logits | FileCheck %s
// RUN: plait-opt %s --split-input-file --plait-summarize-logits --plait-pack-weights --plait-outline-kernels --plait-fuse-epilogues | FileCheck %s --check-prefix=KERNEL
// RUN: plait-opt %s --split-input-file --plait-summarize-logits --plait-pack-weights --plait-outline-kernels --plait-fuse-epilogues=reductions=0 | FileCheck %s --check-prefix=ALONE

!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x1300xf32, #lm.dims<leaves>>

lm.model @main family "llama" numerics row_invariant max_positions 300 {
  lm.weight @w from "w" : !lm.weight<1300x4, #lm.bf16>
}

// 3 blocks, the last of 276 tokens. No launch has the logits as a result.
// CHECK-LABEL: decode.step @plain(
// CHECK: %[[C:.*]] = lm.softcap
// CHECK-NEXT: %[[B:.*]] = decode.summarize_blocks %[[C]] {first = 0 : i64} : (tensor<?x1300xf32, #lm.dims<leaves>>) -> tensor<?x12xf32, #lm.dims<leaves>>
// CHECK-NEXT: decode.choose_summarized %[[B]] :
// CHECK-NOT: decode.choose_greedy
// KERNEL-LABEL: decode.step @plain(
// KERNEL: kernel.launch @head_softcap_summarize_blocks({{.*}} -> tensor<?x12xf32, #lm.dims<leaves>>
// KERNEL-NEXT: kernel.launch @choose_summarized(
// KERNEL: kernel.func @head_softcap_summarize_blocks({{.*}} -> tensor<?x12xf32, #lm.dims<leaves>>
// ALONE-LABEL: decode.step @plain(
// ALONE: kernel.launch @head_softcap({{.*}} -> tensor<?x1300xf32, #lm.dims<leaves>>
// ALONE-NEXT: kernel.launch @summarize_blocks({{.*}} -> tensor<?x12xf32, #lm.dims<leaves>>
// ALONE-NEXT: kernel.launch @choose_summarized(
decode.step @plain(%x: !h) -> (!i, !i, !f)
    attributes {input_roles = [#decode.role<hidden>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
  %w = lm.get_weight @main::@w : !lm.weight<1300x4, #lm.bf16>
  %l = lm.head %x, %w : !h, !lm.weight<1300x4, #lm.bf16>
  %c = lm.softcap %l cap 30.0 : !l
  %t:3 = decode.choose_greedy %c : !l
  decode.return %t#0, %t#1, %t#2 : !i, !i, !f
}

// -----

!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x1300xf32, #lm.dims<leaves>>
!s = tensor<?x4xf32, #lm.dims<leaves>>

lm.model @main family "llama" numerics row_invariant max_positions 300 {
  lm.weight @w from "w" : !lm.weight<1300x4, #lm.bf16>
}

// A part of the vocabulary: its summary is put together from those of its blocks.
// CHECK-LABEL: decode.step @part(
// CHECK: %[[B:.*]] = decode.summarize_blocks %{{.*}} {first = 1300 : i64}
// CHECK-NEXT: decode.join_summaries %[[B]] : (tensor<?x12xf32, #lm.dims<leaves>>) -> tensor<?x4xf32, #lm.dims<leaves>>
decode.step @part(%x: !h) -> (!i, !i, !f)
    attributes {input_roles = [#decode.role<hidden>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>]} {
  %w = lm.get_weight @main::@w : !lm.weight<1300x4, #lm.bf16>
  %l = lm.head %x, %w : !h, !lm.weight<1300x4, #lm.bf16>
  %s = decode.summarize %l {first = 1300 : i64} : (!l) -> !s
  %t:3 = decode.choose_summarized %s : (!s) -> (!i, !i, !f)
  decode.return %t#0, %t#1, %t#2 : !i, !i, !f
}

// -----

!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x1300xf32, #lm.dims<leaves>>

lm.model @main family "llama" numerics row_invariant max_positions 300 {
  lm.weight @w from "w" : !lm.weight<1300x4, #lm.bf16>
}

// Somebody else wants the logits.
// CHECK-LABEL: decode.step @returned(
// CHECK-NOT: decode.summarize_blocks
// CHECK: decode.choose_greedy
decode.step @returned(%x: !h) -> (!i, !i, !f, !l)
    attributes {input_roles = [#decode.role<hidden>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>, #decode.role<logits>]} {
  %w = lm.get_weight @main::@w : !lm.weight<1300x4, #lm.bf16>
  %l = lm.head %x, %w : !h, !lm.weight<1300x4, #lm.bf16>
  %t:3 = decode.choose_greedy %l : !l
  decode.return %t#0, %t#1, %t#2, %l : !i, !i, !f, !l
}

// -----

!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x1300xf32, #lm.dims<leaves>>
!ti = tensor<?x?xi32, #lm.dims<leaves, tops>>
!tf = tensor<?x?xf32, #lm.dims<leaves, tops>>

lm.model @main family "llama" numerics row_invariant max_positions 300 {
  lm.weight @w from "w" : !lm.weight<1300x4, #lm.bf16>
}

// The most probable tokens, too, are found block by block.
// CHECK-LABEL: decode.step @tops(
// CHECK-SAME: %[[N:[a-z0-9]*]]: tensor<?xi32
// CHECK: %[[B:.*]], %[[E:.*]] = decode.summarize_blocks %{{.*}} tops %[[N]] {first = 0 : i64} : ({{.*}}) -> (tensor<?x12xf32, #lm.dims<leaves>>, tensor<?x6xf32, #lm.dims<top_entries>>)
// CHECK-NEXT: decode.choose_summarized %[[B]] :
// CHECK-NEXT: decode.join_tops %[[E]], %[[B]], %[[N]] :
// CHECK-NOT: decode.top_logprobs
// KERNEL-LABEL: decode.step @tops(
// KERNEL: kernel.launch @head_summarize_blocks({{.*}} -> (tensor<?x12xf32, #lm.dims<leaves>>, tensor<?x6xf32, #lm.dims<top_entries>>)
decode.step @tops(%x: !h, %n: !i) -> (!i, !i, !f, !ti, !tf)
    attributes {input_roles = [#decode.role<hidden>, #decode.role<top_counts>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>,
                                #decode.role<top_tokens>, #decode.role<top_logprobs>]} {
  %w = lm.get_weight @main::@w : !lm.weight<1300x4, #lm.bf16>
  %l = lm.head %x, %w : !h, !lm.weight<1300x4, #lm.bf16>
  %t:3 = decode.choose_greedy %l : !l
  %u:2 = decode.top_logprobs %l, %n : !l, !i
  decode.return %t#0, %t#1, %t#2, %u#0, %u#1 : !i, !i, !f, !ti, !tf
}

// -----

!i = tensor<?xi32, #lm.dims<leaves>>
!f = tensor<?xf32, #lm.dims<leaves>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x1300xf32, #lm.dims<leaves>>
!ti = tensor<?x?xi32, #lm.dims<leaves, tops>>
!tf = tensor<?x?xf32, #lm.dims<leaves, tops>>
!s = tensor<?x4xf32, #lm.dims<leaves>>
!e = tensor<?x2xf32, #lm.dims<top_entries>>

lm.model @main family "llama" numerics row_invariant max_positions 300 {
  lm.weight @w from "w" : !lm.weight<1300x4, #lm.bf16>
}

// Of a part of the vocabulary, which comes before its summary.
// CHECK-LABEL: decode.step @tops_of_part(
// CHECK: %[[B:.*]], %[[E:.*]] = decode.summarize_blocks %{{.*}} tops %{{.*}} {first = 1300 : i64}
// CHECK-NEXT: %[[T:.*]] = decode.join_entries %[[E]], %{{.*}} : (tensor<?x6xf32, #lm.dims<top_entries>>, {{.*}}) -> tensor<?x2xf32, #lm.dims<top_entries>>
// CHECK-NEXT: %[[S:.*]] = decode.join_summaries %[[B]]
// CHECK-NEXT: decode.choose_summarized %[[S]]
// CHECK-NEXT: decode.join_tops %[[T]], %[[S]]
decode.step @tops_of_part(%x: !h, %n: !i) -> (!i, !i, !f, !ti, !tf)
    attributes {input_roles = [#decode.role<hidden>, #decode.role<top_counts>],
                output_roles = [#decode.role<chosen>, #decode.role<status>, #decode.role<logprob>,
                                #decode.role<top_tokens>, #decode.role<top_logprobs>]} {
  %w = lm.get_weight @main::@w : !lm.weight<1300x4, #lm.bf16>
  %l = lm.head %x, %w : !h, !lm.weight<1300x4, #lm.bf16>
  %e = decode.top_part %l, %n {first = 1300 : i64} : (!l, !i) -> !e
  %s = decode.summarize %l {first = 1300 : i64} : (!l) -> !s
  %t:3 = decode.choose_summarized %s : (!s) -> (!i, !i, !f)
  %u:2 = decode.join_tops %e, %s, %n : (!e, !s, !i) -> (!ti, !tf)
  decode.return %t#0, %t#1, %t#2, %u#0, %u#1 : !i, !i, !f, !ti, !tf
}
