// Every op against numbers worked out by hand from its definition.
//
// RUN: mkdir -p %t
// RUN: python3 %S/Inputs/write_safetensors.py %t/weights.safetensors \
// RUN:   matrix=F32:2x3:1,0,-1,2,1,0 transposed=F32:3x2:1,2,0,1,-1,0 bias=F32:2:0.5,-1 \
// RUN:   fine=F32:2x1:1.00390625,1.01171875 gain=F32:2:1,2 shift=F32:2:10,20 \
// RUN:   scale.0=F32:1x1:2 scale.1=F32:1x1:10 scale.3=F32:1x1:7 offset.0=F32:1:1 offset.1=F32:1:2 table=F32:3x2:0,1,2,3,4,5
// RUN: python3 %S/Inputs/write_safetensors.py %t/linear.safetensors arg0=F32:2x3:1,2,3,4,5,6
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::linear weights=%t/weights.safetensors inputs=%t/linear.safetensors' | FileCheck %s --check-prefix=LINEAR
// RUN: python3 %S/Inputs/write_safetensors.py %t/fine.safetensors arg0=F32:1x1:1
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::rounded weights=%t/weights.safetensors inputs=%t/fine.safetensors' | FileCheck %s --check-prefix=ROUNDED
// RUN: python3 %S/Inputs/write_safetensors.py %t/norms.safetensors arg0=F32:1x2:3,4 arg1=F32:1x2:1,3
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::norms weights=%t/weights.safetensors inputs=%t/norms.safetensors' | FileCheck %s --check-prefix=NORMS
// RUN: python3 %S/Inputs/write_safetensors.py %t/elementwise.safetensors arg0=F32:1x3:-1,0,1 arg1=F32:1x3:2,2,2
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::elementwise inputs=%t/elementwise.safetensors' | FileCheck %s --check-prefix=ELEMENTWISE
// RUN: python3 %S/Inputs/write_safetensors.py %t/rope.safetensors arg0=F32:2x8:1,1,0,0,0,0,1,1,1,1,0,0,0,0,1,1 arg1=I32:2:2,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::rope inputs=%t/rope.safetensors' | FileCheck %s --check-prefix=ROPE
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::rope_kinds inputs=%t/rope.safetensors' | FileCheck %s --check-prefix=KINDS
// RUN: python3 %S/Inputs/write_safetensors.py %t/bounds.safetensors arg0=F32:1x4:3,4,6,8
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::bounds weights=%t/weights.safetensors inputs=%t/bounds.safetensors' | FileCheck %s --check-prefix=BOUNDS
// RUN: python3 %S/Inputs/write_safetensors.py %t/gather.safetensors arg0=I32:3:2,0,1 arg1=I32:2:2,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::gather weights=%t/weights.safetensors inputs=%t/gather.safetensors' | FileCheck %s --check-prefix=GATHER
// RUN: python3 %S/Inputs/write_safetensors.py %t/attention.safetensors arg0=F32:3x2:0,1,0,1,0,1 \
// RUN:   arg1=F32:3x1:0,1.0986122886681098,5 arg2=F32:3x1:2,4,10 arg3=I32:3:0,0,1 arg4=I32:3:0,1,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::attention inputs=%t/attention.safetensors' | FileCheck %s --check-prefix=ATTENTION
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::stage_attend inputs=%t/attention.safetensors' | FileCheck %s --check-prefix=ATTENTION
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::join_spans inputs=%t/attention.safetensors' | FileCheck %s --check-prefix=ATTENTION
// RUN: %python -B %S/Inputs/long_rows.py write %t/long.safetensors
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::both inputs=%t/long.safetensors output=%t/both.safetensors print=false'
// RUN: %python -B %S/Inputs/long_rows.py check %t/long.safetensors %t/both.safetensors | FileCheck %s --check-prefix=LONG
// RUN: python3 %S/Inputs/write_safetensors.py %t/window.safetensors arg0=F32:4x2:0,1,0,1,0,1,0,1 \
// RUN:   arg1=F32:4x1:0,1.0986122886681098,0,1.0986122886681098 arg2=F32:4x1:2,4,8,16 arg4=I32:4:0,1,2,3
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::window inputs=%t/window.safetensors' | FileCheck %s --check-prefix=WINDOW
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::softcap inputs=%t/attention.safetensors' | FileCheck %s --check-prefix=SOFTCAP
// RUN: python3 %S/Inputs/write_safetensors.py %t/state.safetensors arg0=F32:2x4:0,0,0,0,0,0,0,0 \
// RUN:   arg1=F32:2x4:0,0,0,0,0,0,0,0 arg2=F32:2x4:-127,2.5,3.5,0.4,1.00390625,1.01171875,1.0040,1e-31 arg3=I32:2:0,1 arg4=I32:2:0,0
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=main::state inputs=%t/state.safetensors' | FileCheck %s --check-prefix=STATE
// RUN: python3 %S/Inputs/write_safetensors.py %t/layers.safetensors arg0=F32:1x1:3
// RUN: plait-opt %s -o /dev/null --plait-evaluate='function=@main::@layers weights=%t/weights.safetensors inputs=%t/layers.safetensors' | FileCheck %s --check-prefix=LAYERS

!ids = tensor<?xi32, #lm.dims<tokens>>
!t1 = tensor<?x1xf32, #lm.dims<tokens>>
!t2 = tensor<?x2xf32, #lm.dims<tokens>>
!t3 = tensor<?x3xf32, #lm.dims<tokens>>
!t4 = tensor<?x4xf32, #lm.dims<tokens>>
!t8 = tensor<?x8xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 1, f32>
!far = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32, window = 300>
!near = !lm.state<layers = 1, kv_heads = 1, head_dim = 1, f32, window = 2>
!half = !lm.state<layers = 1, kv_heads = 2, head_dim = 2, bf16>
!small = !lm.state<layers = 1, kv_heads = 2, head_dim = 2, i8>

lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @matrix from "matrix" : !lm.weight<2x3, #lm.f32>
  lm.weight @transposed from "transposed" transposed : !lm.weight<2x3, #lm.f32>
  lm.weight @bias from "bias" : !lm.weight<2, #lm.f32>
  lm.weight @fine from "fine" : !lm.weight<2x1, #lm.bf16>
  lm.weight @gain from "gain" : !lm.weight<2, #lm.f32>
  lm.weight @shift from "shift" : !lm.weight<2, #lm.f32>
  lm.weight @table from "table" : !lm.weight<3x2, #lm.f32>
  lm.weight @scale from "scale.{layer}" layers 2 : !lm.weight<1x1, #lm.f32>
  lm.weight @offset from "offset.{layer}" layers 2 : !lm.weight<1, #lm.f32>
  lm.weight @from_one from "scale.{layer}" layers 1 first 1 : !lm.weight<1x1, #lm.f32>
  lm.weight @by_twos from "scale.{layer}" layers 2 first 1 step 2 : !lm.weight<1x1, #lm.f32>

  // The transposed matrix is the same one, and without the bias.
  // LINEAR: result0: 2x2 f32
  // LINEAR-NEXT: {{^}}  -1.5 3{{$}}
  // LINEAR-NEXT: {{^}}  -1.5 12{{$}}
  // LINEAR-NEXT: result1: 2x2 f32
  // LINEAR-NEXT: {{^}}  -2 4{{$}}
  // LINEAR-NEXT: {{^}}  -2 13{{$}}
  // LINEAR-NEXT: result2: 2x2 f32
  // LINEAR-NEXT: {{^}}  -2 4{{$}}
  // LINEAR-NEXT: {{^}}  -2 13{{$}}
  lm.func @linear(%x: !t3) -> (!t2, !t2, !t2) {
    %m = lm.get_weight @matrix : !lm.weight<2x3, #lm.f32>
    %t = lm.get_weight @transposed : !lm.weight<2x3, #lm.f32>
    %b = lm.get_weight @bias : !lm.weight<2, #lm.f32>
    %0 = lm.linear %x, %m bias %b : !t3, !lm.weight<2x3, #lm.f32>, !lm.weight<2, #lm.f32>
    %1 = lm.linear %x, %t : !t3, !lm.weight<2x3, #lm.f32>
    %2 = lm.head %x, %m : !t3, !lm.weight<2x3, #lm.f32>
    lm.return %0, %1, %2 : !t2, !t2, !t2
  }

  // 1 + 1/256 and 1 + 3/256 lie half way between bf16 neighbours: to even.
  // ROUNDED: result0: 1x2 f32
  // ROUNDED-NEXT: {{^}}  1 1.01562{{$}}
  lm.func @rounded(%x: !t1) -> !t2 {
    %w = lm.get_weight @fine : !lm.weight<2x1, #lm.bf16>
    %0 = lm.linear %x, %w : !t1, !lm.weight<2x1, #lm.bf16>
    lm.return %0 : !t2
  }

  // 3 / sqrt(12.5 + 12) * 1, 4 / sqrt(24.5) * 2; the mean of 1, 3 is 2, the
  // variance 1: -1 / sqrt(4) * 1 + 10, 1 / sqrt(4) * 2 + 20.
  // NORMS: result0: 1x2 f32
  // NORMS-NEXT: {{^}}  0.606092 1.61624{{$}}
  // NORMS-NEXT: result1: 1x2 f32
  // NORMS-NEXT: {{^}}  9.5 21{{$}}
  lm.func @norms(%x: !t2, %y: !t2) -> (!t2, !t2) {
    %g = lm.get_weight @gain : !lm.weight<2, #lm.f32>
    %b = lm.get_weight @shift : !lm.weight<2, #lm.f32>
    %0 = lm.rms_norm %x, %g eps 12.0 : !t2, !lm.weight<2, #lm.f32>
    %1 = lm.layer_norm %y, %g, %b eps 3.0 : !t2, !lm.weight<2, #lm.f32>, !lm.weight<2, #lm.f32>
    lm.return %0, %1 : !t2, !t2
  }

  // silu(-1) = -1 / (1 + e), silu(1) = 1 / (1 + 1/e); gelu_tanh(1) = 1/2 (1 + tanh(0.8332...)).
  // ELEMENTWISE: result0: 1x3 f32
  // ELEMENTWISE-NEXT: {{^}}  1 2 3{{$}}
  // ELEMENTWISE-NEXT: result1: 1x3 f32
  // ELEMENTWISE-NEXT: {{^}}  -0.268941 0 0.731059{{$}}
  // ELEMENTWISE-NEXT: result2: 1x3 f32
  // ELEMENTWISE-NEXT: {{^}}  -0.158808 0 0.841192{{$}}
  // ELEMENTWISE-NEXT: result3: 1x3 f32
  // ELEMENTWISE-NEXT: {{^}}  -0.537883 0 1.46212{{$}}
  lm.func @elementwise(%x: !t3, %y: !t3) -> (!t3, !t3, !t3, !t3) {
    %0 = lm.add %x, %y : !t3
    %1 = lm.activation silu %x : !t3
    %2 = lm.activation gelu_tanh %x : !t3
    %3 = lm.glu silu %x, %y : !t3
    lm.return %0, %1, %2, %3 : !t3, !t3, !t3, !t3
  }

  // Two heads of four; frequencies 1 and 100^(-2/4) = 1/10, position 2: head 0
  // is cos 2, cos 0.2, sin 2, sin 0.2; head 1 is -sin 2, -sin 0.2, cos 2, cos 0.2.
  // Scaled: over an original context of 40, frequency 1 makes 6.4 turns, more
  // than 4, and stays; 1/10 makes 0.64, fewer than 1, and becomes 1/80.
  // ROPE: result0: 2x8 f32
  // ROPE-NEXT: {{^}}  -0.416147 0.980067 0.909297 0.198669 -0.909297 -0.198669 -0.416147 0.980067{{$}}
  // ROPE-NEXT: {{^}}  1 1 0 0 0 0 1 1{{$}}
  // ROPE-NEXT: result1: 2x8 f32
  // ROPE-NEXT: {{^}}  -0.416147 0.999688 0.909297 0.0249974 -0.909297 -0.0249974 -0.416147 0.999688{{$}}
  lm.func @rope(%x: !t8, %pos: !ids) -> (!t8, !t8) {
    %0 = lm.rope %x, %pos head_dim 4 theta 100.0 : !t8, !ids
    %1 = lm.rope %x, %pos head_dim 4 theta 100.0 scaling(#lm.llama3_scaling<factor = 8.0, low_freq_factor = 1.0, high_freq_factor = 4.0, original = 40>) : !t8, !ids
    lm.return %0, %1 : !t8, !t8
  }

  // The rows are those of @rope; position 2 and 0.
  // Interleaved, the pairs are (1, 1), (0, 0) and (0, 0), (1, 1): cos 2 - sin 2 and
  // cos 2 + sin 2, the second with angle 0.2.
  // KINDS: result0: 2x8 f32
  // KINDS-NEXT: {{^}}  -1.32544 0.493151 0 0 -0 0 0.781397 1.17874{{$}}
  // KINDS-NEXT: {{^}}  1 1 0 0 0 0 1 1{{$}}
  // Of two columns alone, the first pair with angle 2: (1, 1) and (0, 0).
  // KINDS-NEXT: result1: 2x8 f32
  // KINDS-NEXT: {{^}}  -1.32544 0.493151 0 0 -0 0 1 1{{$}}
  // KINDS-NEXT: {{^}}  1 1 0 0 0 0 1 1{{$}}
  // Frequencies 1/2 and 1/20: cos 1, cos 0.1, sin 1, sin 0.1.
  // KINDS-NEXT: result2: 2x8 f32
  // KINDS-NEXT: {{^}}  0.540302 0.995004 0.841471 0.0998334 -0.841471 -0.0998334 0.540302 0.995004{{$}}
  // KINDS-NEXT: {{^}}  1 1 0 0 0 0 1 1{{$}}
  // Over an original context of 2, position 2 is in a context of 3: the base is
  // 100 (3 * 3/2 - 2)^(4/2) = 625, the second frequency 1/25: angles 2 and 0.08.
  // KINDS-NEXT: result3: 2x8 f32
  // KINDS-NEXT: {{^}}  -0.416147 0.996802 0.909297 0.0799147 -0.909297 -0.0799147 -0.416147 0.996802{{$}}
  // KINDS-NEXT: {{^}}  1 1 0 0 0 0 1 1{{$}}
  // n(r) = 4 ln(40 / (2 pi r)) / (2 ln 100): n(1) = 0.80, n(32) < 0: pair 0 stays,
  // pair 1 is divided by 4: angles 2 and 0.05, and all is twice as long.
  // KINDS-NEXT: result4: 2x8 f32
  // KINDS-NEXT: {{^}}  -0.832294 1.9975 1.81859 0.0999583 -1.81859 -0.0999583 -0.832294 1.9975{{$}}
  // KINDS-NEXT: {{^}}  2 2 0 0 0 0 2 2{{$}}
  lm.func @rope_kinds(%x: !t8, %pos: !ids) -> (!t8, !t8, !t8, !t8, !t8) {
    %0 = lm.rope %x, %pos head_dim 4 theta 100.0 interleaved : !t8, !ids
    %1 = lm.rope %x, %pos head_dim 4 theta 100.0 rotary_dim 2 : !t8, !ids
    %2 = lm.rope %x, %pos head_dim 4 theta 100.0 scaling(#lm.linear_scaling<factor = 2.0>) : !t8, !ids
    %3 = lm.rope %x, %pos head_dim 4 theta 100.0 scaling(#lm.dynamic_scaling<factor = 3.0, original = 2>) : !t8, !ids
    %4 = lm.rope %x, %pos head_dim 4 theta 100.0 scaling(#lm.yarn_scaling<factor = 4.0, beta_fast = 32.0, beta_slow = 1.0, original = 40, attention_factor = 2.0>) : !t8, !ids
    lm.return %0, %1, %2, %3, %4 : !t8, !t8, !t8, !t8, !t8
  }

  // Two groups: 3, 4 over sqrt(12.5), 6, 8 over sqrt(50), times 1 and 2; with the
  // offset times 2 and 3. 3 * 2.5, ...; 5 tanh(3/5), 5 tanh(4/5), ...
  // BOUNDS: result0: 1x4 f32
  // BOUNDS-NEXT: {{^}}  0.848528 2.26274 0.848528 2.26274{{$}}
  // BOUNDS-NEXT: result1: 1x4 f32
  // BOUNDS-NEXT: {{^}}  1.69706 3.39411 1.69706 3.39411{{$}}
  // BOUNDS-NEXT: result2: 1x4 f32
  // BOUNDS-NEXT: {{^}}  7.5 10 15 20{{$}}
  // BOUNDS-NEXT: result3: 1x4 f32
  // BOUNDS-NEXT: {{^}}  2.68525 3.32018 4.16827 4.60834{{$}}
  lm.func @bounds(%x: !t4) -> (!t4, !t4, !t4, !t4) {
    %g = lm.get_weight @gain : !lm.weight<2, #lm.f32>
    %0 = lm.rms_norm %x, %g eps 0.0 : !t4, !lm.weight<2, #lm.f32>
    %1 = lm.rms_norm %x, %g eps 0.0 unit_offset : !t4, !lm.weight<2, #lm.f32>
    %2 = lm.scale %x by 2.5 : !t4
    %3 = lm.softcap %x cap 5.0 : !t4
    lm.return %0, %1, %2, %3 : !t4, !t4, !t4, !t4
  }

  // GATHER: result0: 3x2 f32
  // GATHER-NEXT: {{^}}  4 5{{$}}
  // GATHER-NEXT: {{^}}  0 1{{$}}
  // GATHER-NEXT: {{^}}  2 3{{$}}
  // GATHER-NEXT: result1: 2x2 f32
  // GATHER-NEXT: {{^}}  2 3{{$}}
  // GATHER-NEXT: {{^}}  4 5{{$}}
  // GATHER-NEXT: result2: 2 i32
  // GATHER-NEXT: {{^}}  1 2{{$}}
  // GATHER-NEXT: result3: 3x1 f32
  // GATHER-NEXT: {{^}}  5{{$}}
  // GATHER-NEXT: {{^}}  1{{$}}
  // GATHER-NEXT: {{^}}  3{{$}}
  lm.func @gather(%ids: !ids, %leaves: tensor<?xi32, #lm.dims<leaves>>)
      -> (!t2, tensor<?x2xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !t1) {
    %w = lm.get_weight @table : !lm.weight<3x2, #lm.f32>
    %0 = lm.embed %ids, %w : !ids, !lm.weight<3x2, #lm.f32>
    %1 = lm.take_rows %0, %leaves : !t2, tensor<?xi32, #lm.dims<leaves>>
    %2 = lm.take_rows %ids, %leaves : !ids, tensor<?xi32, #lm.dims<leaves>>
    %3 = lm.slice_columns %0 1 size 1 : !t2
    lm.return %0, %1, %2, %3 : !t2, tensor<?x2xf32, #lm.dims<leaves>>, tensor<?xi32, #lm.dims<leaves>>, !t1
  }

  // Sequence 0 has two tokens with keys 0, ln 3 and values 2, 4, sequence 1 one
  // token. Head 0 asks nothing: the mean of the values. Head 1 weighs the second
  // token three times as much as the first: (2 + 3 * 4) / 4. The first token
  // does not see the second, nor sequence 1 sequence 0.
  // ATTENTION: result0: 3x2 f32
  // ATTENTION-NEXT: {{^}}  2 2{{$}}
  // ATTENTION-NEXT: {{^}}  3 3.5{{$}}
  // ATTENTION-NEXT: {{^}}  10 10{{$}}
  lm.func @attention(%q: !t2, %k: !t1, %v: !t1, %rows: !lm.rows, %pos: !ids, %kv: !kv) -> (!t2, !kv) {
    %y:2 = lm.layers 1 to 2 iter(%h = %q, %s = %kv) : !t2, !kv {
      %o, %n = lm.attention %h, %k, %v, %s, %rows, %pos scale 1.0 : !t2, !t1, !kv, !ids
      lm.yield %o, %n : !t2, !kv
    }
    lm.return %y#0, %y#1 : !t2, !kv
  }
  lm.func @stage_attend(%q: !t2, %k: !t1, %v: !t1, %rows: !lm.rows, %pos: !ids, %kv: !kv) -> (!t2, !kv) {
    %y:2 = lm.layers 1 to 2 iter(%h = %q, %s = %kv) : !t2, !kv {
      %n = lm.stage %k, %v, %s, %rows, %pos : !t1, !kv, !ids
      %o = lm.attend %h, %n, %rows, %pos scale 1.0 : !t2, !kv, !ids
      lm.yield %o, %n : !t2, !kv
    }
    lm.return %y#0, %y#1 : !t2, !kv
  }

  lm.func @join_spans(%q: !t2, %k: !t1, %v: !t1, %rows: !lm.rows, %pos: !ids, %kv: !kv) -> (!t2, !kv) {
    %y:2 = lm.layers 1 to 2 iter(%h = %q, %s = %kv) : !t2, !kv {
      %n = lm.stage %k, %v, %s, %rows, %pos : !t1, !kv, !ids
      %p = lm.attend_spans %h, %n, %rows, %pos scale 1.0 : !t2, !kv, !ids
      %o = lm.attend %h, %n, %rows, %pos spans %p scale 1.0 : !t2, !kv, !ids, tensor<?x6xf32, #lm.dims<spans>>
      lm.yield %o, %n : !t2, !kv
    }
    lm.return %y#0, %y#1 : !t2, !kv
  }

  // LONG: close
  lm.func @both(%q: !t2, %k: !t1, %v: !t1, %rows: !lm.rows, %pos: !ids, %kv: !kv, %far: !far) -> (!t2, !t2) {
    %s = lm.stage %k, %v, %kv, %rows, %pos : !t1, !kv, !ids
    %p = lm.attend_spans %q, %s, %rows, %pos scale 1.0 : !t2, !kv, !ids
    %x = lm.attend %q, %s, %rows, %pos spans %p scale 1.0 : !t2, !kv, !ids, tensor<?x6xf32, #lm.dims<spans>>
    %t = lm.stage %k, %v, %far, %rows, %pos : !t1, !far, !ids
    %r = lm.attend_spans %q, %t, %rows, %pos scale 1.0 : !t2, !far, !ids
    %y = lm.attend %q, %t, %rows, %pos spans %r scale 1.0 : !t2, !far, !ids, tensor<?x6xf32, #lm.dims<spans>>
    lm.return %x, %y : !t2, !t2
  }

  // A window of two: the mean of the last two values, and the one that weighs the
  // tokens with key ln 3 three times as much: (3 * 4 + 8) / 4, (8 + 3 * 16) / 4.
  // WINDOW: result0: 4x2 f32
  // WINDOW-NEXT: {{^}}  2 2{{$}}
  // WINDOW-NEXT: {{^}}  3 3.5{{$}}
  // WINDOW-NEXT: {{^}}  6 5{{$}}
  // WINDOW-NEXT: {{^}}  12 14{{$}}
  lm.func @window(%q: !t2, %k: !t1, %v: !t1, %rows: !lm.rows, %pos: !ids, %kv: !near) -> (!t2, !near) {
    %o, %n = lm.attention %q, %k, %v, %kv, %rows, %pos scale 1.0 : !t2, !t1, !near, !ids
    lm.return %o, %n : !t2, !near
  }

  // The scores of @attention, 0 and ln 3, capped at 1: 0 and tanh(ln 3) = 4/5; the
  // second token weighs e^0.8 as much as the first: (2 + 4 e^0.8) / (1 + e^0.8).
  // SOFTCAP: result0: 3x2 f32
  // SOFTCAP-NEXT: {{^}}  2 2{{$}}
  // SOFTCAP-NEXT: {{^}}  3 3.37995{{$}}
  // SOFTCAP-NEXT: {{^}}  10 10{{$}}
  lm.func @softcap(%q: !t2, %k: !t1, %v: !t1, %rows: !lm.rows, %pos: !ids, %kv: !kv) -> (!t2, !kv) {
    %o, %n = lm.attention %q, %k, %v, %kv, %rows, %pos scale 1.0 softcap 1.0 : !t2, !t1, !kv, !ids
    lm.return %o, %n : !t2, !kv
  }

  // One position each, so that the result is its value. As bf16, whose step is 1/128
  // above 1: ties to even, both ways. As integers with a scale per head, here of two
  // columns: 1, then 3.5/127; then 1.01171875/127 and 1.004/127.
  // STATE: result0: 2x4 f32
  // STATE-NEXT: {{^}}  -127 2.5 3.5 0.400391{{$}}
  // STATE-NEXT: {{^}}  1 1.01562 1.00781 1.00148e-31{{$}}
  // STATE-NEXT: result1: 2x4 f32
  // STATE-NEXT: {{^}}  -127 2 3.5 0.413386{{$}}
  // STATE-NEXT: {{^}}  1.00375 1.01172 1.004 0{{$}}
  lm.func @state(%q: !t4, %k: !t4, %v: !t4, %rows: !lm.rows, %pos: !ids, %a: !half, %b: !small) -> (!t4, !t4) {
    %0, %n = lm.attention %q, %k, %v, %a, %rows, %pos scale 1.0 : !t4, !t4, !half, !ids
    %1, %m = lm.attention %q, %k, %v, %b, %rows, %pos scale 1.0 : !t4, !t4, !small, !ids
    lm.return %0, %1 : !t4, !t4
  }

  lm.func @last_layer(%x: !t1) -> !t1 {
    %0 = lm.layers 1 to 2 iter(%h = %x) : !t1 {
      %w = lm.get_weight @scale : !lm.weight<1x1, #lm.f32>
      %b = lm.get_weight @offset : !lm.weight<1, #lm.f32>
      %y = lm.linear %h, %w bias %b : !t1, !lm.weight<1x1, #lm.f32>, !lm.weight<1, #lm.f32>
      lm.yield %y : !t1
    }
    lm.return %0 : !t1
  }

  // Layer 0: 3 * 2 + 1 = 7; layer 1: 7 * 10 + 2 = 72. Layer 1 alone: 3 * 10 + 2.
  // LAYERS: result0: 1x1 f32
  // LAYERS-NEXT: {{^}}  72{{$}}
  // LAYERS-NEXT: result1: 1x1 f32
  // LAYERS-NEXT: {{^}}  32{{$}}
  // Slice 0 of a weight that begins with layer 1: 3 * 10; slice 1 of one that goes
  // by twos: 3 * 7.
  // LAYERS-NEXT: result2: 1x1 f32
  // LAYERS-NEXT: {{^}}  30{{$}}
  // LAYERS-NEXT: result3: 1x1 f32
  // LAYERS-NEXT: {{^}}  21{{$}}
  lm.func @layers(%x: !t1) -> (!t1, !t1, !t1, !t1) {
    %0 = lm.layers 0 to 2 iter(%h = %x) : !t1 {
      %w = lm.get_weight @scale : !lm.weight<1x1, #lm.f32>
      %b = lm.get_weight @offset : !lm.weight<1, #lm.f32>
      %y = lm.linear %h, %w bias %b : !t1, !lm.weight<1x1, #lm.f32>, !lm.weight<1, #lm.f32>
      lm.yield %y : !t1
    }
    %1 = lm.call @last_layer(%x) : (!t1) -> !t1
    %2 = lm.layers 0 to 1 iter(%h = %x) : !t1 {
      %w = lm.get_weight @from_one : !lm.weight<1x1, #lm.f32>
      %y = lm.linear %h, %w : !t1, !lm.weight<1x1, #lm.f32>
      lm.yield %y : !t1
    }
    %3 = lm.layers 1 to 2 iter(%h = %x) : !t1 {
      %w = lm.get_weight @by_twos : !lm.weight<1x1, #lm.f32>
      %y = lm.linear %h, %w : !t1, !lm.weight<1x1, #lm.f32>
      lm.yield %y : !t1
    }
    lm.return %0, %1, %2, %3 : !t1, !t1, !t1, !t1
  }
}
