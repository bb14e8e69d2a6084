//===- MemoryPlan.cpp - Buffers of a step's values ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/MemoryPlan.h"

#include "plait-abi/Model.h"

#include "mlir/IR/Remarks.h"

using namespace plait;

namespace {

/// The ABI's input or output array of a role.
int64_t getAbiInput(decode::Role role) {
  using decode::Role;
  switch (role) {
  case Role::tokens:
    return PLAIT_IN_TOKENS;
  case Role::positions:
    return PLAIT_IN_POSITIONS;
  case Role::leaves:
    return PLAIT_IN_LEAVES;
  case Role::temperature:
    return PLAIT_IN_TEMPERATURE;
  case Role::top_k:
    return PLAIT_IN_TOP_K;
  case Role::top_p:
    return PLAIT_IN_TOP_P;
  case Role::min_p:
    return PLAIT_IN_MIN_P;
  case Role::seed:
    return PLAIT_IN_SEED;
  case Role::sequence:
    return PLAIT_IN_SEQUENCE;
  case Role::stops:
    return PLAIT_IN_STOPS;
  case Role::edit_ends:
    return PLAIT_IN_EDIT_ENDS;
  case Role::edit_tokens:
    return PLAIT_IN_EDIT_TOKENS;
  case Role::edit_biases:
    return PLAIT_IN_EDIT_BIASES;
  case Role::edit_scales:
    return PLAIT_IN_EDIT_SCALES;
  case Role::edit_offsets:
    return PLAIT_IN_EDIT_OFFSETS;
  case Role::top_counts:
    return PLAIT_IN_TOP_COUNTS;
  case Role::hidden:
    return PLAIT_IN_HIDDEN;
  case Role::parents:
    return PLAIT_IN_PARENTS;
  case Role::next:
    return PLAIT_IN_NEXT;
  default:
    return -1;
  }
}

int64_t getAbiOutput(decode::Role role) {
  using decode::Role;
  switch (role) {
  case Role::chosen:
    return PLAIT_OUT_TOKENS;
  case Role::status:
    return PLAIT_OUT_STATUS;
  case Role::logprob:
    return PLAIT_OUT_LOGPROB;
  case Role::logits:
    return PLAIT_OUT_LOGITS;
  case Role::top_tokens:
    return PLAIT_OUT_TOP_TOKENS;
  case Role::top_logprobs:
    return PLAIT_OUT_TOP_LOGPROBS;
  case Role::hidden:
    return PLAIT_OUT_HIDDEN;
  default:
    return -1;
  }
}

} // namespace

namespace plait {

/// Walks the launches in order, with the layers' region in the place of its op.
class MemoryPlanner {
public:
  explicit MemoryPlanner(decode::StepOp step) : step(step) {}

  LogicalResult run() {
    if (failed(bindArguments()))
      return failure();
    number(step.getBody().front());
    if (failed(bindOutputs()))
      return failure();
    return planBlock(step.getBody().front());
  }

  MemoryPlan plan;

private:
  using Buffer = MemoryPlan::Buffer;
  using ArgKind = rt::ArgKind;

  LogicalResult bindArguments() {
    SmallVector<int64_t> tables = kernel::getPageTables(step.getStateTypes());
    int64_t states = 0;
    for (auto [i, argument] : llvm::enumerate(step.getBody().getArguments())) {
      decode::Role role = step.getInputRole(i);
      auto &buffers = plan.buffers[argument];
      if (role == decode::Role::rows)
        buffers = {{ArgKind::input, PLAIT_IN_TOKEN_ROWS},
                   {ArgKind::input, PLAIT_IN_PATH_ENDS},
                   {ArgKind::input, PLAIT_IN_PATHS}};
      else if (role == decode::Role::state) {
        buffers = {{ArgKind::state, states}, {ArgKind::pages, tables[states]}};
        ++states;
      } else if (int64_t index = getAbiInput(role); index >= 0)
        buffers = {{ArgKind::input, index}};
      else
        return step.emitOpError("expected an input role for argument ") << i << " but got " << step.getInputRoles()[i];
    }
    return success();
  }

  /// Values that the step returns are written straight into the outputs, so each
  /// is a launch's own.
  LogicalResult bindOutputs() {
    Operation *end = step.getBody().front().getTerminator();
    for (auto [i, value] : llvm::enumerate(end->getOperands())) {
      int64_t index = getAbiOutput(step.getOutputRole(i));
      if (index < 0)
        return step.emitOpError("expected an output role for result ") << i << " but got " << step.getOutputRoles()[i];
      if (!value.getDefiningOp<kernel::LaunchOp>() || plan.buffers.contains(value))
        return end->emitOpError("expected results of launches, each once; operand #") << i << " is not";
      plan.buffers[value] = {{ArgKind::output, index}};
    }
    return success();
  }

  void number(Block &block) {
    for (Operation &op : block) {
      for (Region &region : op.getRegions())
        number(region.front());
      order[&op] = order.size(); // an op comes after its body
    }
  }

  /// Position of the last use of `value`. A value of an outer block is used by
  /// every pass through a loop, that is up to the loop's end.
  size_t lastUse(Value value) {
    size_t last = 0;
    for (Operation *user : value.getUsers()) {
      while (user->getBlock() != value.getParentBlock())
        user = user->getParentOp();
      last = std::max(last, order.lookup(user));
    }
    return last;
  }

  bool isSlot(Value value) {
    auto it = plan.buffers.find(value);
    return it != plan.buffers.end() && it->second.size() == 1 && it->second[0].kind == ArgKind::slot;
  }

  LogicalResult planBlock(Block &block) {
    for (Operation &op : block) {
      if (auto launch = dyn_cast<kernel::LaunchOp>(op)) {
        if (failed(planLaunch(launch)))
          return failure();
      } else if (auto layers = dyn_cast<lm::LayersOp>(op)) {
        if (failed(planLayers(layers)))
          return failure();
      } else if (auto fused = dyn_cast<par::ReduceGatherOp>(op)) {
        if (failed(planFused(fused)))
          return failure();
      } else if (auto collective = dyn_cast<par::CollectiveOpInterface>(op)) {
        if (failed(planCollective(collective)))
          return failure();
      } else if (!isa<kernel::PackedWeightOp, lm::YieldOp, par::YieldOp, decode::ReturnOp>(op)) {
        return op.emitOpError("illegal in a plan; expected to have been made a launch by 'plait-outline-kernels'");
      }
      releaseDead(&op);
    }
    return success();
  }

  /// A sum in the place of the summand, as a broadcast; anything else in a slot of its own.
  LogicalResult planCollective(par::CollectiveOpInterface op) {
    Value input = op.getInput(), result = op.getResult();
    bool inPlace = op.isInPlace() && input && result;
    if ((input && !isSlot(input)) || (inPlace && lastUse(input) != order.lookup(op)) ||
        (result && plan.buffers.contains(result)))
      return op->emitOpError("expected a launch's result, of no other use if it is reduced, and a result that is not "
                             "the step's");
    if (!result)
      return success();
    if (!inPlace) {
      auto slot = allocate(op, op.getResult());
      if (failed(slot))
        return failure();
      plan.buffers[op.getResult()] = {{ArgKind::slot, *slot}};
      owners[*slot] = op.getResult();
      return success();
    }
    plan.buffers[op.getResult()] = plan.buffers.lookup(input);
    owners[plan.buffers.lookup(input)[0].index] = op.getResult();
    return success();
  }

  /// The sum and what is made of it in slots of their own, row by row with what the device keeps, and what is
  /// gathered in another one.
  LogicalResult planFused(par::ReduceGatherOp op) {
    if (!isSlot(op.getInput()))
      return op.emitOpError("expected the sum of a launch's result");
    Block &body = op.getBody().front();
    Value sum = body.getArgument(0);
    auto slot = allocate(op, sum);
    if (failed(slot))
      return failure();
    plan.buffers[sum] = {{ArgKind::slot, *slot}};
    owners[*slot] = sum;
    for (auto [operand, argument] : llvm::zip_equal(op.getRows(), body.getArguments().drop_front())) {
      plan.buffers[argument] = plan.buffers.lookup(operand);
      if (!isSlot(operand))
        continue;
      // What is needed behind it is not written over.
      if (!isLastUse(op, operand))
        constant.insert(argument);
      else
        owners[plan.buffers.lookup(operand)[0].index] = argument;
    }
    if (failed(planBlock(body)))
      return failure();
    auto yielded = body.getTerminator()->getOperands();
    for (auto [value, kept] : llvm::zip_equal(yielded.drop_front(), op.getKept())) {
      plan.buffers[kept] = plan.buffers.lookup(value);
      if (isSlot(kept) && !constant.contains(value))
        owners[plan.buffers.lookup(kept)[0].index] = kept;
    }
    // What is gathered is of another extent, so no slot that is free now is that of a part.
    auto target = allocate(op, op.getResult());
    if (failed(target))
      return failure();
    plan.buffers[op.getResult()] = {{ArgKind::slot, *target}};
    owners[*target] = op.getResult();
    return success();
  }

  LogicalResult planLaunch(kernel::LaunchOp launch) {
    for (auto [i, result] : llvm::enumerate(launch.getResults())) {
      if (isa<lm::StateType>(result.getType())) { // changed in place
        for (Value operand : launch.getArguments())
          if (operand.getType() == result.getType())
            plan.buffers[result] = plan.buffers.lookup(operand);
        continue;
      }
      if (plan.buffers.contains(result)) // an output
        continue;
      auto mayBeOver = [&](Value operand) { return isSlot(operand) && !constant.contains(operand); };
      if (Value over = findInPlaceOperand(launch, i, mayBeOver)) {
        remark::passed(launch.getLoc(), remark::RemarkOpts::name("InPlace").category("plait-plan-launches"))
            << launch.getSource() << " is written over its first operand";
        plan.buffers[result] = plan.buffers.lookup(over);
        owners[plan.buffers.lookup(result)[0].index] = result;
        continue;
      }
      auto slot = allocate(launch, result, launch.getRedundant());
      if (failed(slot))
        return failure();
      plan.buffers[result] = {{launch.getRedundant() ? ArgKind::copy : ArgKind::slot, *slot}};
      owners[*slot] = result;
    }
    return success();
  }

  /// The operand that `launch` may overwrite with its result `index`: the
  /// kernel allows it, and so does `mayBeOver`, and it dies here.
  Value findInPlaceOperand(kernel::LaunchOp launch, int64_t index, llvm::function_ref<bool(Value)> mayBeOver) {
    if (launch.getRedundant()) // what every thread writes for itself is no place of another value
      return {};
    auto func = SymbolTable::lookupNearestSymbolFrom<kernel::FuncOp>(launch, launch.getKernelAttr());
    auto pairs = func.getInPlace();
    if (!pairs)
      return {};
    for (size_t i = 0; i + 1 < pairs->size(); i += 2) {
      Value operand = launch.getArguments()[(*pairs)[i]];
      bool once = llvm::count(launch.getArguments(), operand) == 1;
      if ((*pairs)[i + 1] == index && once && lastUse(operand) == order.lookup(launch) &&
          operand.getParentBlock() == launch->getBlock() && mayBeOver(operand))
        return operand;
    }
    return {};
  }

  /// The value that `value` is made of by ops that write over an operand.
  Value findMade(Value value) {
    while (Operation *op = value.getDefiningOp()) {
      Value over;
      if (auto launch = dyn_cast<kernel::LaunchOp>(op))
        over = findInPlaceOperand(launch, cast<OpResult>(value).getResultNumber(), [](Value) { return true; });
      else if (auto fused = dyn_cast<par::ReduceGatherOp>(op))
        over = findMadeOf(fused, value);
      else if (auto collective = dyn_cast<par::CollectiveOpInterface>(op); collective && collective.isInPlace())
        over = collective.getInput();
      if (!over)
        break;
      value = over;
    }
    return value;
  }

  /// The rows that `fused` writes `kept` over, if it does.
  Value findMadeOf(par::ReduceGatherOp fused, Value kept) {
    auto at = llvm::find(fused.getKept(), kept);
    if (at == fused.getKept().end())
      return {};
    Block &body = fused.getBody().front();
    auto argument =
        dyn_cast<BlockArgument>(findMade(body.getTerminator()->getOperand(1 + (at - fused.getKept().begin()))));
    if (!argument || argument.getArgNumber() == 0)
      return {};
    Value rows = fused.getRows()[argument.getArgNumber() - 1];
    return isLastUse(fused, rows) ? rows : Value();
  }

  /// Whether `fused` alone needs `rows` from it on, so that it may write over them.
  bool isLastUse(par::ReduceGatherOp fused, Value rows) {
    return lastUse(rows) == order.lookup(fused) && llvm::count(fused.getRows(), rows) == 1;
  }

  LogicalResult planLayers(lm::LayersOp layers) {
    Block &body = layers.getBody().front();
    for (auto [init, argument] : llvm::zip_equal(layers.getInits(), body.getArguments())) {
      plan.buffers[argument] = plan.buffers.lookup(init);
      if (!isSlot(init))
        continue;
      if (lastUse(init) != order.lookup(layers) || llvm::count(layers.getInits(), init) != 1)
        return layers.emitOpError("expected a value carried through the layers to have no other use");
      int64_t slot = plan.buffers.lookup(argument)[0].index;
      owners[slot] = argument;
      // What is not made of this layer's value comes where that was.
      Value made = findMade(body.getTerminator()->getOperand(argument.getArgNumber()));
      Operation *maker = made.getDefiningOp();
      if (maker && maker->getBlock() == &body && lastUse(argument) < order.lookup(maker) &&
          made.getType() == argument.getType()) {
        places[made] = slot;
        constant.insert(argument);
        owners[slot] = layers.getResult(argument.getArgNumber()); // nobody else's in between
      }
    }
    if (failed(planBlock(body)))
      return failure();
    for (auto [argument, yielded, result] :
         llvm::zip_equal(body.getArguments(), body.getTerminator()->getOperands(), layers.getResults())) {
      if (plan.buffers.lookup(argument) != plan.buffers.lookup(yielded))
        return layers.emitOpError("expected a value carried through the layers to be updated in place, as a "
                                  "residual stream is; carried value #")
               << argument.getArgNumber() << " is not";
      plan.buffers[result] = plan.buffers.lookup(argument);
      if (isSlot(result))
        owners[plan.buffers.lookup(result)[0].index] = result;
    }
    return success();
  }

  FailureOr<int64_t> allocate(Operation *op, Value value, bool copies = false) {
    if (auto place = places.find(value); place != places.end())
      return place->second;
    auto type = cast<RankedTensorType>(value.getType());
    int64_t bytes = lm::getRowBytes(type);
    StringRef name = lm::getLeadingDim(type);
    static constexpr StringLiteral names[PLAIT_DIM_COUNT] = PLAIT_DIM_NAMES;
    int dim = llvm::find(names, name) - std::begin(names);
    if (dim == PLAIT_DIM_COUNT || bytes <= 0)
      return op->emitOpError("expected a result of an extent of the step, and static ones, but got ") << type;
    // Best fit: the smallest free slot that is large enough, else the largest.
    int64_t best = -1;
    for (auto [i, slot] : llvm::enumerate(plan.slots)) {
      if (owners.count(i) || slot.dim != dim || slot.copies != copies)
        continue;
      bool fits = slot.bytes >= bytes, bestFits = best >= 0 && plan.slots[best].bytes >= bytes;
      if (best < 0 || (fits && (!bestFits || slot.bytes < plan.slots[best].bytes)) ||
          (!fits && !bestFits && slot.bytes > plan.slots[best].bytes))
        best = i;
    }
    if (best < 0) {
      best = plan.slots.size();
      plan.slots.push_back({dim, bytes, copies});
    }
    plan.slots[best].bytes = std::max(plan.slots[best].bytes, bytes);
    return best;
  }

  void releaseDead(Operation *op) {
    size_t now = order.lookup(op);
    SmallVector<int64_t> dead;
    for (auto [slot, owner] : owners)
      if (owner.getParentBlock() == op->getBlock() && lastUse(owner) <= now)
        dead.push_back(slot);
    for (int64_t slot : dead)
      owners.erase(slot);
  }

  decode::StepOp step;
  DenseMap<Operation *, size_t> order;
  std::map<int64_t, Value> owners; ///< the live value of each slot in use
  DenseMap<Value, int64_t> places; ///< slots that values have to come to
  DenseSet<Value> constant;        ///< arguments that are other values, still in use
};

} // namespace plait

FailureOr<MemoryPlan> MemoryPlan::create(decode::StepOp step) {
  MemoryPlanner planner(step);
  if (failed(planner.run()))
    return failure();
  return std::move(planner.plan);
}

ArrayRef<MemoryPlan::Buffer> MemoryPlan::getBuffers(Value value) const {
  auto it = buffers.find(value);
  return it == buffers.end() ? ArrayRef<Buffer>() : ArrayRef<Buffer>(it->second);
}
