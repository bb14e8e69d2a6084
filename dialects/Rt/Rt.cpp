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
              int(ArgKind::output) == PLAIT_ARG_OUTPUT && int(ArgKind::pages) == PLAIT_ARG_PAGES &&
              int(ArgKind::copy) == PLAIT_ARG_COPY);
static_assert(int(CollectiveKind::all_reduce) == PLAIT_COLLECTIVE_ALL_REDUCE &&
              int(CollectiveKind::reduce_scatter) == PLAIT_COLLECTIVE_REDUCE_SCATTER &&
              int(CollectiveKind::all_gather) == PLAIT_COLLECTIVE_ALL_GATHER &&
              int(CollectiveKind::part) == PLAIT_COLLECTIVE_PART &&
              int(CollectiveKind::all_to_all) == PLAIT_COLLECTIVE_ALL_TO_ALL &&
              int(CollectiveKind::broadcast) == PLAIT_COLLECTIVE_BROADCAST &&
              int(CollectiveKind::send) == PLAIT_COLLECTIVE_SEND &&
              int(CollectiveKind::recv) == PLAIT_COLLECTIVE_RECV &&
              int(CollectiveKind::reduce_gather) == PLAIT_COLLECTIVE_REDUCE_GATHER);
static_assert(int(SumPrecision::f32) == PLAIT_SUM_F32 && int(SumPrecision::f64) == PLAIT_SUM_F64 &&
              int(SumPrecision::bf16) == PLAIT_SUM_BF16);
static_assert(int(SumAlgorithm::one_shot) == PLAIT_SUM_ONE_SHOT && int(SumAlgorithm::two_shot) == PLAIT_SUM_TWO_SHOT &&
              int(SumAlgorithm::ring) == PLAIT_SUM_RING && int(SumAlgorithm::multimem) == PLAIT_SUM_MULTIMEM &&
              int(SumAlgorithm::lamport) == PLAIT_SUM_LAMPORT);
static_assert(int(SumOrder::rank) == PLAIT_SUM_ORDER_RANK && int(SumOrder::tree) == PLAIT_SUM_ORDER_TREE);

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
    if (!isa<KernelOp, WeightOp, StateOp, GroupOp, PlanOp, StrategyOp>(op))
      return op.emitOpError(
          "expected only rt.kernel, rt.weight, rt.state, rt.group, rt.plan and rt.strategy in an 'rt.model'");
    if (auto kernel = dyn_cast<KernelOp>(op))
      kernels.insert(kernel.getFunctionAttr());
  }
  if (getIndexIn(getTokenGroup()) < 0)
    return emitOpError("expected a token_group of the table, with rank ")
           << int64_t(getRank()) << ", but got " << int64_t(getTokenGroup());
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

SmallVector<int64_t> ModelOp::getMembers(int64_t group) {
  SmallVector<int64_t> members;
  if (group == -1)
    llvm::append_range(members, llvm::seq<int64_t>(0, getRanks()));
  for (GroupOp op : getBody().front().getOps<GroupOp>())
    if (group-- == 0)
      members.assign(op.getMembers().begin(), op.getMembers().end());
  return members;
}

int64_t ModelOp::getIndexIn(int64_t group) {
  SmallVector<int64_t> members = getMembers(group);
  auto own = llvm::find(members, int64_t(getRank()));
  return own == members.end() ? -1 : own - members.begin();
}

LogicalResult GroupOp::verify() {
  int64_t ranks = cast<ModelOp>(getOperation()->getParentOp()).getRanks();
  DenseSet<int64_t> seen;
  for (int64_t member : getMembers())
    if (member < 0 || member >= ranks || !seen.insert(member).second)
      return emitOpError("expected members below ") << ranks << ", each once, but got " << getMembers();
  return seen.empty() ? emitOpError("expected at least one member") : success();
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
  constexpr size_t numbers = sizeof(plait_cells_v1_t) / sizeof(int64_t);
  if (getCells().size() % numbers || llvm::any_of(getCells(), [](int64_t number) { return number < 0; }))
    return emitOpError("expected cells in groups of ") << numbers << " numbers >= 0 but got " << getCells();
  return success();
}

/// What `op` has of `bounds`, which are of the group's ranks.
static FailureOr<int64_t> getOwn(CollectiveOp op, std::optional<ArrayRef<int64_t>> bounds, int64_t otherwise) {
  if (!bounds)
    return otherwise;
  auto model = op->getParentOfType<ModelOp>();
  size_t ranks = model.getMembers(op.getGroup()).size();
  int64_t own = model.getIndexIn(op.getGroup());
  if (bounds->size() != ranks + 1)
    return op.emitOpError("expected bounds for ") << ranks << " ranks but got " << bounds->size();
  return (*bounds)[own + 1] - (*bounds)[own];
}

/// Whether this rank is in the group, and the other one of a pair.
static LogicalResult verifyGroup(CollectiveOp op) {
  auto model = op->getParentOfType<ModelOp>();
  int64_t own = model.getIndexIn(op.getGroup()), other = op.getOther();
  if (own < 0)
    return op.emitOpError("expected a group of the table, with rank ")
           << int64_t(model.getRank()) << ", but got " << int64_t(op.getGroup());
  bool isPair = op.getKind() == CollectiveKind::send || op.getKind() == CollectiveKind::recv;
  bool isUsed = isPair || op.getKind() == CollectiveKind::broadcast;
  int64_t ranks = isUsed ? model.getMembers(op.getGroup()).size() : 1;
  if (other < 0 || other >= ranks || (isPair && other == own))
    return op.emitOpError("expected ") << (isPair ? "another one of " : "one of ") << ranks << " ranks but got "
                                       << other;
  bool hasRowParts = op.hasParts() && (!op.getParts() || op.getKind() == CollectiveKind::all_to_all);
  if (hasRowParts && op.getGroup() != model.getTokenGroup())
    return op.emitOpError("expected the group that shares tokens out, ")
           << int64_t(model.getTokenGroup()) << ", but got " << int64_t(op.getGroup());
  return success();
}

/// Whether the slots hold what is read and written, whatever the extents of a step.
static LogicalResult verifySlots(CollectiveOp op, ArrayRef<SlotOp> slots) {
  FailureOr<int64_t> nodes = getOwn(op, op.getNodeBounds(), 1), own = getOwn(op, op.getParts(), op.getColumns());
  if (failed(nodes) || failed(own))
    return failure();
  int dims[] = {op.getRowDim(), op.getRowDim()};
  int64_t widths[] = {int64_t(op.getColumns()), int64_t(op.getColumns())};
  if (op.getKind() == CollectiveKind::all_to_all) {
    int side = *op.getToDim() == 1 ? 1 : 0; // that of the part of columns
    widths[side] = *own;
    dims[1 - side] = PLAIT_DIM_TOKENS_PART;
  } else if (op.hasParts() && !op.isFused()) {
    int side = op.getKind() == CollectiveKind::all_gather ? 0 : 1; // that of the part
    widths[side] = *own;
    if (!op.getParts())
      dims[side] = PLAIT_DIM_TOKENS_PART;
  }
  widths[0] *= *nodes;
  SmallVector<std::tuple<ArgAttr, int, int64_t>> uses{{op.getSourceBuffer(), dims[0], widths[0]},
                                                      {op.getTarget(), dims[1], widths[1]}};
  if (op.isFused())
    for (ArgAttr own : {*op.getSum(), *op.getPart()})
      uses.push_back({own, PLAIT_DIM_TOKENS_PART, int64_t(op.getColumns())});
  for (auto [buffer, dim, columns] : uses) {
    int64_t index = buffer.getIndex();
    if (index < 0 || index >= int64_t(slots.size()))
      return op.emitOpError("expected one of ") << slots.size() << " slots but got slot " << index;
    if (SlotOp slot = slots[index]; columns > slot.getBytes()[dim + 1] / 4)
      return op.emitOpError("expected at most ")
             << slot.getBytes()[dim + 1] / 4 << " columns, as slot " << index << " has, but got " << columns;
  }
  return success();
}

/// Whether `op` waits for all launches before it, in every step.
static bool alwaysWaits(Operation &op) { return op.hasAttr("barrier") && !op.hasAttr("if_shared"); }

static bool hasCopies(LaunchOp launch) {
  return llvm::any_of(launch.getArguments().getAsRange<ArgAttr>(),
                      [](ArgAttr argument) { return argument.getKind() == ArgKind::copy; });
}

/// That the launches behind a reduce_gather are in its layers and have no copies, and the one after them waits.
static LogicalResult verifyEpilogue(CollectiveOp op) {
  Operation *next = op->getNextNode();
  for (int64_t i = 0; i < int64_t(op.getEpilogue()); ++i, next = next->getNextNode()) {
    auto launch = dyn_cast_or_null<LaunchOp>(next);
    if (!launch || launch.getLayerBegin() != op.getLayerBegin() || launch.getLayerEnd() != op.getLayerEnd() ||
        launch.getLoopBegin())
      return op.emitOpError("expected ") << int64_t(op.getEpilogue())
                                         << " launches of the same layers behind it but got " << i;
    if (hasCopies(launch))
      return launch.emitOpError("expected no copies in the epilogue of an 'rt.collective'");
  }
  if (op.isFused() && next && !alwaysWaits(*next))
    return next->emitOpError("expected 'barrier' after the epilogue of an 'rt.collective'");
  return success();
}

/// Of tokens that are shared out a rank has its rows alone of what an epilogue takes.
static LogicalResult verifySharedRows(CollectiveOp op, uint64_t shareTokens) {
  if (!op.isFused() || !op.getAlgorithms())
    return success();
  auto ranges = llvm::to_vector(op.getAlgorithms()->getAsRange<SumRangeAttr>());
  for (auto [i, range] : llvm::enumerate(ranges)) {
    bool isWhole = range.getAlgorithm() == SumAlgorithm::one_shot || range.getAlgorithm() == SumAlgorithm::lamport;
    if (isWhole && (i + 1 == ranges.size() || ranges[i + 1].getRows() > int64_t(shareTokens)))
      return op.emitOpError("expected two_shot or ring of ")
             << std::max<uint64_t>(shareTokens, 1) << " rows and more, which ranks share out, but got "
             << stringifySumAlgorithm(range.getAlgorithm()) << " from " << range.getRows() << " on";
  }
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
    if (isa_and_nonnull<CollectiveOp>(before) && !alwaysWaits(op))
      return op.emitOpError("expected 'barrier' after an 'rt.collective'");
    if (auto collective = dyn_cast<CollectiveOp>(op); collective && failed(verifyEpilogue(collective)))
      return failure();
    if (auto collective = dyn_cast<CollectiveOp>(op);
        collective && (failed(verifyGroup(collective)) || failed(verifySlots(collective, slots)) ||
                       failed(verifySharedRows(collective, getShareTokens()))))
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
  if (getIfShared() && !getBarrier())
    return emitOpError("expected 'barrier' before 'if_shared'");
  if (getRedundant() && (!hasCopies(*this) || llvm::any_of(getArguments().getAsRange<ArgAttr>(), [](ArgAttr argument) {
        return argument.getKind() == ArgKind::state || argument.getKind() == ArgKind::output;
      })))
    return emitOpError("expected a copy, and neither states nor outputs, in a redundant launch");
  return success();
}

int CollectiveOp::getRowDim() {
  static constexpr llvm::StringLiteral names[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
  auto it = llvm::find(names, getRows());
  return it == std::end(names) ? -1 : int(it - std::begin(names));
}

bool CollectiveOp::isInPlace() {
  return (getKind() == CollectiveKind::all_reduce && !getNodeEnds()) || getKind() == CollectiveKind::broadcast ||
         getKind() == CollectiveKind::send || getKind() == CollectiveKind::recv;
}

/// Whether the bounds begin with 0, if `fromZero`, and rise to `end`, if there is one.
static bool rises(ArrayRef<int64_t> bounds, bool fromZero, std::optional<int64_t> end) {
  return bounds.size() > 1 && (!fromZero || bounds.front() == 0) && (!end || bounds.back() == *end) &&
         llvm::is_sorted(bounds, std::less_equal<>());
}

SmallVector<Attribute> CollectiveOp::getBuffers() {
  SmallVector<Attribute> buffers{getSourceBuffer(), getTarget()};
  if (isFused())
    buffers.append({*getSum(), *getPart()});
  return buffers;
}

/// As those of `#par.algorithms`.
static LogicalResult verifyAlgorithms(CollectiveOp op) {
  bool isWhole = op.getKind() == CollectiveKind::all_reduce || op.isFused();
  if (!isWhole || op.getNodeEnds() || op.getOrder() != SumOrder::rank || op.getPrecision() != SumPrecision::f32)
    return op.emitOpError("expected algorithms of an all_reduce or a reduce_gather in the order of the ranks, in f32, "
                          "alone");
  SumRangeAttr before;
  for (auto range : op.getAlgorithms()->getAsRange<SumRangeAttr>()) {
    if (before ? range.getRows() <= before.getRows() || range.getAlgorithm() == before.getAlgorithm()
               : range.getRows() != 1)
      return op.emitOpError("expected algorithms from 1 row on, with rising rows and neighbours that differ, but got ")
             << *op.getAlgorithms();
    before = range;
  }
  return before ? success() : op.emitOpError("expected an algorithm but got none");
}

LogicalResult CollectiveOp::verify() {
  if (isFused() != (getSum() && getPart() && int64_t(getEpilogue()) > 0) || (!isFused() && (getSum() || getPart())))
    return emitOpError("expected sum, part and epilogue of a reduce_gather, and of nothing else");
  for (Attribute buffer : getBuffers())
    if (auto kind = cast<ArgAttr>(buffer).getKind(); kind != ArgKind::slot)
      return emitOpError("expected a slot but got ") << stringifyArgKind(kind);
  if (isFused() && getParts())
    return emitOpError("expected parts of rows but got parts of columns");
  bool inPlace = isInPlace(), swaps = getKind() == CollectiveKind::all_to_all;
  if (inPlace != (getSourceBuffer() == getTarget()))
    return emitOpError("expected ") << (inPlace ? "one slot" : "different slots") << " but got slots "
                                    << getSourceBuffer().getIndex() << " and " << getTarget().getIndex();
  int dim = getRowDim();
  bool partOfRows = swaps || (hasParts() && !getParts());
  if (dim < 0 || (partOfRows && dim != PLAIT_DIM_TOKENS))
    return emitOpError("expected ") << (partOfRows ? "rows \"tokens\"" : "rows of a plait_dim_t") << " but got \""
                                    << getRows() << "\"";
  if (int64_t(getColumns()) <= 0)
    return emitOpError("expected columns > 0 but got ") << int64_t(getColumns());
  if (getParts() ? !hasParts() || !rises(*getParts(), true, getColumns()) : swaps)
    return emitOpError("expected parts, ")
           << (swaps ? "" : "not of an all_reduce, ") << "that rise from 0 to " << getColumns();
  if (swaps ? getToDim().value_or(-1) > 1 : getToDim().has_value())
    return emitOpError("expected to_dim 0 or 1 of an all_to_all, and of nothing else");
  if ((getOrder() != SumOrder::rank || getPrecision() != SumPrecision::f32) && (!isSum() || getNodeEnds()))
    return emitOpError("expected an order and a precision of sums without nodes alone");
  if (getAlgorithms() && failed(verifyAlgorithms(*this)))
    return failure();
  if (getNodeEnds()) {
    SmallVector<int64_t> bounds{0};
    llvm::append_range(bounds, *getNodeEnds());
    if (!isSum() || !rises(bounds, true, std::nullopt) || !getNodeBounds() ||
        !llvm::is_sorted(*getNodeBounds(), std::less_equal<>()) || getNodeBounds()->size() < 2 ||
        getNodeBounds()->front() != 0 || getNodeBounds()->back() != int64_t(getNodeEnds()->size()))
      return emitOpError("expected nodes of a sum, with rising ends, some for each rank");
  }
  if (int64_t(getLayerBegin()) < 0 || getLayerBegin() >= getLayerEnd())
    return emitOpError("expected 0 <= layer_begin < layer_end but got ") << getLayerBegin() << " to " << getLayerEnd();
  return getBarrier() ? success() : emitOpError("expected 'barrier': all threads must have finished");
}

LogicalResult StrategyOp::verify() {
  if (getCall().empty())
    return emitOpError("expected what users call it but got an empty text");
  for (StringRef member : {"name", "exact", "models", "values", "begin", "inits", "arguments", "round"})
    if (!getProgram().contains(member))
      return emitOpError("expected a program with a member \"") << member << "\"";
  return success();
}
