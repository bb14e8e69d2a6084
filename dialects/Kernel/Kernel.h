//===- Kernel.h - The kernel dialect ----------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_KERNEL_KERNEL_H
#define PLAIT_DIALECTS_KERNEL_KERNEL_H

#include "dialects/Lm/Lm.h"
#include "runtime/base/PanelLayout.h"

#include "dialects/Kernel/KernelDialect.h.inc"
#include "dialects/Kernel/KernelEnums.h.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/KernelAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/KernelTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.h.inc"

namespace plait::kernel {

/// The attribute form of a cost, and back.
CostAttr getCostAttr(mlir::MLIRContext *context, const Cost &cost);
Cost getCost(CostAttr attribute);

/// How many buffers a kernel's argument of `type` becomes in a launch: a tensor,
/// a packed weight one each, `!lm.rows` three (PLAIT_IN_TOKEN_ROWS, _PATH_ENDS, _PATHS), a state two
/// (the current layer's pages, then its page table).
unsigned getArgumentBuffers(mlir::Type type);
/// The same for a result, which is a destination appended to the arguments: a
/// tensor one, a state none (it is changed in place).
unsigned getResultBuffers(mlir::Type type);

/// The page table of each state of a model: states with one window share one;
/// tables are numbered by first use.
llvm::SmallVector<int64_t> getPageTables(llvm::ArrayRef<lm::StateType> states);

/// The inside of one layer's page of a state, in elements of its element type.
/// Keys are stored transposed, so that scores are computed for a vector of
/// positions at once; values are stored by position, so that they are summed
/// for a vector of columns at once. Both lie in slices of what is computed at
/// once, so that each is read from one end to the other:
///   keys   [kv_heads][tokens / slice][head_dim][slice]
///   values [kv_heads][paddedHeadDim / slice][tokens][slice]
/// Behind them come, of integers, their scales as f32:
///   of keys, then of values [kv_heads][tokens]
struct PageLayout {
  static constexpr int64_t tokens = 64; ///< positions per page
  static constexpr int64_t slice = 16;
  static constexpr int64_t slices = tokens / slice; ///< of positions
  explicit PageLayout(lm::StateType state);
  mlir::Type element;
  bool isScaled;
  int64_t kvHeads, headDim, paddedHeadDim; ///< padded to a multiple of `slice`
  int64_t keyOffset(int64_t head) const { return head * headDim * tokens; }
  int64_t valueOffset(int64_t head) const { return kvHeads * headDim * tokens + head * tokens * paddedHeadDim; }
  int64_t elements() const { return valueOffset(kvHeads); }
  /// In f32.
  int64_t keyScaleOffset(int64_t head) const { return (elements() * elementBits() / 8 + 3) / 4 + head * tokens; }
  int64_t valueScaleOffset(int64_t head) const { return keyScaleOffset(kvHeads + head); }
  int64_t elementBits() const { return element.getIntOrFloatBitWidth(); }
  int64_t bytes() const; ///< a multiple of 64

  /// Bytes of what belongs to one head of one kind, beside each other in order of the heads:
  /// keys, values, scales of keys, scales of values.
  struct Plane {
    int64_t begin, headBytes;
  };
  llvm::SmallVector<Plane> planes() const;
  /// Of all planes.
  int64_t getHeadBytes() const;

  /// Where the cell of a position lies, as plait_cells_v1_t: the numbers of one after the
  /// other.
  llvm::SmallVector<int64_t> cells() const;
  /// Of a page that holds one head of this one's.
  PageLayout ofOneHead() const {
    PageLayout one = *this;
    one.kvHeads = 1;
    return one;
  }
};

/// The name the importer gave the op, or the op's own.
std::string getSource(mlir::Operation *op);

/// Whether two kernels differ in name and location at most.
bool isSameCode(FuncOp a, FuncOp b);

} // namespace plait::kernel

#endif // PLAIT_DIALECTS_KERNEL_KERNEL_H
