//===- Qwen.cpp - The Qwen2 and Qwen3 families -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Qwen2, Qwen2.5 and the dense models of Qwen3. Llama's layer; Qwen2 adds biases
// to query, key and value, Qwen3 normalises each head's query and key instead.
// Names and defaults are those of Qwen2Config, Qwen3Config and their models in
// Hugging Face transformers.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"

using namespace plait;

namespace {
struct Qwen : DecoderConstants {
  Rope rope;
  bool inputBias = false, outputBias = false; ///< of the projections into and out of attention
  bool normedHeads = false;
};
} // namespace

static void buildLayer(ModelBuilder &b, const ModelConfig &c, const Qwen &m, Residual &x) {
  Value normed = b.rmsNorm(x.read(), {m.normEps}, "layers.{layer}.input_layernorm");
  Value q = b.linear(normed, "layers.{layer}.self_attn.q_proj", c.heads * c.headDim, m.inputBias);
  Value k = b.linear(normed, "layers.{layer}.self_attn.k_proj", c.kvHeads * c.headDim, m.inputBias);
  Value v = b.linear(normed, "layers.{layer}.self_attn.v_proj", c.kvHeads * c.headDim, m.inputBias);
  if (m.normedHeads) {
    RmsNormForm perHead = {m.normEps, /*unitOffset=*/false, c.headDim};
    q = b.rmsNorm(q, perHead, "layers.{layer}.self_attn.q_norm");
    k = b.rmsNorm(k, perHead, "layers.{layer}.self_attn.k_norm");
  }
  q = b.rope(q, m.rope, "layers.{layer}.self_attn.rope_q");
  k = b.rope(k, m.rope, "layers.{layer}.self_attn.rope_k");
  Value mixed = b.attention(q, k, v, {m.attentionScale}, "layers.{layer}.self_attn");
  Value o = b.linear(mixed, "layers.{layer}.self_attn.o_proj", c.hidden, m.outputBias);
  x.add(o, "layers.{layer}.self_attn.residual");

  normed = b.rmsNorm(x.read(), {m.normEps}, "layers.{layer}.post_attention_layernorm");
  Value down = b.gatedMlp(normed, m.activation, /*bias=*/false, "layers.{layer}.mlp");
  x.add(down, "layers.{layer}.mlp.residual");
}

static void build(ModelBuilder &b, const ModelConfig &c, const Qwen &m) {
  b.buildForward([&] {
    Value tokens = b.embed(b.ids, "embed_tokens", c.vocabulary);
    Value hidden = b.layers(tokens, "layers", [&](Residual &x) { buildLayer(b, c, m, x); });
    return b.rmsNorm(hidden, {m.normEps}, "norm");
  });
  b.buildHead();
}

static Status readConfig(ConfigReader &reader, ModelConfig &config, const DecoderKeys &keys, Qwen model) {
  PLAIT_ASSIGN_OR_RETURN(static_cast<DecoderConstants &>(model), reader.readDecoder(config, keys));
  PLAIT_ASSIGN_OR_RETURN(model.rope, reader.readRope(config));
  if (model.normedHeads) {
    PLAIT_ASSIGN_OR_RETURN(model.inputBias, reader.flag("attention_bias", false));
    model.outputBias = model.inputBias;
  }
  config.build = [model](ModelBuilder &b, const ModelConfig &c) { build(b, c, model); };
  config.layer = {model.normEps,
                  [model](ModelBuilder &b, const ModelConfig &c, Residual &x) { buildLayer(b, c, model, x); }};

  PLAIT_RETURN_IF_ERROR(reader.require("use_mrope", false, "a token has one position in Plait"));
  // The window counts only where the flag says so.
  PLAIT_ASSIGN_OR_RETURN(bool hasWindows, reader.flag("use_sliding_window", false));
  PLAIT_ASSIGN_OR_RETURN(int64_t window, reader.window("sliding_window", 4096));
  PLAIT_ASSIGN_OR_RETURN(int64_t fullLayers, reader.count("max_window_layers", limits::layers, 28));
  return reader.readLayerTypes(config, hasWindows ? window : 0, [&](int64_t layer) { return layer >= fullLayers; });
}

static Status readQwen2Config(ConfigReader &reader, ModelConfig &config) {
  Qwen model;
  model.inputBias = true;
  return readConfig(reader, config, {}, model);
}

static Status readQwen3Config(ConfigReader &reader, ModelConfig &config) {
  Qwen model;
  model.normedHeads = true;
  DecoderKeys keys;
  keys.absentHeadDim = 128;
  return readConfig(reader, config, keys, model);
}

static bool isIgnorable(StringRef) { return false; }

namespace plait {
extern const ModelFamily qwen2Family, qwen3Family;
const ModelFamily qwen2Family = {"qwen2", "Qwen2ForCausalLM", "model.", "embed_tokens", readQwen2Config, isIgnorable};
const ModelFamily qwen3Family = {"qwen3", "Qwen3ForCausalLM", "model.", "embed_tokens", readQwen3Config, isIgnorable};
} // namespace plait
