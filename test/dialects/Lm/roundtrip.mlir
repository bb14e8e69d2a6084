// RUN: plait-opt %s | plait-opt | FileCheck %s
// RUN: plait-opt %s --mlir-print-op-generic | plait-opt | FileCheck %s
// RUN: plait-opt %s --emit-bytecode | plait-opt | FileCheck %s

!ids = tensor<?xi32, #lm.dims<tokens>>
!kv = !lm.state<layers = 4, kv_heads = 2, head_dim = 4, f32>

// CHECK-LABEL: lm.model @main family "llama" numerics row_invariant max_positions 512 {
lm.model @main family "llama" numerics row_invariant max_positions 512 {
  // CHECK-NEXT: lm.weight @embed from "embed.weight" : !lm.weight<32x16, #lm.bf16>
  lm.weight @embed from "embed.weight" : !lm.weight<32x16, #lm.bf16>
  // CHECK-NEXT: lm.weight @gain from "layers.{layer}.norm.weight" layers 4 : !lm.weight<16, #lm.f32>
  lm.weight @gain from "layers.{layer}.norm.weight" layers 4 : !lm.weight<16, #lm.f32>
  // CHECK-NEXT: lm.weight @qkv from "layers.{layer}.qkv.weight" layers 4 transposed : !lm.weight<32x16, #lm.f32>
  lm.weight @qkv from "layers.{layer}.qkv.weight" layers 4 transposed : !lm.weight<32x16, #lm.f32>
  lm.weight @bias from "bias" : !lm.weight<32, #lm.f32>
  // CHECK: lm.weight @odd from "layers.{layer}.odd" layers 2 first 1 step 2 transposed : !lm.weight<32x16, #lm.f32>
  lm.weight @odd from "layers.{layer}.odd" layers 2 first 1 step 2 transposed : !lm.weight<32x16, #lm.f32>
  // What is the default is not printed.
  // CHECK-NEXT: lm.weight @even from "layers.{layer}.odd" layers 2 step 2 : !lm.weight<16, #lm.f32>
  lm.weight @even from "layers.{layer}.odd" layers 2 first 0 step 2 : !lm.weight<16, #lm.f32>
  // CHECK-NEXT: lm.weight @last from "layers.{layer}.odd" layers 2 first 2 : !lm.weight<16, #lm.f32>
  lm.weight @last from "layers.{layer}.odd" layers 2 first 2 step 1 : !lm.weight<16, #lm.f32>

  // CHECK-NEXT: lm.weight @int8 from "int8" : !lm.weight<32x16, #lm.int8>
  lm.weight @int8 from "int8" : !lm.weight<32x16, #lm.int8>
  // CHECK-NEXT: lm.weight @int8_64 from "int8" : !lm.weight<32x16, #lm.int8<group = 64>>
  lm.weight @int8_64 from "int8" : !lm.weight<32x16, #lm.int8<group = 64>>
  // CHECK-NEXT: lm.weight @int4 from "int4" : !lm.weight<32x16, #lm.int4<group = 32>>
  lm.weight @int4 from "int4" : !lm.weight<32x16, #lm.int4<group = 32>>
  // CHECK-NEXT: lm.weight @int4_zeros from "int4" : !lm.weight<32x16, #lm.int4<group = 128, zero_points>>
  lm.weight @int4_zeros from "int4" : !lm.weight<32x16, #lm.int4<group = 128, zero_points>>

  // CHECK: lm.func @integers(
  lm.func @integers(%x: tensor<?x16xf32, #lm.dims<tokens>>) -> tensor<?x32xf32, #lm.dims<tokens>> {
    // CHECK: %[[Q:.*]] = lm.quantize %{{.*}} to !lm.int16<group = 32, distance = 4> : tensor<?x16xf32, #lm.dims<tokens>>
    %q = lm.quantize %x to !lm.int16<group = 32, distance = 4> : tensor<?x16xf32, #lm.dims<tokens>>
    %w = lm.get_weight @int4 : !lm.weight<32x16, #lm.int4<group = 32>>
    // CHECK: lm.linear %[[Q]], %{{.*}} : tensor<?x16x!lm.int16<group = 32, distance = 4>, #lm.dims<tokens>>, {{.*}}<32x16, #lm.int4<group = 32>>
    %y = lm.linear %q, %w : tensor<?x16x!lm.int16<group = 32, distance = 4>, #lm.dims<tokens>>, !lm.weight<32x16, #lm.int4<group = 32>>
    lm.return %y : tensor<?x32xf32, #lm.dims<tokens>>
  }

  // CHECK: lm.func @window(%{{.*}}: !lm.state<layers = 1, kv_heads = 2, head_dim = 4, bf16, window = 5>)
  lm.func @window(%s: !lm.state<layers = 1, kv_heads = 2, head_dim = 4, bf16, window = 5>) {
    lm.return
  }

  // CHECK: lm.func @forward(%[[IDS:.*]]: tensor<?xi32, #lm.dims<tokens>>, %[[POS:.*]]: tensor<?xi32, #lm.dims<tokens>>, %[[ROWS:.*]]: !lm.rows, %[[KV:.*]]: !lm.state<layers = 4, kv_heads = 2, head_dim = 4, f32>)
  // CHECK-SAME: -> (tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<layers = 4, kv_heads = 2, head_dim = 4, f32>) {
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %kv: !kv)
      -> (tensor<?x16xf32, #lm.dims<tokens>>, !kv) {
    // CHECK-NEXT: %[[E:.*]] = lm.get_weight @embed : {{.*}}<32x16, #lm.bf16>
    %e = lm.get_weight @embed : !lm.weight<32x16, #lm.bf16>
    // CHECK-NEXT: %[[X:.*]] = lm.embed %[[IDS]], %[[E]] : tensor<?xi32, #lm.dims<tokens>>, {{.*}}<32x16, #lm.bf16>
    %x = lm.embed %ids, %e : !ids, !lm.weight<32x16, #lm.bf16>
    // CHECK-NEXT: %[[BIAS:.*]] = lm.get_weight @bias
    %b = lm.get_weight @bias : !lm.weight<32, #lm.f32>
    // CHECK-NEXT: %[[Y:.*]]:2 = lm.layers 0 to 4 iter(%[[H:.*]] = %[[X]], %[[S:.*]] = %[[KV]]) : tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<{{.*}}> {
    %y:2 = lm.layers 0 to 4 iter(%h = %x, %s = %kv) : tensor<?x16xf32, #lm.dims<tokens>>, !kv {
      // CHECK-NEXT: %[[G:.*]] = lm.get_weight @gain
      %g = lm.get_weight @gain : !lm.weight<16, #lm.f32>
      // CHECK-NEXT: %[[N:.*]] = lm.rms_norm %[[H]], %[[G]] eps 1.000000e-05 : tensor<?x16xf32, #lm.dims<tokens>>, {{.*}}<16, #lm.f32>
      %n = lm.rms_norm %h, %g eps 1.0e-5 : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<16, #lm.f32>
      // CHECK-NEXT: %[[W:.*]] = lm.get_weight @qkv
      %w = lm.get_weight @qkv : !lm.weight<32x16, #lm.f32>
      // CHECK-NEXT: %[[QKV:.*]] = lm.linear %[[N]], %[[W]] bias %[[BIAS]] : tensor<?x16xf32, #lm.dims<tokens>>, {{.*}}<32x16, #lm.f32>, {{.*}}<32, #lm.f32>
      %qkv = lm.linear %n, %w bias %b : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<32x16, #lm.f32>, !lm.weight<32, #lm.f32>
      // CHECK-NEXT: %[[Q:.*]] = lm.slice_columns %[[QKV]] 0 size 16 : tensor<?x32xf32, #lm.dims<tokens>>
      %q = lm.slice_columns %qkv 0 size 16 : tensor<?x32xf32, #lm.dims<tokens>>
      %k = lm.slice_columns %qkv 16 size 8 : tensor<?x32xf32, #lm.dims<tokens>>
      // CHECK: %[[V:.*]] = lm.slice_columns %[[QKV]] 24 size 8
      %v = lm.slice_columns %qkv 24 size 8 : tensor<?x32xf32, #lm.dims<tokens>>
      // CHECK-NEXT: %[[QR:.*]] = lm.rope %[[Q]], %[[POS]] head_dim 4 theta 1.000000e+04 : tensor<?x16xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
      %qr = lm.rope %q, %pos head_dim 4 theta 10000.0 : tensor<?x16xf32, #lm.dims<tokens>>, !ids
      // CHECK-NEXT: %[[KR:.*]] = lm.rope {{.*}} theta 5.000000e+05 scaling(#lm.llama3_scaling<factor = 8.000000e+00, low_freq_factor = 1.000000e+00, high_freq_factor = 4.000000e+00, original = 8192>) : tensor<?x8xf32
      %kr = lm.rope %k, %pos head_dim 4 theta 500000.0 scaling(#lm.llama3_scaling<factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original = 8192>) : tensor<?x8xf32, #lm.dims<tokens>>, !ids
      // CHECK-NEXT: %[[O:.*]], %[[S1:.*]] = lm.attention %[[QR]], %[[KR]], %[[V]], %[[S]], %[[ROWS]], %[[POS]] scale 5.000000e-01 : tensor<?x16xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, {{.*}}<layers = 4, kv_heads = 2, head_dim = 4, f32>, tensor<?xi32, #lm.dims<tokens>>
      %o, %s1 = lm.attention %qr, %kr, %v, %s, %rows, %pos scale 0.5 : tensor<?x16xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !kv, !ids
      // CHECK-NEXT: %[[S2:.*]] = lm.stage %[[KR]], %[[V]], %[[S1]], %[[ROWS]], %[[POS]] : tensor<?x8xf32, #lm.dims<tokens>>, {{.*}}<layers = 4, kv_heads = 2, head_dim = 4, f32>, tensor<?xi32, #lm.dims<tokens>>
      %s2 = lm.stage %kr, %v, %s1, %rows, %pos : tensor<?x8xf32, #lm.dims<tokens>>, !kv, !ids
      // CHECK-NEXT: %[[P:.*]] = lm.attend %[[QR]], %[[S2]], %[[ROWS]], %[[POS]] scale 5.000000e-01 : tensor<?x16xf32, #lm.dims<tokens>>, {{.*}}<layers = 4, kv_heads = 2, head_dim = 4, f32>, tensor<?xi32, #lm.dims<tokens>>
      %p = lm.attend %qr, %s2, %rows, %pos scale 0.5 : tensor<?x16xf32, #lm.dims<tokens>>, !kv, !ids
      // CHECK-NEXT: %[[A:.*]] = lm.add %[[O]], %[[P]] : tensor<?x16xf32, #lm.dims<tokens>>
      %a = lm.add %o, %p : tensor<?x16xf32, #lm.dims<tokens>>
      // CHECK-NEXT: %[[ACT:.*]] = lm.activation gelu_tanh %[[A]] : tensor<?x16xf32, #lm.dims<tokens>>
      %act = lm.activation gelu_tanh %a : tensor<?x16xf32, #lm.dims<tokens>>
      // CHECK-NEXT: %[[GLU:.*]] = lm.glu silu %[[ACT]], %[[A]] : tensor<?x16xf32, #lm.dims<tokens>>
      %glu = lm.glu silu %act, %a : tensor<?x16xf32, #lm.dims<tokens>>
      // CHECK-NEXT: lm.yield %[[GLU]], %[[S2]] : tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<{{.*}}>
      lm.yield %glu, %s2 : tensor<?x16xf32, #lm.dims<tokens>>, !kv
    }
    // CHECK: lm.return %[[Y]]#0, %[[Y]]#1 : tensor<?x16xf32, #lm.dims<tokens>>, !lm.state<{{.*}}>
    lm.return %y#0, %y#1 : tensor<?x16xf32, #lm.dims<tokens>>, !kv
  }

  // CHECK: lm.func @head(%[[H:.*]]: tensor<?x16xf32, #lm.dims<leaves>>) -> tensor<?x32xf32, #lm.dims<leaves>>
  lm.func @head(%h: tensor<?x16xf32, #lm.dims<leaves>>) -> tensor<?x32xf32, #lm.dims<leaves>> {
    %w = lm.get_weight @embed : !lm.weight<32x16, #lm.bf16>
    // CHECK: lm.head %[[H]], %{{.*}} : tensor<?x16xf32, #lm.dims<leaves>>, {{.*}}<32x16, #lm.bf16>
    %l = lm.head %h, %w : tensor<?x16xf32, #lm.dims<leaves>>, !lm.weight<32x16, #lm.bf16>
    lm.return %l : tensor<?x32xf32, #lm.dims<leaves>>
  }

  // CHECK: lm.func @without_bias(
  lm.func @without_bias(%x: tensor<3x16xf32>) -> tensor<3x32xf32> {
    %w = lm.get_weight @embed : !lm.weight<32x16, #lm.bf16>
    // CHECK: lm.linear %{{.*}}, %{{.*}} : tensor<3x16xf32>, {{.*}}<32x16, #lm.bf16>
    %y = lm.linear %x, %w : tensor<3x16xf32>, !lm.weight<32x16, #lm.bf16>
    // Leaves 2 to 6 of 7: the nodes [2, 4) and [4, 6).
    // CHECK: %[[TREE:.*]] = lm.linear %{{.*}}, %{{.*}} tree <granule = 4, first = 2, of = 7> : tensor<3x16xf32>, {{.*}}<32x16, #lm.bf16>
    %tree = lm.linear %x, %w tree <granule = 4, first = 2, of = 7> : tensor<3x16xf32>, !lm.weight<32x16, #lm.bf16>
    // CHECK: lm.scale %[[TREE]] by {{.*}} : tensor<3x64xf32>
    %scaled = lm.scale %tree by 2.0 : tensor<3x64xf32>
    // CHECK: lm.activation silu
    %z = lm.activation silu %y : tensor<3x32xf32>
    lm.return %z : tensor<3x32xf32>
  }
}

// A layer norm; names of two extents; a state that no layer changes; another
// model than main with the other numerics.
// CHECK-LABEL: lm.model @draft family "gpt2" numerics fast max_positions 64 {
lm.model @draft family "gpt2" numerics fast max_positions 64 {
  lm.weight @gain from "gain" : !lm.weight<60, #lm.f32>
  lm.weight @bias from "bias" : !lm.weight<60, #lm.bf16>
  lm.func @norm(%x: tensor<?x60xf32, #lm.dims<tokens>>) -> tensor<?x60xf32, #lm.dims<tokens>> {
    %g = lm.get_weight @gain : !lm.weight<60, #lm.f32>
    %b = lm.get_weight @bias : !lm.weight<60, #lm.bf16>
    // CHECK: lm.layer_norm %{{.*}}, %{{.*}}, %{{.*}} eps 1.000000e-05 : tensor<?x60xf32, #lm.dims<tokens>>, {{.*}}<60, #lm.f32>, {{.*}}<60, #lm.bf16>
    %y = lm.layer_norm %x, %g, %b eps 1.0e-5 : tensor<?x60xf32, #lm.dims<tokens>>, !lm.weight<60, #lm.f32>, !lm.weight<60, #lm.bf16>
    lm.return %y : tensor<?x60xf32, #lm.dims<tokens>>
  }
  // CHECK: lm.func @two_names(%{{.*}}: tensor<?x?xf32, #lm.dims<rows, width>>)
  lm.func @two_names(%x: tensor<?x?xf32, #lm.dims<rows, width>>) {
    // CHECK: lm.layers 1 to 2 iter(%{{.*}} = %{{.*}}) : tensor<?x?xf32, #lm.dims<rows, width>> {
    %y = lm.layers 1 to 2 iter(%h = %x) : tensor<?x?xf32, #lm.dims<rows, width>> {
      lm.yield %h : tensor<?x?xf32, #lm.dims<rows, width>>
    }
    // Nothing need be carried.
    // CHECK: lm.layers 0 to 2 iter() {
    lm.layers 0 to 2 iter() {
      lm.yield
    }
    // CHECK: lm.return{{$}}
    lm.return
  }
}

// What one family or another has beyond these: groups and offsets of norms,
// scales, soft caps, rotations of other kinds.
// CHECK-LABEL: lm.model @variants
lm.model @variants family "llama" numerics fast max_positions 64 {
  lm.weight @gain from "gain" : !lm.weight<4, #lm.f32>
  lm.weight @half from "half" : !lm.weight<8x16, #lm.bf16>
  lm.func @norm(%x: tensor<?x16xf32, #lm.dims<tokens>>) -> tensor<?x16xf32, #lm.dims<tokens>> {
    %g = lm.get_weight @gain : !lm.weight<4, #lm.f32>
    // CHECK: lm.rms_norm %{{.*}}, %{{.*}} eps 1.000000e-05 unit_offset : tensor<?x16xf32, #lm.dims<tokens>>, {{.*}}<4, #lm.f32>
    %0 = lm.rms_norm %x, %g eps 1.0e-5 unit_offset : tensor<?x16xf32, #lm.dims<tokens>>, !lm.weight<4, #lm.f32>
    // CHECK-NEXT: lm.scale %{{.*}} by 7.500000e+00 : tensor<?x16xf32, #lm.dims<tokens>>
    %1 = lm.scale %0 by 7.5 : tensor<?x16xf32, #lm.dims<tokens>>
    // CHECK-NEXT: %[[ROUNDED:.*]] = lm.round %{{.*}} to 32 : tensor<?x16xf32, #lm.dims<tokens>>
    %rounded = lm.round %1 to 32 : tensor<?x16xf32, #lm.dims<tokens>>
    // CHECK-NEXT: %[[HALF:.*]] = lm.get_weight @half
    %half = lm.get_weight @half : !lm.weight<8x16, #lm.bf16>
    // CHECK-NEXT: %[[PRODUCT:.*]] = lm.linear %[[ROUNDED]], %[[HALF]] : tensor<?x32xbf16, #lm.dims<tokens>>, <8x16, #lm.bf16>
    %product = lm.linear %rounded, %half : tensor<?x32xbf16, #lm.dims<tokens>>, !lm.weight<8x16, #lm.bf16>
    // CHECK-NEXT: lm.add %[[PRODUCT]], %[[PRODUCT]] : tensor<?x8xf32, #lm.dims<tokens>>
    %doubled = lm.add %product, %product : tensor<?x8xf32, #lm.dims<tokens>>
    // CHECK-NEXT: lm.softcap %{{.*}} cap 3.000000e+01 : tensor<?x16xf32, #lm.dims<tokens>>
    %2 = lm.softcap %1 cap 30.0 : tensor<?x16xf32, #lm.dims<tokens>>
    lm.return %2 : tensor<?x16xf32, #lm.dims<tokens>>
  }
  lm.func @rope(%x: tensor<?x16xf32, #lm.dims<tokens>>, %p: !ids) -> tensor<?x16xf32, #lm.dims<tokens>> {
    // CHECK: lm.rope %{{.*}}, %{{.*}} head_dim 8 theta 1.000000e+04 rotary_dim 6 interleaved : tensor
    %0 = lm.rope %x, %p head_dim 8 theta 10000.0 rotary_dim 6 interleaved : tensor<?x16xf32, #lm.dims<tokens>>, !ids
    // CHECK-NEXT: lm.rope {{.*}} theta 1.000000e+04 scaling(#lm.linear_scaling<factor = 2.000000e+00>) interleaved : tensor
    %1 = lm.rope %0, %p head_dim 8 theta 10000.0 scaling(#lm.linear_scaling<factor = 2.0>) interleaved : tensor<?x16xf32, #lm.dims<tokens>>, !ids
    // CHECK-NEXT: lm.rope {{.*}} scaling(#lm.dynamic_scaling<factor = 2.000000e+00, original = 4096>) : tensor
    %2 = lm.rope %1, %p head_dim 8 theta 10000.0 scaling(#lm.dynamic_scaling<factor = 2.0, original = 4096>) : tensor<?x16xf32, #lm.dims<tokens>>, !ids
    // CHECK-NEXT: lm.rope {{.*}} scaling(#lm.yarn_scaling<factor = 4.000000e+00, beta_fast = 3.200000e+01, beta_slow = 1.000000e+00, original = 64, attention_factor = 1.250000e+00>) : tensor
    %3 = lm.rope %2, %p head_dim 8 theta 10000.0 scaling(#lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = 64, attention_factor = 1.25>) : tensor<?x16xf32, #lm.dims<tokens>>, !ids
    // CHECK-NEXT: lm.rope {{.*}} rotary_dim 4 scaling(#lm.pair_scaling<factors = [1.000000e+00, 2.500000e+00], attention_factor = 1.250000e+00>) : tensor
    %4 = lm.rope %3, %p head_dim 8 theta 10000.0 rotary_dim 4 scaling(#lm.pair_scaling<factors = [1.0, 2.5], attention_factor = 1.25>) : tensor<?x16xf32, #lm.dims<tokens>>, !ids
    lm.return %4 : tensor<?x16xf32, #lm.dims<tokens>>
  }
  lm.func @attention(%q: tensor<?x8xf32, #lm.dims<tokens>>, %kv: !kv, %rows: !lm.rows, %p: !ids) {
    // CHECK: lm.attention {{.*}} scale 5.000000e-01 softcap 5.000000e+01 : tensor
    %0, %1 = lm.attention %q, %q, %q, %kv, %rows, %p scale 0.5 softcap 50.0 : tensor<?x8xf32, #lm.dims<tokens>>, tensor<?x8xf32, #lm.dims<tokens>>, !kv, !ids
    // CHECK-NEXT: lm.attend {{.*}} scale 5.000000e-01 softcap 5.000000e+01 : tensor
    %2 = lm.attend %q, %1, %rows, %p scale 0.5 softcap 50.0 : tensor<?x8xf32, #lm.dims<tokens>>, !kv, !ids
    // CHECK-NEXT: %[[S:.*]] = lm.attend_spans {{.*}} scale 5.000000e-01 softcap 5.000000e+01 : tensor
    %3 = lm.attend_spans %q, %1, %rows, %p scale 0.5 softcap 50.0 : tensor<?x8xf32, #lm.dims<tokens>>, !kv, !ids
    // CHECK-NEXT: lm.attend {{.*}} spans %[[S]] scale 5.000000e-01 : {{.*}}, tensor<?x12xf32, #lm.dims<spans>>
    %4 = lm.attend %q, %1, %rows, %p spans %3 scale 0.5 : tensor<?x8xf32, #lm.dims<tokens>>, !kv, !ids, tensor<?x12xf32, #lm.dims<spans>>
    lm.return
  }
}

// CHECK-LABEL: lm.model @calls
lm.model @calls family "llama" numerics fast max_positions 1 {
  // CHECK: lm.func @one(%[[X:.*]]: tensor<?x16xf32, #lm.dims<tokens>>, %[[I:.*]]: tensor<?xi32, #lm.dims<leaves>>)
  lm.func @one(%x: tensor<?x16xf32, #lm.dims<tokens>>, %i: tensor<?xi32, #lm.dims<leaves>>) -> tensor<?x16xf32, #lm.dims<leaves>> {
    // CHECK-NEXT: lm.take_rows %[[X]], %[[I]] : tensor<?x16xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
    %y = lm.take_rows %x, %i : tensor<?x16xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
    lm.return %y : tensor<?x16xf32, #lm.dims<leaves>>
  }
  // CHECK: lm.func private @two(
  lm.func private @two(%p: !ids, %i: tensor<?xi32, #lm.dims<leaves>>) -> tensor<?xi32, #lm.dims<leaves>> {
    // CHECK-NEXT: lm.take_rows %{{.*}}, %{{.*}} : tensor<?xi32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>
    %y = lm.take_rows %p, %i : !ids, tensor<?xi32, #lm.dims<leaves>>
    lm.return %y : tensor<?xi32, #lm.dims<leaves>>
  }
  // CHECK: lm.func @three(
  lm.func @three(%p: !ids, %i: tensor<?xi32, #lm.dims<leaves>>) {
    // CHECK-NEXT: %{{.*}} = lm.call @two(%{{.*}}, %{{.*}}) : (tensor<?xi32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<leaves>>) -> tensor<?xi32, #lm.dims<leaves>>
    %y = lm.call @two(%p, %i) : (!ids, tensor<?xi32, #lm.dims<leaves>>) -> tensor<?xi32, #lm.dims<leaves>>
    lm.return
  }
}
