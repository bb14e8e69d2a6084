//===- Llama.cpp - The Llama and Mistral families -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Llama 1 to 3.3 and models of the same shape: pre-normalised with RMS norm,
// rotary positions, grouped-query attention, gated MLP. Mistral has a window in all
// layers and no biases. Names and defaults are those of LlamaConfig,
// MistralConfig and their models in Hugging Face transformers.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"

using namespace plait;

namespace {
struct Llama : DecoderConstants {
  Rope rope;
  bool attentionBias = false, mlpBias = false;
};
} // namespace

static void buildLayer(ModelBuilder &b, const ModelConfig &c, const Llama &m, Residual &x) {
  Value normed = b.rmsNorm(x.read(), {m.normEps}, "layers.{layer}.input_layernorm");
  auto project = [&](StringRef path, int64_t heads) {
    return b.linear(normed, path, heads * c.headDim, m.attentionBias);
  };
  Value q = project("layers.{layer}.self_attn.q_proj", c.heads);
  Value k = project("layers.{layer}.self_attn.k_proj", c.kvHeads);
  Value v = project("layers.{layer}.self_attn.v_proj", c.kvHeads);
  q = b.rope(q, m.rope, "layers.{layer}.self_attn.rope_q");
  k = b.rope(k, m.rope, "layers.{layer}.self_attn.rope_k");
  Value mixed = b.attention(q, k, v, {m.attentionScale}, "layers.{layer}.self_attn");
  Value o = b.linear(mixed, "layers.{layer}.self_attn.o_proj", c.hidden, m.attentionBias);
  x.add(o, "layers.{layer}.self_attn.residual");

  normed = b.rmsNorm(x.read(), {m.normEps}, "layers.{layer}.post_attention_layernorm");
  Value down = b.gatedMlp(normed, m.activation, m.mlpBias, "layers.{layer}.mlp");
  x.add(down, "layers.{layer}.mlp.residual");
}

static void build(ModelBuilder &b, const ModelConfig &c, const Llama &m) {
  b.buildForward([&] {
    Value tokens = b.embed(b.ids, "embed_tokens", c.vocabulary);
    Value hidden = b.layers(tokens, "layers", [&](Residual &x) { buildLayer(b, c, m, x); });
    return b.rmsNorm(hidden, {m.normEps}, "norm");
  });
  b.buildHead();
}

/// What both families read.
static Status readConfig(ConfigReader &reader, ModelConfig &config, Llama model) {
  PLAIT_ASSIGN_OR_RETURN(static_cast<DecoderConstants &>(model), reader.readDecoder(config));
  PLAIT_ASSIGN_OR_RETURN(model.rope, reader.readRope(config));
  config.build = [model](ModelBuilder &b, const ModelConfig &c) { build(b, c, model); };
  config.layer = {model.normEps,
                  [model](ModelBuilder &b, const ModelConfig &c, Residual &x) { buildLayer(b, c, model, x); }};
  return Status::success();
}

static Status readLlamaConfig(ConfigReader &reader, ModelConfig &config) {
  Llama model;
  PLAIT_ASSIGN_OR_RETURN(model.attentionBias, reader.flag("attention_bias", false));
  PLAIT_ASSIGN_OR_RETURN(model.mlpBias, reader.flag("mlp_bias", false));
  PLAIT_RETURN_IF_ERROR(
      reader.require("pretraining_tp", 1, "set it to 1: the weights are the same, sums are rounded otherwise"));
  PLAIT_RETURN_IF_ERROR(reader.require("sliding_window", nullptr, "this family attends over the whole context"));
  return readConfig(reader, config, model);
}

static Status readMistralConfig(ConfigReader &reader, ModelConfig &config) {
  PLAIT_RETURN_IF_ERROR(readConfig(reader, config, Llama()));
  PLAIT_ASSIGN_OR_RETURN(int64_t window, reader.window("sliding_window", 4096));
  return reader.readLayerTypes(config, window, [](int64_t) { return true; });
}

/// Old checkpoints carry the frequencies of the rotary embedding.
static bool isIgnorable(StringRef tensor) { return tensor.ends_with(".rotary_emb.inv_freq"); }

namespace plait {
extern const ModelFamily llamaFamily, mistralFamily;
const ModelFamily llamaFamily = {"llama", "LlamaForCausalLM", "model.", "embed_tokens", readLlamaConfig, isIgnorable};
const ModelFamily mistralFamily = {"mistral",      "MistralForCausalLM", "model.",
                                   "embed_tokens", readMistralConfig,    isIgnorable};
} // namespace plait
