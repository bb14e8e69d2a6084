//===- LowerStrategies.cpp - Strategies as round programs -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

namespace plait {
#define GEN_PASS_DEF_LOWERSTRATEGIESPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;
using namespace plait::decode;

namespace {

/// Writes one strategy; runtime/decode/rounds/RoundProgram.h says what.
class ProgramWriter {
public:
  explicit ProgramWriter(StrategyOp strategy) : strategy(strategy), b(strategy.getContext()) {}

  FailureOr<DictionaryAttr> write() {
    Block &body = strategy.getBody().front();
    SmallVector<Attribute> models;
    for (BlockArgument text : body.getArguments())
      models.push_back(b.getStringAttr(cast<SequenceType>(text.getType()).getModel().getValue()));
    (void)define(body.getArguments()); // the first numbers, in their order
    RoundOp round = strategy.getRound();
    SmallVector<Attribute> begin;
    for (Operation &op : llvm::make_range(body.begin(), round->getIterator()))
      if (failed(writeOp(&op, begin)))
        return failure();
    DenseI64ArrayAttr inits = numbersOf(round.getInits()), arguments;
    auto inner = writeBody(round.getBody().front(), arguments);
    if (failed(inner))
      return failure();
    auto exact = strategy.getExact().value_or(Exactness::approximate);
    return b.getDictionaryAttr({b.getNamedAttr("name", b.getStringAttr(getName(strategy))),
                                b.getNamedAttr("exact", b.getStringAttr(stringifyExactness(exact))),
                                b.getNamedAttr("models", b.getArrayAttr(models)),
                                b.getNamedAttr("values", b.getI64IntegerAttr(int64_t(numbers.size()))),
                                b.getNamedAttr("begin", b.getArrayAttr(begin)), b.getNamedAttr("inits", inits),
                                b.getNamedAttr("arguments", arguments), b.getNamedAttr("round", *inner)});
  }

  /// Of a strategy that was called its name there, as symbols of two calls differ.
  static StringRef getName(StrategyOp strategy) {
    return strategy.getCall() ? strategy.getCall()->split('(').first : strategy.getSymName();
  }

private:
  /// Stages are not written.
  static bool isWritten(Value value) { return !isa<StageType>(value.getType()); }

  DenseI64ArrayAttr define(ValueRange values) {
    for (Value value : llvm::make_filter_range(values, isWritten))
      numbers.try_emplace(value, int64_t(numbers.size()));
    return numbersOf(values);
  }

  DenseI64ArrayAttr numbersOf(ValueRange values) {
    return b.getDenseI64ArrayAttr(llvm::map_to_vector(llvm::make_filter_range(values, isWritten),
                                                      [&](Value value) { return numbers.at(value); }));
  }

  /// Gives numbers to the `arguments` of a loop's body.
  FailureOr<DictionaryAttr> writeBody(Block &block, DenseI64ArrayAttr &arguments) {
    arguments = define(block.getArguments());
    SmallVector<Attribute> ops;
    for (Operation &op : block.without_terminator())
      if (failed(writeOp(&op, ops)))
        return failure();
    auto yield = cast<YieldOp>(block.getTerminator());
    NamedAttrList body;
    body.set("ops", b.getArrayAttr(ops));
    body.set("yield", numbersOf(yield.getValues()));
    if (yield.getStop())
      body.set("stop", b.getI64IntegerAttr(numbers.at(yield.getStop())));
    return body.getDictionary(b.getContext());
  }

  LogicalResult writeOp(Operation *op, SmallVectorImpl<Attribute> &ops) {
    NamedAttrList entry;
    if (auto repeat = dyn_cast<RepeatOp>(op)) {
      DenseI64ArrayAttr arguments;
      auto body = writeBody(repeat.getBody().front(), arguments);
      if (failed(body))
        return failure();
      entry.set("op", b.getStringAttr("repeat"));
      entry.set("count", b.getI64IntegerAttr(repeat.getCount()));
      if (repeat.getTimes())
        entry.set("times", b.getI64IntegerAttr(numbers.at(repeat.getTimes())));
      entry.set("operands", numbersOf(repeat.getInits()));
      entry.set("arguments", arguments);
      entry.set("body", *body);
    } else if (auto interpreted = dyn_cast<RoundOpInterface>(op)) {
      entry = NamedAttrList(interpreted.getRoundAttributes());
      entry.set("op", b.getStringAttr(interpreted.getRoundName()));
      entry.set("operands", numbersOf(op->getOperands()));
    } else {
      return op->emitOpError("illegal in a strategy after decode; expected to have been converted by "
                             "'plait-outline-steps'");
    }
    entry.set("results", define(op->getResults()));
    ops.push_back(entry.getDictionary(b.getContext()));
    return success();
  }

  StrategyOp strategy;
  Builder b;
  DenseMap<Value, int64_t> numbers;
};

struct LowerStrategiesPass : plait::impl::LowerStrategiesPassBase<LowerStrategiesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    DenseSet<StringAttr> named, run; // models
    for (StrategyOp strategy : llvm::make_early_inc_range(module.getOps<StrategyOp>())) {
      auto program = ProgramWriter(strategy).write();
      if (failed(program))
        return signalPassFailure();
      for (Type type : strategy.getBody().getArgumentTypes())
        named.insert(cast<SequenceType>(type).getModel().getAttr());
      OpBuilder b(strategy);
      std::string call = strategy.getCall() ? strategy.getCall()->str() : (strategy.getSymName() + "()").str();
      rt::StrategyOp::create(b, strategy.getLoc(), call, *program);
      strategy.erase();
    }
    for (StepOp step : module.getOps<StepOp>())
      if (auto uses = SymbolTable::getSymbolUses(step))
        for (SymbolTable::SymbolUse use : *uses)
          run.insert(use.getSymbolRef().getRootReference());
    for (lm::ModelOp model : llvm::make_early_inc_range(module.getOps<lm::ModelOp>()))
      if (named.contains(model.getSymNameAttr()) && !run.contains(model.getSymNameAttr()))
        model.erase();
  }
};

} // namespace
