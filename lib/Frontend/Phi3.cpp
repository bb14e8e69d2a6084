//===- Phi3.cpp - The Phi-3 family -----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Phi-3 and Phi-4: Llama's layer with one matrix for query, key and value, one for
// gate and up, and possibly a rotation of some columns alone. Names and defaults
// are those of Phi3Config and Phi3ForCausalLM in Hugging Face transformers.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"
#include "plait/Frontend/ModelBuilder.h"
#include "plait/Frontend/ModelFamily.h"

using namespace plait;

namespace {
struct Phi3 : DecoderConstants {
  Rope rope;
};
} // namespace

static void build(ModelBuilder &b, const ModelConfig &c, const Phi3 &m) {
  int64_t queries = c.heads * c.headDim, keys = c.kvHeads * c.headDim;
  b.buildForward([&] {
    Value tokens = b.embed(b.ids, "embed_tokens", c.vocabulary);
    Value hidden = b.layers(tokens, "layers", [&](Residual &x) {
      Value normed = b.rmsNorm(x.read(), {m.normEps}, "layers.{layer}.input_layernorm");
      Value qkv = b.linear(normed, "layers.{layer}.self_attn.qkv_proj", queries + 2 * keys, /*bias=*/false);
      Value q = b.sliceColumns(qkv, 0, queries, "layers.{layer}.self_attn.q");
      Value k = b.sliceColumns(qkv, queries, keys, "layers.{layer}.self_attn.k");
      Value v = b.sliceColumns(qkv, queries + keys, keys, "layers.{layer}.self_attn.v");
      q = b.rope(q, m.rope, "layers.{layer}.self_attn.rope_q");
      k = b.rope(k, m.rope, "layers.{layer}.self_attn.rope_k");
      Value mixed = b.attention(q, k, v, {m.attentionScale}, "layers.{layer}.self_attn");
      Value o = b.linear(mixed, "layers.{layer}.self_attn.o_proj", c.hidden, /*bias=*/false);
      x.add(o, "layers.{layer}.self_attn.residual");

      normed = b.rmsNorm(x.read(), {m.normEps}, "layers.{layer}.post_attention_layernorm");
      Value both = b.linear(normed, "layers.{layer}.mlp.gate_up_proj", 2 * c.intermediate, /*bias=*/false);
      Value gate = b.sliceColumns(both, 0, c.intermediate, "layers.{layer}.mlp.gate");
      Value up = b.sliceColumns(both, c.intermediate, c.intermediate, "layers.{layer}.mlp.up");
      Value gated = b.gatedActivation(gate, up, m.activation, "layers.{layer}.mlp.activation_fn");
      Value down = b.linear(gated, "layers.{layer}.mlp.down_proj", c.hidden, /*bias=*/false);
      x.add(down, "layers.{layer}.mlp.residual");
    });
    return b.rmsNorm(hidden, {m.normEps}, "norm");
  });
  b.buildHead();
}

static Status readConfig(ConfigReader &reader, ModelConfig &config) {
  Phi3 model;
  PLAIT_ASSIGN_OR_RETURN(static_cast<DecoderConstants &>(model), reader.readDecoder(config));
  RopeKeys keys;
  keys.isPartial = true;
  PLAIT_ASSIGN_OR_RETURN(keys.longOriginal,
                         reader.size("original_max_position_embeddings", limits::positions, /*absent=*/4096));
  PLAIT_ASSIGN_OR_RETURN(model.rope, reader.readRope(config, keys));
  if (model.rope.scaling && !isa<lm::PairScalingAttr>(model.rope.scaling))
    return reader.refuse(reader.has("rope_parameters") ? "rope_parameters" : "rope_scaling",
                         "the rope_type default or longrope; this family has no other");
  config.build = [model](ModelBuilder &b, const ModelConfig &c) { build(b, c, model); };
  for (const char *key : {"attention_bias", "mlp_bias", "lm_head_bias"})
    PLAIT_RETURN_IF_ERROR(reader.require(key, false, "the matrices of this family have no bias"));
  PLAIT_RETURN_IF_ERROR(
      reader.require("full_attn_mod", 1, "Plait gives all layers of this family one kind of attention"));
  PLAIT_ASSIGN_OR_RETURN(int64_t window, reader.window("sliding_window", /*absent=*/0));
  config.layerKinds.assign(size_t(config.layers), {window});
  return Status::success();
}

static bool isIgnorable(StringRef tensor) { return tensor.ends_with(".rotary_emb.inv_freq"); }

namespace plait {
extern const ModelFamily phi3Family;
const ModelFamily phi3Family = {"phi3", "Phi3ForCausalLM", "model.", "embed_tokens", readConfig, isIgnorable};
} // namespace plait
