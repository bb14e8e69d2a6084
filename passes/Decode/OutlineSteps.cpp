//===- OutlineSteps.cpp - Forwards become runs of a step ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Decode/Origins.h"
#include "passes/Decode/ForwardShape.h"
#include "passes/Decode/Passes.h"
#include "passes/Decode/Refuse.h"
#include "passes/Decode/StepBuilder.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringSet.h"

namespace plait {
#define GEN_PASS_DEF_OUTLINESTEPSPASS
#include "passes/Decode/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {

std::string textOf(Attribute attribute) {
  std::string text;
  llvm::raw_string_ostream(text) << attribute;
  return text;
}

struct OutlineStepsPass : plait::impl::OutlineStepsPassBase<OutlineStepsPass> {
  using OutlineStepsPassBase::OutlineStepsPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SmallVector<StrategyOp> strategies;
    for (StrategyOp strategy : module.getOps<StrategyOp>())
      if (strategy.getSymName() != StringRef(step) && !strategy.isOutlined() && !isStep(strategy))
        strategies.push_back(strategy);
    if (strategies.empty())
      return;
    auto plain = module.lookupSymbol<StrategyOp>(step);
    if (!plain) {
      strategies.front().emitOpError("expected a strategy @")
          << step << ", whose step its forwards become; 'plait-attach-strategy' adds @ar";
      return signalPassFailure();
    }
    auto shape = StepShape::match(plain.getRound());
    if (failed(shape))
      return signalPassFailure();
    plainShape = *shape;
    steps.emplace(plain);
    steps->setInsertionPointAfter(plain); // the first step is that of plain decoding
    for (StrategyOp strategy : strategies)
      if (failed(outline(strategy)))
        return signalPassFailure();
  }

  LogicalResult outline(StrategyOp strategy) {
    WalkResult groups = strategy.walk([](GroupOpInterface op) {
      (void)refuse(op, "a group of sequences",
                   "a strategy of one sequence; groups can only be interpreted (plait-opt --plait-evaluate)");
      return WalkResult::interrupt();
    });
    if (groups.wasInterrupted())
      return failure();
    BlockArgument text = strategy.getBody().getArgument(0);
    if (text.getType() != plainShape.forward.getSequence().getType())
      return refuse(strategy, "a text of another model than that of @" + step, "a first sequence of that model");
    SmallVector<ForwardOp> forwards;
    strategy.walk([&](ForwardOp forward) { forwards.push_back(forward); });
    for (ForwardOp op : forwards) {
      auto forward = ForwardShape::match(op);
      if (failed(forward) || (originOf(op.getSequence()) == text && failed(verifyText(*forward))) ||
          failed(verifyModel(*forward, text.getType())) || failed(outline(*forward)))
        return failure();
    }
    if (failed(outlineRecurs(strategy)) || failed(outlineHeads(strategy)))
      return failure();
    WalkResult result = strategy.walk([&](Operation *op) {
      if (isa<RoundOpInterface, StrategyOp, RoundOp, RepeatOp, YieldOp, ReturnOp>(op))
        return WalkResult::advance();
      (void)refuse(op, "an op that is no part of a forward", "one that the runtime interprets");
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// A draft model is compiled by itself, with the step of plain decoding alone.
  LogicalResult verifyModel(ForwardShape forward, Type text) {
    if (forward.op.getSequence().getType() == text)
      return success();
    if (!forward.op.isWhole())
      return refuse(forward.op, "layers to skip of a draft model", "a forward through all of its layers");
    if (!forward.leaves.empty() || !forward.tapped.empty())
      return refuse(forward.op, "hidden states of a draft model", "those of the model that is drafted for");
    return success();
  }

  /// Whether the text's tokens are those that the step chooses. Drafts may be any.
  LogicalResult verifyText(ForwardShape forward) {
    if (forward.op.exitsEarly())
      return refuse(forward.op, "a forward of the text that ends at a tap", "one in that of a 'decode.fork' of it");
    if (!forward.op.isWhole())
      return refuse(forward.op, "layers to skip in a forward of the text", "them in that of a 'decode.fork' of it");
    bool isEdited = forward.isEdited(), wanted = bool(plainShape.edit);
    if (isEdited != wanted)
      return refuse(forward.rule, isEdited ? "edited logits" : "logits that are not edited",
                    (wanted ? "a 'decode.edit' for the rule, as @" : "none, as @") + step + " has it");
    if (isEdited && forward.edit.getHistory() != plainShape.edit.getHistory())
      return refuse(forward.edit, "penalties that look at the prefix", "'history path'");
    auto warps = forward.rule->getAttrOfType<ArrayAttr>("warps");
    auto plainWarps = plainShape.rule->getAttrOfType<ArrayAttr>("warps");
    if (warps && warps != plainWarps)
      return refuse(forward.rule, "the warps " + textOf(warps),
                    "those of @" + step + ", " + (plainWarps ? textOf(plainWarps) : "none"));
    return success();
  }

  /// The step of a forward with one of its sets of sublayers that are left out, made if it is not there yet.
  FailureOr<FlatSymbolRefAttr> getStep(ForwardShape forward, size_t set) {
    StepVariant variant{step};
    if (!forward.op.isWhole()) {
      auto layers = countLayers(modelOf(forward.op.getSequence().getType()), forward.op);
      if (failed(layers))
        return failure();
      variant.forward.skip = forward.op.getSkippedSublayers(set, *layers);
    }
    for (const auto &[layer, leaves] : forward.tapped)
      variant.forward.tapped.push_back(layer);
    variant.returnsHidden = !forward.leaves.empty();
    variant.name = variant.forward.nameOf(variant.name);
    if (variant.returnsHidden)
      variant.name += "_hidden";
    if (forward.hasTapHead)
      variant.name += "_" + (variant.tapHead = forward.head.getFunction()->str());
    StepShape shape = plainShape;
    if (forward.rule.hasOwnStep()) {
      shape.rule = forward.rule;
      variant.name += nameOf(forward.rule);
    }
    auto symbol = FlatSymbolRefAttr::get(&getContext(), variant.name);
    if (variant.name == step || isMade(variant.name))
      return symbol;
    if (failed(verifyFresh(forward.op, variant.name)) || failed(buildStep(*steps, shape, variant, forward.op)))
      return failure();
    made.insert(variant.name);
    return symbol;
  }

  /// What a step is called that is made for `rule`, beside others of the kind with other numbers.
  std::string nameOf(VerifyRuleOpInterface rule) {
    std::pair own(rule->getName(), rule->getAttrDictionary());
    if (!llvm::is_contained(ownRules, own))
      ownRules.push_back(own);
    int64_t number = 0;
    for (const auto &other : ownRules) {
      number += other.first == own.first;
      if (other == own)
        break;
    }
    StringRef kind = own.first.stripDialect();
    kind.consume_front("verify_");
    return "_" + kind.str() + (number > 1 ? "_" + std::to_string(number) : "");
  }

  lm::ModelOp modelOf(SequenceType type) { return getOperation().lookupSymbol<lm::ModelOp>(type.getModel().getAttr()); }

  bool isMade(StringRef name) { return made.contains(name); }

  LogicalResult verifyFresh(Operation *op, StringRef name) {
    if (getOperation().lookupSymbol(name))
      return op->emitOpError("found a symbol @") << name << " already; expected none, as its step is called so";
    return success();
  }

  /// What recurs is a step with its head. Those that come last are moved first: each goes to
  /// where the next one needs it.
  LogicalResult outlineRecurs(StrategyOp strategy) {
    SmallVector<RecurOp> recurs;
    strategy.walk([&](RecurOp recur) { recurs.push_back(recur); });
    SmallVector<Operation *> runs;
    for (RecurOp recur : recurs) {
      HeadOp head;
      for (Operation *user : recur.getResult().getUsers())
        if (auto own = dyn_cast<HeadOp>(user); own && !head)
          head = own;
        else if (!isa<RecurOp, RunRecurOp>(user))
          return refuse(user, "another use of a hidden state that recurs than one head", "one 'decode.head' of it");
      auto top = head && head.getLogits().hasOneUse() ? dyn_cast<TopOp>(*head.getLogits().user_begin()) : nullptr;
      if (!top)
        return refuse(recur, "no candidates of its hidden state", "one 'decode.head' of it, and one 'decode.top'");
      if (!recur.getHidden().getDefiningOp<LeafOp>() && !recur.getHidden().getDefiningOp<RunRecurOp>())
        return refuse(recur, "hidden states that are not those of a leaf", "a 'decode.leaf' before it");
      StringRef function = head.getFunction().value_or("head");
      std::string name = ("recur_" + recur.getFunction()).str();
      if (function != (recur.getFunction() + "_head").str())
        name += ("_" + function).str();
      if (!isMade(name)) {
        if (failed(verifyFresh(recur, name)) || failed(buildRecurStep(*steps, recur, head, name)))
          return failure();
        made.insert(name);
      }
      OpBuilder b(recur);
      auto run = RunRecurOp::create(b, recur.getLoc(), top.getCandidates().getType(), recur.getType(),
                                    FlatSymbolRefAttr::get(&getContext(), name), recur.getHidden(), recur.getToken(),
                                    recur.getSequence());
      top.replaceAllUsesWith(run.getCandidates());
      top.erase();
      head.erase();
      recur.replaceAllUsesWith(run.getNext());
      recur.erase();
      runs.push_back(run);
    }
    for (Operation *run : llvm::reverse(runs))
      sink(run);
    return success();
  }

  /// Heads of a leaf are steps of their own, at the end of the round: until then it is not
  /// known which node it is, and what was chosen need not wait for them.
  LogicalResult outlineHeads(StrategyOp strategy) {
    SmallVector<HeadOp> heads;
    strategy.walk([&](HeadOp head) { heads.push_back(head); });
    for (HeadOp head : heads) {
      if (!head.getHidden().getDefiningOp<LeafOp>())
        return refuse(head, "hidden states that are not those of a leaf", "a 'decode.leaf' before it");
      StringRef function = head.getFunction().value_or("head");
      if (function == "head" && isTap(head.getHidden())) {
        auto exit = makeExit(modelOf(SequenceType::get(&getContext(), head.getHidden().getType().getModel())), head);
        if (failed(exit))
          return failure();
        function = exit->getSymName();
      }
      std::string name = ("head_" + function).str();
      if (!isMade(name)) {
        if (failed(verifyFresh(head, name)) ||
            failed(buildHeadStep(*steps, head, head.getHidden().getType().getModel(), function, name)))
          return failure();
        made.insert(name);
      }
      for (Operation *user : llvm::make_early_inc_range(head.getLogits().getUsers())) {
        auto top = dyn_cast<TopOp>(user);
        if (!top)
          return refuse(user, "another use of a leaf's logits than its candidates", "'decode.top'");
        OpBuilder b(top);
        auto run = RunHeadOp::create(b, head.getLoc(), top.getCandidates().getType(),
                                     FlatSymbolRefAttr::get(&getContext(), name), head.getHidden());
        top.replaceAllUsesWith(run.getResult());
        top.erase();
        sink(run);
      }
      head.erase();
    }
    return success();
  }

  /// Whether it is of a leaf, of a tap.
  static bool isTap(Value hidden) {
    Value source = hidden.getDefiningOp<LeafOp>().getHidden();
    auto run = source.getDefiningOp<RunOp>();
    return run && llvm::is_contained(run.getTaps(), source);
  }

  /// Moves `op` to where its result is needed first.
  void sink(Operation *op) {
    Operation *first = op->getBlock()->getTerminator();
    for (Operation *user : op->getUsers())
      if (Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*user); ancestor->isBeforeInBlock(first))
        first = ancestor;
    op->moveBefore(first);
  }

  LogicalResult outline(ForwardShape forward) {
    SmallVector<Attribute> symbols;
    for (size_t set = 0; set < forward.op.getSkipSets().size(); ++set) {
      auto symbol = getStep(forward, set);
      if (failed(symbol))
        return failure();
      symbols.push_back(*symbol);
    }
    OpBuilder b(forward.op);
    ArrayAttr others = symbols.size() > 1 ? b.getArrayAttr(ArrayRef(symbols).drop_front()) : ArrayAttr();
    int64_t top = forward.rule.getNumTops();
    for (LearnOp learn : forward.learns)
      top = std::max(top, int64_t(learn.getResult().getType().getCount()));
    for (PromptedOp prompted : forward.prompted)
      for (Value list : prompted.getCandidates())
        top = std::max(top, int64_t(cast<CandidatesType>(list.getType()).getCount()));
    auto run = RunOp::create(b, forward.op.getLoc(), cast<FlatSymbolRefAttr>(symbols[0]), forward.op.getSequence(),
                             forward.op.getBlock(), forward.op.getVariant(), others, b.getI64IntegerAttr(top),
                             forward.leaves.empty() ? UnitAttr() : b.getUnitAttr(),
                             b.getI64IntegerAttr(int64_t(forward.tapped.size())));
    b.setInsertionPoint(forward.rule);
    Operation *path = forward.rule.followChoices(b, run.getChoices());
    if (!path)
      return failure();
    forward.rule->replaceAllUsesWith(path->getResults());
    for (LearnOp learn : forward.learns) {
      b.setInsertionPoint(learn);
      learn.replaceAllUsesWith(
          LearnChoicesOp::create(b, learn.getLoc(), learn.getSuccessors(), learn.getBlock(), run.getChoices())
              .getResult());
      learn.erase();
    }
    for (PromptedOp prompted : forward.prompted) {
      b.setInsertionPoint(prompted);
      auto choices = PromptedChoicesOp::create(b, prompted.getLoc(), prompted.getResultTypes(), prompted.getBlock(),
                                               run.getChoices(), prompted.getPath());
      prompted.replaceAllUsesWith(choices.getResults());
      prompted.erase();
    }
    for (LeafOp leaf : forward.leaves)
      leaf.getHiddenMutable().assign(run.getHidden());
    for (auto [tap, leaves] : llvm::zip_equal(run.getTaps(), llvm::make_second_range(forward.tapped)))
      for (LeafOp leaf : leaves)
        leaf.getHiddenMutable().assign(tap);
    forward.op.getStage().replaceAllUsesWith(run.getStage());
    forward.rule->erase();
    if (forward.edit)
      forward.edit.erase();
    forward.head.erase();
    forward.op.erase();
    return success();
  }

  StepShape plainShape;
  std::optional<OpBuilder> steps; ///< where they are made
  llvm::StringSet<> made;
  SmallVector<std::pair<OperationName, DictionaryAttr>> ownRules; ///< that steps are made for
};

} // namespace
