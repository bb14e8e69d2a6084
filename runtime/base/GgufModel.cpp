//===- GgufModel.cpp - Configuration and tensors of a GGUF file -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/GgufModel.h"

#include "runtime/base/Message.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

using namespace plait;

//===----------------------------------------------------------------------===//
// Architectures
//===----------------------------------------------------------------------===//

namespace {

enum class KeyKind { size, optionalSize, number, optionalNumber };

/// A key below the architecture's name and the member of config.json it becomes.
struct KeyName {
  const char *gguf, *member;
  KeyKind kind = KeyKind::size;
};

/// How a file's tensor differs from the checkpoint's.
enum class Change {
  none,
  transposed, ///< of a matrix; the checkpoint has it as [in, out]
  pairedRows, ///< ggml rotates neighbouring rows of a head together
  plusOne,    ///< gains that the model itself adds one to
};

/// Tensors without ".weight" or ".bias"; "{layer}" is a number.
struct TensorName {
  const char *gguf, *checkpoint;
  Change change = Change::none;
};

struct Architecture {
  const char *name; ///< general.architecture
  const char *modelType, *className;
  std::span<const KeyName> keys, moreKeys;
  std::span<const TensorName> tensors, moreTensors; ///< searched in this order
  /// Adds what is in no key; sizes of heads have been checked.
  void (*complete)(const Gguf &gguf, Json &config);
  bool rotatesPartially = false; ///< it may rotate some columns of a head alone
};

constexpr KeyName llamaKeys[] = {
    {"context_length", "max_position_embeddings"},
    {"embedding_length", "hidden_size"},
    {"block_count", "num_hidden_layers"},
    {"feed_forward_length", "intermediate_size"},
    {"attention.head_count", "num_attention_heads"},
    {"attention.head_count_kv", "num_key_value_heads", KeyKind::optionalSize},
    {"attention.key_length", "head_dim", KeyKind::optionalSize},
    {"attention.layer_norm_rms_epsilon", "rms_norm_eps", KeyKind::number},
    {"rope.freq_base", "rope_theta", KeyKind::optionalNumber},
    {"vocab_size", "vocab_size", KeyKind::optionalSize},
};

/// Of models with windows and caps, besides.
constexpr KeyName windowKeys[] = {
    {"attention.sliding_window", "sliding_window", KeyKind::optionalSize},
    {"attention.sliding_window_pattern", "sliding_window_pattern", KeyKind::optionalSize},
    {"attn_logit_softcapping", "attn_logit_softcapping", KeyKind::optionalNumber},
    {"final_logit_softcapping", "final_logit_softcapping", KeyKind::optionalNumber},
    {"rope.freq_base_swa", "rope_local_base_freq", KeyKind::optionalNumber},
};

constexpr KeyName gpt2Keys[] = {
    {"context_length", "n_positions"},
    {"embedding_length", "n_embd"},
    {"block_count", "n_layer"},
    {"feed_forward_length", "n_inner"},
    {"attention.head_count", "n_head"},
    {"attention.layer_norm_epsilon", "layer_norm_epsilon", KeyKind::number},
    {"vocab_size", "vocab_size", KeyKind::optionalSize},
};

/// What most families have; a family's own names go before these.
constexpr TensorName commonTensors[] = {
    {"token_embd", "model.embed_tokens"},
    {"output_norm", "model.norm"},
    {"output", "lm_head"},
    {"blk.{layer}.attn_norm", "model.layers.{layer}.input_layernorm"},
    {"blk.{layer}.attn_q", "model.layers.{layer}.self_attn.q_proj"},
    {"blk.{layer}.attn_k", "model.layers.{layer}.self_attn.k_proj"},
    {"blk.{layer}.attn_v", "model.layers.{layer}.self_attn.v_proj"},
    {"blk.{layer}.attn_output", "model.layers.{layer}.self_attn.o_proj"},
    {"blk.{layer}.ffn_norm", "model.layers.{layer}.post_attention_layernorm"},
    {"blk.{layer}.ffn_gate", "model.layers.{layer}.mlp.gate_proj"},
    {"blk.{layer}.ffn_up", "model.layers.{layer}.mlp.up_proj"},
    {"blk.{layer}.ffn_down", "model.layers.{layer}.mlp.down_proj"},
};

constexpr TensorName llamaTensors[] = {
    {"blk.{layer}.attn_q", "model.layers.{layer}.self_attn.q_proj", Change::pairedRows},
    {"blk.{layer}.attn_k", "model.layers.{layer}.self_attn.k_proj", Change::pairedRows},
};

/// Unlike Llama's, the rows stay as they are.
constexpr TensorName qwenTensors[] = {
    {"blk.{layer}.attn_q_norm", "model.layers.{layer}.self_attn.q_norm"},
    {"blk.{layer}.attn_k_norm", "model.layers.{layer}.self_attn.k_norm"},
};

constexpr TensorName gemmaTensors[] = {
    {"output_norm", "model.norm", Change::plusOne},
    {"blk.{layer}.attn_norm", "model.layers.{layer}.input_layernorm", Change::plusOne},
    {"blk.{layer}.attn_q_norm", "model.layers.{layer}.self_attn.q_norm", Change::plusOne},
    {"blk.{layer}.attn_k_norm", "model.layers.{layer}.self_attn.k_norm", Change::plusOne},
    {"blk.{layer}.post_attention_norm", "model.layers.{layer}.post_attention_layernorm", Change::plusOne},
    {"blk.{layer}.ffn_norm", "model.layers.{layer}.pre_feedforward_layernorm", Change::plusOne},
    {"blk.{layer}.post_ffw_norm", "model.layers.{layer}.post_feedforward_layernorm", Change::plusOne},
};

constexpr TensorName phi3Tensors[] = {
    {"blk.{layer}.attn_qkv", "model.layers.{layer}.self_attn.qkv_proj"},
    {"blk.{layer}.ffn_up", "model.layers.{layer}.mlp.gate_up_proj"},
};

constexpr TensorName gpt2Tensors[] = {
    {"token_embd", "transformer.wte"},
    {"position_embd", "transformer.wpe"},
    {"output_norm", "transformer.ln_f"},
    {"output", "lm_head"},
    {"blk.{layer}.attn_norm", "transformer.h.{layer}.ln_1"},
    {"blk.{layer}.attn_qkv", "transformer.h.{layer}.attn.c_attn", Change::transposed},
    {"blk.{layer}.attn_output", "transformer.h.{layer}.attn.c_proj", Change::transposed},
    {"blk.{layer}.ffn_norm", "transformer.h.{layer}.ln_2"},
    {"blk.{layer}.ffn_up", "transformer.h.{layer}.mlp.c_fc", Change::transposed},
    {"blk.{layer}.ffn_down", "transformer.h.{layer}.mlp.c_proj", Change::transposed},
};

bool hasTensor(const Gguf &gguf, const char *name) { return gguf.tensors().count(name) != 0; }

void completeLlama(const Gguf &gguf, Json &config) {
  config["hidden_act"] = "silu";
  config["attention_bias"] = hasTensor(gguf, "blk.0.attn_q.bias");
  config["mlp_bias"] = hasTensor(gguf, "blk.0.ffn_gate.bias");
}

void completeQwen2(const Gguf &, Json &config) { config["hidden_act"] = "silu"; }

void completeQwen3(const Gguf &gguf, Json &config) {
  config["hidden_act"] = "silu";
  config["attention_bias"] = hasTensor(gguf, "blk.0.attn_q.bias");
}

/// The scale of queries is not stored: the largest model of each generation, known
/// by its layers, has one of its own, as in llama.cpp. The type is that of the
/// published models unless the file has more; the scale of embeddings depends on it.
void completeGemma(const Gguf &gguf, Json &config, int64_t layersOfLargest) {
  auto embedding = gguf.tensors().find("token_embd.weight");
  bool isF32 = embedding != gguf.tensors().end() && embedding->second.type == TensorType::f32;
  config["dtype"] = isF32 ? "float32" : "bfloat16";
  int64_t heads = config["num_attention_heads"].get<int64_t>(), hidden = config["hidden_size"].get<int64_t>();
  bool isLargest = config["num_hidden_layers"] == layersOfLargest || !config.contains("head_dim");
  config["query_pre_attn_scalar"] = isLargest ? hidden / heads : config["head_dim"].get<int64_t>();
  config["hidden_activation"] = "gelu_pytorch_tanh";
}

void completeGemma2(const Gguf &gguf, Json &config) { completeGemma(gguf, config, 46); }

void completeGemma3(const Gguf &gguf, Json &config) { completeGemma(gguf, config, 62); }

void completePhi3(const Gguf &gguf, Json &config) {
  config["hidden_act"] = "silu";
  if (config.value("sliding_window", 0) == 0)
    config["sliding_window"] = nullptr;
  if (hasTensor(gguf, "rope_factors_short.weight"))
    config["rope_scaling"] = {{"rope_type", "longrope"}};
}

void completeGpt2(const Gguf &, Json &config) { config["activation_function"] = "gelu_new"; }

constexpr Architecture architectures[] = {
    {"gemma2", "gemma2", "Gemma2ForCausalLM", llamaKeys, windowKeys, gemmaTensors, commonTensors, completeGemma2},
    {"gemma3", "gemma3_text", "Gemma3ForCausalLM", llamaKeys, windowKeys, gemmaTensors, commonTensors, completeGemma3},
    {"gpt2", "gpt2", "GPT2LMHeadModel", gpt2Keys, {}, gpt2Tensors, {}, completeGpt2},
    {"llama", "llama", "LlamaForCausalLM", llamaKeys, {}, llamaTensors, commonTensors, completeLlama},
    {"phi3", "phi3", "Phi3ForCausalLM", llamaKeys, windowKeys, phi3Tensors, commonTensors, completePhi3,
     /*rotatesPartially=*/true},
    {"qwen2", "qwen2", "Qwen2ForCausalLM", llamaKeys, {}, qwenTensors, commonTensors, completeQwen2},
    {"qwen3", "qwen3", "Qwen3ForCausalLM", llamaKeys, {}, qwenTensors, commonTensors, completeQwen3},
};

constexpr std::string_view architectureKey = "general.architecture";

Expected<const Architecture *> findArchitecture(const Gguf &gguf) {
  std::string known;
  for (const Architecture &architecture : architectures)
    known += (known.empty() ? "one of " : ", ") + std::string(architecture.name);
  Expected<std::string> name = gguf.getString(architectureKey);
  if (!name)
    return gguf.error(architectureKey, known);
  for (const Architecture &architecture : architectures)
    if (*name == architecture.name)
      return &architecture;
  return unsupported(gguf.error(architectureKey, known + "; Plait does not import other models").message());
}

//===----------------------------------------------------------------------===//
// Configuration
//===----------------------------------------------------------------------===//

int64_t headSize(const Json &config) {
  if (config.contains("head_dim"))
    return config["head_dim"].get<int64_t>();
  return config["hidden_size"].get<int64_t>() / config["num_attention_heads"].get<int64_t>();
}

class ConfigMaker {
public:
  ConfigMaker(const Gguf &gguf, const Architecture &architecture) : gguf(gguf), architecture(architecture) {}

  Expected<Json> make() {
    config["model_type"] = architecture.modelType;
    config["architectures"] = {architecture.className};
    for (std::span<const KeyName> keys : {architecture.keys, architecture.moreKeys})
      for (const KeyName &key : keys)
        PLAIT_RETURN_IF_ERROR(addMember(key));
    PLAIT_RETURN_IF_ERROR(addVocabulary());
    config["tie_word_embeddings"] = !hasTensor(gguf, "output.weight");
    PLAIT_RETURN_IF_ERROR(checkHeads());
    PLAIT_RETURN_IF_ERROR(addRopeScaling());
    architecture.complete(gguf, config);
    PLAIT_RETURN_IF_ERROR(addSpecialTokens());
    addOtherKeys();
    return std::move(config);
  }

private:
  /// A key of the architecture; from now on it counts as read.
  std::string keyOf(const std::string &name) {
    std::string key = std::string(architecture.name) + "." + name;
    read.insert(key);
    return key;
  }

  /// A size that may be given for each layer; all layers have to agree.
  Expected<int64_t> getSize(const std::string &key) {
    if (Expected<std::vector<int64_t>> perLayer = gguf.getInts(key)) {
      if (perLayer->empty() ||
          std::adjacent_find(perLayer->begin(), perLayer->end(), std::not_equal_to<>()) != perLayer->end())
        return unsupported(gguf.error(key, "one number, as Plait imports models whose layers are alike").message());
      return perLayer->front();
    }
    return gguf.getInt(key, 0, INT64_MAX);
  }

  Status addMember(const KeyName &name) {
    std::string key = keyOf(name.gguf);
    bool isOptional = name.kind == KeyKind::optionalSize || name.kind == KeyKind::optionalNumber;
    if (isOptional && !gguf.has(key))
      return Status::success();
    if (name.kind == KeyKind::size || name.kind == KeyKind::optionalSize) {
      PLAIT_ASSIGN_OR_RETURN(config[name.member], getSize(key));
    } else {
      PLAIT_ASSIGN_OR_RETURN(config[name.member], gguf.getNumber(key));
    }
    return Status::success();
  }

  /// Not every architecture's converter writes the key.
  Status addVocabulary() {
    if (config.contains("vocab_size"))
      return Status::success();
    auto embedding = gguf.tensors().find("token_embd.weight");
    if (embedding == gguf.tensors().end())
      return notFound(foundExpected(printable(gguf.path()), "no tensor 'token_embd.weight'", "it in a model"));
    config["vocab_size"] = embedding->second.rows();
    return Status::success();
  }

  /// What the checkpoint says by omission.
  Status checkHeads() {
    std::string rotated = keyOf("rope.dimension_count"), values = keyOf("attention.value_length");
    if (!config.contains("hidden_size"))
      return Status::success();
    int64_t heads = config["num_attention_heads"].get<int64_t>();
    if (heads < 1)
      return gguf.error(keyOf("attention.head_count"), "at least 1");
    int64_t size = headSize(config);
    if (size < 1)
      return gguf.error(keyOf(config.contains("head_dim") ? "attention.key_length" : "embedding_length"), "at least 1");
    for (const std::string &key : {rotated, values})
      if (gguf.has(key)) {
        PLAIT_ASSIGN_OR_RETURN(int64_t found, gguf.getInt(key, 0, INT64_MAX));
        if (found != size && key == rotated && architecture.rotatesPartially)
          config["partial_rotary_factor"] = double(found) / double(size);
        else if (found != size)
          return unsupported(gguf.error(key, std::to_string(size) + ", the size of a head").message());
      }
    return Status::success();
  }

  Status addRopeScaling() {
    if (hasTensor(gguf, "rope_freqs.weight"))
      return addLlama3Scaling(gguf.tensors().at("rope_freqs.weight"));
    std::string typeKey = keyOf("rope.scaling.type"), factorKey = keyOf("rope.scaling.factor"),
                originalKey = keyOf("rope.scaling.original_context_length");
    if (!gguf.has(typeKey))
      return Status::success();
    PLAIT_ASSIGN_OR_RETURN(std::string type, gguf.getString(typeKey));
    if (type == "none")
      return Status::success();
    Json &scaling = config["rope_scaling"];
    scaling["rope_type"] = type;
    if (gguf.has(factorKey)) {
      PLAIT_ASSIGN_OR_RETURN(scaling["factor"], gguf.getNumber(factorKey));
    }
    if (gguf.has(originalKey)) {
      PLAIT_ASSIGN_OR_RETURN(scaling["original_max_position_embeddings"], gguf.getInt(originalKey, 0, INT64_MAX));
    }
    return Status::success();
  }

  Status addLlama3Scaling(const TensorView &factors);

  Status addSpecialTokens() {
    Json ends = Json::array();
    for (const char *name : {"eos", "eot", "eom"}) {
      std::string key = "tokenizer.ggml." + std::string(name) + "_token_id";
      if (!gguf.has(key))
        continue;
      PLAIT_ASSIGN_OR_RETURN(int64_t id, gguf.getInt(key, 0, INT32_MAX));
      if (std::find(ends.begin(), ends.end(), Json(id)) == ends.end())
        ends.push_back(id);
    }
    if (!ends.empty())
      config["eos_token_id"] = ends.size() == 1 ? ends[0] : ends;
    if (gguf.has("tokenizer.ggml.bos_token_id")) {
      PLAIT_ASSIGN_OR_RETURN(config["bos_token_id"], gguf.getInt("tokenizer.ggml.bos_token_id", 0, INT32_MAX));
    }
    return Status::success();
  }

  void addOtherKeys() {
    std::string prefix = std::string(architecture.name) + ".";
    for (const std::string &key : gguf.keysBelow(prefix))
      if (!read.count(key))
        config[key] = true;
  }

  const Gguf &gguf;
  const Architecture &architecture;
  Json config = Json::object();
  std::set<std::string> read;
};

/// Llama 3.1 scales each frequency by a factor of its own. The file holds these
/// factors instead of the four numbers they follow from, so the numbers are
/// sought that give them: what all such models share (low 1, high 4), the
/// greatest factor, and the original context from a frequency in between.
Status ConfigMaker::addLlama3Scaling(const TensorView &tensor) {
  std::vector<float> factors(static_cast<size_t>(tensor.elements()));
  for (size_t i = 0; i < factors.size(); ++i)
    factors[i] = float(tensorElement(tensor, int64_t(i)));
  const std::string what = printable(gguf.path()) + ": tensor 'rope_freqs.weight'";
  auto refused = [&](const std::string &found) {
    return unsupported(foundExpected(what, found, "the factors of Llama 3.1's scaling of frequencies"));
  };
  if (factors.empty() || !(factors.back() > 1) || !std::isfinite(factors.back()))
    return refused("no factor above 1 for the lowest frequency");
  constexpr double low = 1, high = 4;
  const double factor = factors.back();
  const double theta = config.contains("rope_theta") ? config["rope_theta"].get<double>() : 10000;
  auto wavelength = [&](size_t i) {
    return 2 * std::numbers::pi * std::pow(theta, double(i) / double(factors.size()));
  };

  // Between these the original context lies if no frequency is in between; a
  // power of two in that range stands for all of it.
  double atLeast = 0, original = 0;
  for (size_t i = 0; i < factors.size(); ++i) {
    if (factors[i] == 1)
      atLeast = wavelength(i) * high;
    else if (factors[i] != factors.back() && original == 0)
      original = wavelength(i) * (low + (high - low) * (1 / double(factors[i]) - 1 / factor) / (1 - 1 / factor));
  }
  original = original != 0 ? std::round(original) : std::exp2(std::floor(std::log2(atLeast)) + 1);
  for (size_t i = 0; i < factors.size(); ++i) {
    double length = wavelength(i), smooth = (original / length - low) / (high - low);
    double expected = std::clamp(smooth, 0.0, 1.0);
    expected = 1 / ((1 - expected) / factor + expected);
    if (!(std::abs(expected - factors[i]) <= 1e-4 * expected)) // of NaN too
      return refused("the factor " + std::to_string(factors[i]) + " for frequency " + std::to_string(i));
  }
  if (!(original >= 1 && original <= 0x1p53))
    return refused("factors of an original context of " + std::to_string(original) + " positions");
  config["rope_scaling"] = {{"rope_type", "llama3"},
                            {"factor", factor},
                            {"low_freq_factor", low},
                            {"high_freq_factor", high},
                            {"original_max_position_embeddings", int64_t(original)}};
  return Status::success();
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

/// "blk.{layer}.attn_q" and "12" of "blk.12.attn_q".
std::pair<std::string, std::string> withoutLayer(std::string_view name) {
  constexpr std::string_view prefix = "blk.";
  size_t dot = name.find('.', prefix.size());
  if (!name.starts_with(prefix) || dot == std::string_view::npos)
    return {std::string(name), ""};
  return {"blk.{layer}" + std::string(name.substr(dot)), std::string(name.substr(prefix.size(), dot - prefix.size()))};
}

struct CheckpointName {
  std::string name;
  Change change;
};

std::optional<CheckpointName> findName(const Architecture &architecture, const std::string &tensor) {
  size_t dot = tensor.rfind('.');
  if (dot == std::string::npos)
    return std::nullopt;
  auto [body, layer] = withoutLayer(std::string_view(tensor).substr(0, dot));
  for (std::span<const TensorName> tensors : {architecture.tensors, architecture.moreTensors}) {
    auto entry = std::find_if(tensors.begin(), tensors.end(), [&](const TensorName &t) { return t.gguf == body; });
    if (entry == tensors.end())
      continue;
    std::string name = entry->checkpoint;
    constexpr std::string_view mark = "{layer}";
    if (size_t at = name.find(mark); at != std::string::npos)
      name.replace(at, mark.size(), layer);
    return CheckpointName{name + tensor.substr(dot), entry->change};
  }
  return std::nullopt;
}

} // namespace

Expected<Json> plait::makeConfig(const Gguf &gguf) {
  PLAIT_ASSIGN_OR_RETURN(const Architecture *architecture, findArchitecture(gguf));
  return ConfigMaker(gguf, *architecture).make();
}

Expected<Checkpoint> plait::makeCheckpoint(const Gguf &gguf) {
  PLAIT_ASSIGN_OR_RETURN(const Architecture *architecture, findArchitecture(gguf));
  PLAIT_ASSIGN_OR_RETURN(Json config, makeConfig(gguf));
  std::map<std::string, TensorView> tensors;
  for (const auto &[name, stored] : gguf.tensors()) {
    TensorView tensor = stored;
    std::optional<CheckpointName> found = findName(*architecture, name);
    if (!found && name == "rope_freqs.weight")
      continue; // it became part of the configuration
    switch (found ? found->change : Change::none) {
    case Change::none:
      break;
    case Change::transposed:
      if (tensor.shape.size() == 2) { // a bias stays as it is
        std::swap(tensor.shape[0], tensor.shape[1]);
        tensor.transposed = true;
      }
      break;
    case Change::pairedRows:
      tensor.pairedRows = headSize(config);
      if (tensor.pairedRows < 2 || tensor.pairedRows % 2 || tensor.rows() % tensor.pairedRows)
        return corrupt(foundExpected(
            printable(gguf.path()) + ": tensor " + inQuotes(name), std::to_string(tensor.rows()) + " rows",
            "a multiple of the size of a head, " + std::to_string(tensor.pairedRows) + ", which is even"));
      break;
    case Change::plusOne:
      tensor.offset = -1;
      break;
    }
    if (!tensors.emplace(found ? found->name : name, std::move(tensor)).second)
      return corrupt(
          foundExpected(printable(gguf.path()), "two tensors for " + inQuotes(found ? found->name : name), "one"));
  }
  return Checkpoint(std::move(tensors), gguf.files());
}
