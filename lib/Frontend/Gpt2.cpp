//===- Gpt2.cpp - The GPT-2 family ----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Learned positions, layer norm, one projection for query, key and value.
// Names and defaults are those of GPT2Config and GPT2LMHeadModel in Hugging
// Face transformers, whose Conv1D stores matrices [in, out].
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"

#include <cmath>

using namespace plait;

namespace {
struct Gpt2 {
  double normEps = 0;
  lm::ActivationKind activation = lm::ActivationKind::gelu_tanh;
  double attentionScale = 1;
};
} // namespace

static void build(ModelBuilder &b, const ModelConfig &c, const Gpt2 &m) {
  auto conv1d = [&](Value input, StringRef path, int64_t outputs) {
    return b.linear(input, path, outputs, /*bias=*/true, /*transposed=*/true);
  };
  b.buildForward([&] {
    Value tokens = b.embed(b.ids, "wte", c.vocabulary);
    Value places = b.embed(b.positions, "wpe", c.maxPositions);
    Value hidden = b.layers(b.add(tokens, places, "embeddings"), "h", [&](Residual &x) {
      Value normed = b.layerNorm(x.read(), m.normEps, "h.{layer}.ln_1");
      Value qkv = conv1d(normed, "h.{layer}.attn.c_attn", 3 * c.hidden);
      Value q = b.sliceColumns(qkv, 0, c.hidden, "h.{layer}.attn.q");
      Value k = b.sliceColumns(qkv, c.hidden, c.hidden, "h.{layer}.attn.k");
      Value v = b.sliceColumns(qkv, 2 * c.hidden, c.hidden, "h.{layer}.attn.v");
      Value mixed = b.attention(q, k, v, {m.attentionScale}, "h.{layer}.attn");
      Value o = conv1d(mixed, "h.{layer}.attn.c_proj", c.hidden);
      x.add(o, "h.{layer}.attn.residual");

      normed = b.layerNorm(x.read(), m.normEps, "h.{layer}.ln_2");
      Value up = conv1d(normed, "h.{layer}.mlp.c_fc", c.intermediate);
      Value activated = b.activation(up, m.activation, "h.{layer}.mlp.act");
      Value down = conv1d(activated, "h.{layer}.mlp.c_proj", c.hidden);
      x.add(down, "h.{layer}.mlp.residual");
    });
    return b.layerNorm(hidden, m.normEps, "ln_f");
  });
  b.buildHead();
}

static Status readConfig(ConfigReader &reader, ModelConfig &config) {
  Gpt2 model;
  PLAIT_ASSIGN_OR_RETURN(config.vocabulary, reader.size("vocab_size", limits::vocabulary));
  PLAIT_ASSIGN_OR_RETURN(config.hidden, reader.size("n_embd", limits::hidden));
  PLAIT_ASSIGN_OR_RETURN(config.layers, reader.size("n_layer", limits::layers));
  PLAIT_ASSIGN_OR_RETURN(config.maxPositions, reader.size("n_positions", limits::positions));
  PLAIT_ASSIGN_OR_RETURN(config.intermediate, reader.size("n_inner", limits::intermediate, 4 * config.hidden));
  PLAIT_ASSIGN_OR_RETURN(config.heads, reader.size("n_head", limits::heads));
  config.kvHeads = config.heads;
  config.headDim = config.hidden / config.heads;
  if (config.hidden % config.heads != 0 || config.headDim > limits::headDim)
    return reader.refuse("n_head", "a divisor of n_embd (" + std::to_string(config.hidden) + ") that leaves at most " +
                                       std::to_string(limits::headDim) + " columns a head");
  PLAIT_RETURN_IF_ERROR(reader.checkHeads(config, "n_head", "n_head"));

  PLAIT_ASSIGN_OR_RETURN(bool scaled, reader.flag("scale_attn_weights", true));
  model.attentionScale = scaled ? 1 / std::sqrt(double(config.headDim)) : 1;
  PLAIT_ASSIGN_OR_RETURN(model.normEps, reader.epsilon("layer_norm_epsilon", 1e-5));
  PLAIT_ASSIGN_OR_RETURN(model.activation, reader.activation("activation_function", "gelu_new"));
  PLAIT_ASSIGN_OR_RETURN(config.tiedEmbeddings, reader.flag("tie_word_embeddings", true));
  config.build = [model](ModelBuilder &b, const ModelConfig &c) { build(b, c, model); };
  PLAIT_RETURN_IF_ERROR(
      reader.require("scale_attn_by_inverse_layer_idx", false, "Plait scales attention alike in all layers"));
  return reader.require("reorder_and_upcast_attn", false,
                        "set it to false: the weights are the same, sums are rounded otherwise");
}

/// The causal mask and the value it is filled with, which checkpoints carry as
/// buffers.
static bool isIgnorable(StringRef tensor) {
  return tensor.ends_with(".attn.bias") || tensor.ends_with(".attn.masked_bias");
}

namespace plait {
extern const ModelFamily gpt2Family;
const ModelFamily gpt2Family = {"gpt2", "GPT2LMHeadModel", "transformer.", "wte", readConfig, isIgnorable};
} // namespace plait
