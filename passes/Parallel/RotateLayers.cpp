//===- RotateLayers.cpp - Layers that begin at the end of others ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/FuseEpilogue.h"
#include "passes/Parallel/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/SetVector.h"

namespace plait {
#define GEN_PASS_DEF_ROTATELAYERSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

/// What is made of one value row by row, with weights, and gathered.
struct Prologue {
  par::AllGatherOp gather;
  llvm::SetVector<Operation *> ops; ///< weights among them, without the gathering
};

/// The first gathering of something that is made of `value` alone, in the block of `from` and behind it.
std::optional<Prologue> findPrologue(Value value, Block &block) {
  for (auto gather : block.getOps<par::AllGatherOp>()) {
    if (gather.getDim() != 0 || !gather.getParts().isEven())
      continue;
    // Backwards to `value`.
    llvm::SmallPtrSet<Operation *, 8> wanted;
    SmallVector<Value> next{gather.getInput()};
    bool isOwn = true;
    while (!next.empty() && isOwn) {
      Value made = next.pop_back_val();
      Operation *op = made.getDefiningOp();
      if (made == value || (op && wanted.contains(op)))
        continue;
      isOwn = op && op->getBlock() == &block && (isa<lm::GetWeightOp>(op) || op->hasTrait<lm::RowWise>());
      if (!isOwn)
        break;
      wanted.insert(op);
      llvm::append_range(next, op->getOperands());
    }
    bool uses = llvm::any_of(wanted, [&](Operation *op) { return llvm::is_contained(op->getOperands(), value); });
    if (!isOwn || !uses)
      continue;
    Prologue prologue{gather, {}};
    for (Operation &op : block)
      if (wanted.contains(&op))
        prologue.ops.insert(&op);
    return prologue;
  }
  return std::nullopt;
}

class LayerRotation {
public:
  LayerRotation(lm::LayersOp layers, SymbolTableCollection &symbols, bool isSilent)
      : layers(layers), symbols(symbols), isSilent(isSilent) {}

  /// Whether the loop begins elsewhere now; else it is as it was.
  bool run() {
    Block &body = layers.getBody().front();
    for (auto [i, argument] : llvm::enumerate(body.getArguments())) {
      if (lm::getLeadingDim(argument.getType()) != "tokens_part")
        continue;
      first = findPrologue(argument, body);
      last = findPrologue(layers.getResult(i), *layers->getBlock());
      index = int64_t(i);
      if (first && last && first->gather.getResult().getType() == last->gather.getResult().getType() &&
          llvm::all_of(first->ops, [&](Operation *op) { return canShift(op); })) {
        rotate();
        return true;
      }
    }
    return false;
  }

private:
  lm::WeightOp getWeight(lm::GetWeightOp get) {
    return symbols.lookupNearestSymbolFrom<lm::WeightOp>(get, get.getWeightAttr());
  }

  /// Whether what `op` is for a layer can be said of the next one: it is used there alone.
  bool canShift(Operation *op) {
    if (auto get = dyn_cast<lm::GetWeightOp>(op)) {
      auto weight = getWeight(get);
      return weight && (!weight.getLayers() || int64_t(*weight.getLayers()) >= int64_t(layers.getEnd()));
    }
    return true;
  }

  /// The weight of slice `slice` alone, or of all slices from it on, of which the first is that of the loop's first
  /// layer.
  SymbolRefAttr getSlices(lm::GetWeightOp get, int64_t slice, bool isOne) {
    lm::WeightOp weight = getWeight(get);
    if (!weight.getLayers())
      return get.getWeightAttr();
    OpBuilder b(weight);
    b.setInsertionPointAfter(weight);
    std::string name = weight.getSymName().str() + (isOne ? "_first" : "_next");
    std::string source = weight.getSource().str();
    auto model = cast<lm::ModelOp>(weight->getParentOp());
    if (isOne)
      source = weight.getTensorName(slice);
    // Steps that are variants of one another share it.
    for (auto other : model.getOps<lm::WeightOp>())
      if (other.getSource() == source && other.getType() == weight.getType() &&
          other.getPartAttr() == weight.getPartAttr() && other.getTransposed() == weight.getTransposed() &&
          (isOne || (other.getSlices() == weight.getSlices() - slice && other.getStep() == weight.getStep() &&
                     other.getFirst() == weight.getFirst() + slice * weight.getStep())))
        return getSymbol(get, other.getSymName());
    while (symbols.getSymbolTable(model).lookup(name))
      name += "_";
    auto copy = cast<lm::WeightOp>(weight->clone());
    copy.setSymName(name);
    copy.setSource(source);
    if (isOne) {
      copy.removeLayersAttr();
      copy.setFirst(0);
      copy.setStep(1);
    } else {
      copy.setLayers(int64_t(*weight.getLayers()) - slice);
      copy.setFirst(weight.getFirst() + slice * weight.getStep());
    }
    symbols.getSymbolTable(model).insert(copy, b.getInsertionPoint());
    return getSymbol(get, copy.getSymName());
  }

  static SymbolRefAttr getSymbol(lm::GetWeightOp get, StringRef name) {
    MLIRContext *context = get.getContext();
    SymbolRefAttr old = get.getWeightAttr();
    auto leaf = FlatSymbolRefAttr::get(context, name);
    if (old.getNestedReferences().empty())
      return leaf;
    return SymbolRefAttr::get(old.getRootReference(), {leaf});
  }

  /// The ops of `prologue` once more, of `value`; `getSymbol` says which weights.
  Value copyPrologue(OpBuilder &b, const Prologue &prologue, Value of, Value value,
                     llvm::function_ref<SymbolRefAttr(lm::GetWeightOp)> getSymbol) {
    IRMapping mapping;
    mapping.map(of, value);
    for (Operation *op : prologue.ops) {
      Operation *copy = b.clone(*op, mapping);
      if (auto get = dyn_cast<lm::GetWeightOp>(copy))
        get.setWeightAttr(getSymbol(cast<lm::GetWeightOp>(op)));
    }
    return cast<par::AllGatherOp>(b.clone(*prologue.gather, mapping)).getResult();
  }

  /// A loop of layers [begin, end) whose body ends with `prologue`.
  lm::LayersOp build(OpBuilder &b, int64_t begin, int64_t end, ValueRange inits, const Prologue &prologue, Value of,
                     llvm::function_ref<SymbolRefAttr(lm::GetWeightOp)> getSymbol) {
    auto loop = lm::LayersOp::create(b, layers.getLoc(), inits.getTypes(), uint64_t(begin), uint64_t(end), inits);
    Block &old = layers.getBody().front();
    OpBuilder::InsertionGuard guard(b);
    Region &region = loop.getBody();
    if (!region.empty())
      region.front().erase();
    Block *body = b.createBlock(&region, {}, inits.getTypes(), SmallVector<Location>(inits.size(), layers.getLoc()));
    IRMapping mapping;
    mapping.map(old.getArguments(), body->getArguments().drop_back());
    mapping.map(first->gather.getResult(), body->getArguments().back());
    for (Operation &op : old.without_terminator())
      if (&op != first->gather.getOperation() && !(first->ops.contains(&op) && isOnlyFor(&op)))
        b.clone(op, mapping);
    SmallVector<Value> yielded;
    for (Value value : old.getTerminator()->getOperands())
      yielded.push_back(mapping.lookup(value));
    yielded.push_back(copyPrologue(b, prologue, of, yielded[size_t(index)], getSymbol));
    lm::YieldOp::create(b, old.getTerminator()->getLoc(), yielded);
    return loop;
  }

  /// Whether nothing but the prologue needs what `op` makes.
  bool isOnlyFor(Operation *op) {
    return llvm::all_of(op->getUsers(), [&](Operation *user) {
      return user == first->gather || (first->ops.contains(user) && isOnlyFor(user));
    });
  }

  void rotate() {
    OpBuilder b(layers);
    int64_t begin = layers.getBegin(), end = layers.getEnd();
    Value argument = layers.getBody().front().getArgument(unsigned(index));
    SmallVector<Value> carried(layers.getInits());
    carried.push_back(copyPrologue(b, *first, argument, carried[size_t(index)],
                                   [&](lm::GetWeightOp get) { return getSlices(get, begin, /*isOne=*/true); }));
    if (end - begin > 1)
      carried = build(b, begin, end - 1, carried, *first, argument, [&](lm::GetWeightOp get) {
                  return getSlices(get, 1, /*isOne=*/false);
                }).getResults();
    auto loop = build(b, end - 1, end, carried, *last, layers.getResult(unsigned(index)),
                      [&](lm::GetWeightOp get) { return get.getWeightAttr(); });
    last->gather.getResult().replaceAllUsesWith(loop.getResults().back());
    last->gather.erase();
    for (Operation *op : llvm::reverse(last->ops))
      if (op->use_empty())
        op->erase();
    layers.replaceAllUsesWith(loop.getResults().drop_back());
    if (!isSilent)
      remark::passed(layers.getLoc(), remark::RemarkOpts::name("Rotated").category("plait-rotate-layers"))
          << ("layers " + Twine(begin) + " to " + Twine(end) + " begin at the end of the layer before").str();
    layers.erase();
  }

  lm::LayersOp layers;
  SymbolTableCollection &symbols;
  bool isSilent;
  std::optional<Prologue> first, last;
  int64_t index = 0;
};

struct RotateLayersPass : plait::impl::RotateLayersPassBase<RotateLayersPass> {
  void runOnOperation() override { numRotated += rotateLayers(getOperation(), /*isSilent=*/false); }
};
} // namespace

int64_t plait::rotateLayers(ModuleOp module, bool isSilent) {
  int64_t count = 0;
  SymbolTableCollection symbols;
  for (decode::StepOp step : module.getOps<decode::StepOp>()) {
    // The last first: what it begins with then follows the one before it.
    auto loops = llvm::to_vector(step.getBody().front().getOps<lm::LayersOp>());
    for (lm::LayersOp layers : llvm::reverse(loops))
      count += LayerRotation(layers, symbols, isSilent).run();
  }
  return count;
}
