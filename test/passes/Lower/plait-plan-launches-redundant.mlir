// RUN: plait-opt %s --plait-plan-launches | FileCheck %s

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!l = tensor<?x4xf32, #lm.dims<leaves>>
!i = tensor<?xi32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!w = !kernel.packed<!lm.weight<4x4, #lm.f32>, panel = 16, group = 1>

lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @w from "w" : !lm.weight<4x4, #lm.f32>
  lm.func @head(!l) -> !l
}
kernel.func @embed(%x: !ids, %p: !w) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<4x4, #lm.f32>
  %y = lm.embed %x, %w : !ids, !lm.weight<4x4, #lm.f32>
  kernel.return %y : !x
}
kernel.func @scale(%x: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %y = lm.scale %x by 2.0 : !x
  kernel.return %y : !x
}
kernel.func @linear(%x: !x, %p: !w) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<4x4, #lm.f32>
  %y = lm.linear %x, %w : !x, !lm.weight<4x4, #lm.f32>
  kernel.return %y : !x
}
kernel.func @add(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
kernel.func @take_rows(%x: !x, %leaves: !i) -> !l attributes {cost = #cost} {
  %y = lm.take_rows %x, %leaves : !x, !i
  kernel.return %y : !l
}

// A redundant launch never writes over its operand, and its slot holds no other value.
// Launches that wait for its sake alone do so where rows are shared out.
// CHECK: rt.plan "ar"
// CHECK-COUNT-3: rt.slot
// CHECK-NEXT: rt.launch @embed [#rt.arg<input 0>, #rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 1 barrier from "e"
// CHECK-NEXT: rt.launch @scale [#rt.arg<slot 0>, #rt.arg<copy 1>] layers 0 to 2 barrier loop redundant from "n"
// CHECK-NEXT: rt.launch @linear [#rt.arg<copy 1>, #rt.arg<weight 0>, #rt.arg<slot 2>] layers 0 to 2 barrier if_shared from "q"
// Its read of slot 0 is waited for in all steps, also where none has waited since.
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 2>, #rt.arg<slot 0>] layers 0 to 2 barrier from "a"
// CHECK-NEXT: rt.launch @scale [#rt.arg<slot 0>, #rt.arg<copy 1>] layers 0 to 2 barrier redundant from "m"
// CHECK-NEXT: rt.launch @linear [#rt.arg<copy 1>, #rt.arg<weight 0>, #rt.arg<slot 2>] layers 0 to 2 barrier if_shared from "d"
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 2>, #rt.arg<slot 0>] layers 0 to 2 barrier from "b"
// What is not redundant is as always.
// CHECK-NEXT: rt.launch @scale [#rt.arg<slot 0>, #rt.arg<slot 0>] layers 0 to 1 barrier from "s"
// CHECK-NEXT: rt.launch @take_rows [#rt.arg<slot 0>, #rt.arg<input 3>, #rt.arg<output 3>] layers 0 to 1 barrier from "t"
decode.step @ar(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv, %leaves: !i) -> !l
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>,
                               #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %p = kernel.packed_weight @main::@w : !w
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !w) -> !x
  %y = lm.layers 0 to 2 iter(%h = %e) : !x {
    %n = kernel.launch @scale(%h) from "n" redundant : (!x) -> !x
    %q = kernel.launch @linear(%n, %p) from "q" : (!x, !w) -> !x
    %a = kernel.launch @add(%h, %q) from "a" : (!x, !x) -> !x
    %m = kernel.launch @scale(%a) from "m" redundant : (!x) -> !x
    %d = kernel.launch @linear(%m, %p) from "d" : (!x, !w) -> !x
    %b = kernel.launch @add(%a, %d) from "b" : (!x, !x) -> !x
    lm.yield %b : !x
  }
  %s = kernel.launch @scale(%y) from "s" : (!x) -> !x
  %t = kernel.launch @take_rows(%s, %leaves) from "t" : (!x, !i) -> !l
  decode.return %t : !l
}
