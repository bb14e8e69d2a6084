//===- Decode.h - The decode dialect ----------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_DECODE_H
#define PLAIT_DIALECTS_DECODE_DECODE_H

#include "dialects/Decode/LogitsParts.h"
#include "dialects/Decode/Sampling.h"
#include "dialects/Lm/Lm.h"

#include "dialects/Decode/Draws.h"
#include "dialects/Decode/Exactness.h"

namespace plait::decode {

/// A tree of `decode.expand_prompts`, by its nodes.
struct PromptedTree {
  llvm::SmallVector<int64_t> parents; ///< -1 for node 0
  llvm::SmallVector<int64_t> prompts; ///< that come behind each
};

} // namespace plait::decode

#include "dialects/Decode/DecodeDialect.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Decode/DecodeAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Decode/DecodeTypes.h.inc"
#include "dialects/Decode/DecodeOpInterfaces.h.inc"

namespace plait::decode {

/// Sets of sublayers, "[1, attention.2]" of one and "[[1], [mlp.2]]" of several.
mlir::ParseResult parseSublayerSets(mlir::AsmParser &parser, mlir::ArrayAttr &sets);
void printSublayerSets(mlir::AsmPrinter &p, mlir::Operation *op, mlir::ArrayAttr sets);

} // namespace plait::decode

#define GET_OP_CLASSES
#include "dialects/Decode/DecodeOps.h.inc"

namespace plait::decode {

/// Fails, with an error, unless the parameters are those of a verify_momentum.
mlir::LogicalResult verifyMomentum(mlir::Operation *op, const llvm::APFloat &alpha, llvm::ArrayRef<double> resistance);

/// Whether the operand uses up what it is: a sequence, a group or a stage, which are affine.
bool usesUp(mlir::OpOperand &use);

/// Fails, with an error, at `op` or at a use, unless `value` is used up exactly once if it is affine: by its last
/// use, in the region that it is from.
mlir::LogicalResult verifyUsedUpOnce(mlir::Operation *op, mlir::Value value);

/// The same of all results of the block's ops.
mlir::LogicalResult verifyAffine(mlir::Block &block);

/// Where the tokens of a text lie. Most are chains; branches may lie beside each other (decode.join).
struct TextLayout {
  /// The tokens [begin, end) do not see those of [hiddenBegin, hiddenEnd).
  struct Blind {
    int64_t begin, end, hiddenBegin, hiddenEnd;
  };
  std::vector<int64_t> positions; ///< of the first tokens; of a chain none
  int64_t next = 0;               ///< position of the token behind those, from which on there is a chain
  std::vector<Blind> blinds;

  bool isChain() const { return positions.empty(); }
  int64_t positionOf(int64_t token) const;
  /// The tokens that one sees, in order, itself the last one.
  std::vector<int64_t> seenBy(int64_t token) const;
};

/// What the reference evaluation knows of one sequence.
struct SequenceValue {
  std::vector<int64_t> tokens;                     ///< the whole text, pending tokens included
  int64_t published = 0;                           ///< tokens whose keys and values are in the state
  std::vector<std::shared_ptr<StateValue>> states; ///< those of the model; none before the first forward
  int64_t promptLength = 0, maxNewTokens = 0;
  std::vector<int64_t> stopIds;
  double temperature = 0, topP = 1, minP = 0;
  int64_t topK = 0;
  uint64_t seed = 0, sequence = 0;
  Penalties penalties;
  int64_t minNewTokens = 0;
  std::vector<std::pair<int64_t, double>> logitBias; ///< token and what it gets
  bool stopped = false, nonfinite = false;
  bool stoppedById = false;  ///< as a stop id was chosen
  double logProbability = 0; ///< of all tokens that were chosen
  TextLayout layout;
  int64_t rounds = 0; ///< commits so far
  std::shared_ptr<Draws> draws = std::make_shared<Draws>();
};

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_DECODE_H
