//===- FrontendTest.cpp - Import of Hugging Face folders ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FrontendFixture.h"

#include "mlir/Parser/Parser.h"

using namespace plait;
using namespace plait::test;

TEST_F(FrontendTest, Llama) {
  folder.write("config.json", llamaConfig);
  folder.write(llamaTensors());
  Expected<ImportedModel> model = import();
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
  EXPECT_EQ(model->inputFiles,
            (std::vector<std::string>{folder.file("config.json"), folder.file("model.safetensors")}));
  expectInOrder(
      text(*model),
      {"lm.model @main family \"llama\" numerics row_invariant max_positions 16",
       "lm.weight @embed_tokens from \"model.embed_tokens.weight\" : !lm.weight<20x8, #lm.f32>",
       "lm.weight @input_layernorm from \"model.layers.{layer}.input_layernorm.weight\" layers 2 : !lm.weight<8, "
       "#lm.f32>",
       "lm.weight @self_attn_k_proj from \"model.layers.{layer}.self_attn.k_proj.weight\" layers 2 : !lm.weight<4x8",
       "lm.weight @norm from \"model.norm.weight\"",
       "lm.weight @lm_head from \"lm_head.weight\"",
       "lm.func @forward(",
       "!lm.rows",
       "!lm.state<layers = 2, kv_heads = 2, head_dim = 2, f32>",
       "-> (tensor<?x8xf32, #lm.dims<tokens>>, !lm.state<",
       "lm.embed",
       "lm.layers 0 to 2 iter(",
       "lm.rms_norm",
       "eps 1.000000e-05",
       "lm.linear",
       "lm.linear",
       "lm.linear",
       "lm.rope",
       "head_dim 2 theta 1.000000e+04",
       "lm.rope",
       "lm.attention",
       "scale 0.70710678118654",
       "lm.linear",
       "lm.add",
       "lm.rms_norm",
       "lm.glu silu",
       "lm.linear",
       "lm.add",
       "lm.yield",
       "lm.rms_norm",
       "lm.return",
       "lm.func @head(",
       "#lm.dims<leaves>",
       "lm.get_weight @lm_head",
       "lm.head"});
  std::string located = text(*model, /*locations=*/true);
  for (const char *name : {"model.layers.self_attn.q_proj", "model.layers.mlp.act_fn", "model.embed_tokens", "lm_head",
                           "model.layers.self_attn"})
    expectHas(located, "loc(\"" + std::string(name) + "\")");
}

TEST_F(FrontendTest, LlamaBiasesAndHeadDim) {
  folder.write("config.json", patched(llamaConfig, R"({"head_dim": 6, "attention_bias": true,
      "mlp_bias": true, "tie_word_embeddings": true, "hidden_act": "gelu_pytorch_tanh"})"));
  ImportOptions options;
  options.readCheckpoint = false;
  options.format.kind = WeightFormat::Kind::bf16;
  options.numerics = lm::Numerics::fast;
  options.modelName = "draft";
  Expected<ImportedModel> model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_FALSE(model->checkpoint.has_value());
  expectInOrder(
      text(*model),
      {"lm.model @draft family \"llama\" numerics fast", "@self_attn_q_proj from", "!lm.weight<24x8, #lm.bf16>",
       "@self_attn_q_proj_bias from \"model.layers.{layer}.self_attn.q_proj.bias\" layers 2 : !lm.weight<24, #lm.bf16>",
       "@self_attn_o_proj from", "!lm.weight<8x24", "@mlp_down_proj_bias", "bias %", "lm.glu gelu_tanh",
       "lm.func @head", "lm.get_weight @embed_tokens"});
}

TEST_F(FrontendTest, RopeScalingOldAndNewSpelling) {
  const std::string members = R"("factor": 8, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
      "original_max_position_embeddings": 64)";
  std::vector<std::string> texts;
  for (const std::string &patch :
       {R"({"rope_theta": 5e5, "rope_scaling": {"type": "llama3", )" + members + "}}",
        R"({"rope_parameters": {"rope_theta": 500000, "rope_type": "llama3", )" + members + "}}"}) {
    folder.write("config.json", patched(llamaConfig, patch));
    ImportOptions options;
    options.readCheckpoint = false;
    Expected<ImportedModel> model = import(options);
    ASSERT_TRUE(model.ok()) << model.status().message();
    texts.push_back(text(*model));
  }
  EXPECT_EQ(texts[0], texts[1]);
  expectHas(texts[0], "theta 5.000000e+05 scaling(#lm.llama3_scaling<factor = 8.000000e+00");
}

// The context is what the scaling is for: without it the scaling would hardly show.
TEST_F(FrontendTest, RopeScalings) {
  struct Case {
    const char *patch, *scaling;
    int positions;
  };
  // The attention factors are those that transformers 5.23 works out.
  const Case cases[] = {
      {R"({"rope_scaling": {"type": "linear", "factor": 4}})", "#lm.linear_scaling<factor = 4.000000e+00>", 64},
      {R"({"rope_scaling": {"type": "dynamic", "factor": 2.5}, "head_dim": 4})",
       "#lm.dynamic_scaling<factor = 2.500000e+00, original = 16>", 40},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 4}})",
       "#lm.yarn_scaling<factor = 4.000000e+00, beta_fast = 3.200000e+01, beta_slow = 1.000000e+00, original = 16, "
       "attention_factor = 1.1386294361",
       64},
      {R"({"rope_parameters": {"rope_type": "yarn", "rope_theta": 10000, "original_max_position_embeddings": 2,
          "beta_fast": 8, "beta_slow": 2, "mscale": 0.7, "mscale_all_dim": 1.3}})",
       "#lm.yarn_scaling<factor = 8.000000e+00, beta_fast = 8.000000e+00, beta_slow = 2.000000e+00, original = 2, "
       "attention_factor = 0.90178398697",
       16},
      {R"({"rope_parameters": {"rope_type": "yarn", "rope_theta": 10000, "factor": 4, "attention_factor": 1.5}})",
       "attention_factor = 1.500000e+00>", 64},
      {R"({"rope_scaling": {"type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4}})",
       "#lm.llama3_scaling<factor = 8.000000e+00, low_freq_factor = 1.000000e+00, high_freq_factor = 4.000000e+00, "
       "original = 16>",
       16},
      {R"({"rope_scaling": {"type": "longrope", "short_factor": [1.5], "long_factor": [4],
           "original_max_position_embeddings": 8}})",
       "#lm.pair_scaling<factors = [4.000000e+00], attention_factor = 1.15470053837", 16},
      {R"({"rope_scaling": {"type": "longrope", "short_factor": [1.5], "long_factor": [4]}})",
       "#lm.pair_scaling<factors = [1.500000e+00], attention_factor = 1.000000e+00>", 16},
      {R"({"rope_scaling": {"type": "longrope", "factor": 4, "short_factor": [1.5], "long_factor": [4]}})",
       "#lm.pair_scaling<factors = [1.500000e+00], attention_factor = 1.2247448713", 16},
      {R"({"rope_scaling": {"type": "longrope", "factor": 4, "attention_factor": 1.25, "short_factor": [1.5],
           "long_factor": [4], "original_max_position_embeddings": 1}})",
       "#lm.pair_scaling<factors = [4.000000e+00], attention_factor = 1.250000e+00>", 16},
  };
  for (const Case &c : cases) {
    folder.write("config.json", patched(llamaConfig, c.patch));
    ImportOptions options;
    options.readCheckpoint = false;
    Expected<ImportedModel> model = import(options);
    ASSERT_TRUE(model.ok()) << model.status().message();
    expectHas(text(*model), c.scaling);
    expectHas(text(*model), "max_positions " + std::to_string(c.positions) + " ");
  }
}

TEST_F(FrontendTest, Qwen) {
  ImportOptions options;
  options.readCheckpoint = false;
  folder.write("config.json", qwen3Config);
  Expected<ImportedModel> model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
  EXPECT_EQ(text(*model).find("bias"), std::string::npos);
  expectInOrder(text(*model), {"family \"qwen3\"",
                               "lm.weight @self_attn_q_norm from \"model.layers.{layer}.self_attn.q_norm.weight\" "
                               "layers 2 : !lm.weight<6, #lm.f32>",
                               "lm.rms_norm", "lm.linear", "lm.linear", "lm.linear", "lm.rms_norm",
                               "eps 1.000000e-05 : tensor<?x24xf32, #lm.dims<tokens>>, <6", "lm.rms_norm",
                               "tensor<?x12xf32, #lm.dims<tokens>>, <6", "lm.rope", "lm.attention", "scale 0.408248"});

  folder.write("config.json", patched(qwen3Config, R"({"model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"],
      "head_dim": null})"));
  model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
  EXPECT_EQ(text(*model).find("o_proj_bias"), std::string::npos);
  EXPECT_EQ(text(*model).find("q_norm"), std::string::npos);
  expectInOrder(text(*model), {"@self_attn_q_proj_bias from \"model.layers.{layer}.self_attn.q_proj.bias\"",
                               "@self_attn_k_proj_bias", "@self_attn_v_proj_bias", "lm.attention"});
}

/// Layers with the window 5 and without, in order: "WWF".
static std::string kindsOf(const ModelConfig &config) {
  std::string kinds;
  for (const LayerKind &kind : config.layerKinds)
    kinds += kind.window == 5 ? 'W' : kind.window ? '?' : 'F';
  return kinds;
}

TEST_F(FrontendTest, LayerTypes) {
  const struct {
    const char *config, *patch, *kinds;
  } cases[] = {
      {mistralConfig, "{}", "WWW"},
      {mistralConfig, R"({"sliding_window": null})", "???"}, // as absent: removed, so the default 4096
      {mistralConfig, R"({"layer_types": ["full_attention", "sliding_attention", "full_attention"]})", "FWF"},
      {phi3Config, "{}", "FF"},
      {phi3Config, R"({"sliding_window": 5})", "WW"},
      {qwen3Config, R"({"sliding_window": 5})", "FF"},
      {qwen3Config, R"({"sliding_window": 5, "use_sliding_window": true, "max_window_layers": 1})", "FW"},
      {qwen3Config, R"({"sliding_window": 5, "use_sliding_window": true, "max_window_layers": 0})", "WW"},
      {qwen3Config, R"({"sliding_window": 5, "use_sliding_window": true,
          "layer_types": ["sliding_attention", "full_attention"]})",
       "WF"},
      {gemma2Config, "{}", "WFWFW"},
      {gemma3Config, "{}", "WWFWWFWW"},
      {gemma3Config, R"({"sliding_window_pattern": null})", "WWWWWFWW"},
      {gemma3Config, R"({"num_hidden_layers": 2, "layer_types": ["full_attention", "sliding_attention"]})", "FW"},
  };
  for (const auto &c : cases) {
    folder.write("config.json", patched(c.config, c.patch));
    ImportOptions options;
    options.readCheckpoint = false;
    Expected<ImportedModel> model = import(options);
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
    EXPECT_EQ(kindsOf(model->config), c.kinds) << c.config << c.patch;
  }
  // A null that is there is no window.
  std::string config = mistralConfig;
  config.replace(config.find("\"sliding_window\": 5"), 19, "\"sliding_window\": null");
  folder.write("config.json", config);
  ImportOptions options;
  options.readCheckpoint = false;
  Expected<ImportedModel> model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(kindsOf(model->config), "FFF");
}

TEST_F(FrontendTest, Gemma2) {
  folder.write("config.json", gemma2Config);
  ImportOptions options;
  options.readCheckpoint = false;
  Expected<ImportedModel> model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  // The root of 8 in f32; two sublayers in one loop, and the last layer alone.
  expectInOrder(text(*model), {"family \"gemma2\"",
                               "lm.scale",
                               "by 2.8284270763397217",
                               "lm.layers 0 to 2",
                               "lm.rms_norm",
                               "unit_offset",
                               "lm.rope",
                               "head_dim 6 theta 1.000000e+04 :",
                               "lm.attention",
                               "scale 2.500000e-01 softcap 5.000000e+01",
                               "lm.rms_norm",
                               "lm.add",
                               "lm.rms_norm",
                               "lm.glu gelu_tanh",
                               "lm.rms_norm",
                               "lm.add",
                               "lm.attention",
                               "lm.layers 2 to 3",
                               "lm.func @head",
                               "lm.get_weight @embed_tokens",
                               "lm.head",
                               "lm.softcap",
                               "cap 3.000000e+01"});
  expectHas(text(*model), "window = 5>");

  folder.write("config.json", patched(gemma2Config, R"({"torch_dtype": "bfloat16"})"));
  model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectHas(text(*model), "by 2.828125 :");
  std::string config = gemma2Config;
  config.insert(config.size() - 1, R"(, "attn_logit_softcapping": null, "final_logit_softcapping": null)");
  folder.write("config.json", config);
  model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(text(*model).find("softcap"), std::string::npos);
}

// The spelling of transformers 4 and that of 5 are the same model.
TEST_F(FrontendTest, Gemma3) {
  ImportOptions options;
  options.readCheckpoint = false;
  std::vector<std::string> texts;
  for (const char *patch :
       {"{}",
        R"({"rope_theta": null, "rope_local_base_freq": null, "rope_scaling": null, "sliding_window_pattern": null,
                  "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention",
                                  "sliding_attention", "full_attention", "sliding_attention", "sliding_attention"],
                  "rope_parameters": {
                    "full_attention": {"rope_type": "linear", "rope_theta": 1000000, "factor": 8},
                    "sliding_attention": {"rope_type": "default", "rope_theta": 10000}}})"}) {
    folder.write("config.json", patched(gemma3Config, patch));
    Expected<ImportedModel> model = import(options);
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
    texts.push_back(text(*model));
  }
  EXPECT_EQ(texts[0], texts[1]);
  expectInOrder(texts[0], {"max_positions 16 ", "by 2.828125 :", "lm.layers 0 to 2", ": <6, #lm.bf16>",
                           "head_dim 6 theta 1.000000e+04 :", "head_dim 6 theta 1.000000e+04 :",
                           "head_dim 6 theta 1.000000e+06 scaling(#lm.linear_scaling<factor = 8.000000e+00>) :"});
  EXPECT_EQ(texts[0].find("softcap"), std::string::npos);
}

TEST_F(FrontendTest, Phi3) {
  ImportOptions options;
  options.readCheckpoint = false;
  folder.write("config.json", phi3Config);
  Expected<ImportedModel> model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
  expectInOrder(text(*model), {"@self_attn_qkv_proj from", "!lm.weight<48x16", "@mlp_gate_up_proj from",
                               "!lm.weight<24x16", "lm.linear", "lm.slice_columns", " 0 size 16", " 16 size 16",
                               " 32 size 16", "lm.rope", "head_dim 8 theta 1.000000e+04 rotary_dim 6 :", "lm.attention",
                               "lm.slice_columns", " 0 size 12", " 12 size 12", "lm.glu silu"});
}

TEST_F(FrontendTest, Gpt2WithAndWithoutPrefix) {
  folder.write("config.json", gpt2Config);
  for (const std::string prefix : {"transformer.", ""}) {
    folder.write(gpt2Tensors(prefix));
    Expected<ImportedModel> model = import();
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();
    expectInOrder(text(*model, /*locations=*/true),
                  {"family \"gpt2\"",
                   "@wte from \"" + prefix + "wte.weight\"",
                   "@wpe from",
                   "!lm.weight<16x8",
                   "@attn_c_attn from \"" + prefix +
                       "h.{layer}.attn.c_attn.weight\" layers 2 transposed : !lm.weight<24x8, #lm.f32>",
                   "@attn_c_attn_bias from",
                   "!lm.weight<24, ",
                   "@mlp_c_proj from",
                   "transposed : !lm.weight<8x32",
                   "lm.embed",
                   "lm.embed",
                   "lm.add",
                   "lm.layers",
                   "lm.layer_norm",
                   "lm.linear",
                   "bias",
                   "lm.slice_columns",
                   " 0 size 8",
                   " 8 size 8",
                   " 16 size 8",
                   "lm.attention",
                   "scale 5.000000e-01",
                   "lm.activation gelu_tanh",
                   "lm.layer_norm",
                   "lm.func @head",
                   "lm.get_weight @wte"});
    expectHas(text(*model, true), "loc(\"transformer.h.attn.c_attn\")");
  }
}

TEST_F(FrontendTest, FormatsFollowTheCheckpoint) {
  folder.write("config.json", llamaConfig);
  std::vector<Tensor> tensors = llamaTensors();
  for (Tensor &tensor : tensors)
    if (tensor.shape.size() == 2)
      tensor.type = plait::TensorType::bf16;
  folder.write(tensors);
  Expected<ImportedModel> model = import();
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectHas(text(*model), "!lm.weight<20x8, #lm.bf16>");
  expectHas(text(*model), "!lm.weight<8, #lm.f32>");

  ImportOptions options;
  options.format.kind = WeightFormat::Kind::f32;
  Expected<ImportedModel> forced = import(options);
  ASSERT_TRUE(forced.ok()) << forced.status().message();
  EXPECT_EQ(text(*forced).find("#lm.bf16"), std::string::npos);
}

/// The head's format is a choice of its own; without it int4 leaves the head at 8 bits.
TEST_F(FrontendTest, FormatOfTheHead) {
  folder.write("config.json", patched(llamaConfig, R"({"hidden_size": 32, "num_attention_heads": 4})"));
  auto headOf = [&](const char *dtype, const char *head, std::optional<int64_t> group, bool zeroPoints) {
    ImportOptions options;
    options.readCheckpoint = false;
    Expected<WeightFormat> format = parseWeightFormat(dtype, head, group, zeroPoints);
    if (!format)
      return format.status().message();
    options.format = *format;
    Expected<ImportedModel> model = import(options);
    if (!model)
      return model.status().message();
    lm::ModelOp root = *model->module->getOps<lm::ModelOp>().begin();
    std::string found;
    for (lm::WeightOp weight : root.getBody().getOps<lm::WeightOp>())
      if (weight.getSymName().contains("lm_head"))
        llvm::raw_string_ostream(found) << cast<lm::WeightType>(weight.getType()).getFormat();
    return found;
  };
  EXPECT_EQ(headOf("int4", "", std::nullopt, true), "#lm.int8<group = 64>");
  EXPECT_EQ(headOf("int4", "int4", 32, false), "#lm.int4<group = 32>");
  EXPECT_EQ(headOf("int4", "int4", 32, true), "#lm.int4<group = 32, zero_points>");
  EXPECT_EQ(headOf("int4", "int8", 128, true), "#lm.int8<group = 128>");
  EXPECT_EQ(headOf("int8", "bf16", std::nullopt, false), "#lm.bf16");
  EXPECT_EQ(headOf("bf16", "int8", 0, false), "#lm.int8"); // a scale per row
  EXPECT_EQ(headOf("f32", "auto", std::nullopt, false), "#lm.f32");
  expectHas(headOf("bf16", "stored", std::nullopt, false), "--head-dtype: found 'stored'; expected auto, f32,");
  expectHas(headOf("int8", "int4", 0, false), "--group: found 0; expected 32, 64 or 128");
  expectHas(headOf("int8", "bf16", std::nullopt, true), "--zero-points: found it without 4-bit integers");
}

TEST_F(FrontendTest, AcceptedExtras) {
  folder.write("config.json", patched(llamaConfig, R"({"tie_word_embeddings": true, "auto_map": {"AutoModel": "x.Y"},
                                                      "surprise": 1, "_name_or_path": "z"})"));
  std::vector<Tensor> tensors = llamaTensors();
  tensors.push_back({"model.layers.0.self_attn.rotary_emb.inv_freq", {1}});
  folder.write(tensors);
  Expected<ImportedModel> model = import();
  ASSERT_TRUE(model.ok()) << model.status().message();
  ASSERT_EQ(model->warnings.size(), 3u);
  expectHas(model->warnings[0], "/auto_map: found an object of 1 member; it is ignored, as Plait never runs code");
  expectHas(model->warnings[1], "; the keys unknown to Plait are ignored: 'surprise'");
  expectHas(model->warnings[2], "found 'lm_head.weight' beside tie_word_embeddings true");
}

TEST_F(FrontendTest, GenerationWarnings) {
  folder.write("config.json", llamaConfig);
  folder.write("generation_config.json", R"({"num_beams": 1, "no_repeat_ngram_size": 3})");
  ImportOptions options;
  options.readCheckpoint = false;
  Expected<ImportedModel> model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  ASSERT_EQ(model->warnings.size(), 1u);
  expectHas(model->warnings[0], "generation_config.json: /no_repeat_ngram_size: found 3 (integer); it is ignored");
}

TEST_F(FrontendTest, Generation) {
  auto read = [&](const std::string &generation, const std::string &patch = "{}") {
    folder.write("config.json", patched(llamaConfig, patch));
    folder.write("generation_config.json", generation);
    ImportOptions options;
    options.readCheckpoint = false;
    Expected<ImportedModel> model = import(options);
    EXPECT_TRUE(model.ok()) << model.status().message();
    return model ? model->generation : GenerationDefaults();
  };
  GenerationDefaults g = read(R"({"eos_token_id": [3, 4, 3], "do_sample": true, "temperature": 0.6,
                                  "top_p": 0.9, "top_k": 40, "min_p": 0.1})");
  EXPECT_EQ(g.bos, 1);
  EXPECT_EQ(g.eos, (std::vector<int32_t>{3, 4}));
  EXPECT_EQ(g.temperature, 0.6);
  EXPECT_EQ(g.topK, 40);
  EXPECT_EQ(g.topP, 0.9);
  EXPECT_EQ(g.minP, 0.1);
  g = read(R"({"bos_token_id": 7, "do_sample": false, "temperature": 0.6})", R"({"eos_token_id": [5]})");
  EXPECT_EQ(g.bos, 7);
  EXPECT_EQ(g.eos, std::vector<int32_t>{5});
  EXPECT_EQ(g.temperature, 0);
  EXPECT_EQ(read("{}").temperature, 0);
  EXPECT_EQ(read(R"({"do_sample": true})").temperature, 1);
  EXPECT_EQ(read(R"({"temperature": 0.5})").temperature, 0.5);
  EXPECT_EQ(g.repetitionPenalty, 1);
  EXPECT_EQ(g.minNewTokens, 0);
  g = read(R"({"repetition_penalty": 1.1, "min_new_tokens": 7})");
  EXPECT_EQ(g.repetitionPenalty, 1.1);
  EXPECT_EQ(g.minNewTokens, 7);
  EXPECT_EQ(g.temperature, 0) << "greedy all the same";
  EXPECT_EQ(read("{}", R"({"bos_token_id": null})").bos, std::nullopt);
}

/// The smallest format that is exact for all layers; what rounds is warned of.
TEST_F(FrontendTest, MixedTypes) {
  folder.write("config.json", llamaConfig);
  std::vector<Tensor> tensors = llamaTensors();
  for (Tensor &tensor : tensors)
    tensor.type = llvm::StringRef(tensor.name).contains("layers.0.") ? plait::TensorType::bf16 : plait::TensorType::f16;
  folder.write(tensors);
  Expected<ImportedModel> model = import();
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(text(*model).find("#lm.bf16"), std::string::npos);
  EXPECT_TRUE(model->warnings.empty()) << model->warnings.front();

  ImportOptions options;
  options.format.kind = WeightFormat::Kind::bf16;
  model = import(options);
  ASSERT_TRUE(model.ok()) << model.status().message();
  expectHas(text(*model), "!lm.weight<8x8, #lm.bf16>");
  ASSERT_EQ(model->warnings.size(), 1u);
  expectHas(model->warnings.front(), "found matrices of F16; they are rounded to bf16");
}

// Phi-3 has names of its own for it, and the original context beside the lists.
TEST_F(FrontendTest, LongRopeOfPhi3) {
  const std::string lists = R"("short_factor": [1, 2, 3], "long_factor": [4, 5, 6]})";
  for (const char *type : {"su", "yarn", "longrope"}) {
    folder.write("config.json", patched(phi3Config, R"({"original_max_position_embeddings": 4,
        "max_position_embeddings": 16, "rope_scaling": {"type": ")" +
                                                        std::string(type) + "\", " + lists + "}"));
    ImportOptions options;
    options.readCheckpoint = false;
    Expected<ImportedModel> model = import(options);
    ASSERT_TRUE(model.ok()) << model.status().message();
    expectHas(text(*model), "rotary_dim 6 scaling(#lm.pair_scaling<factors = [4.000000e+00, 5.000000e+00, "
                            "6.000000e+00], attention_factor = 1.41421356");
    ASSERT_EQ(model->warnings.size(), 1u);
    expectHas(model->warnings.front(), "/rope_scaling: found an object of 3 members; its long_factor is used for texts "
                                       "of any length; for its short_factor set max_position_embeddings to that of");
  }
}

TEST_F(FrontendTest, RepositoryModels) {
  for (const char *name : {"golden/models/llama-tiny", "golden/models/llama31-tiny", "golden/models/gpt2-tiny",
                           "golden/models/qwen2-tiny", "golden/models/qwen3-tiny", "golden/models/phi3-tiny",
                           "golden/models/mistral-tiny", "golden/models/gemma2-tiny", "golden/models/gemma3-tiny",
                           "golden/models/rope-linear", "golden/models/rope-dynamic", "golden/models/rope-yarn",
                           "golden/models/rope-longrope-short", "models/kjv-2m"}) {
    std::string path = PLAIT_TEST_DIR "/" + std::string(name);
    Expected<ImportedModel> model = importModel(context, path);
    ASSERT_TRUE(model.ok()) << model.status().message();
    EXPECT_TRUE(model->warnings.empty()) << name << ": " << model->warnings.front();
    for (const std::string &file : model->inputFiles)
      EXPECT_TRUE(fs::exists(file)) << file;
    std::string printed = text(*model, /*locations=*/true);
    auto parsed = mlir::parseSourceString<mlir::ModuleOp>(printed, &context);
    ASSERT_TRUE(parsed) << printed;
    model->module = std::move(parsed);
    EXPECT_EQ(printed, text(*model, /*locations=*/true));
  }
}
