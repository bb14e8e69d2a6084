//===- ConfigReader.cpp - Bounded reads of config.json --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"

#include "runtime/base/File.h"

#include <algorithm>
#include <cmath>
#include <string_view>

using namespace plait;

namespace {

/// Keys without influence on what inference computes: training, pipelines,
/// bookkeeping, and what generation defaults are read from.
// clang-format off
constexpr std::string_view irrelevantKeys[] = {
    "architectures", "attention_dropout", "attn_pdrop", "bad_words_ids",
    "begin_suppress_tokens", "bos_token_id", "cache_implementation", "chunk_size_feed_forward",
    "cross_attention_hidden_size", "decoder_start_token_id", "do_sample", "early_stopping",
    "embd_pdrop", "eos_token_id", "exponential_decay_length_penalty", "finetuning_task",
    "forced_bos_token_id", "forced_eos_token_id", "gradient_checkpointing", "id2label",
    "initializer_factor", "initializer_range", "label2id", "max_length", "min_length",
    "mlp_dropout", "model_type", "n_ctx", "name_or_path", "num_labels", "output_attentions",
    "output_hidden_states", "output_past", "output_scores", "pad_token_id", "prefix",
    "problem_type", "pruned_heads", "remove_invalid_values", "resid_pdrop", "return_dict",
    "return_dict_in_generate", "sep_token_id", "suppress_tokens", "task_specific_params",
    "temperature", "tf_legacy_loss", "tie_encoder_decoder", "tokenizer_class", "top_k",
    "top_p", "torchscript", "transformers.js_config", "transformers_version", "use_bfloat16",
    "use_cache",
};
// clang-format on

bool isIrrelevant(std::string_view key) {
  return key.starts_with("_") || key.starts_with("summary_") ||
         std::find(std::begin(irrelevantKeys), std::end(irrelevantKeys), key) != std::end(irrelevantKeys);
}

} // namespace

Expected<double> plait::readPositive(const JsonView &object, const std::string &key) {
  PLAIT_ASSIGN_OR_RETURN(JsonView view, object.get(key));
  PLAIT_ASSIGN_OR_RETURN(double value, view.asDouble());
  if (!(value > 0))
    return view.error("a number above 0");
  return value;
}

Status plait::unsupportedValue(const JsonView &view, const std::string &expected) {
  return unsupported(view.error(expected).message());
}

std::string plait::warningAbout(const JsonView &view, const std::string &consequence) {
  // The view knows how to say where and what; the end of its sentence goes.
  std::string text = view.error("").message();
  return text.substr(0, text.rfind("; expected ")) + "; " + consequence;
}

bool ConfigReader::has(const std::string &key) {
  seen.insert(key);
  return root.has(key);
}

bool ConfigReader::isNull(const std::string &key) {
  return !has(key) && root.json().is_object() && root.json().contains(key);
}

Expected<int64_t> ConfigReader::size(const std::string &key, int64_t max) {
  seen.insert(key);
  return root.getInt(key, 1, max);
}

Expected<int64_t> ConfigReader::size(const std::string &key, int64_t max, int64_t absent) {
  seen.insert(key);
  return root.getInt(key, 1, max, absent);
}

Expected<int64_t> ConfigReader::count(const std::string &key, int64_t max, int64_t absent) {
  seen.insert(key);
  return root.getInt(key, 0, max, absent);
}

Expected<double> ConfigReader::epsilon(const std::string &key, double absent) {
  if (!has(key))
    return absent;
  PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get(key));
  PLAIT_ASSIGN_OR_RETURN(double value, view.asDouble());
  if (!(value >= 0 && value < 1))
    return view.error("a number in [0, 1)");
  return value;
}

Expected<bool> ConfigReader::flag(const std::string &key, bool absent) {
  seen.insert(key);
  return root.getBool(key, absent);
}

Expected<std::optional<double>> ConfigReader::positive(const std::string &key, std::optional<double> absent) {
  if (isNull(key))
    return std::optional<double>();
  std::optional<double> value = absent;
  if (has(key)) {
    PLAIT_ASSIGN_OR_RETURN(value, readPositive(root, key));
  }
  return value;
}

Expected<int64_t> ConfigReader::window(const std::string &key, int64_t absent) {
  if (isNull(key))
    return int64_t(0);
  if (!has(key))
    return absent;
  return size(key, limits::positions);
}

Status ConfigReader::readLayerTypes(ModelConfig &config, int64_t window, llvm::function_ref<bool(int64_t)> hasWindow) {
  config.layerKinds.assign(size_t(config.layers), LayerKind());
  if (!has("layer_types")) {
    for (int64_t layer = 0; layer < config.layers; ++layer)
      config.layerKinds[size_t(layer)].window = hasWindow(layer) ? window : 0;
    return Status::success();
  }
  PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get("layer_types"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> types, view.asArray());
  if (int64_t(types.size()) != config.layers)
    return view.error("an array of num_hidden_layers (" + std::to_string(config.layers) + ") elements");
  for (size_t layer = 0; layer < types.size(); ++layer) {
    PLAIT_ASSIGN_OR_RETURN(std::string type, types[layer].asString());
    if (type == "sliding_attention" && window)
      config.layerKinds[layer].window = window;
    else if (type != "full_attention")
      return unsupportedValue(types[layer], window ? "full_attention or sliding_attention"
                                                   : "full_attention, as there is no sliding window");
  }
  return Status::success();
}

Expected<lm::ActivationKind> ConfigReader::activation(const std::string &key, const std::string &absent) {
  seen.insert(key);
  PLAIT_ASSIGN_OR_RETURN(std::string name, root.getString(key, absent));
  if (name == "silu" || name == "swish")
    return lm::ActivationKind::silu;
  if (name == "gelu_new" || name == "gelu_pytorch_tanh")
    return lm::ActivationKind::gelu_tanh;
  PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get(key));
  return unsupportedValue(view, "one of silu, gelu_new, gelu_pytorch_tanh; Plait has no other "
                                "activation");
}

Expected<std::optional<std::string>> ConfigReader::elementType() {
  std::optional<std::string> result;
  for (const char *key : {"torch_dtype", "dtype"}) { // before and since transformers 5
    if (!has(key))
      continue;
    PLAIT_ASSIGN_OR_RETURN(std::string name, root.getString(key));
    if (name.starts_with("torch."))
      name.erase(0, 6);
    if (result && *result != name)
      return root.get(key)->error("the value of torch_dtype, \"" + printable(*result, 80) +
                                  "\"; remove one of the two");
    result = name;
  }
  return result;
}

Expected<DecoderConstants> ConfigReader::readDecoder(ModelConfig &config, const DecoderKeys &keys) {
  PLAIT_ASSIGN_OR_RETURN(config.vocabulary, size("vocab_size", limits::vocabulary));
  PLAIT_ASSIGN_OR_RETURN(config.hidden, size("hidden_size", limits::hidden));
  PLAIT_ASSIGN_OR_RETURN(config.intermediate, size("intermediate_size", limits::intermediate));
  PLAIT_ASSIGN_OR_RETURN(config.layers, size("num_hidden_layers", limits::layers));
  PLAIT_ASSIGN_OR_RETURN(config.maxPositions, size("max_position_embeddings", limits::positions));
  PLAIT_ASSIGN_OR_RETURN(config.heads, size("num_attention_heads", limits::heads));
  PLAIT_ASSIGN_OR_RETURN(config.kvHeads, size("num_key_value_heads", limits::heads, config.heads));
  int64_t absentHeadDim = keys.absentHeadDim ? keys.absentHeadDim : config.hidden / config.heads;
  if (!has("head_dim") && !keys.absentHeadDim && config.hidden % config.heads != 0)
    return refuse("num_attention_heads",
                  "a divisor of hidden_size (" + std::to_string(config.hidden) + "); else give head_dim");
  PLAIT_ASSIGN_OR_RETURN(config.headDim, size("head_dim", limits::headDim, absentHeadDim));
  if (config.headDim > limits::headDim || config.headDim % 2 != 0) {
    std::string expected = "an even head_dim of at most " + std::to_string(limits::headDim);
    if (has("head_dim"))
      return refuse("head_dim", expected + ", as RoPE rotates pairs of columns");
    return refuse("num_attention_heads",
                  expected + " instead of hidden_size / num_attention_heads = " + std::to_string(config.headDim));
  }
  PLAIT_RETURN_IF_ERROR(checkHeads(config, "num_attention_heads", "num_key_value_heads"));
  PLAIT_ASSIGN_OR_RETURN(config.tiedEmbeddings, flag("tie_word_embeddings", keys.absentTie));
  PLAIT_ASSIGN_OR_RETURN(config.residualDelay, count("residual_delay", limits::residualDelay, 0));

  DecoderConstants constants;
  constants.attentionScale = 1 / std::sqrt(double(config.headDim));
  PLAIT_ASSIGN_OR_RETURN(constants.normEps, epsilon("rms_norm_eps", 1e-6));
  PLAIT_ASSIGN_OR_RETURN(constants.activation, activation(keys.activation, keys.absentActivation));
  return constants;
}

Status ConfigReader::checkHeads(const ModelConfig &config, const std::string &headsKey, const std::string &kvHeadsKey) {
  if (config.heads % config.kvHeads != 0)
    return refuse(kvHeadsKey, "a divisor of " + headsKey + " (" + std::to_string(config.heads) +
                                  "), as every key/value head serves equally many query heads");
  if (config.heads * config.headDim > limits::attentionColumns)
    return refuse(headsKey, "at most " + std::to_string(limits::attentionColumns) + " columns for all heads of " +
                                std::to_string(config.headDim) + " columns together");
  return Status::success();
}

Status ConfigReader::require(const std::string &key, const Json &value, const std::string &remedy) {
  if (!has(key))
    return Status::success();
  PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get(key));
  if (view.json() == value)
    return Status::success();
  return unsupportedValue(view, value.dump() + "; " + remedy);
}

Status ConfigReader::refuse(const std::string &key, const std::string &expected) {
  PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get(key));
  return view.error(expected);
}

void ConfigReader::warn(const std::string &key, const std::string &consequence) {
  seen.insert(key);
  if (Expected<JsonView> view = root.get(key))
    warnings.push_back(warningAbout(*view, consequence));
}

void ConfigReader::warnOfUnreadKeys() {
  constexpr size_t shown = 5;
  std::string keys;
  size_t count = 0;
  Expected<std::vector<std::pair<std::string, JsonView>>> members = root.asObject();
  if (!members)
    return;
  for (const auto &[key, value] : *members) {
    if (seen.count(key) || isIrrelevant(key) || value.json().is_null())
      continue;
    if (count++ < shown)
      keys += (keys.empty() ? "'" : ", '") + printable(key, 80) + "'";
  }
  if (count > shown)
    keys += " and " + std::to_string(count - shown) + " more";
  if (count)
    warnings.push_back(warningAbout(root, "the keys unknown to Plait are ignored: " + keys));
}
