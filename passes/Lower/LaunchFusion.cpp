//===- LaunchFusion.cpp - Several launches become one ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/LaunchFusion.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

using namespace plait;
using kernel::LaunchOp;

/// What the fused launch takes from outside and what others want of it.
struct LaunchFusion::Signature {
  llvm::SetVector<Value> operands;
  SmallVector<Value> results;

  explicit Signature(ArrayRef<LaunchOp> launches) {
    auto isMember = [&](Operation *op) { return op && llvm::is_contained(launches, op); };
    for (LaunchOp launch : launches) {
      for (Value operand : launch.getArguments())
        if (!isMember(operand.getDefiningOp()))
          operands.insert(operand);
      for (Value result : launch.getResults())
        if (result.use_empty() || !llvm::all_of(result.getUsers(), isMember))
          results.push_back(result);
    }
  }
};

kernel::FuncOp LaunchFusion::getKernel(LaunchOp launch) { return symbols.lookup<kernel::FuncOp>(launch.getKernel()); }

Operation *LaunchFusion::getOnlyOp(LaunchOp launch) {
  SmallVector<Operation *> ops = getKernel(launch).getComputeOps();
  return ops.size() == 1 ? ops.front() : nullptr;
}

Value LaunchFusion::getProductInput(LaunchOp launch) {
  Operation *op = getKernel(launch).getRoot();
  if (!op || !op->hasTrait<lm::WeightProduct>())
    return {};
  return launch.getArguments()[cast<BlockArgument>(op->getOperand(0)).getArgNumber()];
}

StringRef LaunchFusion::getRows(kernel::FuncOp kernel) {
  StringRef rows;
  for (Operation *op : kernel.getComputeOps()) {
    Type type = op->getResult(0).getType();
    if (isa<lm::StateType>(type)) // what is written into it has rows
      type = op->getOperand(0).getType();
    auto tensor = dyn_cast<RankedTensorType>(type);
    if (!op->hasTrait<lm::RowWise>() || !tensor || tensor.getRank() != 2)
      return {};
    StringRef own = lm::getLeadingDim(tensor);
    if (own.empty() || (!rows.empty() && own != rows))
      return {};
    rows = own;
  }
  return rows;
}

void LaunchFusion::forEachBlock(decode::StepOp step, llvm::function_ref<void(ArrayRef<LaunchOp>)> body) {
  SmallVector<Block *> blocks;
  step->walk([&](Block *block) { blocks.push_back(block); });
  for (Block *block : blocks)
    body(llvm::to_vector(block->getOps<LaunchOp>()));
}

LaunchOp LaunchFusion::getOnlyUser(Value value) {
  if (!value.hasOneUse())
    return {};
  auto user = dyn_cast<LaunchOp>(*value.user_begin());
  return user && user->getBlock() == value.getParentBlock() ? user : LaunchOp();
}

/// Where the fused launch may stand: in the place of the last launch if nothing
/// before it uses what the others make, in that of the first if all that they
/// need is there already. Null if neither.
Operation *LaunchFusion::findPlace(ArrayRef<LaunchOp> launches) const {
  LaunchOp first = launches.front(), last = launches.back();
  Block *block = last->getBlock();
  auto isUsedBefore = [&](Operation *user) {
    Operation *inBlock = block->findAncestorOpInBlock(*user);
    return inBlock && inBlock->isBeforeInBlock(last) && !llvm::is_contained(launches, inBlock);
  };
  if (llvm::none_of(launches, [&](LaunchOp launch) { return llvm::any_of(launch->getUsers(), isUsedBefore); }))
    return last;
  auto isThere = [&](Value operand) {
    Operation *producer = operand.getDefiningOp();
    // Naming a weight depends on nothing and can be moved.
    return !producer || producer->getBlock() != block || producer->isBeforeInBlock(first) ||
           llvm::is_contained(launches, producer) || isa<kernel::PackedWeightOp>(producer);
  };
  if (llvm::all_of(launches, [&](LaunchOp launch) { return llvm::all_of(launch.getArguments(), isThere); }))
    return first;
  return nullptr;
}

/// The pairs that the launches' kernels allow and that hold for all of them
/// together: no other op may read what is written over. False if one is lost.
bool LaunchFusion::getInPlace(ArrayRef<LaunchOp> launches, const Signature &signature, SmallVector<int64_t> &pairs) {
  DenseMap<Value, Value> origins; // operands that values within may be written over
  for (LaunchOp launch : launches) {
    ArrayRef<int64_t> own = getKernel(launch).getInPlace().value_or(ArrayRef<int64_t>());
    for (size_t i = 0; i + 1 < own.size(); i += 2) {
      Value operand = launch.getArguments()[own[i]], result = launch.getResult(own[i + 1]);
      Value origin = origins.lookup(operand);
      if (origin)
        operand = origin;
      auto *argument = llvm::find(signature.operands, operand);
      auto *position = llvm::find(signature.results, result);
      if (argument == signature.operands.end())
        continue;
      if (position == signature.results.end()) {
        origins[result] = operand;
        continue;
      }
      auto readers =
          llvm::count_if(launches, [&](LaunchOp other) { return llvm::is_contained(other.getArguments(), operand); });
      if (readers > 1 && origin)
        continue;
      if (readers > 1)
        return false;
      pairs.push_back(argument - signature.operands.begin());
      pairs.push_back(position - signature.results.begin());
    }
  }
  return true;
}

/// The sum, less what passes from one to the other: it is not read, and not
/// written if nobody else wants it. What several take is read once.
Cost LaunchFusion::getCost(ArrayRef<LaunchOp> launches, const Signature &signature) {
  Cost cost;
  for (LaunchOp launch : launches) {
    cost = cost + kernel::getCost(getKernel(launch).getCost());
    for (Value result : launch.getResults()) {
      if (!isa<RankedTensorType>(result.getType()))
        continue;
      int64_t saved = llvm::count_if(result.getUses(),
                                     [&](OpOperand &use) { return llvm::is_contained(launches, use.getOwner()); });
      if (!llvm::is_contained(signature.results, result))
        ++saved;
      cost.activationBytes = cost.activationBytes - lm::tensorBytes(result.getType()) * saved;
    }
  }
  for (Value operand : signature.operands) {
    int64_t readers =
        llvm::count_if(launches, [&](LaunchOp launch) { return llvm::is_contained(launch.getArguments(), operand); });
    if (isa<RankedTensorType>(operand.getType()))
      cost.activationBytes = cost.activationBytes - lm::tensorBytes(operand.getType()) * (readers - 1);
  }
  return cost;
}

/// "linear_add": what it does, in order, each once in a row.
static std::string getName(ArrayRef<Operation *> ops) {
  std::string name;
  StringRef previous;
  for (Operation *op : ops) {
    StringRef next = op->getName().stripDialect();
    if (next != previous)
      name += (name.empty() ? "" : "_") + next.str();
    previous = next;
  }
  return name;
}

/// "layers.mlp.gate_proj+up_proj+act_fn": further names without what they have in
/// common with the first.
static std::string getSource(ArrayRef<LaunchOp> launches) {
  LaunchOp head = launches.front();
  StringRef first = head.getSource();
  std::string source = first.str();
  for (LaunchOp launch : launches.drop_front()) {
    StringRef next = launch.getSource();
    if (next == first)
      continue;
    size_t same = 0;
    for (size_t i = 0; i < std::min(first.size(), next.size()) && first[i] == next[i]; ++i)
      if (next[i] == '.')
        same = i + 1;
    source += "+" + next.drop_front(same).str();
  }
  return source;
}

kernel::FuncOp LaunchFusion::makeKernel(ArrayRef<LaunchOp> launches, const Signature &signature,
                                        ArrayRef<int64_t> inPlace) {
  Location loc = launches.front()->getLoc();
  MLIRContext *context = loc.getContext();
  OpBuilder b(context);
  auto type = b.getFunctionType(ValueRange(signature.operands.getArrayRef()).getTypes(),
                                ValueRange(signature.results).getTypes());
  auto func = kernel::FuncOp::create(b, loc, "fused", type, kernel::getCostAttr(context, getCost(launches, signature)),
                                     inPlace.empty() ? DenseI64ArrayAttr() : b.getDenseI64ArrayAttr(inPlace),
                                     /*host=*/false, ArrayAttr(), ArrayAttr());
  Block *body =
      b.createBlock(&func.getBody(), {}, type.getInputs(), SmallVector<Location>(signature.operands.size(), loc));
  IRMapping outside; // from the step's values to the kernel's
  outside.map(signature.operands, body->getArguments());
  for (LaunchOp launch : launches) {
    kernel::FuncOp part = getKernel(launch);
    IRMapping inside;
    for (auto [argument, operand] : llvm::zip_equal(part.getArguments(), launch.getArguments()))
      inside.map(argument, outside.lookup(operand));
    Block &ops = part.getBody().front();
    for (Operation &op : ops.without_terminator())
      b.clone(op, inside);
    for (auto [value, result] : llvm::zip_equal(ops.getTerminator()->getOperands(), launch.getResults()))
      outside.map(result, inside.lookup(value));
  }
  SmallVector<Value> results;
  for (Value result : signature.results)
    results.push_back(outside.lookup(result));
  kernel::ReturnOp::create(b, loc, results);
  func.setSymName(getName(func.getComputeOps()));
  symbols.insert(func);
  return func;
}

LaunchOp LaunchFusion::fuse(ArrayRef<LaunchOp> launches) {
  LaunchOp first = launches.front(), last = launches.back();
  Operation *place = findPlace(launches);
  if (!place) {
    reportMissed(first, "a launch between it and " + last.getSource() + " needs one of them");
    return {};
  }
  Signature signature(launches);
  SmallVector<int64_t> inPlace;
  if (!getInPlace(launches, signature, inPlace)) {
    reportMissed(first, "together with " + last.getSource() + " it would no longer be written in place");
    return {};
  }
  kernel::FuncOp func = makeKernel(launches, signature, inPlace);
  for (Value operand : signature.operands)
    if (auto weight = operand.getDefiningOp<kernel::PackedWeightOp>();
        weight && weight->getBlock() == place->getBlock() && place->isBeforeInBlock(weight))
      weight->moveBefore(place);
  OpBuilder b(place);
  std::string source = getSource(launches);
  auto fused = LaunchOp::create(b, first.getLoc(), func.getResultTypes(), func.getSymName(), source,
                                signature.operands.getArrayRef());
  remark::passed(fused.getLoc(), remark::RemarkOpts::name("Fused").category(pass)) << source << " is one launch";
  for (auto [old, result] : llvm::zip_equal(signature.results, fused.getResults()))
    old.replaceAllUsesWith(result);
  for (LaunchOp launch : llvm::reverse(launches)) {
    symbols.erase(getKernel(launch));
    launch.erase();
  }
  return fused;
}

void LaunchFusion::reportMissed(LaunchOp launch, const Twine &reason) const {
  remark::missed(launch.getLoc(), remark::RemarkOpts::name("NotFused").category(pass))
      << launch.getSource() << " stays as it is: " << reason.str();
}
