//===- Lm.h - The lm dialect ------------------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_LM_LM_H
#define PLAIT_DIALECTS_LM_LM_H

#include "plait/Support/Cost.h"
#include "plait/Support/Evaluation.h"
#include "plait/Support/ShardingRule.h"
#include "runtime/base/Quantization.h"

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace plait {
using namespace mlir;
} // namespace plait

namespace plait::lm {
/// The result may be written over operand 0: each of its elements depends only
/// on elements of operand 0 that are read before it is written.
template <typename ConcreteType> class InPlace : public mlir::OpTrait::TraitBase<ConcreteType, InPlace> {};
/// Operand 1 is a weight matrix that the op multiplies by, all of it, row by
/// row: it wants the panel layout.
template <typename ConcreteType> class WeightProduct : public mlir::OpTrait::TraitBase<ConcreteType, WeightProduct> {};

/// Operands and result have one shape, and each element of the result follows
/// from the same element of the operands.
template <typename ConcreteType> class Elementwise : public mlir::OpTrait::TraitBase<ConcreteType, Elementwise> {};
/// Row t of the result, or what is written for row t of a state, follows from row
/// t of the operands whose leading extent is the op's, and from weights.
template <typename ConcreteType> class RowWise : public mlir::OpTrait::TraitBase<ConcreteType, RowWise> {};

/// Operand 0 is a matrix, and the result has, for each row of it, a few numbers for each
/// block of columns, which follow from these columns alone: a product need not write it.
template <typename ConcreteType>
class BlockReduction : public mlir::OpTrait::TraitBase<ConcreteType, BlockReduction> {};

/// Of a token at position p, pair i of n rotates more slowly by the factor
/// max(1, slope * (p + 1) + offset)^(-i / (n - 1)) than at position 0.
struct RopeGrowth {
  double slope, offset;
};

/// Elements of a weight, or of one position of a state. Far above any model, and
/// low enough that bytes and flops of an op do not overflow.
inline constexpr int64_t maxElements = int64_t(1) << 52;
/// Attention folds positions [i * spanPositions, (i + 1) * spanPositions) by themselves (lm.attend_spans).
inline constexpr int64_t spanPositions = 256;
/// The number of layers of a weight, a state or a loop.
inline constexpr int64_t maxLayers = int64_t(1) << 20;

/// Parses a number as an f64 attribute.
llvm::FailureOr<mlir::FloatAttr> parseNumber(mlir::AsmParser &parser);
} // namespace plait::lm

#include "dialects/Lm/LmDialect.h.inc"
#include "dialects/Lm/LmEnums.h.inc"
#include "dialects/Lm/LmAttrInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Lm/LmAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Lm/LmTypes.h.inc"
#include "dialects/Lm/LmOpInterfaces.h.inc"
#define GET_OP_CLASSES
#include "dialects/Lm/LmOps.h.inc"

namespace plait::lm {

/// Columns of a product's inputs and weights that are multiplied and added as
/// integers where the weight's scales are as `quantization` says.
inline int64_t getProductGroup(const WeightQuantization &quantization) {
  return quantization.group ? quantization.group : 128; // sums of more may leave 32 bits
}

/// The name of a tensor's dynamic extent 0, or "" if it is static or unnamed.
llvm::StringRef getLeadingDim(mlir::Type type);

/// Bytes of one row of a tensor of activations: of all its static extents.
int64_t getRowBytes(mlir::RankedTensorType type);

/// tensor<? x rest x element, #lm.dims<dim>>
mlir::RankedTensorType getNamedTensor(mlir::MLIRContext *context, llvm::StringRef dim, llvm::ArrayRef<int64_t> rest,
                                      mlir::Type element);

/// Bytes that reading or writing all of a tensor moves.
LinearForm tensorBytes(mlir::Type type);

/// `form` times the extent that `dim` names ("tokens", "rows", "leaves"; any
/// other or an empty name counts as a constant).
LinearForm perDim(llvm::StringRef dim, int64_t factor);

/// Extents of what can be split over devices: of a tensor, of a weight, of a state
/// the columns of its keys. Empty for other types.
llvm::SmallVector<int64_t> getShardableShape(mlir::Type type);
/// The type of a part of a value of `type`, of getShardableShape `shape`.
mlir::Type getPartType(mlir::Type type, llvm::ArrayRef<int64_t> shape);

/// A tensor of all tokens as one of those of a rank, where ranks share them out; null if
/// it is none.
mlir::RankedTensorType getTokensPart(mlir::RankedTensorType type);

} // namespace plait::lm

#endif // PLAIT_DIALECTS_LM_LM_H
