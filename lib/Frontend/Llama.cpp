//===- Llama.cpp - The Llama family ---------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Llama 1 to 3.3 and models of the same shape: pre-normalised with RMS norm,
// rotary positions, grouped-query attention, gated MLP. Names and defaults are
// those of LlamaConfig and LlamaForCausalLM in Hugging Face transformers.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"

#include <cmath>

using namespace plait;

static Status readConfig(ConfigReader &reader, ModelConfig &config) {
  PLAIT_ASSIGN_OR_RETURN(config.vocabulary, reader.size("vocab_size", limits::vocabulary));
  PLAIT_ASSIGN_OR_RETURN(config.hidden, reader.size("hidden_size", limits::hidden));
  PLAIT_ASSIGN_OR_RETURN(config.intermediate, reader.size("intermediate_size", limits::intermediate));
  PLAIT_ASSIGN_OR_RETURN(config.layers, reader.size("num_hidden_layers", limits::layers));
  PLAIT_ASSIGN_OR_RETURN(config.maxPositions, reader.size("max_position_embeddings", limits::positions));
  PLAIT_ASSIGN_OR_RETURN(config.heads, reader.size("num_attention_heads", limits::heads));
  PLAIT_ASSIGN_OR_RETURN(config.kvHeads, reader.size("num_key_value_heads", limits::heads, config.heads));
  if (!reader.has("head_dim") && config.hidden % config.heads != 0)
    return reader.refuse("num_attention_heads",
                         "a divisor of hidden_size (" + std::to_string(config.hidden) + "); else give head_dim");
  PLAIT_ASSIGN_OR_RETURN(config.headDim, reader.size("head_dim", limits::headDim, config.hidden / config.heads));
  if (config.headDim > limits::headDim || config.headDim % 2 != 0) {
    std::string expected = "an even head_dim of at most " + std::to_string(limits::headDim);
    if (reader.has("head_dim"))
      return reader.refuse("head_dim", expected + ", as RoPE rotates pairs of columns");
    return reader.refuse("num_attention_heads", expected + " instead of hidden_size / num_attention_heads = " +
                                                    std::to_string(config.headDim));
  }
  PLAIT_RETURN_IF_ERROR(reader.checkHeads(config, "num_attention_heads", "num_key_value_heads"));
  config.attentionScale = 1 / std::sqrt(double(config.headDim));

  PLAIT_ASSIGN_OR_RETURN(config.normEps, reader.epsilon("rms_norm_eps", 1e-6));
  PLAIT_ASSIGN_OR_RETURN(config.activation, reader.activation("hidden_act", "silu"));
  PLAIT_ASSIGN_OR_RETURN(config.attentionBias, reader.flag("attention_bias", false));
  PLAIT_ASSIGN_OR_RETURN(config.mlpBias, reader.flag("mlp_bias", false));
  PLAIT_ASSIGN_OR_RETURN(config.tiedEmbeddings, reader.flag("tie_word_embeddings", false));
  PLAIT_RETURN_IF_ERROR(reader.readRope(config));

  PLAIT_RETURN_IF_ERROR(
      reader.require("pretraining_tp", 1, "set it to 1: the weights are the same, sums are rounded otherwise"));
  PLAIT_RETURN_IF_ERROR(reader.require("sliding_window", nullptr, "Plait attends over the whole context"));
  return reader.require("partial_rotary_factor", 1, "Plait rotates all columns of a head");
}

static void build(ModelBuilder &b, const ModelConfig &c) {
  b.buildForward([&] {
    Value tokens = b.embed(b.ids, "embed_tokens", c.vocabulary);
    Value hidden = b.layers(tokens, "layers", [&](Value x) {
      Value normed = b.rmsNorm(x, "layers.{layer}.input_layernorm");
      auto project = [&](StringRef path, int64_t heads) {
        return b.linear(normed, path, heads * c.headDim, c.attentionBias);
      };
      Value q = project("layers.{layer}.self_attn.q_proj", c.heads);
      Value k = project("layers.{layer}.self_attn.k_proj", c.kvHeads);
      Value v = project("layers.{layer}.self_attn.v_proj", c.kvHeads);
      q = b.rope(q, "layers.{layer}.self_attn.rope_q");
      k = b.rope(k, "layers.{layer}.self_attn.rope_k");
      Value mixed = b.attention(q, k, v, "layers.{layer}.self_attn");
      Value o = b.linear(mixed, "layers.{layer}.self_attn.o_proj", c.hidden, c.attentionBias);
      x = b.add(x, o, "layers.{layer}.self_attn.residual");

      normed = b.rmsNorm(x, "layers.{layer}.post_attention_layernorm");
      Value gate = b.linear(normed, "layers.{layer}.mlp.gate_proj", c.intermediate, c.mlpBias);
      Value up = b.linear(normed, "layers.{layer}.mlp.up_proj", c.intermediate, c.mlpBias);
      Value gated = b.gatedActivation(gate, up, "layers.{layer}.mlp.act_fn");
      Value down = b.linear(gated, "layers.{layer}.mlp.down_proj", c.hidden, c.mlpBias);
      return b.add(x, down, "layers.{layer}.mlp.residual");
    });
    return b.rmsNorm(hidden, "norm");
  });
  b.buildHead();
}

/// Old checkpoints carry the frequencies of the rotary embedding.
static bool isIgnorable(StringRef tensor) { return tensor.ends_with(".rotary_emb.inv_freq"); }

namespace plait {
extern const ModelFamily llamaFamily;
const ModelFamily llamaFamily = {"llama", "LlamaForCausalLM", "model.", "embed_tokens", readConfig, build, isIgnorable};
} // namespace plait
