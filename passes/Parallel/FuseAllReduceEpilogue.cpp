//===- FuseAllReduceEpilogue.cpp - Rows computed within a sum -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Looks at ops, types and attributes that all ranks have alike, so all ranks' programs change
// alike; the proof of plait-verify-parallel comes afterwards.
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/FuseEpilogue.h"
#include "passes/Parallel/Meshes.h"
#include "passes/Parallel/Passes.h"

#include "dialects/Kernel/Kernel.h"
#include "plait/Cost/OverlapSites.h"
#include "plait/Cost/StepEvents.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace plait {
#define GEN_PASS_DEF_FUSEALLREDUCEEPILOGUEPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

constexpr llvm::StringLiteral kFlag = "plait-fuse-all-reduce-epilogue";

bool isOwnRows(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isF32() && lm::getLeadingDim(tensor) == "tokens_part";
}

/// One scattered sum and what may become part of it.
class Site {
public:
  explicit Site(par::ReduceScatterOp sum) : sum(sum) {}

  /// The fused op; null and a reason if there is none.
  par::ReduceGatherOp fuse(std::string &reason) {
    if (!findGather(reason))
      return {};
    Operation *place = findPlace();
    if (!place) {
      reason = "an op between the sum and the gathering needs one of the values in between";
      return {};
    }
    return build(place);
  }

private:
  /// Works row by row, on the device's rows and weights alone.
  static bool isRowWise(Operation *op) {
    return op->hasTrait<lm::RowWise>() && isa<lm::CostOpInterface>(op) &&
           llvm::all_of(op->getResultTypes(), isOwnRows) &&
           llvm::all_of(op->getOperandTypes(), [](Type type) { return isOwnRows(type) || isa<lm::WeightType>(type); });
  }

  /// The first gathering of something that is made of the sum row by row, and the ops that make it.
  bool findGather(std::string &reason) {
    llvm::SetVector<Operation *> rows; // made of the sum
    bool isGathered = false;
    for (Operation *op = sum->getNextNode(); op; op = op->getNextNode()) {
      auto isMade = [&](Value value) {
        return value == sum.getResult() || (value.getDefiningOp() && rows.contains(value.getDefiningOp()));
      };
      if (llvm::none_of(op->getOperands(), isMade))
        continue;
      if (isRowWise(op)) {
        rows.insert(op);
        continue;
      }
      auto candidate = dyn_cast<par::AllGatherOp>(op);
      if (!candidate || candidate.getParts() != sum.getParts() || candidate.getDim() != 0)
        continue;
      isGathered = true;
      if (candidate.getInput() == sum.getResult() || candidate.getResult().getType() != sum.getWholeType())
        continue;
      gather = candidate;
      addProducers(candidate.getInput().getDefiningOp(), rows);
      return true;
    }
    reason = isGathered     ? "what is gathered is the sum itself, or has rows of another size"
             : rows.empty() ? "nothing row by row follows it"
                            : "what follows it row by row is not gathered in the same layer";
    return false;
  }

  /// `op` and those of `rows` that it is made of, in order.
  void addProducers(Operation *op, const llvm::SetVector<Operation *> &rows) {
    llvm::SmallPtrSet<Operation *, 8> wanted{op};
    for (Operation *made : llvm::reverse(rows))
      if (wanted.contains(made))
        for (Value operand : made->getOperands())
          if (Operation *producer = operand.getDefiningOp(); producer && rows.contains(producer))
            wanted.insert(producer);
    for (Operation *made : rows)
      if (wanted.contains(made))
        body.insert(made);
  }

  bool isInside(Operation *op) const { return op == sum || op == gather || body.contains(op); }

  /// Where all that is needed is there and nothing that is made has been used: at the gathering, or at the sum.
  Operation *findPlace() {
    Block *block = sum->getBlock();
    auto isUsedBefore = [&](Operation *user) {
      Operation *own = block->findAncestorOpInBlock(*user);
      return own && own->isBeforeInBlock(gather) && !isInside(own);
    };
    auto isUsed = [&](Operation *op) { return llvm::any_of(op->getUsers(), isUsedBefore); };
    if (!isUsed(sum) && llvm::none_of(body, isUsed))
      return gather;
    for (Operation *op : body)
      for (Value operand : op->getOperands()) {
        Operation *producer = operand.getDefiningOp();
        bool isThere = !producer || producer->getBlock() != block || producer->isBeforeInBlock(sum);
        if (!isThere && !isInside(producer) && !isa<lm::GetWeightOp>(producer))
          return nullptr;
      }
    for (Operation *op : body)
      for (Value operand : op->getOperands())
        if (auto weight = operand.getDefiningOp<lm::GetWeightOp>();
            weight && weight->getBlock() == block && sum->isBeforeInBlock(weight))
          weight->moveBefore(sum);
    return sum;
  }

  par::ReduceGatherOp build(Operation *place) {
    llvm::SetVector<Value> rows;
    SmallVector<Value> kept, made{sum.getResult()};
    for (Operation *op : body) {
      for (Value operand : op->getOperands())
        if (isOwnRows(operand.getType()) && operand != sum.getResult() && !body.contains(operand.getDefiningOp()))
          rows.insert(operand);
      llvm::append_range(made, op->getResults());
    }
    for (Value value : made)
      if (!llvm::all_of(value.getUsers(), [&](Operation *user) { return isInside(user); }))
        kept.push_back(value);
    SmallVector<Type> keptTypes = llvm::map_to_vector(kept, [](Value value) { return value.getType(); });
    OpBuilder b(place);
    auto fused = par::ReduceGatherOp::create(b, sum.getLoc(), gather.getResult().getType(), keptTypes, sum.getInput(),
                                             rows.getArrayRef(), sum.getParts(), sum.getMeshAttr(),
                                             sum.getNodeEndsAttr(), sum.getNodeBoundsAttr(), sum.getOrderAttr(),
                                             sum.getAccumulateAttr(), sum.getWireAttr(), par::AlgorithmsAttr());
    SmallVector<Type> types{sum.getResult().getType()};
    llvm::append_range(types, ValueRange(rows.getArrayRef()).getTypes());
    Block *block = b.createBlock(&fused.getBody(), {}, types, SmallVector<Location>(types.size(), sum.getLoc()));
    IRMapping mapping;
    mapping.map(sum.getResult(), block->getArgument(0));
    mapping.map(rows.getArrayRef(), block->getArguments().drop_front());
    for (Operation *op : body)
      b.clone(*op, mapping);
    SmallVector<Value> yielded{mapping.lookup(Value(gather.getInput()))};
    for (Value value : kept)
      yielded.push_back(mapping.lookup(value));
    par::YieldOp::create(b, gather.getLoc(), yielded);
    gather.getResult().replaceAllUsesWith(fused.getResult());
    gather.erase();
    for (auto [value, result] : llvm::zip_equal(kept, fused.getKept()))
      value.replaceAllUsesWith(result);
    for (Operation *op : llvm::reverse(body))
      op->erase();
    sum.erase();
    return fused;
  }

  par::ReduceScatterOp sum;
  par::AllGatherOp gather;
  llvm::SetVector<Operation *> body;
};

/// What `fused` is predicted to save.
std::string getPrediction(par::ReduceGatherOp fused) {
  auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(fused, fused.getMeshAttr());
  auto machine = getMachineOf(mesh, fused.getDeviceAxes());
  if (!machine)
    return "no machine is described that times could be predicted for";
  SiteTimes times = predictSite(fused, *machine, {});
  return timeline::guardFusion(times.before, times.after, *machine).reason;
}

struct FuseAllReduceEpiloguePass : plait::impl::FuseAllReduceEpiloguePassBase<FuseAllReduceEpiloguePass> {
  void runOnOperation() override { numFused += fuseAllReduceEpilogues(getOperation(), /*isSilent=*/false); }
};
} // namespace

std::optional<timeline::Machine> plait::getMachineOf(par::MeshOp mesh, ArrayRef<par::AxisAttr> axes) {
  par::MachineOp machine = mesh ? findMachine(mesh) : nullptr;
  if (!machine)
    return std::nullopt;
  SmallVector<int64_t> devices;
  for (int64_t rank : mesh.getGroup(mesh.getRank().value_or(0), axes))
    devices.push_back(mesh.getDevice(rank));
  return getTimelineMachine(machine, devices);
}

int64_t plait::fuseAllReduceEpilogues(ModuleOp module, bool isSilent) {
  int64_t count = 0;
  for (decode::StepOp step : module.getOps<decode::StepOp>()) {
    SmallVector<par::ReduceScatterOp> sums;
    step.walk([&](par::ReduceScatterOp sum) {
      if (sum.getDim() == 0 && sum.getParts().isEven())
        sums.push_back(sum);
    });
    for (par::ReduceScatterOp sum : sums) {
      Location loc = sum.getLoc();
      std::string name = kernel::getSource(sum), reason;
      par::ReduceGatherOp fused = Site(sum).fuse(reason);
      count += bool(fused);
      if (fused)
        step.setShareTokens(kShareTokens);
      if (isSilent)
        continue;
      if (fused)
        remark::passed(loc, remark::RemarkOpts::name("Fused").category(kFlag))
            << name + ": " + getSiteText(fused) + " are one; " + getPrediction(fused);
      else
        remark::missed(loc, remark::RemarkOpts::name("NotFused").category(kFlag))
            << name + ": the sum stays by itself: " + reason;
    }
  }
  return count;
}
