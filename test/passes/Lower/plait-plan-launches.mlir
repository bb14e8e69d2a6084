// RUN: plait-opt %s --plait-plan-launches | FileCheck %s

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!i = tensor<?xi32, #lm.dims<leaves>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!h = tensor<?x4xf32, #lm.dims<leaves>>
!l = tensor<?x32xf32, #lm.dims<leaves>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!embed = !kernel.packed<!lm.weight<32x4, #lm.bf16>, panel = 16, group = 2>
!scale = !kernel.packed<!lm.weight<4, #lm.bf16>, panel = 0, group = 1>

// The model and its steps become tables; kernels and weights are numbered by use,
// and each layer of a weight begins at a multiple of 64 bytes.
// CHECK-NOT: lm.model
// CHECK-NOT: decode.step
// CHECK: rt.model @main attributes {family = "llama", layers = 2 : i64, max_positions = 64 : i64, numerics = "row_invariant", pack_bytes = 384 : i64, parameters = 136 : i64, vocabulary = 32 : i64}
// CHECK-NEXT: rt.kernel @embed
// CHECK-NEXT: rt.kernel @glu
// CHECK-NEXT: rt.kernel @add
// CHECK-NEXT: rt.kernel @stage
// CHECK-NEXT: rt.kernel @norm
// CHECK-NEXT: rt.kernel @take_rows
// CHECK-NEXT: rt.kernel @head
// CHECK-NEXT: rt.weight "embed" from "embed" {cols = 4 : i64, element = bf16, group = 2 : i64, layer_bytes = 256 : i64, layers = 1 : i64, offset = 0 : i64, panel = 16 : i64, rows = 32 : i64}
// CHECK-NEXT: rt.weight "scale" from "layers.{layer}.scale" {cols = 1 : i64, element = f32, group = 1 : i64, layer_bytes = 64 : i64, layers = 2 : i64, offset = 256 : i64, panel = 0 : i64, rows = 4 : i64}
// CHECK-NEXT: rt.state "kv" {cells = array<i64: {{.*}}>, layers = 2 : i64, page_bytes = {{[0-9]+}} : i64, page_tokens = {{[0-9]+}} : i64}
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @scale from "layers.{layer}.scale" layers 2 : !lm.weight<4, #lm.bf16>
  lm.weight @embed from "embed" : !lm.weight<32x4, #lm.bf16>
  lm.func @head(!h) -> !l
}

kernel.func @embed(%x: !ids, %p: !embed) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.embed %x, %w : !ids, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @glu(%x: !x, %y: !x) -> !x attributes {cost = #cost} {
  %z = lm.glu silu %x, %y : !x
  kernel.return %z : !x
}
kernel.func @add(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
kernel.func @norm(%x: !x, %p: !scale) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !scale -> !lm.weight<4, #lm.bf16>
  %y = lm.rms_norm %x, %w eps 1.0e-5 : !x, !lm.weight<4, #lm.bf16>
  kernel.return %y : !x
}
kernel.func @stage(%k: !x, %kv: !kv, %rows: !lm.rows, %pos: !ids) -> !kv attributes {cost = #cost} {
  %s = lm.stage %k, %k, %kv, %rows, %pos : !x, !kv, !ids
  kernel.return %s : !kv
}
kernel.func @take_rows(%x: !x, %leaves: !i) -> !h attributes {cost = #cost} {
  %y = lm.take_rows %x, %leaves : !x, !i
  kernel.return %y : !h
}
kernel.func @head(%x: !h, %p: !embed) -> !l attributes {cost = #cost} {
  %w = kernel.unpack %p : !embed -> !lm.weight<32x4, #lm.bf16>
  %y = lm.head %x, %w : !h, !lm.weight<32x4, #lm.bf16>
  kernel.return %y : !l
}

// Three slots of tokens, one of leaves.
// CHECK-NEXT: rt.plan "ar" attributes {has_logits} {
// CHECK-NEXT: rt.slot [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
// CHECK-NEXT: rt.slot [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
// CHECK-NEXT: rt.slot [0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
// CHECK-NEXT: rt.slot [0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0]
// What does not depend on each other has no barrier between; the first launch of
// all has one.
// CHECK-NEXT: rt.launch @embed [#rt.arg<input 0>, #rt.arg<weight 0>, #rt.arg<slot 0>] layers 0 to 1 barrier from "e"
// CHECK-NEXT: rt.launch @embed [#rt.arg<input 0>, #rt.arg<weight 0>, #rt.arg<slot 1>] layers 0 to 1 from "f"
// CHECK-NEXT: rt.launch @glu [#rt.arg<slot 0>, #rt.arg<slot 1>, #rt.arg<slot 2>] layers 0 to 1 barrier from "g"
// In place, for %e is dead; then not, for %h is alive; the slot of %f is free.
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 2>, #rt.arg<slot 0>] layers 0 to 1 barrier from "h"
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 2>, #rt.arg<slot 1>] layers 0 to 1 barrier from "i"
// A write after a read of the same value waits as well.
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 1>, #rt.arg<slot 0>] layers 0 to 1 barrier from "j"
// The state has two buffers, its pages and their table; it is changed in place and
// is an argument once.
// CHECK-NEXT: rt.launch @stage [#rt.arg<slot 0>, #rt.arg<state 0>, #rt.arg<pages 0>, #rt.arg<input 2>, #rt.arg<input 17>, #rt.arg<input 18>, #rt.arg<input 1>] layers 0 to 2 barrier loop from "s"
// CHECK-NEXT: rt.launch @norm [#rt.arg<slot 0>, #rt.arg<weight 1>, #rt.arg<slot 1>] layers 0 to 2 from "n"
// What is carried from layer to layer keeps its slot.
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 1>, #rt.arg<slot 0>] layers 0 to 2 barrier from "a"
// CHECK-NEXT: rt.launch @take_rows [#rt.arg<slot 0>, #rt.arg<input 3>, #rt.arg<slot 3>] layers 0 to 1 barrier from "t"
// What the step returns is written straight into its output.
// CHECK-NEXT: rt.launch @head [#rt.arg<slot 3>, #rt.arg<weight 0>, #rt.arg<output 3>] layers 0 to 1 barrier from "l"
// CHECK-NOT: rt.launch
decode.step @ar(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv, %leaves: !i) -> !l
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>,
                               #decode.role<leaves>], output_roles = [#decode.role<logits>]} {
  %p = kernel.packed_weight @main::@embed : !embed
  %e = kernel.launch @embed(%ids, %p) from "e" : (!ids, !embed) -> !x
  %f = kernel.launch @embed(%ids, %p) from "f" : (!ids, !embed) -> !x
  %g = kernel.launch @glu(%e, %f) from "g" : (!x, !x) -> !x
  %h = kernel.launch @add(%e, %g) from "h" : (!x, !x) -> !x
  %i = kernel.launch @add(%h, %g) from "i" : (!x, !x) -> !x
  %j = kernel.launch @add(%h, %i) from "j" : (!x, !x) -> !x
  %y:2 = lm.layers 0 to 2 iter(%c = %j, %s = %kv) : !x, !kv {
    %n = kernel.launch @stage(%c, %s, %rows, %pos) from "s" : (!x, !kv, !lm.rows, !ids) -> !kv
    %q = kernel.packed_weight @main::@scale : !scale
    %m = kernel.launch @norm(%c, %q) from "n" : (!x, !scale) -> !x
    %a = kernel.launch @add(%c, %m) from "a" : (!x, !x) -> !x
    lm.yield %a, %n : !x, !kv
  }
  %t = kernel.launch @take_rows(%y#0, %leaves) from "t" : (!x, !i) -> !h
  %l = kernel.launch @head(%t, %p) from "l" : (!h, !embed) -> !l
  decode.return %l : !l
}
