// A sum whose rows are computed on their way: a collective and, behind it, the launches that are part of it. What
// the rank keeps is written over what it kept before, and what is gathered for the next layer comes where that of
// this layer was, which is carried to it.
//
// RUN: plait-opt %s -split-input-file --plait-plan-launches --plait-verify-lower | FileCheck %s

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!r = tensor<?x4xf32, #lm.dims<tokens_part>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!embed = !kernel.packed<!lm.weight<32x4, #lm.bf16>, panel = 16, group = 2>
par.mesh @mesh axes ["tp"] sizes [2] rank 1
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<32x4, #lm.bf16>
  lm.func @head(!h) -> !l
}
kernel.func @embed(%x: !ids, %p: !embed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.embed %x, %w : !ids, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @scale(%x: !x) -> !x attributes {cost = #cost} {
  %y = lm.scale %x by 2.0 : !x
  kernel.return %y : !x
}
kernel.func @double(%x: !r) -> !r attributes {cost = #cost} {
  %y = lm.scale %x by 2.0 : !r
  kernel.return %y : !r
}
kernel.func @add_scale(%x: !r, %y: !r) -> (!r, !r) attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !r
  %n = lm.scale %z by 2.0 : !r
  kernel.return %z, %n : !r, !r
}
kernel.func @take(%x: !x, %leaves: !i) -> !h attributes {cost = #cost} {
  %y = lm.take_rows %x, %leaves : !x, !i
  kernel.return %y : !h
}
// CHECK: rt.plan "ar"
// CHECK: rt.launch @embed [#rt.arg<input 0>, #rt.arg<weight 0>, #rt.arg<slot [[P:[0-9]+]]>] layers 0 to 1 barrier from "e"
// CHECK-NEXT: rt.collective{{ *}}reduce_gather <slot [[P]]> to <slot [[A:[0-9]+]]> sum <slot [[X:[0-9]+]]> part <slot [[N:[0-9]+]]> epilogue 1 rows "tokens" columns 4 algorithms [#rt.sum_range<1 : two_shot>, #rt.sum_range<64 : ring>] layers 0 to 1 barrier
// CHECK-NEXT: rt.launch @double [#rt.arg<slot [[X]]>, #rt.arg<slot [[N]]>] layers 0 to 1 barrier from "n0"
// CHECK-NEXT: rt.launch @scale [#rt.arg<slot [[A]]>, #rt.arg<slot [[D:[0-9]+]]>] layers 0 to 2 barrier loop from "d"
// CHECK-NEXT: rt.collective{{ *}}reduce_gather <slot [[D]]> to <slot [[A]]> sum <slot [[S:[0-9]+]]> part <slot [[M:[0-9]+]]> epilogue 1 rows "tokens" columns 4 layers 0 to 2 barrier
// CHECK-NEXT: rt.launch @add_scale [#rt.arg<slot [[X]]>, #rt.arg<slot [[S]]>, #rt.arg<slot [[X]]>, #rt.arg<slot [[M]]>] layers 0 to 2 barrier from "n"
// CHECK-NEXT: rt.launch @take [#rt.arg<slot [[A]]>, #rt.arg<input 3>, #rt.arg<output 3>] layers 0 to 1 barrier from "t"
decode.step @ar(%ids: !ids, %kv: !kv, %leaves: !i) -> !h
    attributes {input_roles = [#decode.role<tokens>, #decode.role<state>, #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %p = kernel.packed_weight @main::@embed : !embed
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !embed) -> !x
  %a0, %x0 = par.reduce_gather %e {"tp" : even} on @mesh algorithms <1 : two_shot, 64 : ring> : (!x) -> (!x, !r) {
  ^bb0(%sum: !r):
    %n = kernel.launch @double(%sum) from "n0" : (!r) -> !r
    par.yield %n, %sum : !r, !r
  }
  %y:2 = lm.layers 0 to 2 iter(%x = %x0, %a = %a0) : !r, !x {
    %d = kernel.launch @scale(%a) from "d" : (!x) -> !x
    %b, %z = par.reduce_gather %d with (%x) {"tp" : even} on @mesh : (!x, !r) -> (!x, !r) {
    ^bb0(%sum: !r, %own: !r):
      %kept, %n = kernel.launch @add_scale(%own, %sum) from "n" : (!r, !r) -> (!r, !r)
      par.yield %n, %kept : !r, !r
    }
    lm.yield %z, %b : !r, !x
  }
  %t = kernel.launch @take(%y#1, %leaves) from "t" : (!x, !i) -> !h
  decode.return %t : !h
}

// -----

// What is needed behind the sum is not written over.
#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!r = tensor<?x4xf32, #lm.dims<tokens_part>>
!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!embed = !kernel.packed<!lm.weight<32x4, #lm.bf16>, panel = 16, group = 2>
par.mesh @mesh axes ["tp"] sizes [2] rank 1
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @embed from "embed" : !lm.weight<32x4, #lm.bf16>
  lm.func @head(!h) -> !l
}
kernel.func @embed(%x: !ids, %p: !embed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.embed %x, %w : !ids, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @add(%x: !r, %y: !r) -> !r attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !r
  kernel.return %z : !r
}
// CHECK: rt.collective{{ *}}part <slot [[P:[0-9]+]]> to <slot [[X:[0-9]+]]>
// CHECK: rt.collective{{ *}}reduce_gather <slot [[P]]> to <slot {{[0-9]+}}> sum <slot [[S:[0-9]+]]> part <slot [[N:[0-9]+]]> epilogue 1
// CHECK-NEXT: rt.launch @add [#rt.arg<slot [[X]]>, #rt.arg<slot [[S]]>, #rt.arg<slot [[N]]>]
// CHECK-NEXT: rt.launch @add [#rt.arg<slot [[X]]>, #rt.arg<slot [[X]]>
decode.step @ar(%ids: !ids, %kv: !kv) attributes {input_roles = [#decode.role<tokens>, #decode.role<state>], output_roles = []} {
  %p = kernel.packed_weight @main::@embed : !embed
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !embed) -> !x
  %x = par.part %e dim 0 {"tp" : even} on @mesh : !x -> !r
  %a = par.reduce_gather %e with (%x) {"tp" : even} on @mesh : (!x, !r) -> !x {
  ^bb0(%sum: !r, %own: !r):
    %n = kernel.launch @add(%own, %sum) from "n" : (!r, !r) -> !r
    par.yield %n : !r
  }
  %b = kernel.launch @add(%x, %x) from "b" : (!r, !r) -> !r
  decode.return
}
