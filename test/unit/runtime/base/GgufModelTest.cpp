//===- GgufModelTest.cpp - Tests of what is made of GGUF files ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whole models are in test/e2e (goldens-gguf.test, gguf-same.test).
//
//===----------------------------------------------------------------------===//

#include "runtime/base/GgufModel.h"

#include "GgufBuilder.h"

#include "runtime/base/ModelSource.h"
#include "runtime/base/Tokenizer.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numbers>

using namespace plait;

namespace {

#define EXPECT_HAS(message, part) EXPECT_PRED2(contains, message, part)
bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

constexpr uint32_t f32 = 0;

class GgufModelTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "plait-gguf-model-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  Gguf open(const GgufBuilder &builder) const {
    std::string path = folder + "/model.gguf", bytes = builder.file();
    std::ofstream(path, std::ios::binary | std::ios::trunc).write(bytes.data(), std::streamsize(bytes.size()));
    Expected<Gguf> gguf = Gguf::open(path);
    EXPECT_TRUE(gguf.ok()) << gguf.status().message();
    return gguf.take();
  }
  Json config(const GgufBuilder &builder) const {
    Expected<Json> json = makeConfig(open(builder));
    EXPECT_TRUE(json.ok()) << json.status().message();
    return json ? json.take() : Json();
  }
  template <typename T> static std::string messageOf(const Expected<T> &result) {
    EXPECT_FALSE(result.ok());
    EXPECT_HAS(result.status().message(), "; expected ");
    return result.status().message();
  }
  std::string folder;
};

std::string floats(const std::vector<float> &values) {
  std::string bytes;
  for (float value : values)
    bytes += bytesOf(value);
  return bytes;
}

GgufBuilder llama(const std::string &arch = "llama") {
  GgufBuilder b;
  b.key("general.architecture", arch.c_str());
  b.key(arch + ".context_length", 64u).key(arch + ".embedding_length", 8u).key(arch + ".block_count", 1u);
  b.key(arch + ".feed_forward_length", 12u).key(arch + ".attention.head_count", 2u);
  b.key(arch + ".attention.layer_norm_rms_epsilon", 1e-6f).key(arch + ".rope.freq_base", 500000.0f);
  b.tensor("token_embd.weight", {8, 3}, f32, std::string(96, '\0'));
  return b;
}

//===----------------------------------------------------------------------===//
// Configuration and tensors
//===----------------------------------------------------------------------===//

TEST_F(GgufModelTest, MakesTheConfiguration) {
  GgufBuilder b = llama();
  b.numbers<uint32_t>("llama.attention.head_count_kv", GgufType::u32, {1, 1}); // one for each layer
  b.key("llama.attention.key_length", 4u).key("llama.attention.value_length", 4u).key("llama.rope.dimension_count", 4u);
  b.key("llama.later_invention", 1u).key("tokenizer.ggml.bos_token_id", 1u);
  b.key("tokenizer.ggml.eos_token_id", 2u)
      .key("tokenizer.ggml.eot_token_id", 0u)
      .key("tokenizer.ggml.eom_token_id", 2u);
  EXPECT_EQ(config(b), Json::parse(R"({
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "max_position_embeddings": 64, "hidden_size": 8,
    "num_hidden_layers": 1, "intermediate_size": 12, "num_attention_heads": 2, "num_key_value_heads": 1,
    "head_dim": 4, "rms_norm_eps": 1e-6, "rope_theta": 500000.0, "vocab_size": 3, "tie_word_embeddings": true,
    "hidden_act": "silu", "attention_bias": false, "mlp_bias": false, "eos_token_id": [2, 0], "bos_token_id": 1,
    "llama.later_invention": true})"));
  b.tensor("output.weight", {8, 3}, f32, std::string(96, '\0'));
  b.tensor("blk.0.attn_q.bias", {8}, f32, std::string(32, '\0')).key("llama.vocab_size", 7u);
  Json other = config(b);
  EXPECT_EQ(other["tie_word_embeddings"], false);
  EXPECT_EQ(other["attention_bias"], true);
  EXPECT_EQ(other["vocab_size"], 7);
}

TEST_F(GgufModelTest, RefusesWhatNoConfigurationSays) {
  auto message = [&](const GgufBuilder &b) { return messageOf(makeConfig(open(b))); };
  EXPECT_HAS(
      message(GgufBuilder()),
      "key 'general.architecture': found no such key; expected one of gemma2, gemma3, gpt2, llama, phi3, qwen2, qwen3");
  EXPECT_HAS(message(llama("mamba")),
             "found 'mamba' (string); expected one of gemma2, gemma3, gpt2, llama, phi3, qwen2, qwen3");
  GgufBuilder layers = llama();
  layers.numbers<uint32_t>("llama.attention.head_count_kv", GgufType::u32, {1, 2});
  EXPECT_HAS(message(layers),
             "found 2 values (array of u32); expected one number, as Plait imports models whose layers");
  EXPECT_HAS(message(llama("phi3").key("phi3.attention.key_length", 0u)),
             "key 'phi3.attention.key_length': found 0 (u32); expected at least 1");
  EXPECT_HAS(message(llama().key("llama.rope.dimension_count", 2u)), "found 2 (u32); expected 4, the size of a head");
}

/// The published models' numbers, from their factors.
TEST_F(GgufModelTest, FindsTheScalingOfItsFactors) {
  struct Case {
    double factor;
    int64_t original;
    size_t half;
  };
  for (const Case &c : {Case{8, 8192, 64}, Case{32, 8192, 32}, Case{8, 8192, 8}, Case{4, 2048, 48}}) {
    std::vector<float> factors;
    for (size_t i = 0; i < c.half; ++i) {
      double length = 2 * std::numbers::pi * std::pow(500000.0, double(i) / double(c.half));
      double keep = std::clamp((double(c.original) / length - 1) / 3, 0.0, 1.0);
      factors.push_back(float(1 / ((1 - keep) / c.factor + keep)));
    }
    GgufBuilder b = llama();
    b.tensor("rope_freqs.weight", {int64_t(c.half)}, f32, floats(factors));
    Json scaling = config(b)["rope_scaling"];
    EXPECT_EQ(scaling["rope_type"], "llama3");
    EXPECT_EQ(scaling["factor"], c.factor);
    EXPECT_EQ(scaling["low_freq_factor"], 1);
    EXPECT_EQ(scaling["high_freq_factor"], 4);
    EXPECT_EQ(scaling["original_max_position_embeddings"], c.original) << c.half;
    factors[0] = 1.01f;
    GgufBuilder wrong = llama();
    wrong.tensor("rope_freqs.weight", {int64_t(c.half)}, f32, floats(factors));
    EXPECT_HAS(messageOf(makeConfig(open(wrong))), "tensor 'rope_freqs.weight': found the factor ");
  }
  GgufBuilder none = llama();
  none.tensor("rope_freqs.weight", {4}, f32, floats({1, 1, 1, 1}));
  EXPECT_HAS(messageOf(makeConfig(open(none))), "found no factor above 1");
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const std::vector<float> &factors :
       {std::vector<float>{1, nan, 8}, {nan, 8, 8}, {1, 1, nan}, {1, 1, infinity}, {8, 8, 8}}) {
    GgufBuilder odd = llama();
    odd.tensor("rope_freqs.weight", {int64_t(factors.size())}, f32, floats(factors));
    EXPECT_HAS(messageOf(makeConfig(open(odd))), "tensor 'rope_freqs.weight': found ");
  }
}

TEST_F(GgufModelTest, GivesTensorsTheirNamesBack) {
  GgufBuilder b = llama();
  b.tensor("blk.0.attn_q.weight", {8, 8}, f32, std::string(256, '\0'));
  b.tensor("blk.11.ffn_down.weight", {12, 8}, f32, std::string(384, '\0'));
  b.tensor("something.else", {1}, f32, std::string(4, '\0'));
  Expected<Checkpoint> checkpoint = makeCheckpoint(open(b));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  ASSERT_EQ(checkpoint->tensors().size(), 4u);
  EXPECT_EQ(checkpoint->find("model.layers.0.self_attn.q_proj.weight")->pairedRows, 4);
  EXPECT_EQ(checkpoint->find("model.layers.11.mlp.down_proj.weight")->pairedRows, 0);
  EXPECT_TRUE(checkpoint->find("model.embed_tokens.weight"));
  EXPECT_TRUE(checkpoint->find("something.else"));

  GgufBuilder odd = llama();
  odd.tensor("blk.0.attn_k.weight", {8, 6}, f32, std::string(192, '\0'));
  EXPECT_HAS(messageOf(makeCheckpoint(open(odd))), "tensor 'blk.0.attn_k.weight': found 6 rows");
  GgufBuilder twice = llama();
  twice.tensor("model.embed_tokens.weight", {8, 3}, f32, std::string(96, '\0'));
  EXPECT_HAS(messageOf(makeCheckpoint(open(twice))), "found two tensors for 'model.embed_tokens.weight'");
}

//===----------------------------------------------------------------------===//
// Tokenizers
//===----------------------------------------------------------------------===//

/// A token for each byte that has a letter of its own, and some more.
GgufBuilder byteLevel(const char *pre) {
  GgufBuilder b = llama();
  std::vector<std::string> tokens;
  for (char c = '!'; c <= '~'; ++c)
    tokens.push_back(std::string(1, c));
  tokens.insert(tokens.end(), {"Ġ", "he", "llo", "<|end|>", "two words"});
  std::vector<int32_t> types(tokens.size(), 1);
  types[tokens.size() - 2] = 3;
  types[tokens.size() - 1] = 4;
  b.key("tokenizer.ggml.model", "gpt2").key("tokenizer.ggml.pre", pre).strings("tokenizer.ggml.tokens", tokens);
  b.numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, types);
  b.strings("tokenizer.ggml.merges", {"h e"});
  b.key("tokenizer.ggml.bos_token_id", uint32_t(tokens.size() - 2));
  b.key("tokenizer.ggml.eos_token_id", uint32_t(tokens.size() - 2));
  return b;
}

TEST_F(GgufModelTest, MakesATokenizerForEveryPreTokenizer) {
  for (const char *pre : {"default",          "gpt-2",     "phi-2",     "mpt",         "olmo",      "starcoder",
                          "refact",           "smollm",    "codeshell", "command-r",   "llama-bpe", "llama3",
                          "llama-v3",         "dbrx",      "smaug-bpe", "chatglm-bpe", "glm4",      "qwen2",
                          "deepseek-r1-qwen", "stablelm2", "qwen35",    "tekken",      "gpt-4o",    "llama4",
                          "deepseek-v3",      "falcon"}) {
    Expected<std::optional<Json>> json = makeTokenizer(open(byteLevel(pre)));
    ASSERT_TRUE(json.ok() && *json) << json.status().message();
    Expected<Tokenizer> tokenizer = Tokenizer::fromJsonText(writeJson(**json), pre);
    ASSERT_TRUE(tokenizer.ok()) << tokenizer.status().message();
    const std::string text = "hello, it's 12345 words<|end|>";
    Expected<std::vector<int32_t>> ids = tokenizer->encode(text, /*addSpecialTokens=*/false);
    ASSERT_TRUE(ids.ok()) << pre << ": " << ids.status().message();
    EXPECT_EQ(ids->front(), tokenizer->idOf("he")) << pre;
    EXPECT_EQ(ids->back(), tokenizer->idOf("<|end|>")) << pre;
    EXPECT_EQ(*tokenizer->decode(*ids, /*skipSpecialTokens=*/false), text) << pre;
  }
}

TEST_F(GgufModelTest, KeepsKindsOfTokens) {
  Json json = **makeTokenizer(open(byteLevel("llama-bpe")));
  ASSERT_EQ(json["added_tokens"].size(), 2u);
  EXPECT_EQ(json["added_tokens"][0]["content"], "<|end|>");
  EXPECT_EQ(json["added_tokens"][0]["special"], true);
  EXPECT_EQ(json["added_tokens"][1]["content"], "two words");
  EXPECT_EQ(json["added_tokens"][1]["special"], false);
  EXPECT_EQ(json["model"]["ignore_merges"], true);
  EXPECT_EQ(json["model"]["merges"], Json::parse(R"([["h", "e"]])"));
  // Llama 3 begins with BOS, GPT-2 does not, and the file may say otherwise.
  Tokenizer llama3 = Tokenizer::fromJsonText(writeJson(json), "llama-bpe").take();
  EXPECT_EQ(llama3.encode("!")->size(), 2u);
  auto encoded = [&](const GgufBuilder &b) {
    return Tokenizer::fromJsonText(writeJson(**makeTokenizer(open(b))), "x")->encode("!")->size();
  };
  EXPECT_EQ(encoded(byteLevel("gpt-2")), 1u);
  EXPECT_EQ(encoded(byteLevel("gpt-2").key("tokenizer.ggml.add_bos_token", true)), 2u);
  EXPECT_EQ(encoded(byteLevel("llama-bpe").key("tokenizer.ggml.add_eos_token", true)), 3u);
  EXPECT_EQ(encoded(byteLevel("llama-bpe").key("tokenizer.ggml.add_bos_token", false)), 1u);
  Json texts = **makeTokenizerConfig(open(byteLevel("gpt-2")));
  EXPECT_EQ(texts["bos_token"], "<|end|>");
  EXPECT_FALSE(texts.contains("pad_token"));
}

/// All ways to make a token of two, best score first; of equal scores the longer
/// left part first, as Hugging Face's converter orders them.
TEST_F(GgufModelTest, MakesMergesOfScores) {
  GgufBuilder b = llama();
  b.key("tokenizer.ggml.model", "llama");
  b.strings("tokenizer.ggml.tokens", {"<unk>", "<s>", "<0x0A>", "a", "é", "aé", "aéa", "éa", "s>", "<"});
  b.numbers<int32_t>("tokenizer.ggml.token_type", GgufType::i32, {2, 3, 6, 1, 1, 1, 1, 1, 1, 1});
  b.numbers<float>("tokenizer.ggml.scores", GgufType::f32, {0, 0, 0, -9, -8, -1, -2, -1, -7, -7});
  b.key("tokenizer.ggml.bos_token_id", 1u);
  Json json = **makeTokenizer(open(b));
  EXPECT_EQ(json["model"]["merges"], Json::parse(R"([["a", "é"], ["é", "a"], ["aé", "a"], ["a", "éa"]])"));
  EXPECT_EQ(json["model"]["unk_token"], "<unk>");
  EXPECT_EQ(json["model"]["byte_fallback"], true);
  EXPECT_EQ(json["normalizer"]["normalizers"].size(), 2u);
  EXPECT_EQ(json["decoder"]["decoders"].size(), 4u);
  EXPECT_EQ(json["post_processor"]["single"][0]["SpecialToken"]["id"], "<s>");
  Json bare = **makeTokenizer(open(b.key("tokenizer.ggml.add_space_prefix", false)));
  EXPECT_EQ(bare["normalizer"]["normalizers"].size(), 1u);
  EXPECT_EQ(bare["decoder"]["decoders"].size(), 3u);
}

/// The work on a token grows with the square of its length.
TEST_F(GgufModelTest, RefusesEndlessPieces) {
  GgufBuilder b = llama();
  b.key("tokenizer.ggml.model", "llama").key("tokenizer.ggml.add_bos_token", false);
  b.strings("tokenizer.ggml.tokens", {"a", std::string(1 << 24, 'a')});
  b.numbers<float>("tokenizer.ggml.scores", GgufType::f32, {-1, -2});
  EXPECT_HAS(messageOf(makeTokenizer(open(b))),
             "key 'tokenizer.ggml.tokens': found 2 values (array of string); expected "
             "pieces of at most 1024 bytes, but number 1 has 16777216");
}

TEST_F(GgufModelTest, IsReadAsAFolder) {
  GgufBuilder b = byteLevel("gpt-2");
  b.key("tokenizer.chat_template", "{{ messages }}");
  open(b);
  Expected<ModelSource> source = ModelSource::open(folder + "/model.gguf");
  ASSERT_TRUE(source.ok()) << source.status().message();
  EXPECT_EQ(source->name(), "model");
  EXPECT_EQ(source->pathOf("config.json"), folder + "/model.gguf");
  EXPECT_EQ(source->label("config.json"), folder + "/model.gguf as config.json");
  EXPECT_EQ(**source->read("chat_template.jinja"), "{{ messages }}");
  EXPECT_TRUE(*source->read("config.json"));
  EXPECT_TRUE(*source->read("tokenizer_config.json"));
  EXPECT_FALSE(*source->read("generation_config.json"));
  EXPECT_HAS(messageOf(ModelSource::open(folder)), "found no config.json; expected a Hugging Face folder");
  EXPECT_HAS(messageOf(ModelSource::open(folder + "/absent")), "found nothing there");

  GgufBuilder bare = llama();
  open(bare.key("tokenizer.ggml.model", "no_vocab"));
  source = ModelSource::open(folder + "/model.gguf");
  EXPECT_FALSE(*source->read("tokenizer.json"));
  EXPECT_FALSE(*source->read("tokenizer_config.json"));
}

} // namespace
