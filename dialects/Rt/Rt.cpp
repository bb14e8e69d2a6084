//===- Rt.cpp - The rt dialect --------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Rt/Rt.h"

#include "plait-abi/Model.h"
#include "runtime/base/TensorName.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace plait;
using namespace plait::rt;

#include "dialects/Rt/RtDialect.cpp.inc"
#include "dialects/Rt/RtEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Rt/RtAttrs.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Rt/RtOps.cpp.inc"

static_assert(int(ArgKind::slot) == PLAIT_ARG_SLOT && int(ArgKind::weight) == PLAIT_ARG_WEIGHT &&
              int(ArgKind::state) == PLAIT_ARG_STATE && int(ArgKind::input) == PLAIT_ARG_INPUT &&
              int(ArgKind::output) == PLAIT_ARG_OUTPUT && int(ArgKind::pages) == PLAIT_ARG_PAGES);
static_assert(int(CollectiveKind::all_reduce) == PLAIT_COLLECTIVE_ALL_REDUCE);

void RtDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Rt/RtAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Rt/RtOps.cpp.inc"
      >();
}

LogicalResult ModelOp::verifyRegions() {
  if (int64_t rank = getRank(), ranks = getRanks(); rank < 0 || rank >= ranks)
    return emitOpError("expected 0 <= rank < ranks but got ") << rank << " and " << ranks;
  DenseSet<Attribute> kernels;
  for (Operation &op : getBody().front()) {
    if (!isa<KernelOp, WeightOp, StateOp, PlanOp>(op))
      return op.emitOpError("expected only rt.kernel, rt.weight, rt.state and rt.plan in an 'rt.model'");
    if (auto kernel = dyn_cast<KernelOp>(op))
      kernels.insert(kernel.getFunctionAttr());
  }
  for (PlanOp plan : getBody().front().getOps<PlanOp>()) {
    for (LaunchOp launch : plan.getBody().front().getOps<LaunchOp>())
      if (!kernels.contains(launch.getKernelAttr()))
        return launch.emitOpError("expected a kernel of the model's table but got @") << launch.getKernel();
    auto collectives = plan.getBody().front().getOps<CollectiveOp>();
    if (getRanks() == 1 && !collectives.empty())
      return (*collectives.begin()).emitOpError("expected a model of several ranks but got one of 1");
  }
  return success();
}

/// Whether the part lies inside the tensor, between groups of columns with one scale.
static LogicalResult verifyPart(WeightOp op) {
  int64_t rows = op.getRows(), cols = op.getCols(), row = op.getRowBegin(), col = op.getColBegin();
  if (row > op.getWholeRows() - rows || col > op.getWholeCols() - cols)
    return op.emitOpError("expected a part of the tensor [")
           << op.getWholeRows() << ", " << op.getWholeCols() << "] but got [" << rows << ", " << cols << "] from row "
           << row << " and column " << col;
  int64_t group = op.getScaleGroup(), end = col + cols;
  if (group && (col % group || (end % group && end != op.getWholeCols())))
    return op.emitOpError("expected whole groups of ") << group << " columns but got columns " << col << " to " << end;
  return success();
}

LogicalResult WeightOp::verify() {
  Type element = getElement();
  if (!element.isF32() && !element.isBF16() && !element.isInteger(8) && !element.isInteger(4))
    return emitOpError("expected element f32, bf16, i8 or i4 but got ") << element;
  for (auto [name, value] : {std::pair<StringRef, int64_t>{"layer_bytes", getLayerBytes()},
                             {"layers", getLayers()},
                             {"layer_step", getLayerStep()},
                             {"rows", getRows()},
                             {"cols", getCols()},
                             {"group", getGroup()}})
    if (value <= 0)
      return emitOpError("expected ") << name << " > 0 but got " << value;
  for (auto [name, value] : {std::pair<StringRef, int64_t>{"offset", getOffset()},
                             {"layer_first", getLayerFirst()},
                             {"panel", getPanel()},
                             {"scale_group", getScaleGroup()},
                             {"row_begin", getRowBegin()},
                             {"col_begin", getColBegin()},
                             {"source_rows", getSourceRows()},
                             {"source_cols", getSourceCols()}})
    if (value < 0)
      return emitOpError("expected ") << name << " >= 0 but got " << value;
  return verifyPart(*this);
}

std::optional<WeightQuantization> WeightOp::getQuantization() {
  if (!getElement().isInteger())
    return std::nullopt;
  return WeightQuantization{getElement().getIntOrFloatBitWidth(), int64_t(getScaleGroup()), getZeroPoints()};
}

PanelLayout WeightOp::getLayout() {
  return {int64_t(getRows()), int64_t(getCols()), int64_t(getPanel()), int64_t(getGroup()), getQuantization()};
}

std::string WeightOp::getTensorName(int64_t slice) {
  return sliceTensorName(getSource().str(), slice, getLayerFirst(), getLayerStep());
}

LogicalResult StateOp::verify() {
  for (auto [name, value] : {std::pair<StringRef, int64_t>{"layers", getLayers()},
                             {"page_tokens", getPageTokens()},
                             {"page_bytes", getPageBytes()}})
    if (value <= 0)
      return emitOpError("expected ") << name << " > 0 but got " << value;
  if (int64_t(getWindow()) < 0 || int64_t(getTable()) < 0)
    return emitOpError("expected window >= 0 and table >= 0 but got ")
           << int64_t(getWindow()) << " and " << int64_t(getTable());
  return success();
}

/// Whether the elements fit in the slot, whatever the extents of a step.
static LogicalResult verifySlot(CollectiveOp op, ArrayRef<SlotOp> slots) {
  int64_t index = op.getArgument().getIndex();
  if (index < 0 || index >= int64_t(slots.size()))
    return op.emitOpError("expected one of ") << slots.size() << " slots but got slot " << index;
  SlotOp slot = slots[index];
  for (auto [elements, bytes] : llvm::zip(op.getElements(), slot.getBytes()))
    if (elements > bytes / 4)
      return op.emitOpError("expected at most ")
             << bytes / 4 << " elements per extent, as slot " << index << " has, but got " << elements;
  return success();
}

LogicalResult PlanOp::verifyRegions() {
  SmallVector<SlotOp> slots;
  Operation *before = nullptr;
  for (Operation &op : getBody().front()) {
    if (auto slot = dyn_cast<SlotOp>(op); slot && !before) {
      slots.push_back(slot);
      continue;
    }
    if (!isa<LaunchOp, CollectiveOp>(op))
      return op.emitOpError("expected rt.slot ops, then rt.launch and rt.collective ops in an 'rt.plan'");
    if (isa_and_nonnull<CollectiveOp>(before) && !op.hasAttr("barrier"))
      return op.emitOpError("expected 'barrier' after an 'rt.collective'");
    if (auto collective = dyn_cast<CollectiveOp>(op); collective && failed(verifySlot(collective, slots)))
      return failure();
    before = &op;
  }
  return success();
}

LogicalResult SlotOp::verify() {
  if (getBytes().size() != PLAIT_DIM_COUNT + 1)
    return emitOpError("expected ") << PLAIT_DIM_COUNT + 1 << " coefficients but got " << getBytes().size();
  for (int64_t c : getBytes())
    if (c < 0)
      return emitOpError("expected coefficients >= 0 but got ") << c;
  return success();
}

LogicalResult LaunchOp::verify() {
  if (int64_t(getLayerBegin()) < 0 || getLayerBegin() >= getLayerEnd())
    return emitOpError("expected 0 <= layer_begin < layer_end but got ") << getLayerBegin() << " to " << getLayerEnd();
  return success();
}

LogicalResult CollectiveOp::verify() {
  if (getKind() != CollectiveKind::all_reduce)
    return emitOpError("expected all_reduce but got ") << stringifyCollectiveKind(getKind());
  if (getArgument().getKind() != ArgKind::slot)
    return emitOpError("expected a slot but got ") << stringifyArgKind(getArgument().getKind());
  if (getElements().size() != PLAIT_DIM_COUNT + 1)
    return emitOpError("expected ") << PLAIT_DIM_COUNT + 1 << " coefficients but got " << getElements().size();
  for (int64_t c : getElements())
    if (c < 0)
      return emitOpError("expected coefficients >= 0 but got ") << c;
  if (int64_t(getLayerBegin()) < 0 || getLayerBegin() >= getLayerEnd())
    return emitOpError("expected 0 <= layer_begin < layer_end but got ") << getLayerBegin() << " to " << getLayerEnd();
  return getBarrier() ? success() : emitOpError("expected 'barrier': all threads must have finished");
}
