//===- ModelBuilder.h - Builds an lm.model ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The vocabulary in which a family is written down. A weight is named by its
// path in the checkpoint without the body's prefix and without the final
// ".weight", such as "layers.{layer}.self_attn.q_proj"; it is declared on first
// use. Ops carry the path, prefix included and layer left out, as a NameLoc:
// plans and reports name source ops by it.
//
// A family whose layers differ says so in ModelConfig::layerKinds; the builder
// turns them into loops (LayerPattern.h), each sublayer of which has weights and
// a state of its own.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_MODELBUILDER_H
#define PLAIT_FRONTEND_MODELBUILDER_H

#include "plait/Frontend/LayerPattern.h"
#include "plait/Frontend/ModelConfig.h"
#include "plait/Frontend/ModelFamily.h"
#include "plait/Frontend/Rope.h"
#include "plait/Frontend/WeightFormat.h"

#include "dialects/Lm/Lm.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <functional>
#include <vector>

namespace plait {

/// How an RMS norm is unlike x / rms(x) * gain over whole rows.
struct RmsNormForm {
  double eps = 0;
  bool unitOffset = false; ///< the gain is 1 more than what the checkpoint holds
  int64_t columns = 0;     ///< of each group that is normalised on its own; 0: all
};

/// How scores are made of products of queries and keys.
struct AttentionForm {
  double scale = 1;
  std::optional<double> softcap = std::nullopt;
};

class ModelBuilder;

/// The residual stream that the sublayers of a transformer read and add to. With a delay of 1
/// (ModelConfig::residualDelay) a sublayer does not see what the one before it adds, so that the
/// sum of that over ranks may still be under way (Ladder Residual, Zhang et al. 2025, arXiv 2501.06589).
/// Models are trained so: it is not a form of others.
class Residual {
public:
  /// Nothing is late.
  Residual(ModelBuilder &builder, mlir::Value start) : builder(builder), sum(start) {}

  /// What the next sublayer reads.
  mlir::Value read();
  /// Adds the output of a sublayer, at `path`.
  void add(mlir::Value output, llvm::StringRef path);
  /// With all outputs.
  mlir::Value finish();

private:
  friend class ModelBuilder;
  struct Output {
    mlir::Value value;
    std::string path;
  };
  /// Adds outputs until `count` are late.
  void addLate(size_t count);

  ModelBuilder &builder;
  mlir::Value sum;
  size_t delay = 0;
  llvm::SmallVector<Output, 2> late; ///< that are not in the sum yet, the oldest first
};

class ModelBuilder {
public:
  /// The format of a weight that is made of these tensors of the checkpoint.
  using FormatOf = std::function<mlir::Attribute(llvm::ArrayRef<std::string> tensors, WeightUse use)>;

  /// `checkpointPrefix` is what the body's names begin with in the checkpoint
  /// at hand: the family's prefix or nothing. `stateElement` is what all states hold.
  ModelBuilder(lm::ModelOp model, const ModelFamily &family, const ModelConfig &config,
               llvm::StringRef checkpointPrefix, FormatOf formatOf, mlir::Type stateElement);

  //===--------------------------------------------------------------------===//
  // Functions
  //===--------------------------------------------------------------------===//

  /// Builds @forward: `body` returns the hidden states after the final norm.
  /// Within it, the members ids, positions and rows are set.
  void buildForward(llvm::function_ref<mlir::Value()> body);
  /// Builds @head from `lm_head`, or from the embedding where they are tied.
  /// `softcap`: keeps the logits within it.
  void buildHead(std::optional<double> softcap = std::nullopt);
  /// Builds @medusa_N, a head of residual blocks before a projection to the vocabulary, its own
  /// or that of @head. `prefix` is what names of its weights begin with.
  void buildExtraHead(int64_t number, int64_t blocks, bool hasProjection, llvm::StringRef prefix);
  /// Builds @clover and @clover_head: a recurrent head, with a projection of its own or that of @head.
  void buildClover(bool hasProjection);
  /// Builds @mtp, @mtp_stage and @mtp_head: a layer of the family that predicts one token further,
  /// with a state of its own (ModelConfig::layer).
  void buildMtp(bool hasProjection);
  /// Builds the loops over all layers; `body` adds to the stream what a layer of some
  /// kind does and is called once per sublayer. The result is the sum behind the last.
  mlir::Value layers(mlir::Value hidden, llvm::StringRef path,
                     llvm::function_ref<void(const LayerKind &, Residual &)> body);
  /// The same for families whose layers are all alike.
  mlir::Value layers(mlir::Value hidden, llvm::StringRef path, llvm::function_ref<void(Residual &)> body) {
    return layers(hidden, path, [&](const LayerKind &, Residual &x) { body(x); });
  }

  mlir::Value ids, positions, rows;
  /// Rows of `prompt_tokens`: ids beyond the vocabulary that @forward takes.
  int64_t promptTokens = 0;

  //===--------------------------------------------------------------------===//
  // Ops
  //===--------------------------------------------------------------------===//

  mlir::Value embed(mlir::Value ids, llvm::StringRef path, int64_t rowCount);
  /// `input` times the matrix of `outputs` rows at `path`. `transposed`: the
  /// checkpoint stores it [in, out].
  mlir::Value linear(mlir::Value input, llvm::StringRef path, int64_t outputs, bool bias, bool transposed = false);
  mlir::Value rmsNorm(mlir::Value input, const RmsNormForm &form, llvm::StringRef path);
  mlir::Value layerNorm(mlir::Value input, double eps, llvm::StringRef path);
  mlir::Value add(mlir::Value lhs, mlir::Value rhs, llvm::StringRef path);
  mlir::Value scale(mlir::Value input, double factor, llvm::StringRef path);
  mlir::Value activation(mlir::Value input, lm::ActivationKind kind, llvm::StringRef path);
  mlir::Value gatedActivation(mlir::Value gate, mlir::Value up, lm::ActivationKind kind, llvm::StringRef path);
  mlir::Value rope(mlir::Value input, const Rope &rope, llvm::StringRef path);
  mlir::Value sliceColumns(mlir::Value input, int64_t offset, int64_t size, llvm::StringRef path);
  /// Attends over the layer's state and advances it; once per layer.
  mlir::Value attention(mlir::Value query, mlir::Value key, mlir::Value value, const AttentionForm &form,
                        llvm::StringRef path);
  /// down_proj(activation(gate_proj x) * up_proj x), all below `path`.
  mlir::Value gatedMlp(mlir::Value input, lm::ActivationKind kind, bool bias, llvm::StringRef path);

private:
  mlir::Location locOf(llvm::StringRef path) const;
  /// The path of a layer that drafts for one of "layers.{layer}.", while it is built.
  std::string resolve(llvm::StringRef path) const;
  /// A function of hidden states and ids of tokens: with a state, or without.
  lm::FuncOp beginDraft(llvm::StringRef name, mlir::Type state, bool returnsHidden);
  /// What the layer that drafts begins with.
  mlir::Value mtpInput(mlir::Value hidden);
  /// `path`_head: logits of hidden states, normalised first or not.
  void buildDraftHead(llvm::StringRef function, llvm::StringRef norm, llvm::StringRef projection);
  /// The columns of a matrix from `column` on, as a weight with a name of its own.
  mlir::Value weightColumns(llvm::StringRef path, llvm::StringRef name, int64_t column, int64_t columns, int64_t of);
  /// The symbol of the weight "`path`.`kind`" at this point of the model.
  std::string symbolOf(llvm::StringRef path, llvm::StringRef kind) const;
  /// The matrix of @head.
  mlir::Value headWeight();
  mlir::Type stateType(const LayerPattern::Sublayer &sublayer) const;
  /// Uses the weight "`path`.`kind`", where kind is "weight" or "bias".
  mlir::Value weight(llvm::StringRef path, llvm::StringRef kind, llvm::ArrayRef<int64_t> shape, WeightUse use,
                     bool transposed = false, bool belowPrefix = true);
  lm::WeightOp declare(llvm::StringRef path, llvm::StringRef kind, llvm::ArrayRef<int64_t> shape, WeightUse use,
                       bool transposed, bool belowPrefix);
  lm::FuncOp beginFunction(llvm::StringRef name, llvm::ArrayRef<mlir::Type> arguments,
                           llvm::ArrayRef<mlir::Type> results);

  lm::ModelOp model;
  const ModelFamily &family;
  const ModelConfig &config;
  std::string checkpointPrefix;
  FormatOf formatOf;
  mlir::Type stateElement;
  LayerPattern pattern;
  std::vector<mlir::Value> states; ///< the current value of each sublayer's state
  size_t current = 0;              ///< the sublayer that is being built
  bool inMtp = false;              ///< what is built is the layer that drafts
  bool stagesOnly = false;         ///< of which keys and values alone are wanted
  mlir::OpBuilder builder;
  lm::WeightOp lastWeight; ///< the next weight goes after it
};

} // namespace plait

#endif // PLAIT_FRONTEND_MODELBUILDER_H
