//===- FrontendFixture.h - Folders to import --------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TEST_UNIT_COMPILER_FRONTENDFIXTURE_H
#define PLAIT_TEST_UNIT_COMPILER_FRONTENDFIXTURE_H

#include "plait/Frontend/Import.h"

#include "runtime/base/File.h"
#include "runtime/base/Json.h"
#include "runtime/base/Safetensors.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

namespace plait::test {

namespace fs = std::filesystem;

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
  plait::TensorType type = plait::TensorType::f32;
};

/// A folder that lives as long as the test.
class Folder {
public:
  Folder() {
    std::string pattern = (fs::temp_directory_path() / "plait-frontend-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~Folder() { fs::remove_all(path); }
  std::string file(const std::string &name) const { return path + "/" + name; }
  void write(const std::string &name, const std::string &text) { ASSERT_TRUE(writeFileAtomic(file(name), text).ok()); }
  void write(const std::vector<Tensor> &tensors) {
    std::vector<TensorToWrite> list;
    std::vector<uint8_t> zeros(1 << 20);
    for (const Tensor &tensor : tensors) {
      size_t bytes = tensorBlockBytes(tensor.type);
      for (int64_t extent : tensor.shape)
        bytes *= size_t(extent);
      ASSERT_LE(bytes, zeros.size());
      list.push_back({tensor.name, tensor.type, tensor.shape, std::span(zeros).first(bytes)});
    }
    Status status = writeSafetensors(file("model.safetensors"), list);
    ASSERT_TRUE(status.ok()) << status.message();
  }

  std::string path;
};

inline constexpr const char *llamaConfig = R"({
  "model_type": "llama", "architectures": ["LlamaForCausalLM"], "vocab_size": 20,
  "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16,
  "rms_norm_eps": 1e-5, "torch_dtype": "float32", "bos_token_id": 1, "eos_token_id": 2})";

inline constexpr const char *gpt2Config = R"({
  "model_type": "gpt2", "architectures": ["GPT2LMHeadModel"], "vocab_size": 20, "n_embd": 8,
  "n_layer": 2, "n_head": 2, "n_positions": 16, "activation_function": "gelu_new"})";

inline constexpr const char *qwen3Config = R"({
  "model_type": "qwen3", "architectures": ["Qwen3ForCausalLM"], "vocab_size": 20,
  "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 2, "head_dim": 6,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16,
  "rms_norm_eps": 1e-5, "use_sliding_window": false, "sliding_window": 4096,
  "max_window_layers": 2, "tie_word_embeddings": true})";

inline constexpr const char *mistralConfig = R"({
  "model_type": "mistral", "architectures": ["MistralForCausalLM"], "vocab_size": 20,
  "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 3,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16,
  "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "sliding_window": 5})";

inline constexpr const char *gemma2Config = R"({
  "model_type": "gemma2", "architectures": ["Gemma2ForCausalLM"], "vocab_size": 20,
  "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 5, "head_dim": 6,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16,
  "hidden_act": "gelu", "hidden_activation": "gelu_pytorch_tanh", "sliding_window": 5,
  "query_pre_attn_scalar": 16, "torch_dtype": "float32", "cache_implementation": "hybrid"})";

inline constexpr const char *gemma3Config = R"({
  "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "vocab_size": 20,
  "hidden_size": 8, "intermediate_size": 12, "num_hidden_layers": 8, "head_dim": 6,
  "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 16,
  "sliding_window": 5, "rope_theta": 1000000, "rope_local_base_freq": 10000,
  "rope_scaling": {"rope_type": "linear", "factor": 8.0}, "sliding_window_pattern": 3,
  "torch_dtype": "bfloat16"})";

inline constexpr const char *phi3Config = R"({
  "model_type": "phi3", "architectures": ["Phi3ForCausalLM"], "vocab_size": 20,
  "hidden_size": 16, "intermediate_size": 12, "num_hidden_layers": 2,
  "num_attention_heads": 2, "max_position_embeddings": 16,
  "original_max_position_embeddings": 16, "partial_rotary_factor": 0.75})";

/// `config` with the members of `patch` in place (RFC 7396: null removes).
inline std::string patched(const char *config, const std::string &patch) {
  Expected<Json> base = parseJson(config, "base"), change = parseJson(patch, "patch");
  EXPECT_TRUE(base.ok() && change.ok()) << patch;
  base->merge_patch(*change);
  return writeJson(*base);
}

inline std::vector<Tensor> llamaTensors() {
  std::vector<Tensor> list = {
      {"lm_head.weight", {20, 8}}, {"model.embed_tokens.weight", {20, 8}}, {"model.norm.weight", {8}}};
  for (int layer = 0; layer < 2; ++layer) {
    std::string p = "model.layers." + std::to_string(layer) + ".";
    for (auto &[name, shape] :
         std::vector<std::pair<std::string, std::vector<int64_t>>>{{"input_layernorm", {8}},
                                                                   {"post_attention_layernorm", {8}},
                                                                   {"self_attn.q_proj", {8, 8}},
                                                                   {"self_attn.k_proj", {4, 8}},
                                                                   {"self_attn.v_proj", {4, 8}},
                                                                   {"self_attn.o_proj", {8, 8}},
                                                                   {"mlp.gate_proj", {12, 8}},
                                                                   {"mlp.up_proj", {12, 8}},
                                                                   {"mlp.down_proj", {8, 12}}})
      list.push_back({p + name + ".weight", shape});
  }
  return list;
}

inline std::vector<Tensor> gpt2Tensors(const std::string &prefix) {
  std::vector<Tensor> list = {{prefix + "wte.weight", {20, 8}},
                              {prefix + "wpe.weight", {16, 8}},
                              {prefix + "ln_f.weight", {8}},
                              {prefix + "ln_f.bias", {8}}};
  for (int layer = 0; layer < 2; ++layer) {
    std::string p = prefix + "h." + std::to_string(layer) + ".";
    for (auto &[name, in, out] : std::vector<std::tuple<std::string, int64_t, int64_t>>{
             {"attn.c_attn", 8, 24}, {"attn.c_proj", 8, 8}, {"mlp.c_fc", 8, 32}, {"mlp.c_proj", 32, 8}}) {
      list.push_back({p + name + ".weight", {in, out}});
      list.push_back({p + name + ".bias", {out}});
    }
    for (const char *name : {"ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias"})
      list.push_back({p + name, {8}});
    list.push_back({p + "attn.bias", {1, 1, 16, 16}}); // the mask, a buffer
    list.push_back({p + "attn.masked_bias", {}});
  }
  return list;
}

class FrontendTest : public testing::Test {
protected:
  Expected<ImportedModel> import(const ImportOptions &options = {}) {
    return importModel(context, folder.path, options);
  }
  /// The error of an import; "" if there is none.
  std::string error(bool readCheckpoint = true) {
    ImportOptions options;
    options.readCheckpoint = readCheckpoint;
    Expected<ImportedModel> result = import(options);
    return result ? "" : result.status().message();
  }
  static std::string text(ImportedModel &model, bool locations = false) {
    std::string result;
    llvm::raw_string_ostream stream(result);
    mlir::OpPrintingFlags flags;
    model.module->print(stream, locations ? flags.enableDebugInfo(true) : flags);
    // Layout is not of interest here: runs of blanks become one.
    result.erase(std::unique(result.begin(), result.end(), [](char a, char b) { return a == ' ' && b == ' '; }),
                 result.end());
    return result;
  }
  /// Checks that the parts occur in `text` in this order.
  static void expectInOrder(const std::string &text, const std::vector<std::string> &parts) {
    size_t at = 0;
    for (const std::string &part : parts) {
      at = text.find(part, at);
      ASSERT_NE(at, std::string::npos) << "'" << part << "' is missing or out of order in\n" << text;
      at += part.size();
    }
  }
  static void expectHas(const std::string &text, const std::string &part) {
    EXPECT_NE(text.find(part), std::string::npos) << "no '" << part << "' in\n" << text;
  }

  mlir::MLIRContext context;
  Folder folder;
};

} // namespace plait::test

#endif // PLAIT_TEST_UNIT_COMPILER_FRONTENDFIXTURE_H
