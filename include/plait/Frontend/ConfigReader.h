//===- ConfigReader.h - Bounded reads of config.json ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_CONFIGREADER_H
#define PLAIT_FRONTEND_CONFIGREADER_H

#include "plait/Frontend/ModelConfig.h"
#include "plait/Frontend/Rope.h"

#include "dialects/Lm/Lm.h"

#include <set>

namespace plait {

/// Bounds of the sizes. They lie far above any model, and low enough that
/// parameter bytes and state bytes of the largest permitted model fit 62 bits.
namespace limits {
inline constexpr int64_t vocabulary = INT32_MAX; ///< token ids are i32
inline constexpr int64_t positions = int64_t(1) << 27;
inline constexpr int64_t hidden = int64_t(1) << 20;
inline constexpr int64_t intermediate = int64_t(1) << 22;
inline constexpr int64_t layers = int64_t(1) << 12;
inline constexpr int64_t heads = int64_t(1) << 12;
inline constexpr int64_t headDim = int64_t(1) << 12;
inline constexpr int64_t attentionColumns = int64_t(1) << 20; ///< heads * headDim
inline constexpr int64_t residualDelay = 1; ///< what models are trained with, and what needs no copies
} // namespace limits

/// What every decoder of Llama's line has besides its shape.
struct DecoderConstants {
  double normEps = 0;
  lm::ActivationKind activation = lm::ActivationKind::silu;
  double attentionScale = 1;
};

/// Where such a family's config.json is unlike Llama's.
struct DecoderKeys {
  const char *activation = "hidden_act", *absentActivation = "silu";
  int64_t absentHeadDim = 0; ///< 0: hidden_size / num_attention_heads
  bool absentTie = false;    ///< of `tie_word_embeddings`
};

/// Where a rotary embedding is in config.json.
struct RopeKeys {
  /// The member of `rope_parameters` that holds it, where there is one for each
  /// kind of layer.
  const char *layerType = nullptr;
  const char *theta = "rope_theta";
  double absentTheta = 10000;
  bool hasScaling = true; ///< whether `rope_scaling` is about it
  bool isPartial = false; ///< whether `partial_rotary_factor` is about it
  /// Whether `max_position_embeddings` is the context before scaling.
  bool extendsPositions = true;
  /// `original_max_position_embeddings` of families that have it outside of the
  /// object, and longrope alone, which "su" and "yarn" are older names of.
  std::optional<int64_t> longOriginal = std::nullopt;
};

/// Reads the members of config.json for a family and remembers which it read,
/// so that a key nobody looked at does not go unnoticed.
class ConfigReader {
public:
  ConfigReader(const JsonView &root, mlir::MLIRContext &context, std::vector<std::string> &warnings)
      : root(root), context(context), warnings(warnings) {}

  /// The keys that all families of Llama's line share: the whole shape, and the
  /// constants.
  Expected<DecoderConstants> readDecoder(ModelConfig &config, const DecoderKeys &keys = {});
  /// Rotary embedding: `rope_theta` and `rope_scaling`, or `rope_parameters`.
  /// Extends `maxPositions` of the config, whose shape is read.
  Expected<Rope> readRope(ModelConfig &config, const RopeKeys &keys = {});

  /// A size in [1, max]; with a default the key may be absent or null.
  Expected<int64_t> size(const std::string &key, int64_t max);
  Expected<int64_t> size(const std::string &key, int64_t max, int64_t absent);
  /// The same, or 0.
  Expected<int64_t> count(const std::string &key, int64_t max, int64_t absent);
  /// The epsilon of a norm, in [0, 1).
  Expected<double> epsilon(const std::string &key, double absent);
  Expected<bool> flag(const std::string &key, bool absent);
  /// A number above 0; nothing where the key is null.
  Expected<std::optional<double>> positive(const std::string &key, std::optional<double> absent = std::nullopt);
  /// How many positions a layer with a window attends to; 0 where the key is null.
  Expected<int64_t> window(const std::string &key, int64_t absent);
  /// Fills in `layerKinds`: `layer_types` says which layers have the window, or
  /// `hasWindow` where that is absent. A `window` of 0 is none.
  Status readLayerTypes(ModelConfig &config, int64_t window, llvm::function_ref<bool(int64_t layer)> hasWindow);
  Expected<lm::ActivationKind> activation(const std::string &key, const std::string &absent);
  Expected<std::optional<std::string>> elementType();

  /// Checks headDim * heads against its bound and heads against kvHeads.
  Status checkHeads(const ModelConfig &config, const std::string &headsKey, const std::string &kvHeadsKey);

  /// Refuses the key unless it is absent, null or `value`.
  Status require(const std::string &key, const Json &value, const std::string &remedy);
  /// `root`/`key` has a value that Plait cannot do.
  Status refuse(const std::string &key, const std::string &expected);
  bool has(const std::string &key);
  bool isNull(const std::string &key);

  void warn(const std::string &key, const std::string &consequence);
  /// One warning for all keys that were neither read nor are known not to
  /// matter for inference.
  void warnOfUnreadKeys();

private:
  struct RopeObject;
  Expected<RopeObject> readRopeObject(const std::string &key, const ModelConfig &config, const RopeKeys &keys);

  const JsonView &root;
  mlir::MLIRContext &context;
  std::vector<std::string> &warnings;
  std::set<std::string, std::less<>> seen;
};

/// The number above 0 that is member `key` of `object`.
Expected<double> readPositive(const JsonView &object, const std::string &key);
/// The error `view.error(expected)` for something well formed that Plait cannot do.
Status unsupportedValue(const JsonView &view, const std::string &expected);
/// A warning: "SOURCE: POINTER: found F; `consequence`".
std::string warningAbout(const JsonView &view, const std::string &consequence);

} // namespace plait

#endif // PLAIT_FRONTEND_CONFIGREADER_H
