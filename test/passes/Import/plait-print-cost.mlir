// The cost of every op, worked out by hand from the conventions in LmCost.cpp.
//
// RUN: plait-opt %s --plait-print-cost -o /dev/null | FileCheck %s

!ids = tensor<?xi32, #lm.dims<tokens>>
!t4 = tensor<?x4xf32, #lm.dims<tokens>>
!t8 = tensor<?x8xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 3, kv_heads = 2, head_dim = 2, f32>
!near = !lm.state<layers = 3, kv_heads = 2, head_dim = 2, f32, window = 5>

lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @table from "table" : !lm.weight<100x4, #lm.bf16>
  lm.weight @matrix from "matrix" : !lm.weight<8x4, #lm.bf16>
  lm.weight @bias from "bias" : !lm.weight<8, #lm.f32>
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
  lm.weight @layered from "layered.{layer}" layers 3 : !lm.weight<4x4, #lm.bf16>

  // A row of the table is 8 bytes; an id 4, a row of the result 16.
  // CHECK: @main::@embed flops: 0
  // CHECK-NEXT: @main::@embed weight bytes: 8 T
  // CHECK-NEXT: @main::@embed activation bytes: 20 T
  lm.func @embed(%ids: !ids) {
    %w = lm.get_weight @table : !lm.weight<100x4, #lm.bf16>
    %0 = lm.embed %ids, %w : !ids, !lm.weight<100x4, #lm.bf16>
    lm.return
  }

  // 2 * 8 * 4, and 8 for the bias; 8 * 4 * 2 + 8 * 4; 16 + 32.
  // CHECK-NEXT: @main::@linear flops: 72 T{{$}}
  // CHECK-NEXT: @main::@linear weight bytes: 96{{$}}
  // CHECK-NEXT: @main::@linear activation bytes: 48 T{{$}}
  lm.func @linear(%x: !t4) {
    %w = lm.get_weight @matrix : !lm.weight<8x4, #lm.bf16>
    %b = lm.get_weight @bias : !lm.weight<8, #lm.f32>
    %0 = lm.linear %x, %w bias %b : !t4, !lm.weight<8x4, #lm.bf16>, !lm.weight<8, #lm.f32>
    lm.return
  }

  // Of five rows, so that nothing is symbolic.
  // CHECK-NEXT: @main::@static flops: 320{{$}}
  // CHECK-NEXT: @main::@static weight bytes: 64{{$}}
  // CHECK-NEXT: @main::@static activation bytes: 240{{$}}
  lm.func @static(%x: tensor<5x4xf32>) {
    %w = lm.get_weight @matrix : !lm.weight<8x4, #lm.bf16>
    %0 = lm.linear %x, %w : tensor<5x4xf32>, !lm.weight<8x4, #lm.bf16>
    lm.return
  }

  // CHECK-NEXT: @main::@head flops: 64 L{{$}}
  // CHECK-NEXT: @main::@head weight bytes: 64{{$}}
  // CHECK-NEXT: @main::@head activation bytes: 48 L{{$}}
  lm.func @head(%x: tensor<?x4xf32, #lm.dims<leaves>>) {
    %w = lm.get_weight @matrix : !lm.weight<8x4, #lm.bf16>
    %0 = lm.head %x, %w : tensor<?x4xf32, #lm.dims<leaves>>, !lm.weight<8x4, #lm.bf16>
    lm.return
  }

  // 4 * 4 + 3 per row; the rows of this one are sequences.
  // CHECK-NEXT: @main::@rms_norm flops: 19 R{{$}}
  // CHECK-NEXT: @main::@rms_norm weight bytes: 16{{$}}
  // CHECK-NEXT: @main::@rms_norm activation bytes: 32 R{{$}}
  lm.func @rms_norm(%x: tensor<?x4xf32, #lm.dims<rows>>) {
    %g = lm.get_weight @gain : !lm.weight<4, #lm.f32>
    %0 = lm.rms_norm %x, %g eps 1.0 : tensor<?x4xf32, #lm.dims<rows>>, !lm.weight<4, #lm.f32>
    lm.return
  }

  // Two groups of 4: 5 * 8 + 2 * 3.
  // CHECK-NEXT: @main::@group_norm flops: 46 T{{$}}
  // CHECK-NEXT: @main::@group_norm weight bytes: 16{{$}}
  // CHECK-NEXT: @main::@group_norm activation bytes: 64 T{{$}}
  lm.func @group_norm(%x: !t8) {
    %g = lm.get_weight @gain : !lm.weight<4, #lm.f32>
    %0 = lm.rms_norm %x, %g eps 1.0 unit_offset : !t8, !lm.weight<4, #lm.f32>
    lm.return
  }

  // 7 * 4 + 4 per row.
  // CHECK-NEXT: @main::@layer_norm flops: 32 T{{$}}
  // CHECK-NEXT: @main::@layer_norm weight bytes: 32{{$}}
  // CHECK-NEXT: @main::@layer_norm activation bytes: 32 T{{$}}
  lm.func @layer_norm(%x: !t4) {
    %g = lm.get_weight @gain : !lm.weight<4, #lm.f32>
    %0 = lm.layer_norm %x, %g, %g eps 1.0 : !t4, !lm.weight<4, #lm.f32>, !lm.weight<4, #lm.f32>
    lm.return
  }

  // 4 for the sum, 4 * 4 for silu, 9 * 4 for gelu_tanh, 5 * 4 for the gated unit.
  // CHECK-NEXT: @main::@elementwise flops: 76 T{{$}}
  // CHECK-NEXT: @main::@elementwise weight bytes: 0{{$}}
  // CHECK-NEXT: @main::@elementwise activation bytes: 160 T{{$}}
  lm.func @elementwise(%x: !t4) {
    %0 = lm.add %x, %x : !t4
    %1 = lm.activation silu %x : !t4
    %2 = lm.activation gelu_tanh %x : !t4
    %3 = lm.glu silu %x, %x : !t4
    lm.return
  }

  // 4 for the scale, 3 * 4 for the soft cap.
  // CHECK-NEXT: @main::@bounds flops: 16 T{{$}}
  // CHECK-NEXT: @main::@bounds weight bytes: 0{{$}}
  // CHECK-NEXT: @main::@bounds activation bytes: 64 T{{$}}
  lm.func @bounds(%x: !t4) {
    %0 = lm.scale %x by 2.0 : !t4
    %1 = lm.softcap %x cap 2.0 : !t4
    lm.return
  }

  // Two columns, read and written.
  // CHECK-NEXT: @main::@slice flops: 0{{$}}
  // CHECK-NEXT: @main::@slice weight bytes: 0{{$}}
  // CHECK-NEXT: @main::@slice activation bytes: 16 T{{$}}
  lm.func @slice(%x: !t4) {
    %0 = lm.slice_columns %x 1 size 2 : !t4
    lm.return
  }

  // Two pairs per head of 4, two heads: 4 * 6; two angles of 3.
  // CHECK-NEXT: @main::@rope flops: 30 T{{$}}
  // CHECK-NEXT: @main::@rope weight bytes: 0{{$}}
  // CHECK-NEXT: @main::@rope activation bytes: 68 T{{$}}
  lm.func @rope(%x: !t8, %pos: !ids) {
    %0 = lm.rope %x, %pos head_dim 4 theta 1.0 : !t8, !ids
    lm.return
  }

  // One pair per head of 4, two heads: 6 * 2; one angle of 3.
  // CHECK-NEXT: @main::@partial_rope flops: 15 T{{$}}
  // CHECK-NEXT: @main::@partial_rope weight bytes: 0{{$}}
  // CHECK-NEXT: @main::@partial_rope activation bytes: 68 T{{$}}
  lm.func @partial_rope(%x: !t8, %pos: !ids) {
    %0 = lm.rope %x, %pos head_dim 4 theta 1.0 rotary_dim 2 : !t8, !ids
    lm.return
  }

  // Four heads of 2: 4 * 8 per position. A cell is 2 * 2 * 2 * 4 bytes. A token's
  // query and result are 32 bytes each, its key and value 16 each, staged as one
  // cell of 32.
  // CHECK-NEXT: @main::@attention flops: 32 P{{$}}
  // CHECK-NEXT: @main::@attention weight bytes: 32 P{{$}}
  // CHECK-NEXT: @main::@attention activation bytes: 128 T{{$}}
  // CHECK-NEXT: @main::@stage_attend flops: 32 P{{$}}
  // CHECK-NEXT: @main::@stage_attend weight bytes: 32 P{{$}}
  // CHECK-NEXT: @main::@stage_attend activation bytes: 128 T{{$}}
  lm.func @attention(%q: !t8, %k: !t4, %rows: !lm.rows, %pos: !ids, %kv: !kv) {
    %y = lm.layers 0 to 1 iter(%s = %kv) : !kv {
      %0, %1 = lm.attention %q, %k, %k, %s, %rows, %pos scale 1.0 : !t8, !t4, !kv, !ids
      lm.yield %1 : !kv
    }
    lm.return
  }
  lm.func @stage_attend(%q: !t8, %k: !t4, %rows: !lm.rows, %pos: !ids, %kv: !kv) {
    %y = lm.layers 0 to 1 iter(%s = %kv) : !kv {
      %0 = lm.stage %k, %k, %s, %rows, %pos : !t4, !kv, !ids
      %1 = lm.attend %q, %0, %rows, %pos scale 1.0 : !t8, !kv, !ids
      lm.yield %0 : !kv
    }
    lm.return
  }

  // A window of five: so many positions for each token.
  // CHECK-NEXT: @main::@window flops: 160 T{{$}}
  // CHECK-NEXT: @main::@window weight bytes: 160 T{{$}}
  // CHECK-NEXT: @main::@window activation bytes: 128 T{{$}}
  lm.func @window(%q: !t8, %k: !t4, %rows: !lm.rows, %pos: !ids, %kv: !near) {
    %0, %1 = lm.attention %q, %k, %k, %kv, %rows, %pos scale 1.0 : !t8, !t4, !near, !ids
    lm.return
  }

  // Three more flops for each of the four heads and positions.
  // CHECK-NEXT: @main::@softcap flops: 44 P{{$}}
  // CHECK-NEXT: @main::@softcap weight bytes: 32 P{{$}}
  // CHECK-NEXT: @main::@softcap activation bytes: 64 T{{$}}
  lm.func @softcap(%q: !t8, %rows: !lm.rows, %pos: !ids, %kv: !kv) {
    %0 = lm.attend %q, %kv, %rows, %pos scale 1.0 softcap 2.0 : !t8, !kv, !ids
    lm.return
  }

  // An index, a row read, a row written.
  // CHECK-NEXT: @main::@take_rows flops: 0{{$}}
  // CHECK-NEXT: @main::@take_rows weight bytes: 0{{$}}
  // CHECK-NEXT: @main::@take_rows activation bytes: 36 L{{$}}
  lm.func @take_rows(%x: !t4, %i: tensor<?xi32, #lm.dims<leaves>>) {
    %0 = lm.take_rows %x, %i : !t4, tensor<?xi32, #lm.dims<leaves>>
    lm.return
  }

  // Twice 2 * 4 * 4 flops and 32 bytes of weights, then what is called: 72 and 96.
  // CHECK-NEXT: @main::@layers flops: 136 T{{$}}
  // CHECK-NEXT: @main::@layers weight bytes: 160{{$}}
  // CHECK-NEXT: @main::@layers activation bytes: 112 T{{$}}
  lm.func @layers(%x: !t4) {
    %y = lm.layers 1 to 3 iter(%h = %x) : !t4 {
      %w = lm.get_weight @layered : !lm.weight<4x4, #lm.bf16>
      %0 = lm.linear %h, %w : !t4, !lm.weight<4x4, #lm.bf16>
      lm.yield %0 : !t4
    }
    lm.call @linear(%y) : (!t4) -> ()
    lm.return
  }
}
