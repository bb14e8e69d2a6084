//===- RopeConfig.cpp - Rotary embedding in config.json -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Keys, defaults and formulas are those of modeling_rope_utils in Hugging Face
// transformers. Before version 5 there are `rope_theta` and `rope_scaling`,
// since then `rope_parameters` holds both, for each kind of layer if need be.
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/ConfigReader.h"

#include "mlir/IR/Builders.h"

#include <algorithm>
#include <cmath>

using namespace plait;

/// What one object of config.json says.
struct ConfigReader::RopeObject {
  std::optional<double> theta, partialFactor;
  lm::RopeScalingInterface scaling;
  double positions = 0; ///< the context that the scaling reaches
};

namespace {

constexpr const char *knownTypes = "one of default, linear, dynamic, yarn, longrope, llama3";

/// Reads the scalings of one `rope_scaling` or `rope_parameters`.
class ScalingReader {
public:
  ScalingReader(const JsonView &object, mlir::MLIRContext &context, int64_t maxPositions)
      : object(object), context(context), maxPositions(maxPositions) {}

  Expected<lm::RopeScalingInterface> linear() {
    PLAIT_ASSIGN_OR_RETURN(double factor, readFactor());
    positions = factor * double(maxPositions);
    return make<lm::LinearScalingAttr>(number(factor));
  }

  Expected<lm::RopeScalingInterface> dynamic() {
    PLAIT_ASSIGN_OR_RETURN(double factor, readFactor());
    positions = factor * double(maxPositions);
    return make<lm::DynamicScalingAttr>(number(factor), maxPositions);
  }

  Expected<lm::RopeScalingInterface> yarn() {
    PLAIT_ASSIGN_OR_RETURN(int64_t original, readOriginal());
    double factor = double(maxPositions) / double(original);
    if (object.has("factor") || factor < 1) {
      PLAIT_ASSIGN_OR_RETURN(factor, readFactor());
    }
    positions = factor * double(original);
    PLAIT_ASSIGN_OR_RETURN(double fast, readPositiveOr("beta_fast", 32));
    PLAIT_ASSIGN_OR_RETURN(double slow, readPositiveOr("beta_slow", 1));
    if (slow > fast)
      return object.get(object.has("beta_slow") ? "beta_slow" : "beta_fast")
          ->error("a beta_slow of at most beta_fast, by default 1 and 32");
    PLAIT_ASSIGN_OR_RETURN(bool truncate, object.getBool("truncate", true));
    if (!truncate)
      return unsupportedValue(*object.get("truncate"), "true; Plait begins and ends the ramp of YaRN at whole pairs");
    PLAIT_ASSIGN_OR_RETURN(double attentionFactor, readAttentionFactor(factor));
    return make<lm::YarnScalingAttr>(number(factor), number(fast), number(slow), original, number(attentionFactor));
  }

  Expected<lm::RopeScalingInterface> llama3() {
    PLAIT_ASSIGN_OR_RETURN(double factor, readFactor());
    PLAIT_ASSIGN_OR_RETURN(double low, readPositive(object, "low_freq_factor"));
    PLAIT_ASSIGN_OR_RETURN(double high, readPositive(object, "high_freq_factor"));
    if (low >= high)
      return object.get("high_freq_factor")->error("a number above low_freq_factor");
    PLAIT_ASSIGN_OR_RETURN(int64_t original, readOriginal());
    return make<lm::Llama3ScalingAttr>(number(factor), number(low), number(high), original);
  }

  /// The list of factors for the longest context counts: keys that lie in the
  /// state cannot change over to another one. `original` is what the object lacks.
  Expected<lm::RopeScalingInterface> longrope(std::optional<int64_t> original) {
    if (!original) {
      PLAIT_ASSIGN_OR_RETURN(original, readOriginal());
    }
    positions = double(maxPositions); // what the scaling reaches
    isLong = maxPositions > *original;
    PLAIT_ASSIGN_OR_RETURN(std::vector<double> shortFactors, readFactors("short_factor"));
    PLAIT_ASSIGN_OR_RETURN(std::vector<double> longFactors, readFactors("long_factor"));
    double factor = double(maxPositions) / double(*original);
    if (object.has("factor")) {
      PLAIT_ASSIGN_OR_RETURN(factor, readPositive(object, "factor"));
    }
    // Of a context of one position there is no logarithm to divide by.
    if (*original == 1 && factor > 1 && !object.has("attention_factor"))
      return object.error("an original_max_position_embeddings above 1, or an attention_factor");
    double attentionFactor = factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(double(*original)));
    if (object.has("attention_factor")) {
      PLAIT_ASSIGN_OR_RETURN(attentionFactor, readPositive(object, "attention_factor"));
    }
    return make<lm::PairScalingAttr>(mlir::DenseF64ArrayAttr::get(&context, isLong ? longFactors : shortFactors),
                                     number(attentionFactor));
  }

  double positions = 0;
  bool isLong = false; ///< whether longrope's long_factor counts

private:
  template <typename Scaling, typename... Fields> lm::RopeScalingInterface make(Fields... fields) {
    return Scaling::get(&context, fields...);
  }
  FloatAttr number(double value) { return Builder(&context).getF64FloatAttr(value); }

  Expected<double> readFactor() {
    PLAIT_ASSIGN_OR_RETURN(double factor, readPositive(object, "factor"));
    if (factor < 1)
      return object.get("factor")->error("a factor of at least 1");
    return factor;
  }
  Expected<double> readPositiveOr(const std::string &key, double absent) {
    if (!object.has(key))
      return absent;
    return readPositive(object, key);
  }
  Expected<std::vector<double>> readFactors(const std::string &key) {
    PLAIT_ASSIGN_OR_RETURN(JsonView list, object.get(key));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> elements, list.asArray());
    std::vector<double> factors;
    for (const JsonView &element : elements) {
      PLAIT_ASSIGN_OR_RETURN(double factor, element.asDouble());
      if (!(factor > 0))
        return element.error("a number above 0");
      factors.push_back(factor);
    }
    return factors;
  }
  Expected<int64_t> readOriginal() {
    return object.getInt("original_max_position_embeddings", 1, limits::positions, maxPositions);
  }

  /// Given, or of `mscale` and `mscale_all_dim`, or of the factor alone.
  Expected<double> readAttentionFactor(double factor) {
    if (object.has("attention_factor"))
      return readPositive(object, "attention_factor");
    auto scaled = [&](double mscale) { return factor <= 1 ? 1 : 0.1 * mscale * std::log(factor) + 1; };
    double mscale = 0, mscaleAll = 0;
    for (auto [key, value] : {std::pair{"mscale", &mscale}, {"mscale_all_dim", &mscaleAll}})
      if (object.has(key)) {
        PLAIT_ASSIGN_OR_RETURN(JsonView view, object.get(key));
        PLAIT_ASSIGN_OR_RETURN(*value, view.asDouble());
        if (!(*value >= 0))
          return view.error("a number of at least 0");
      }
    return mscale && mscaleAll ? scaled(mscale) / scaled(mscaleAll) : scaled(1);
  }

  const JsonView &object;
  mlir::MLIRContext &context;
  int64_t maxPositions;
};

} // namespace

Expected<ConfigReader::RopeObject> ConfigReader::readRopeObject(const std::string &key, const ModelConfig &config,
                                                                const RopeKeys &keys) {
  PLAIT_ASSIGN_OR_RETURN(JsonView object, root.get(key));
  if (!object.json().is_object())
    return object.error("an object with rope_type");
  if (key == "rope_parameters" && keys.layerType) {
    if (object.has("rope_type") || object.has("rope_theta"))
      return object.error("one object for each kind of layer, full_attention and sliding_attention");
    if (!object.has(keys.layerType))
      return RopeObject();
    PLAIT_ASSIGN_OR_RETURN(object, object.get(keys.layerType));
  }
  RopeObject rope;
  if (object.has("rope_theta")) {
    PLAIT_ASSIGN_OR_RETURN(rope.theta, readPositive(object, "rope_theta"));
  }
  if (object.has("partial_rotary_factor")) {
    PLAIT_ASSIGN_OR_RETURN(rope.partialFactor, readPositive(object, "partial_rotary_factor"));
    if (!keys.isPartial && *rope.partialFactor != 1)
      return unsupportedValue(*object.get("partial_rotary_factor"), "1, as this family rotates all columns of a head");
  }

  const char *typeKey = object.has("rope_type") || !object.has("type") ? "rope_type" : "type";
  std::string type = "default";
  if (object.has(typeKey)) {
    PLAIT_ASSIGN_OR_RETURN(type, object.getString(typeKey));
  } else if (key == "rope_scaling" || !rope.theta) {
    // Without a type and a base frequency it may be one object per layer type.
    return object.error(std::string("a member rope_type, ") + knownTypes);
  }
  if (keys.longOriginal && (type == "su" || type == "yarn"))
    type = "longrope";
  ScalingReader reader(object, context, config.maxPositions);
  if (type == "linear") {
    PLAIT_ASSIGN_OR_RETURN(rope.scaling, reader.linear());
  } else if (type == "dynamic") {
    PLAIT_ASSIGN_OR_RETURN(rope.scaling, reader.dynamic());
  } else if (type == "yarn") {
    PLAIT_ASSIGN_OR_RETURN(rope.scaling, reader.yarn());
  } else if (type == "longrope") {
    PLAIT_ASSIGN_OR_RETURN(rope.scaling, reader.longrope(keys.longOriginal));
    if (reader.isLong)
      warn(key, "its long_factor is used for texts of any length; for its short_factor set max_position_embeddings to "
                "that of the original context");
  } else if (type == "llama3") {
    PLAIT_ASSIGN_OR_RETURN(rope.scaling, reader.llama3());
  } else if (type != "default") {
    PLAIT_ASSIGN_OR_RETURN(JsonView view, object.get(typeKey));
    return unsupportedValue(view, std::string(knownTypes) + "; Plait has no other RoPE scaling");
  }
  rope.positions = reader.positions;
  return rope;
}

Expected<Rope> ConfigReader::readRope(ModelConfig &config, const RopeKeys &keys) {
  std::optional<RopeObject> found;
  for (const char *key : {"rope_parameters", "rope_scaling"}) {
    if (!has(key) || (key == StringRef("rope_scaling") && !keys.hasScaling))
      continue;
    PLAIT_ASSIGN_OR_RETURN(RopeObject read, readRopeObject(key, config, keys));
    if (found && (found->scaling != read.scaling || (read.theta && read.theta != found->theta)))
      return refuse(key, "the same as rope_parameters; remove one of the two");
    if (!found)
      found = read;
  }
  Rope rope;
  PLAIT_ASSIGN_OR_RETURN(std::optional<double> theta, positive(keys.theta));
  if (found && found->theta && theta && *found->theta != *theta)
    return refuse(keys.theta, "the same as in rope_parameters; remove one of the two");
  rope.theta = found && found->theta ? *found->theta : theta.value_or(keys.absentTheta);
  rope.scaling = found ? found->scaling : lm::RopeScalingInterface();

  PLAIT_ASSIGN_OR_RETURN(std::optional<double> partial, positive("partial_rotary_factor"));
  if (partial && !keys.isPartial && *partial != 1)
    return refuse("partial_rotary_factor", "1, as this family rotates all columns of a head");
  double share = found && found->partialFactor ? *found->partialFactor : partial.value_or(1);
  rope.rotaryDim = int64_t(double(config.headDim) * std::min(share, 2.0));
  if (share > 1 || rope.rotaryDim < 2 || rope.rotaryDim % 2)
    return refuse(has("partial_rotary_factor") ? "partial_rotary_factor" : "rope_parameters",
                  "a partial_rotary_factor that leaves an even number from 2 to head_dim (" +
                      std::to_string(config.headDim) + ") of columns");
  if (rope.scaling) {
    if (StringRef unmet = rope.scaling.getUnmetNeed(rope.theta, rope.rotaryDim / 2); !unmet.empty())
      return refuse(has("rope_parameters") ? "rope_parameters" : "rope_scaling", unmet.str() + " for this rope_type");
    // A scaling is there to be used: without it the model would be cut off where
    // it begins to take effect.
    if (keys.extendsPositions)
      config.maxPositions =
          int64_t(std::clamp(found->positions, double(config.maxPositions), double(limits::positions)));
  }
  return rope;
}
