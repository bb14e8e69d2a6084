//===- FrontendErrorTest.cpp - What importing refuses ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "FrontendFixture.h"

using namespace plait;
using namespace plait::test;

namespace {
struct Case {
  const char *patch;
  const char *message;
};
} // namespace

TEST_F(FrontendTest, BadLlamaConfigs) {
  const Case cases[] = {
      {R"({"model_type": null})", "/model_type: found nothing; expected the required member \"model_type\", one of "
                                  "gemma2, gemma3_text, gpt2, llama, mistral, phi3, qwen2, qwen3; add"},
      {R"({"model_type": "mamba"})", "/model_type: found \"mamba\" (string); expected one of gemma2, gemma3_text, "
                                     "gpt2, llama, mistral, phi3, qwen2, qwen3; Plait"},
      {R"({"model_type": 3})", "/model_type: found 3 (integer); expected a string"},
      {R"({"architectures": ["LlamaForCausalLM", "X"]})",
       "/architectures: found an array of 2 elements; expected the one architecture \"LlamaForCausalLM\""},
      {R"({"architectures": ["LlamaForTokenClassification"]})",
       "/architectures/0: found \"LlamaForTokenClassification\""},
      {R"({"num_key_value_heads": 3})",
       "/num_key_value_heads: found 3 (integer); expected a divisor of num_attention_heads (4)"},
      {R"({"num_attention_heads": 3, "num_key_value_heads": null})",
       "/num_attention_heads: found 3 (integer); expected a divisor of hidden_size (8); else give head_dim"},
      {R"({"head_dim": 3})", "/head_dim: found 3 (integer); expected an even head_dim"},
      {R"({"hidden_size": 12})",
       "expected an even head_dim of at most 4096 instead of hidden_size / num_attention_heads = 3"},
      {R"({"hidden_size": -8})", "/hidden_size: found -8 (integer); expected an integer in [1, 1048576]"},
      {R"({"vocab_size": 1000000000000000000})",
       "/vocab_size: found 1000000000000000000 (integer); expected an integer in [1, 2147483647]"},
      {R"({"num_hidden_layers": 0})", "/num_hidden_layers: found 0 (integer)"},
      {R"({"num_hidden_layers": 2.5})", "/num_hidden_layers: found 2.5 (number)"},
      {R"({"intermediate_size": "12"})", "/intermediate_size: found \"12\" (string); expected an integer"},
      {R"({"max_position_embeddings": null})", "/max_position_embeddings: found nothing; expected the required member"},
      {R"({"num_attention_heads": 4096, "head_dim": 4096, "num_key_value_heads": 1})",
       "/num_attention_heads: found 4096 (integer); expected at most 1048576 columns"},
      {R"({"rms_norm_eps": -1})", "/rms_norm_eps: found -1 (integer); expected a number in [0, 1)"},
      {R"({"hidden_act": "relu"})",
       "/hidden_act: found \"relu\" (string); expected one of silu, gelu_new, gelu_pytorch_tanh"},
      {R"({"tie_word_embeddings": "yes"})", "/tie_word_embeddings: found \"yes\" (string); expected true or false"},
      {R"({"pretraining_tp": 2})", "/pretraining_tp: found 2 (integer); expected 1; set it to 1"},
      {R"({"sliding_window": 8})", "/sliding_window: found 8 (integer); expected null"},
      {R"({"quantization_config": {"quant_method": "fp8"}})",
       "/quantization_config/quant_method: found \"fp8\" (string); expected gptq or awq; take the original"},
      {R"({"rope_theta": 0})", "/rope_theta: found 0 (integer); expected a number above 0"},
      {R"({"model_type": "gemma3", "text_config": {}})",
       "; a model of several modalities is not imported: take one of text alone"},
      {R"({"rope_scaling": {"rope_type": "proportional", "factor": 2}})",
       "/rope_scaling/rope_type: found \"proportional\" (string); expected one of default, linear, dynamic, yarn, "
       "longrope, llama3"},
      {R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1]}})",
       "/rope_scaling/long_factor: found nothing; expected the required member \"long_factor\""},
      {R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [0], "long_factor": [1]}})",
       "/rope_scaling/short_factor/0: found 0 (integer); expected a number above 0"},
      {R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1, 1], "long_factor": [1]}})",
       "/rope_scaling: found an object of 3 members; expected as many factors as rotated pairs for this rope_type"},
      {R"({"rope_scaling": {"rope_type": "longrope", "short_factor": [1], "long_factor": [1],
           "original_max_position_embeddings": 1}})",
       "/rope_scaling: found an object of 4 members; expected an original_max_position_embeddings above 1, or an "
       "attention_factor"},
      {R"({"rope_scaling": {"rope_type": "linear", "factor": 0.5}})",
       "/rope_scaling/factor: found 0.5 (number); expected a factor of at least 1"},
      {R"({"rope_scaling": {"rope_type": "dynamic"}})",
       "/rope_scaling/factor: found nothing; expected the required member \"factor\""},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 2, "truncate": false}})",
       "/rope_scaling/truncate: found false (boolean); expected true; Plait begins and ends the ramp"},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 2, "beta_slow": 33}})",
       "/rope_scaling/beta_slow: found 33 (integer); expected a beta_slow of at most beta_fast"},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 2, "mscale": -1}})",
       "/rope_scaling/mscale: found -1 (integer); expected a number of at least 0"},
      {R"({"rope_scaling": {"rope_type": "yarn", "factor": 2}, "rope_theta": 0.5})",
       "/rope_scaling: found an object of 2 members; expected theta > 1 for this rope_type"},
      {R"({"rope_scaling": {"rope_type": "dynamic", "factor": 2}})",
       "/rope_scaling: found an object of 2 members; expected more than one rotated pair for this rope_type"},
      {R"({"partial_rotary_factor": 0.5})",
       "/partial_rotary_factor: found 0.5 (number); expected 1, as this family rotates all columns of a head"},
      {R"({"rope_scaling": {"factor": 2}})", "/rope_scaling: found an object of 1 member; expected a member rope_type"},
      {R"({"rope_scaling": {"type": "llama3"}})",
       "/rope_scaling/factor: found nothing; expected the required member \"factor\""},
      {R"({"rope_scaling": [8]})", "/rope_scaling: found an array of 1 element; expected an object"},
      {R"({"rope_parameters": {"rope_type": "default", "rope_theta": 5}, "rope_theta": 6})",
       "/rope_theta: found 6 (integer); expected the same as in rope_parameters"},
      {R"({"rope_parameters": {"full_attention": {"rope_theta": 5}}})",
       "/rope_parameters: found an object of 1 member; expected a member rope_type"},
      {R"({"dtype": "bfloat16"})",
       "/dtype: found \"bfloat16\" (string); expected the value of torch_dtype, \"float32\""},
      {R"({"torch_dtype": "float8"})",
       "/torch_dtype: found \"float8\" (string); expected float32, bfloat16 or float16; choose a weight format"},
      {R"({"eos_token_id": 20})", "/eos_token_id: found 20 (integer); expected an integer in [0, 19]"},
  };
  for (const Case &c : cases) {
    folder.write("config.json", patched(llamaConfig, c.patch));
    expectHas(error(/*readCheckpoint=*/false), c.message);
  }
}

TEST_F(FrontendTest, BadGpt2Configs) {
  const Case cases[] = {
      {R"({"n_head": 3})", "/n_head: found 3 (integer); expected a divisor of n_embd (8)"},
      {R"({"activation_function": "gelu"})", "/activation_function: found \"gelu\" (string); expected one of silu"},
      {R"({"scale_attn_by_inverse_layer_idx": true})",
       "/scale_attn_by_inverse_layer_idx: found true (boolean); expected false"},
      {R"({"reorder_and_upcast_attn": true})", "/reorder_and_upcast_attn: found true (boolean); expected false"},
      {R"({"add_cross_attention": true})", "/add_cross_attention: found true (boolean); expected false"},
      {R"({"n_inner": -1})", "/n_inner: found -1 (integer)"},
  };
  for (const Case &c : cases) {
    folder.write("config.json", patched(gpt2Config, c.patch));
    expectHas(error(/*readCheckpoint=*/false), c.message);
  }
}

TEST_F(FrontendTest, BadWindows) {
  const struct {
    const char *config, *patch, *message;
  } cases[] = {
      {mistralConfig, R"({"sliding_window": 0})", "/sliding_window: found 0 (integer); expected an integer in [1, "},
      {mistralConfig, R"({"layer_types": ["full_attention"]})",
       "/layer_types: found an array of 1 element; expected an array of num_hidden_layers (3) elements"},
      {mistralConfig, R"({"layer_types": ["full_attention", "full_attention", "chunked_attention"]})",
       "/layer_types/2: found \"chunked_attention\" (string); expected full_attention or sliding_attention"},
      {qwen3Config, R"({"layer_types": ["full_attention", "sliding_attention"]})",
       "/layer_types/1: found \"sliding_attention\" (string); expected full_attention, as there is no sliding window"},
      {qwen3Config, R"({"use_mrope": true})",
       "/use_mrope: found true (boolean); expected false; a token has one position"},
      {qwen3Config, R"({"max_window_layers": -1})", "/max_window_layers: found -1 (integer)"},
      {gemma2Config, R"({"sliding_window_pattern": 3})", "/sliding_window_pattern: found 3 (integer); expected 2"},
      {gemma2Config, R"({"attn_logit_softcapping": 0})",
       "/attn_logit_softcapping: found 0 (integer); expected a number above 0"},
      {gemma2Config, R"({"query_pre_attn_scalar": -1})",
       "/query_pre_attn_scalar: found -1 (integer); expected a number above 0"},
      {gemma2Config, R"({"hidden_activation": "gelu"})",
       "/hidden_activation: found \"gelu\" (string); expected one of"},
      {gemma3Config, R"({"use_bidirectional_attention": true})",
       "/use_bidirectional_attention: found true (boolean); expected false; Plait imports causal models"},
      {gemma3Config, R"({"rope_scaling": null, "rope_theta": null,
          "rope_parameters": {"rope_type": "default", "rope_theta": 1000000}})",
       "/rope_parameters: found an object of 2 members; expected one object for each kind of layer"},
  };
  for (const auto &c : cases) {
    folder.write("config.json", patched(c.config, c.patch));
    expectHas(error(/*readCheckpoint=*/false), c.message);
  }
}

TEST_F(FrontendTest, NoScalar) {
  Expected<Json> config = parseJson(gemma2Config, "config");
  ASSERT_TRUE(config.ok());
  (*config)["query_pre_attn_scalar"] = nullptr; // a patch would remove it
  folder.write("config.json", writeJson(*config));
  expectHas(error(/*readCheckpoint=*/false), "/query_pre_attn_scalar: found null; expected a number above 0");
}

TEST_F(FrontendTest, BadPhi3Configs) {
  const Case cases[] = {
      {R"({"partial_rotary_factor": 0.2})",
       "/partial_rotary_factor: found 0.2 (number); expected a partial_rotary_factor that leaves an even number from 2 "
       "to head_dim (8) of columns"},
      {R"({"partial_rotary_factor": 0.4})", "/partial_rotary_factor: found 0.4 (number)"},
      {R"({"partial_rotary_factor": 1.5})", "/partial_rotary_factor: found 1.5 (number)"},
      {R"({"rope_scaling": {"type": "su", "long_factor": [1], "short_factor": [1]}})",
       "/rope_scaling: found an object of 3 members; expected as many factors as rotated pairs for this rope_type"},
      {R"({"rope_scaling": {"type": "yarn", "factor": 4}})",
       "/rope_scaling/short_factor: found nothing; expected the required member \"short_factor\""},
      {R"({"rope_scaling": {"type": "linear", "factor": 4}})",
       "/rope_scaling: found an object of 2 members; expected the rope_type default or longrope; this family has no"},
      {R"({"lm_head_bias": true})", "/lm_head_bias: found true (boolean); expected false; the matrices"},
      {R"({"full_attn_mod": 2})", "/full_attn_mod: found 2 (integer); expected 1"},
  };
  for (const Case &c : cases) {
    folder.write("config.json", patched(phi3Config, c.patch));
    expectHas(error(/*readCheckpoint=*/false), c.message);
  }
}

TEST_F(FrontendTest, BadGenerationConfigs) {
  folder.write("config.json", llamaConfig);
  const Case cases[] = {
      {R"({"temperature": -1})", "/temperature: found -1 (integer); expected a number in [0, 1000000]"},
      {R"({"top_p": 0})", "/top_p: found 0 (integer); expected a number above 0"},
      {R"({"top_k": -1})", "/top_k: found -1 (integer)"},
      {R"({"eos_token_id": [2, "x"]})", "/eos_token_id/1: found \"x\" (string)"},
      {R"({"bos_token_id": 99})", "/bos_token_id: found 99 (integer); expected an integer in [0, 19]"},
      {"[]", "generation_config.json: found an array of 0 elements; expected an object"},
      {R"({"repetition_penalty": 0})", "/repetition_penalty: found 0 (integer); expected a number in [0.001, 1000]"},
      {R"({"min_new_tokens": -1})", "/min_new_tokens: found -1"},
  };
  for (const Case &c : cases) {
    folder.write("generation_config.json", c.patch);
    expectHas(error(/*readCheckpoint=*/false), c.message);
  }
}

//===----------------------------------------------------------------------===//
// Bad folders and checkpoints
//===----------------------------------------------------------------------===//

TEST_F(FrontendTest, BadFolders) {
  expectHas(error(), ": found no config.json; expected a Hugging Face folder");
  fs::create_directory(folder.file("config.json"));
  expectHas(error(), "config.json: found a directory; expected a readable regular file");
  fs::remove(folder.file("config.json"));
  folder.write("config.json", "[1]");
  expectHas(error(), "config.json: found an array of 1 element; expected an object");
  folder.write("config.json", llamaConfig);
  expectHas(error(), "found no checkpoint; expected model.safetensors");
  folder.write("pytorch_model.bin", "x");
  expectHas(error(), "found only pickle files ('pytorch_model.bin')");
  folder.path += "/config.json";
  expectHas(error(), "found a file that is no folder");
  folder.path = fs::path(folder.path).parent_path();
  Expected<ImportedModel> nothing = importModel(context, folder.file("absent"));
  ASSERT_FALSE(nothing.ok());
  expectHas(nothing.status().message(), "found nothing there");
}

TEST_F(FrontendTest, BadCheckpoints) {
  auto errorOf = [&](const std::string &patch, auto change) {
    folder.write("config.json", patched(llamaConfig, patch));
    std::vector<Tensor> tensors = llamaTensors();
    change(tensors);
    folder.write(tensors);
    return error();
  };
  auto find = [](std::vector<Tensor> &tensors, const std::string &name) -> Tensor & {
    return *llvm::find_if(tensors, [&](const Tensor &t) { return t.name == name; });
  };
  auto same = [](std::vector<Tensor> &) {};

  expectHas(errorOf("{}",
                    [&](auto &t) {
                      find(t, "model.layers.1.self_attn.q_proj.weight").name = "model.layers.1.attn.q_proj.weight";
                    }),
            ": found no tensor 'model.layers.1.self_attn.q_proj.weight' (nearest: "
            "'model.layers.1.attn.q_proj.weight'), and 1 tensor "
            "that the model does not use: 'model.layers.1.attn.q_proj.weight'; expected the tensors of a llama model "
            "of 2 layers");
  expectHas(errorOf(R"({"num_hidden_layers": 3})", same), " and 4 more; expected the tensors");
  expectHas(errorOf(R"({"num_hidden_layers": 1})", same),
            "found 9 tensors that the model does not use: 'model.layers.1.");
  expectHas(errorOf(R"({"attention_bias": true})", same), "found no tensor 'model.layers.0.self_attn.q_proj.bias', ");
  expectHas(errorOf("{}", [](auto &t) { t.erase(t.begin()); }),
            "found no tensor 'lm_head.weight'; expected the tensors of a llama model of 2 layers; if the head shares");
  expectHas(errorOf(R"({"vocab_size": 21})", same),
            "config.json: /vocab_size: found 21; expected 20, the rows of tensor 'model.embed_tokens.weight'");
  expectHas(
      errorOf(R"({"head_dim": 4})", same),
      "model.safetensors: tensor 'model.layers.0.self_attn.q_proj.weight': found the shape [8, 8]; expected [16, 8]");
  expectHas(errorOf("{}",
                    [](auto &t) {
                      for (Tensor &tensor : t)
                        tensor.type = plait::TensorType::f64;
                    }),
            "found the unsupported dtype F64; expected F32, BF16 or F16; convert the checkpoint to bf16");
}
