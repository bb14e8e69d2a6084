// A model of Hugging Face transformers, and what transformers computes from it:
// the logits in f64 and the tokens that it chooses (prompts 3 and 1 of
// golden.safetensors), alone and with another sequence in the same steps.
//
// RUN: plait-opt %s -o /dev/null --plait-evaluate='weights=%S/../../golden/models/llama-tiny tokens=32,478,364,417,105 new-tokens=8 output=%t.safetensors' | FileCheck %s --check-prefixes=FIRST
// RUN: python3 %S/Inputs/compare_safetensors.py %t.safetensors logits %S/../../golden/models/llama-tiny/golden.safetensors prompt.3.logits_f64 1e-6
// RUN: plait-opt %s -o /dev/null --plait-evaluate='weights=%S/../../golden/models/llama-tiny tokens=32,478,364,417,105;488,106 new-tokens=8' | FileCheck %s --check-prefixes=FIRST,SECOND
//
// The same tokens from a strategy, which one of them may end, and the first one
// of each sequence from the step that is made of it.
// RUN: plait-opt %s -o /dev/null --plait-attach-strategy --plait-evaluate='function=ar weights=%S/../../golden/models/llama-tiny tokens=32,478,364,417,105;488,106 new-tokens=8' | FileCheck %s --check-prefix=STRATEGY
// RUN: plait-opt %s -o /dev/null --plait-attach-strategy --plait-evaluate='function=ar weights=%S/../../golden/models/llama-tiny tokens=32,478,364,417,105 new-tokens=8 stop-ids=139,50' | FileCheck %s --check-prefix=STOP
// RUN: python3 %S/Inputs/write_safetensors.py %t.step.safetensors arg0=I32:7:32,478,364,417,105,488,106 arg1=I32:7:0,1,2,3,4,0,1 arg2=I32:7:0,0,0,0,0,1,1 \
// RUN:   arg4=I32:2:4,6 arg5=I32:2:0,0 arg6=I32:1:0 arg7=F32:1:0 arg8=F32:1:1 arg9=F32:1:0 arg10=F32:2:0,0 \
// RUN:   arg11=I32:2:0,0 arg12=F32:2:1,1 arg13=F32:2:0,0 arg14=I64:2:1,1 arg15=I64:2:0,1 arg16=I32:2x1:-1,34 arg17=I32:2:0,0
// RUN: plait-opt %s -o /dev/null --plait-attach-strategy --plait-batch --plait-evaluate='function=ar weights=%S/../../golden/models/llama-tiny inputs=%t.step.safetensors' | FileCheck %s --check-prefix=STEP
// RUN: not plait-opt %s -o /dev/null --plait-attach-strategy --plait-evaluate='function=ar weights=%S/../../golden/models/llama-tiny tokens=1' 2>&1 | FileCheck %s --check-prefix=NEW

// FIRST: tokens: {{[12]}}x8 i32
// FIRST-NEXT: {{^}}  455 189 244 139 50 262 430 481{{$}}
// SECOND-NEXT: {{^}}  34 164 460 91 405 167 91 274{{$}}

// STRATEGY: tokens.0: 8 i32
// STRATEGY-NEXT: {{^}}  455 189 244 139 50 262 430 481{{$}}
// STRATEGY-NEXT: tokens.1: 8 i32
// STRATEGY-NEXT: {{^}}  34 164 460 91 405 167 91 274{{$}}

// STOP: tokens.0: 4 i32
// STOP-NEXT: {{^}}  455 189 244 139{{$}}

// Chosen, status (the second is a stop id).
// STEP: result0: 2 i32
// STEP-NEXT: {{^}}  455 34{{$}}
// STEP-NEXT: result1: 2 i32
// STEP-NEXT: {{^}}  0 1{{$}}

// NEW: error: expected new-tokens > 0 for a strategy

lm.model @main family "llama" numerics row_invariant max_positions 256 {
  lm.weight @embed_tokens from "model.embed_tokens.weight" : !lm.weight<503x120, #lm.f32>
  lm.weight @input_layernorm from "model.layers.{layer}.input_layernorm.weight" layers 3 : !lm.weight<120, #lm.f32>
  lm.weight @self_attn_q_proj from "model.layers.{layer}.self_attn.q_proj.weight" layers 3 : !lm.weight<120x120, #lm.f32>
  lm.weight @self_attn_k_proj from "model.layers.{layer}.self_attn.k_proj.weight" layers 3 : !lm.weight<60x120, #lm.f32>
  lm.weight @self_attn_v_proj from "model.layers.{layer}.self_attn.v_proj.weight" layers 3 : !lm.weight<60x120, #lm.f32>
  lm.weight @self_attn_o_proj from "model.layers.{layer}.self_attn.o_proj.weight" layers 3 : !lm.weight<120x120, #lm.f32>
  lm.weight @post_attention_layernorm from "model.layers.{layer}.post_attention_layernorm.weight" layers 3 : !lm.weight<120, #lm.f32>
  lm.weight @mlp_gate_proj from "model.layers.{layer}.mlp.gate_proj.weight" layers 3 : !lm.weight<200x120, #lm.f32>
  lm.weight @mlp_up_proj from "model.layers.{layer}.mlp.up_proj.weight" layers 3 : !lm.weight<200x120, #lm.f32>
  lm.weight @mlp_down_proj from "model.layers.{layer}.mlp.down_proj.weight" layers 3 : !lm.weight<120x200, #lm.f32>
  lm.weight @norm from "model.norm.weight" : !lm.weight<120, #lm.f32>
  lm.weight @lm_head from "lm_head.weight" : !lm.weight<503x120, #lm.f32>
  lm.func @forward(%arg0: tensor<?xi32, #lm.dims<tokens>>, %arg1: tensor<?xi32, #lm.dims<tokens>>, %arg2: !lm.rows, %arg3: !lm.state<layers = 3, kv_heads = 3, head_dim = 20, f32>) -> (tensor<?x120xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 3, head_dim = 20, f32>) {
    %0 = lm.get_weight @embed_tokens : !lm.weight<503x120, #lm.f32>
    %1 = lm.embed %arg0, %0 : tensor<?xi32, #lm.dims<tokens>>, !lm.weight<503x120, #lm.f32>
    %2:2 = lm.layers 0 to 3 iter(%arg4 = %1, %arg5 = %arg3) : tensor<?x120xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 3, head_dim = 20, f32> {
      %5 = lm.get_weight @input_layernorm : !lm.weight<120, #lm.f32>
      %6 = lm.rms_norm %arg4, %5 eps 1.000000e-05 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<120, #lm.f32>
      %7 = lm.get_weight @self_attn_q_proj : !lm.weight<120x120, #lm.f32>
      %8 = lm.linear %6, %7 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<120x120, #lm.f32>
      %9 = lm.get_weight @self_attn_k_proj : !lm.weight<60x120, #lm.f32>
      %10 = lm.linear %6, %9 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<60x120, #lm.f32>
      %11 = lm.get_weight @self_attn_v_proj : !lm.weight<60x120, #lm.f32>
      %12 = lm.linear %6, %11 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<60x120, #lm.f32>
      %13 = lm.rope %8, %arg1 head_dim 20 theta 1.000000e+04 : tensor<?x120xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
      %14 = lm.rope %10, %arg1 head_dim 20 theta 1.000000e+04 : tensor<?x60xf32, #lm.dims<tokens>>, tensor<?xi32, #lm.dims<tokens>>
      %result, %next = lm.attention %13, %14, %12, %arg5, %arg2, %arg1 scale 0.22360679774997896 : tensor<?x120xf32, #lm.dims<tokens>>, tensor<?x60xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 3, head_dim = 20, f32>, tensor<?xi32, #lm.dims<tokens>>
      %15 = lm.get_weight @self_attn_o_proj : !lm.weight<120x120, #lm.f32>
      %16 = lm.linear %result, %15 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<120x120, #lm.f32>
      %17 = lm.add %arg4, %16 : tensor<?x120xf32, #lm.dims<tokens>>
      %18 = lm.get_weight @post_attention_layernorm : !lm.weight<120, #lm.f32>
      %19 = lm.rms_norm %17, %18 eps 1.000000e-05 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<120, #lm.f32>
      %20 = lm.get_weight @mlp_gate_proj : !lm.weight<200x120, #lm.f32>
      %21 = lm.linear %19, %20 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<200x120, #lm.f32>
      %22 = lm.get_weight @mlp_up_proj : !lm.weight<200x120, #lm.f32>
      %23 = lm.linear %19, %22 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<200x120, #lm.f32>
      %24 = lm.glu silu %21, %23 : tensor<?x200xf32, #lm.dims<tokens>>
      %25 = lm.get_weight @mlp_down_proj : !lm.weight<120x200, #lm.f32>
      %26 = lm.linear %24, %25 : tensor<?x200xf32, #lm.dims<tokens>>, !lm.weight<120x200, #lm.f32>
      %27 = lm.add %17, %26 : tensor<?x120xf32, #lm.dims<tokens>>
      lm.yield %27, %next : tensor<?x120xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 3, head_dim = 20, f32>
    }
    %3 = lm.get_weight @norm : !lm.weight<120, #lm.f32>
    %4 = lm.rms_norm %2#0, %3 eps 1.000000e-05 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.weight<120, #lm.f32>
    lm.return %4, %2#1 : tensor<?x120xf32, #lm.dims<tokens>>, !lm.state<layers = 3, kv_heads = 3, head_dim = 20, f32>
  }
  lm.func @head(%arg0: tensor<?x120xf32, #lm.dims<leaves>>) -> tensor<?x503xf32, #lm.dims<leaves>> {
    %0 = lm.get_weight @lm_head : !lm.weight<503x120, #lm.f32>
    %1 = lm.head %arg0, %0 : tensor<?x120xf32, #lm.dims<leaves>>, !lm.weight<503x120, #lm.f32>
    lm.return %1 : tensor<?x503xf32, #lm.dims<leaves>>
  }
}
