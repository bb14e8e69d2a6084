// The layers of the model llama-tiny with a window of 5 tokens in the first and the
// last and none in the second, as a pattern of two layers is imported: a loop over
// pairs, then the iteration that is cut short. Each of the two layers of the body has
// weights and a state of its own.

!ids = tensor<?xi32, #lm.dims<tokens>>
!x = tensor<?x120xf32, #lm.dims<tokens>>
!kv = tensor<?x60xf32, #lm.dims<tokens>>
!ff = tensor<?x200xf32, #lm.dims<tokens>>
!s0 = !lm.state<layers = 2, kv_heads = 3, head_dim = 20, f32, window = 5>
!s1 = !lm.state<layers = 1, kv_heads = 3, head_dim = 20, f32>

lm.model @main family "llama" numerics row_invariant max_positions 256 {
  lm.weight @embed_tokens from "model.embed_tokens.weight" : !lm.weight<503x120, #lm.f32>
  lm.weight @input_layernorm_0 from "model.layers.{layer}.input_layernorm.weight" layers 2 step 2 : !lm.weight<120, #lm.f32>
  lm.weight @input_layernorm_1 from "model.layers.{layer}.input_layernorm.weight" layers 1 first 1 step 2 : !lm.weight<120, #lm.f32>
  lm.weight @q_0 from "model.layers.{layer}.self_attn.q_proj.weight" layers 2 step 2 : !lm.weight<120x120, #lm.f32>
  lm.weight @q_1 from "model.layers.{layer}.self_attn.q_proj.weight" layers 1 first 1 step 2 : !lm.weight<120x120, #lm.f32>
  lm.weight @k_0 from "model.layers.{layer}.self_attn.k_proj.weight" layers 2 step 2 : !lm.weight<60x120, #lm.f32>
  lm.weight @k_1 from "model.layers.{layer}.self_attn.k_proj.weight" layers 1 first 1 step 2 : !lm.weight<60x120, #lm.f32>
  lm.weight @v_0 from "model.layers.{layer}.self_attn.v_proj.weight" layers 2 step 2 : !lm.weight<60x120, #lm.f32>
  lm.weight @v_1 from "model.layers.{layer}.self_attn.v_proj.weight" layers 1 first 1 step 2 : !lm.weight<60x120, #lm.f32>
  lm.weight @o_0 from "model.layers.{layer}.self_attn.o_proj.weight" layers 2 step 2 : !lm.weight<120x120, #lm.f32>
  lm.weight @o_1 from "model.layers.{layer}.self_attn.o_proj.weight" layers 1 first 1 step 2 : !lm.weight<120x120, #lm.f32>
  lm.weight @post_attention_layernorm_0 from "model.layers.{layer}.post_attention_layernorm.weight" layers 2 step 2 : !lm.weight<120, #lm.f32>
  lm.weight @post_attention_layernorm_1 from "model.layers.{layer}.post_attention_layernorm.weight" layers 1 first 1 step 2 : !lm.weight<120, #lm.f32>
  lm.weight @gate_0 from "model.layers.{layer}.mlp.gate_proj.weight" layers 2 step 2 : !lm.weight<200x120, #lm.f32>
  lm.weight @gate_1 from "model.layers.{layer}.mlp.gate_proj.weight" layers 1 first 1 step 2 : !lm.weight<200x120, #lm.f32>
  lm.weight @up_0 from "model.layers.{layer}.mlp.up_proj.weight" layers 2 step 2 : !lm.weight<200x120, #lm.f32>
  lm.weight @up_1 from "model.layers.{layer}.mlp.up_proj.weight" layers 1 first 1 step 2 : !lm.weight<200x120, #lm.f32>
  lm.weight @down_0 from "model.layers.{layer}.mlp.down_proj.weight" layers 2 step 2 : !lm.weight<120x200, #lm.f32>
  lm.weight @down_1 from "model.layers.{layer}.mlp.down_proj.weight" layers 1 first 1 step 2 : !lm.weight<120x200, #lm.f32>
  lm.weight @norm from "model.norm.weight" : !lm.weight<120, #lm.f32>
  lm.weight @lm_head from "lm_head.weight" : !lm.weight<503x120, #lm.f32>
  lm.func @forward(%ids: !ids, %pos: !ids, %rows: !lm.rows, %a: !s0, %b: !s1) -> (!x, !s0, !s1) {
    %e = lm.get_weight @embed_tokens : !lm.weight<503x120, #lm.f32>
    %x = lm.embed %ids, %e : !ids, !lm.weight<503x120, #lm.f32>
    %pair:3 = lm.layers 0 to 1 iter(%h = %x, %sa = %a, %sb = %b) : !x, !s0, !s1 {
      %w0input_layernorm = lm.get_weight @input_layernorm_0 : !lm.weight<120, #lm.f32>
      %n0 = lm.rms_norm %h, %w0input_layernorm eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
      %w0q = lm.get_weight @q_0 : !lm.weight<120x120, #lm.f32>
      %q0 = lm.linear %n0, %w0q : !x, !lm.weight<120x120, #lm.f32>
      %w0k = lm.get_weight @k_0 : !lm.weight<60x120, #lm.f32>
      %k0 = lm.linear %n0, %w0k : !x, !lm.weight<60x120, #lm.f32>
      %w0v = lm.get_weight @v_0 : !lm.weight<60x120, #lm.f32>
      %v0 = lm.linear %n0, %w0v : !x, !lm.weight<60x120, #lm.f32>
      %qr0 = lm.rope %q0, %pos head_dim 20 theta 10000.0 : !x, !ids
      %kr0 = lm.rope %k0, %pos head_dim 20 theta 10000.0 : !kv, !ids
      %m0, %t0 = lm.attention %qr0, %kr0, %v0, %sa, %rows, %pos scale 0.22360679774997896 : !x, !kv, !s0, !ids
      %w0o = lm.get_weight @o_0 : !lm.weight<120x120, #lm.f32>
      %o0 = lm.linear %m0, %w0o : !x, !lm.weight<120x120, #lm.f32>
      %r0 = lm.add %h, %o0 : !x
      %w0post_attention_layernorm = lm.get_weight @post_attention_layernorm_0 : !lm.weight<120, #lm.f32>
      %p0 = lm.rms_norm %r0, %w0post_attention_layernorm eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
      %w0gate = lm.get_weight @gate_0 : !lm.weight<200x120, #lm.f32>
      %g0 = lm.linear %p0, %w0gate : !x, !lm.weight<200x120, #lm.f32>
      %w0up = lm.get_weight @up_0 : !lm.weight<200x120, #lm.f32>
      %u0 = lm.linear %p0, %w0up : !x, !lm.weight<200x120, #lm.f32>
      %f0 = lm.glu silu %g0, %u0 : !ff
      %w0down = lm.get_weight @down_0 : !lm.weight<120x200, #lm.f32>
      %d0 = lm.linear %f0, %w0down : !ff, !lm.weight<120x200, #lm.f32>
      %y0 = lm.add %r0, %d0 : !x
      %w1input_layernorm = lm.get_weight @input_layernorm_1 : !lm.weight<120, #lm.f32>
      %n1 = lm.rms_norm %y0, %w1input_layernorm eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
      %w1q = lm.get_weight @q_1 : !lm.weight<120x120, #lm.f32>
      %q1 = lm.linear %n1, %w1q : !x, !lm.weight<120x120, #lm.f32>
      %w1k = lm.get_weight @k_1 : !lm.weight<60x120, #lm.f32>
      %k1 = lm.linear %n1, %w1k : !x, !lm.weight<60x120, #lm.f32>
      %w1v = lm.get_weight @v_1 : !lm.weight<60x120, #lm.f32>
      %v1 = lm.linear %n1, %w1v : !x, !lm.weight<60x120, #lm.f32>
      %qr1 = lm.rope %q1, %pos head_dim 20 theta 10000.0 : !x, !ids
      %kr1 = lm.rope %k1, %pos head_dim 20 theta 10000.0 : !kv, !ids
      %m1, %t1 = lm.attention %qr1, %kr1, %v1, %sb, %rows, %pos scale 0.22360679774997896 : !x, !kv, !s1, !ids
      %w1o = lm.get_weight @o_1 : !lm.weight<120x120, #lm.f32>
      %o1 = lm.linear %m1, %w1o : !x, !lm.weight<120x120, #lm.f32>
      %r1 = lm.add %y0, %o1 : !x
      %w1post_attention_layernorm = lm.get_weight @post_attention_layernorm_1 : !lm.weight<120, #lm.f32>
      %p1 = lm.rms_norm %r1, %w1post_attention_layernorm eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
      %w1gate = lm.get_weight @gate_1 : !lm.weight<200x120, #lm.f32>
      %g1 = lm.linear %p1, %w1gate : !x, !lm.weight<200x120, #lm.f32>
      %w1up = lm.get_weight @up_1 : !lm.weight<200x120, #lm.f32>
      %u1 = lm.linear %p1, %w1up : !x, !lm.weight<200x120, #lm.f32>
      %f1 = lm.glu silu %g1, %u1 : !ff
      %w1down = lm.get_weight @down_1 : !lm.weight<120x200, #lm.f32>
      %d1 = lm.linear %f1, %w1down : !ff, !lm.weight<120x200, #lm.f32>
      %y1 = lm.add %r1, %d1 : !x
      lm.yield %y1, %t0, %t1 : !x, !s0, !s1
    }
    %last:2 = lm.layers 1 to 2 iter(%h = %pair#0, %sa = %pair#1) : !x, !s0 {
      %w2input_layernorm = lm.get_weight @input_layernorm_0 : !lm.weight<120, #lm.f32>
      %n2 = lm.rms_norm %h, %w2input_layernorm eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
      %w2q = lm.get_weight @q_0 : !lm.weight<120x120, #lm.f32>
      %q2 = lm.linear %n2, %w2q : !x, !lm.weight<120x120, #lm.f32>
      %w2k = lm.get_weight @k_0 : !lm.weight<60x120, #lm.f32>
      %k2 = lm.linear %n2, %w2k : !x, !lm.weight<60x120, #lm.f32>
      %w2v = lm.get_weight @v_0 : !lm.weight<60x120, #lm.f32>
      %v2 = lm.linear %n2, %w2v : !x, !lm.weight<60x120, #lm.f32>
      %qr2 = lm.rope %q2, %pos head_dim 20 theta 10000.0 : !x, !ids
      %kr2 = lm.rope %k2, %pos head_dim 20 theta 10000.0 : !kv, !ids
      %m2, %t2 = lm.attention %qr2, %kr2, %v2, %sa, %rows, %pos scale 0.22360679774997896 : !x, !kv, !s0, !ids
      %w2o = lm.get_weight @o_0 : !lm.weight<120x120, #lm.f32>
      %o2 = lm.linear %m2, %w2o : !x, !lm.weight<120x120, #lm.f32>
      %r2 = lm.add %h, %o2 : !x
      %w2post_attention_layernorm = lm.get_weight @post_attention_layernorm_0 : !lm.weight<120, #lm.f32>
      %p2 = lm.rms_norm %r2, %w2post_attention_layernorm eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
      %w2gate = lm.get_weight @gate_0 : !lm.weight<200x120, #lm.f32>
      %g2 = lm.linear %p2, %w2gate : !x, !lm.weight<200x120, #lm.f32>
      %w2up = lm.get_weight @up_0 : !lm.weight<200x120, #lm.f32>
      %u2 = lm.linear %p2, %w2up : !x, !lm.weight<200x120, #lm.f32>
      %f2 = lm.glu silu %g2, %u2 : !ff
      %w2down = lm.get_weight @down_0 : !lm.weight<120x200, #lm.f32>
      %d2 = lm.linear %f2, %w2down : !ff, !lm.weight<120x200, #lm.f32>
      %y2 = lm.add %r2, %d2 : !x
      lm.yield %y2, %t2 : !x, !s0
    }
    %g = lm.get_weight @norm : !lm.weight<120, #lm.f32>
    %y = lm.rms_norm %last#0, %g eps 1.0e-5 : !x, !lm.weight<120, #lm.f32>
    lm.return %y, %last#1, %pair#2 : !x, !s0, !s1
  }
  lm.func @head(%h: tensor<?x120xf32, #lm.dims<leaves>>) -> tensor<?x503xf32, #lm.dims<leaves>> {
    %w = lm.get_weight @lm_head : !lm.weight<503x120, #lm.f32>
    %l = lm.head %h, %w : tensor<?x120xf32, #lm.dims<leaves>>, !lm.weight<503x120, #lm.f32>
    lm.return %l : tensor<?x503xf32, #lm.dims<leaves>>
  }
}
