// RUN: plait-opt %s --plait-plan-launches | FileCheck %s

#cost = #kernel.cost<flops = [0, 4, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 48, 0, 0, 0]>
!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x4xf32, #lm.dims<tokens>>
!full = !lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>
!near = !lm.state<layers = 3, kv_heads = 1, head_dim = 4, bf16, window = 8>
!last = !lm.state<layers = 1, kv_heads = 1, head_dim = 4, i8>
!w = !kernel.packed<!lm.weight<4, #lm.f32>, panel = 0, group = 1>

// States are numbered as the step's arguments; those with one window share a page
// table. The layers of all make up those of the model. A weight keeps its layers.
// Pages of integers hold 64 positions' scales as well. The cell of a position is a column of
// keys, a row of values, and of integers two scales.
// CHECK: rt.model @main attributes {family = "llama", layers = 6 : i64
// CHECK: rt.weight "w" from "layers.{layer}.w" {cols = 1 : i64, {{.*}}layer_bytes = 64 : i64, layer_first = 1 : i64, layer_step = 2 : i64, layers = 2 : i64
// CHECK-NEXT: rt.state "kv0" {cells = array<i64: 0, 1, 1024, 16, 256, 4, 4, 64, 4, 1024, 1, 4096, 64, 0, 64, 1, 4096, 64>, layers = 2 : i64, page_bytes = 5120 : i64, page_tokens = 64 : i64}
// CHECK-NEXT: rt.state "kv1" {cells = array<i64: 0, 1, 512, 16, 128, 2, 4, 32, 2, 512, 1, 2048, 64, 0, 32, 1, 2048, 32>, element = "bf16", layers = 3 : i64, page_bytes = 2560 : i64, page_tokens = 64 : i64, table = 1 : i64, window = 8 : i64}
// CHECK-NEXT: rt.state "kv2" {cells = array<i64: 0, 1, 256, 16, 64, 1, 4, 16, 1, 256, 1, 1024, 64, 0, 16, 1, 1024, 16, 1280, 1, 256, 64, 0, 4, 1, 0, 4, 1536, 1, 256, 64, 0, 4, 1, 0, 4>, element = "int8", layers = 1 : i64, page_bytes = 1792 : i64, page_tokens = 64 : i64}
lm.model @main family "llama" numerics row_invariant max_positions 64 {
  lm.weight @w from "layers.{layer}.w" layers 2 first 1 step 2 : !lm.weight<4, #lm.f32>
  lm.func @head(tensor<?x4xf32, #lm.dims<leaves>>) -> tensor<?x7xf32, #lm.dims<leaves>>
}
kernel.func @stage_full(%k: !x, %kv: !full, %rows: !lm.rows, %pos: !ids) -> !full attributes {cost = #cost} {
  %s = lm.stage %k, %k, %kv, %rows, %pos : !x, !full, !ids
  kernel.return %s : !full
}
kernel.func @stage_near(%k: !x, %kv: !near, %rows: !lm.rows, %pos: !ids) -> !near attributes {cost = #cost} {
  %s = lm.stage %k, %k, %kv, %rows, %pos : !x, !near, !ids
  kernel.return %s : !near
}
kernel.func @stage_last(%k: !x, %kv: !last, %rows: !lm.rows, %pos: !ids) -> !last attributes {cost = #cost} {
  %s = lm.stage %k, %k, %kv, %rows, %pos : !x, !last, !ids
  kernel.return %s : !last
}
kernel.func @attend(%q: !x, %kv: !near, %rows: !lm.rows, %pos: !ids) -> !x attributes {cost = #cost} {
  %y = lm.attend %q, %kv, %rows, %pos scale 1.0 : !x, !near, !ids
  kernel.return %y : !x
}
kernel.func @norm(%x: !x, %p: !w) -> !x attributes {cost = #cost} {
  %w = kernel.unpack %p : !w -> !lm.weight<4, #lm.f32>
  %y = lm.rms_norm %x, %w eps 1.0e-5 : !x, !lm.weight<4, #lm.f32>
  kernel.return %y : !x
}

// A write to one state is none to another, even if they share a page table: no
// barrier. Reading what was staged waits.
// CHECK: rt.plan "ar"
// CHECK: rt.launch @stage_full [#rt.arg<slot 0>, #rt.arg<state 0>, #rt.arg<pages 0>, #rt.arg<input 2>, #rt.arg<input 17>, #rt.arg<input 18>, #rt.arg<input 1>] layers 0 to 2 barrier loop from "a"
// CHECK-NEXT: rt.launch @stage_near [#rt.arg<slot 0>, #rt.arg<state 1>, #rt.arg<pages 1>, #rt.arg<input 2>, #rt.arg<input 17>, #rt.arg<input 18>, #rt.arg<input 1>] layers 0 to 2 from "b"
// CHECK-NEXT: rt.launch @attend [#rt.arg<slot 0>, #rt.arg<state 1>, #rt.arg<pages 1>, #rt.arg<input 2>, #rt.arg<input 17>, #rt.arg<input 18>, #rt.arg<input 1>, #rt.arg<slot 1>] layers 0 to 2 barrier from "c"
// CHECK-NEXT: rt.launch @add [#rt.arg<slot 0>, #rt.arg<slot 1>, #rt.arg<slot 0>] layers 0 to 2 barrier from "d"
// An iteration that is left over is one launch each, of its own layer.
// CHECK-NEXT: rt.launch @stage_near [{{.*}}#rt.arg<state 1>, #rt.arg<pages 1>{{.*}}] layers 2 to 3 barrier loop from "b"
// CHECK-NEXT: rt.launch @stage_last [{{.*}}#rt.arg<state 2>, #rt.arg<pages 0>{{.*}}] layers 0 to 1 barrier from "e"
kernel.func @add(%x: !x, %y: !x) -> !x attributes {cost = #cost, in_place = array<i64: 0, 0>} {
  %z = lm.add %x, %y : !x
  kernel.return %z : !x
}
kernel.func @copy(%x: !x) -> !x attributes {cost = #cost} {
  %z = lm.add %x, %x : !x
  kernel.return %z : !x
}
decode.step @ar(%in: !x, %pos: !ids, %rows: !lm.rows, %full: !full, %near: !near, %last: !last) -> ()
    attributes {input_roles = [#decode.role<tokens>, #decode.role<positions>, #decode.role<rows>, #decode.role<state>,
                               #decode.role<state>, #decode.role<state>], output_roles = []} {
  %p = kernel.packed_weight @main::@w : !w
  %x = kernel.launch @copy(%in) from "x" : (!x) -> !x
  %y:3 = lm.layers 0 to 2 iter(%h = %x, %f = %full, %n = %near) : !x, !full, !near {
    %f2 = kernel.launch @stage_full(%h, %f, %rows, %pos) from "a" : (!x, !full, !lm.rows, !ids) -> !full
    %n2 = kernel.launch @stage_near(%h, %n, %rows, %pos) from "b" : (!x, !near, !lm.rows, !ids) -> !near
    %o = kernel.launch @attend(%h, %n2, %rows, %pos) from "c" : (!x, !near, !lm.rows, !ids) -> !x
    %r = kernel.launch @add(%h, %o) from "d" : (!x, !x) -> !x
    lm.yield %r, %f2, %n2 : !x, !full, !near
  }
  %z:2 = lm.layers 2 to 3 iter(%h = %y#0, %n = %y#2) : !x, !near {
    %n2 = kernel.launch @stage_near(%h, %n, %rows, %pos) from "b" : (!x, !near, !lm.rows, !ids) -> !near
    lm.yield %h, %n2 : !x, !near
  }
  %l = kernel.launch @stage_last(%z#0, %last, %rows, %pos) from "e" : (!x, !last, !lm.rows, !ids) -> !last
  %q = kernel.launch @norm(%z#0, %p) from "n" : (!x, !w) -> !x
  decode.return
}
