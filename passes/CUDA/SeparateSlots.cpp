//===- SeparateSlots.cpp - What goes from a GPU to its host ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Passes.h"

#include "dialects/Kernel/Kernel.h"
#include "dialects/Rt/Rt.h"
#include "plait-abi/Types.h"

namespace plait {
#define GEN_PASS_DEF_SEPARATESLOTSPASS
#include "passes/CUDA/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// The slots of one plan.
class PlanSlots {
public:
  PlanSlots(rt::PlanOp plan, ModuleOp module) : plan(plan), module(module) {}

  /// How many slots are added.
  int64_t separate();

private:
  /// A launch or a collective: its buffers, results from `firstResult` on.
  struct Step {
    Operation *op;
    SmallVector<rt::ArgAttr> buffers;
    size_t firstResult;

    bool reads(int64_t slot) const { return llvm::is_contained(ArrayRef(buffers).take_front(firstResult), of(slot)); }
    rt::ArgAttr of(int64_t slot) const { return rt::ArgAttr::get(op->getContext(), rt::ArgKind::slot, slot); }
  };
  kernel::FuncOp kernelOf(Operation *op) {
    auto launch = dyn_cast<rt::LaunchOp>(op);
    return launch ? module.lookupSymbol<kernel::FuncOp>(launch.getKernelAttr()) : kernel::FuncOp();
  }
  /// False if the plan has what this does not know.
  bool readSteps();
  void writeBack();
  /// Bytes of result `place` of `step` as those of a slot; nothing if they do not follow from one extent.
  SmallVector<int64_t> bytesOf(const Step &step, size_t place);
  int64_t addSlot(ArrayRef<int64_t> bytes);
  int64_t takeFromGpu(int64_t slot);

  rt::PlanOp plan;
  ModuleOp module;
  SmallVector<rt::SlotOp> slots;
  SmallVector<Step> steps;
  size_t firstOfHost = 0;
};

} // namespace

bool PlanSlots::readSteps() {
  llvm::append_range(slots, plan.getOps<rt::SlotOp>());
  for (Operation &op : plan.getBody().front()) {
    if (auto launch = dyn_cast<rt::LaunchOp>(op)) {
      kernel::FuncOp kernel = kernelOf(&op);
      if (!kernel)
        return false; // its code is there
      auto buffers = llvm::to_vector(launch.getArguments().getAsRange<rt::ArgAttr>());
      size_t results = 0;
      for (Type type : kernel.getResultTypes())
        results += kernel::getResultBuffers(type);
      steps.push_back({&op, buffers, buffers.size() - results});
      if (!kernel.getHost())
        firstOfHost = steps.size(); // collectives behind the last of these are the host's
    } else if (auto collective = dyn_cast<rt::CollectiveOp>(op)) {
      steps.push_back({&op, {collective.getSourceBuffer(), collective.getTarget()}, 1});
    }
  }
  // What is fused with launches is of matrices of tokens, and on GPUs.
  return llvm::none_of(ArrayRef(steps).drop_front(firstOfHost), [](const Step &step) {
    auto collective = dyn_cast<rt::CollectiveOp>(step.op);
    return collective && collective.getSum();
  });
}

SmallVector<int64_t> PlanSlots::bytesOf(const Step &step, size_t place) {
  static constexpr StringLiteral names[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
  StringRef rows;
  int64_t bytes = 0;
  if (auto collective = dyn_cast<rt::CollectiveOp>(step.op)) {
    rows = collective.getRows();
    bytes = int64_t(sizeof(float)) * collective.getColumns();
  } else {
    auto types = llvm::make_filter_range(kernelOf(step.op).getResultTypes(), kernel::getResultBuffers);
    auto type = dyn_cast<RankedTensorType>(*std::next(types.begin(), place - step.firstResult));
    if (!type)
      return {};
    rows = lm::getLeadingDim(type);
    bytes = lm::getRowBytes(type);
  }
  const auto *dim = llvm::find(names, rows);
  if (dim == std::end(names) || bytes <= 0)
    return {};
  SmallVector<int64_t> extent(PLAIT_DIM_COUNT + 1, 0);
  extent[1 + (dim - std::begin(names))] = bytes;
  return extent;
}

int64_t PlanSlots::addSlot(ArrayRef<int64_t> bytes) {
  OpBuilder b(plan);
  if (slots.empty())
    b.setInsertionPointToStart(&plan.getBody().front());
  else
    b.setInsertionPointAfter(slots.back());
  slots.push_back(rt::SlotOp::create(b, plan.getLoc(), bytes));
  return int64_t(slots.size()) - 1;
}

/// The slot in which the host finds what the GPU has left in `slot`.
int64_t PlanSlots::takeFromGpu(int64_t slot) {
  for (size_t i = firstOfHost; i-- > 0;) {
    Step &writer = steps[i];
    auto *place = std::find(writer.buffers.begin() + writer.firstResult, writer.buffers.end(), writer.of(slot));
    if (place == writer.buffers.end())
      continue;
    auto launch = dyn_cast<rt::LaunchOp>(writer.op);
    bool isOnce = launch && launch.getLayerEnd() - launch.getLayerBegin() == 1;
    SmallVector<int64_t> bytes = bytesOf(writer, size_t(place - writer.buffers.begin()));
    // What is updated in place, or in each layer, has a slot that others read before.
    if (!isOnce || writer.reads(slot) || bytes.empty() || ArrayRef(bytes) == slots[size_t(slot)].getBytes())
      return slot;
    int64_t own = addSlot(bytes);
    *place = writer.of(own);
    for (Step &reader : MutableArrayRef(steps).slice(i + 1, firstOfHost - i - 1))
      llvm::replace(reader.buffers, reader.of(slot), reader.of(own));
    return own;
  }
  return slot;
}

void PlanSlots::writeBack() {
  for (const Step &step : steps)
    if (auto launch = dyn_cast<rt::LaunchOp>(step.op)) {
      launch.setArgumentsAttr(
          ArrayAttr::get(plan.getContext(), SmallVector<Attribute>(step.buffers.begin(), step.buffers.end())));
    } else {
      auto collective = cast<rt::CollectiveOp>(step.op);
      collective.setSourceBufferAttr(step.buffers[0]);
      collective.setTargetAttr(step.buffers[1]);
    }
}

int64_t PlanSlots::separate() {
  if (!readSteps() || firstOfHost == steps.size())
    return 0;
  int64_t before = int64_t(slots.size());
  DenseMap<int64_t, int64_t> current; // where the host has what the plan has in a slot
  for (Step &step : MutableArrayRef(steps).drop_front(firstOfHost)) {
    Step planned = step;
    for (auto [i, buffer] : llvm::enumerate(step.buffers)) {
      if (buffer.getKind() != rt::ArgKind::slot)
        continue;
      int64_t slot = buffer.getIndex();
      bool isNew = i >= step.firstResult && !planned.reads(slot);
      if (isNew) {
        SmallVector<int64_t> bytes = bytesOf(step, i);
        current[slot] = bytes.empty() ? slot : addSlot(bytes);
      } else if (!current.contains(slot)) {
        int64_t own = takeFromGpu(slot);
        current[slot] = own;
      }
      buffer = step.of(current[slot]);
    }
  }
  writeBack();
  return int64_t(slots.size()) - before;
}

namespace {
struct SeparateSlotsPass : plait::impl::SeparateSlotsPassBase<SeparateSlotsPass> {
  void runOnOperation() override {
    for (auto model : getOperation().getOps<rt::ModelOp>())
      for (auto plan : model.getOps<rt::PlanOp>())
        numAdded += PlanSlots(plan, getOperation()).separate();
  }
};
} // namespace
