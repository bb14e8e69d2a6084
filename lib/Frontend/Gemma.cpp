//===- Gemma.cpp - The Gemma 2 and Gemma 3 families -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Gemma 2 and the text models of Gemma 3. Norms before and after attention and
// MLP, whose gains are one more than what the checkpoint holds; scaled
// embeddings; windows in some layers; logits and scores (Gemma 2) with soft caps,
// or normalised queries and keys and another rotation in layers with windows
// (Gemma 3). Names and defaults are those of Gemma2Config, Gemma3TextConfig and
// their models in Hugging Face transformers.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"

#include "llvm/ADT/APFloat.h"

#include <cmath>

using namespace plait;

namespace {
struct Gemma : DecoderConstants {
  Rope rope, windowRope; ///< of layers without and with a window
  double embeddingScale = 1;
  bool attentionBias = false, normedHeads = false;
  std::optional<double> scoreCap, logitCap;
};
} // namespace

static void build(ModelBuilder &b, const ModelConfig &c, const Gemma &m) {
  auto norm = [&](Value x, StringRef path) { return b.rmsNorm(x, {m.normEps, /*unitOffset=*/true}, path); };
  auto normHeads = [&](Value x, StringRef path) {
    return b.rmsNorm(x, {m.normEps, /*unitOffset=*/true, c.headDim}, path);
  };
  b.buildForward([&] {
    Value tokens = b.scale(b.embed(b.ids, "embed_tokens", c.vocabulary), m.embeddingScale, "embed_scale");
    Value hidden = b.layers(tokens, "layers", [&](const LayerKind &kind, Residual &x) {
      Value normed = norm(x.read(), "layers.{layer}.input_layernorm");
      auto project = [&](StringRef path, int64_t heads) {
        return b.linear(normed, path, heads * c.headDim, m.attentionBias);
      };
      Value q = project("layers.{layer}.self_attn.q_proj", c.heads);
      Value k = project("layers.{layer}.self_attn.k_proj", c.kvHeads);
      Value v = project("layers.{layer}.self_attn.v_proj", c.kvHeads);
      if (m.normedHeads) {
        q = normHeads(q, "layers.{layer}.self_attn.q_norm");
        k = normHeads(k, "layers.{layer}.self_attn.k_norm");
      }
      const Rope &rope = kind.window ? m.windowRope : m.rope;
      q = b.rope(q, rope, "layers.{layer}.self_attn.rope_q");
      k = b.rope(k, rope, "layers.{layer}.self_attn.rope_k");
      Value mixed = b.attention(q, k, v, {m.attentionScale, m.scoreCap}, "layers.{layer}.self_attn");
      Value o = b.linear(mixed, "layers.{layer}.self_attn.o_proj", c.hidden, m.attentionBias);
      o = norm(o, "layers.{layer}.post_attention_layernorm");
      x.add(o, "layers.{layer}.self_attn.residual");

      normed = norm(x.read(), "layers.{layer}.pre_feedforward_layernorm");
      Value down = b.gatedMlp(normed, m.activation, /*bias=*/false, "layers.{layer}.mlp");
      down = norm(down, "layers.{layer}.post_feedforward_layernorm");
      x.add(down, "layers.{layer}.mlp.residual");
    });
    return norm(hidden, "norm");
  });
  b.buildHead(m.logitCap);
}

/// The root of the hidden size, as exact as the model's own type: transformers
/// rounds it so when it runs in that type, and the models were trained with it.
static double embeddingScale(const ModelConfig &config) {
  llvm::APFloat scale(std::sqrt(double(config.hidden)));
  bool loses;
  scale.convert(config.elementType == "bfloat16"  ? llvm::APFloat::BFloat()
                : config.elementType == "float16" ? llvm::APFloat::IEEEhalf()
                                                  : llvm::APFloat::IEEEsingle(),
                llvm::APFloat::rmNearestTiesToEven, &loses);
  return scale.convertToDouble();
}

/// What both families read, but for rotary embeddings. Layer i has a window unless
/// i + 1 is a multiple of `period`. The caps are those of configs that lack the keys.
static Status readConfig(ConfigReader &reader, ModelConfig &config, Gemma &model, int64_t period,
                         std::optional<double> scoreCap, std::optional<double> logitCap) {
  DecoderKeys keys;
  keys.activation = "hidden_activation";
  keys.absentActivation = "gelu_pytorch_tanh";
  keys.absentHeadDim = 256;
  keys.absentTie = true;
  reader.has("hidden_act"); // of older files; transformers reads hidden_activation
  PLAIT_ASSIGN_OR_RETURN(static_cast<DecoderConstants &>(model), reader.readDecoder(config, keys));
  PLAIT_ASSIGN_OR_RETURN(std::optional<double> scalar, reader.positive("query_pre_attn_scalar", 256));
  if (!scalar)
    return reader.refuse("query_pre_attn_scalar", "a number above 0");
  model.attentionScale = 1 / std::sqrt(*scalar);
  model.embeddingScale = embeddingScale(config);
  PLAIT_ASSIGN_OR_RETURN(model.attentionBias, reader.flag("attention_bias", false));
  PLAIT_ASSIGN_OR_RETURN(model.scoreCap, reader.positive("attn_logit_softcapping", scoreCap));
  PLAIT_ASSIGN_OR_RETURN(model.logitCap, reader.positive("final_logit_softcapping", logitCap));
  PLAIT_RETURN_IF_ERROR(reader.require("use_bidirectional_attention", false, "Plait imports causal models"));
  PLAIT_ASSIGN_OR_RETURN(int64_t window, reader.window("sliding_window", 4096));
  return reader.readLayerTypes(config, window, [&](int64_t layer) { return (layer + 1) % period != 0; });
}

static Status readGemma2Config(ConfigReader &reader, ModelConfig &config) {
  Gemma model;
  PLAIT_RETURN_IF_ERROR(readConfig(reader, config, model, /*period=*/2, 50, 30));
  PLAIT_RETURN_IF_ERROR(reader.require("sliding_window_pattern", 2, "every other layer of this family has a window"));
  PLAIT_ASSIGN_OR_RETURN(model.rope, reader.readRope(config));
  model.windowRope = model.rope;
  config.build = [model](ModelBuilder &b, const ModelConfig &c) { build(b, c, model); };
  return Status::success();
}

static Status readGemma3Config(ConfigReader &reader, ModelConfig &config) {
  Gemma model;
  model.normedHeads = true;
  PLAIT_ASSIGN_OR_RETURN(int64_t period, reader.size("sliding_window_pattern", limits::layers, 6));
  PLAIT_RETURN_IF_ERROR(readConfig(reader, config, model, period, std::nullopt, std::nullopt));
  RopeKeys keys;
  keys.layerType = "full_attention";
  keys.absentTheta = 1e6;
  keys.extendsPositions = false; // max_position_embeddings is what the scaling reaches
  PLAIT_ASSIGN_OR_RETURN(model.rope, reader.readRope(config, keys));
  keys.layerType = "sliding_attention";
  keys.theta = "rope_local_base_freq";
  keys.absentTheta = 1e4;
  keys.hasScaling = false;
  PLAIT_ASSIGN_OR_RETURN(model.windowRope, reader.readRope(config, keys));
  config.build = [model](ModelBuilder &b, const ModelConfig &c) { build(b, c, model); };
  return Status::success();
}

static bool isIgnorable(StringRef) { return false; }

namespace plait {
extern const ModelFamily gemma2Family, gemma3Family;
const ModelFamily gemma2Family = {"gemma2",       "Gemma2ForCausalLM", "model.",
                                  "embed_tokens", readGemma2Config,    isIgnorable};
const ModelFamily gemma3Family = {"gemma3_text",  "Gemma3ForCausalLM", "model.",
                                  "embed_tokens", readGemma3Config,    isIgnorable};
} // namespace plait
