//===- Evaluate.cpp - Runs IR by its reference semantics ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Import/Passes.h"

#include "plait/Analysis/CheckpointWeights.h"
#include "plait/Analysis/ModelEvaluation.h"
#include "plait/Analysis/ValueFile.h"

#include "dialects/Decode/Decode.h"
#include "passes/Import/StrategyOutcomes.h"

namespace plait {
#define GEN_PASS_DEF_EVALUATEPASS
#include "passes/Import/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

class EvaluatePass : public plait::impl::EvaluatePassBase<EvaluatePass> {
public:
  using EvaluatePassBase::EvaluatePassBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    auto source = openWeights(weights);
    if (!source)
      return fail(source.status());
    if (failed(run(**source)))
      return signalPassFailure();
    if (print)
      for (const NamedValue &result : results)
        printValue(llvm::outs(), result);
    if (!output.empty())
      if (Status written = writeValues(output, results); !written.ok())
        return fail(written);
  }

private:
  /// Each kind of thing that can run has its own function; all of them append
  /// to `results`.
  LogicalResult run(WeightSource &source);
  LogicalResult runModel(WeightSource &source);
  LogicalResult runFunction(FunctionOpInterface callee, WeightSource &source);
  LogicalResult runStrategy(decode::StrategyOp strategy, WeightSource &source);
  LogicalResult runOutcomes(ArrayRef<std::vector<int64_t>> rows,
                            function_ref<FailureOr<decode::SequenceValue>(const decode::SequenceValue &)> run);
  /// Sequence `number`, before its first round.
  FailureOr<decode::SequenceValue> makeSequence(size_t number, std::vector<int64_t> tokens);

  /// The model that `tokens` are for.
  FailureOr<lm::ModelOp> findModel();
  FailureOr<std::vector<std::vector<int64_t>>> parseTokens();
  FailureOr<std::vector<std::pair<int64_t, double>>> parseLogitBias();
  /// The value of argument `i`, whose type is `type`, of a function with `tokens` tokens.
  FailureOr<EvalValue> makeArgument(unsigned i, Type type, const Checkpoint &file, int64_t tokens);

  /// At the module's place; a module's own emitError would print all of it.
  InFlightDiagnostic error(const Twine &message) { return mlir::emitError(getOperation().getLoc(), message); }
  void fail(const Status &status) {
    error(status.message());
    signalPassFailure();
  }

  std::vector<NamedValue> results;
};

LogicalResult EvaluatePass::run(WeightSource &source) {
  if (function.empty())
    return runModel(source);
  SmallVector<FlatSymbolRefAttr> path;
  for (StringRef name : llvm::split(StringRef(function), "::"))
    path.push_back(FlatSymbolRefAttr::get(&getContext(), name.ltrim('@')));
  auto symbol = SymbolRefAttr::get(path.front().getAttr(), ArrayRef(path).drop_front());
  Operation *op = SymbolTable::lookupSymbolIn(getOperation(), symbol);
  if (auto strategy = dyn_cast_or_null<decode::StrategyOp>(op))
    return runStrategy(strategy, source);
  if (auto callee = dyn_cast_or_null<FunctionOpInterface>(op))
    return runFunction(callee, source);
  return error("expected the symbol of a function or of a strategy but got ") << symbol;
}

FailureOr<lm::ModelOp> EvaluatePass::findModel() {
  auto models = llvm::to_vector(getOperation().getOps<lm::ModelOp>());
  if (models.size() == 1)
    return models.front();
  if (auto main = getOperation().lookupSymbol<lm::ModelOp>("main"))
    return main;
  return error("expected one model, or one that is called main, but got ") << models.size();
}

FailureOr<std::vector<std::vector<int64_t>>> EvaluatePass::parseTokens() {
  std::vector<std::vector<int64_t>> rows;
  for (StringRef row : llvm::split(StringRef(tokens), ';')) {
    rows.emplace_back();
    for (StringRef id : llvm::split(row, ','))
      if (id.trim().getAsInteger(10, rows.back().emplace_back()))
        return error("expected tokens such as '1,2,3;4,5' but got '") << tokens << "'";
  }
  return rows;
}

FailureOr<std::vector<std::pair<int64_t, double>>> EvaluatePass::parseLogitBias() {
  std::vector<std::pair<int64_t, double>> biases;
  for (StringRef text : logitBias) {
    auto [id, value] = text.split(':');
    auto &[token, bias] = biases.emplace_back();
    if (id.getAsInteger(10, token) || value.getAsDouble(bias))
      return error("expected a bias such as '5:-1.5' but got '") << text << "'";
  }
  return biases;
}

LogicalResult EvaluatePass::runModel(WeightSource &source) {
  auto model = findModel();
  auto rows = parseTokens();
  if (failed(model) || failed(rows))
    return failure();
  auto evaluation = ModelEvaluation::create(*model, source);
  if (failed(evaluation))
    return failure();
  auto logits = evaluation->step(*rows);
  if (failed(logits))
    return failure();
  results.push_back({"logits", *logits});
  if (newTokens <= 0)
    return success();
  auto lengths = llvm::map_to_vector(*rows, [](const auto &row) { return int64_t(row.size()); });
  auto chosen = evaluation->continueGreedily(lastRows(*logits, lengths), newTokens);
  if (failed(chosen))
    return failure();
  DenseValue all = DenseValue::zeros({int64_t(chosen->size()), newTokens});
  for (auto [r, row] : llvm::enumerate(*chosen))
    llvm::copy(row, all.row(int64_t(r)));
  results.push_back({"tokens", std::move(all), /*integer=*/true});
  return success();
}

FailureOr<EvalValue> EvaluatePass::makeArgument(unsigned i, Type type, const Checkpoint &file, int64_t tokens) {
  std::string name = "arg" + std::to_string(i);
  const TensorView *tensor = file.find(name);
  if (isa<lm::StateType>(type))
    return EvalValue(std::make_shared<StateValue>());
  if (isa<lm::RowsType>(type)) {
    RowsValue rows{std::vector<int64_t>(size_t(tokens), 0)};
    if (tensor) {
      DenseValue given = toDenseValue(*tensor);
      rows.tokenRows.assign(given.data.begin(), given.data.end());
    }
    return EvalValue(std::move(rows));
  }
  if (!isa<RankedTensorType>(type))
    return error("expected an argument that a file can hold but got ") << type;
  if (!tensor)
    return error("expected tensor '") << name << "' in '" << inputs << "'";
  return EvalValue(toDenseValue(*tensor));
}

LogicalResult EvaluatePass::runFunction(FunctionOpInterface callee, WeightSource &source) {
  Expected<Checkpoint> file = inputs.empty() ? Checkpoint() : Checkpoint::openFile(inputs);
  if (!file)
    return error(file.status().message());
  // As many tokens as the first tensor has rows: that is how the functions of a
  // model are written.
  const TensorView *first = file->find("arg0");
  int64_t tokenCount = first && !first->shape.empty() ? first->shape[0] : 0;
  std::vector<EvalValue> arguments;
  for (auto [i, type] : llvm::enumerate(callee.getArgumentTypes())) {
    auto argument = makeArgument(unsigned(i), type, *file, tokenCount);
    if (failed(argument))
      return failure();
    arguments.push_back(std::move(*argument));
  }

  auto values = ReferenceEvaluator(source).call(callee, std::move(arguments));
  if (failed(values))
    return failure();
  for (auto [i, value, type] : llvm::enumerate(*values, callee.getResultTypes()))
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      results.push_back(
          {"result" + std::to_string(i), valueAs<DenseValue>(value), isa<IntegerType>(tensor.getElementType())});
  return success();
}

FailureOr<decode::SequenceValue> EvaluatePass::makeSequence(size_t number, std::vector<int64_t> tokens) {
  auto biases = parseLogitBias();
  if (failed(biases))
    return failure();
  decode::SequenceValue start;
  start.promptLength = int64_t(tokens.size());
  start.tokens = std::move(tokens);
  start.maxNewTokens = newTokens;
  start.stopIds.assign(stopIds.begin(), stopIds.end());
  start.temperature = temperature, start.topP = topP, start.minP = minP;
  start.topK = topK;
  start.seed = seed, start.sequence = number;
  start.penalties = {repetitionPenalty, presencePenalty, frequencyPenalty};
  start.minNewTokens = minNewTokens;
  start.logitBias = *biases;
  return start;
}

LogicalResult EvaluatePass::runStrategy(decode::StrategyOp strategy, WeightSource &source) {
  auto rows = parseTokens();
  if (failed(rows))
    return failure();
  if (newTokens <= 0)
    return error("expected new-tokens > 0 for a strategy");
  ReferenceEvaluator evaluator(source);
  auto run = [&](const decode::SequenceValue &start) -> FailureOr<decode::SequenceValue> {
    // Drafts begin with the same text.
    std::vector<EvalValue> arguments(strategy.getBody().getNumArguments(), start);
    auto values = evaluator.runBlock(strategy.getBody().front(), std::move(arguments));
    if (failed(values))
      return failure();
    return valueAs<decode::SequenceValue>(values->front());
  };
  if (outcomes)
    return runOutcomes(*rows, run);
  DenseValue rounds = DenseValue::zeros({int64_t(rows->size())});
  for (auto [r, row] : llvm::enumerate(*rows)) {
    auto start = makeSequence(r, std::move(row));
    auto end = failed(start) ? FailureOr<decode::SequenceValue>(failure()) : run(*start);
    if (failed(end))
      return failure();
    DenseValue chosen;
    chosen.data.assign(end->tokens.begin() + end->promptLength, end->tokens.end());
    chosen.shape = {int64_t(chosen.data.size())};
    results.push_back({"tokens." + std::to_string(r), std::move(chosen), /*integer=*/true});
    rounds.data[r] = double(end->rounds);
  }
  results.push_back({"rounds", std::move(rounds), /*integer=*/true});
  return success();
}

/// A row for each number: its digits to the base 10^9, the lowest first.
static DenseValue digitsOf(ArrayRef<llvm::DynamicAPInt> numbers) {
  std::vector<std::vector<double>> rows;
  size_t longest = 1;
  for (llvm::DynamicAPInt number : numbers) {
    std::vector<double> &digits = rows.emplace_back();
    for (; number > 0; number /= 1000000000)
      digits.push_back(double(int64_t(number % 1000000000)));
    longest = std::max(longest, digits.size());
  }
  DenseValue value = DenseValue::zeros({int64_t(rows.size()), int64_t(longest)});
  for (auto [i, digits] : llvm::enumerate(rows))
    llvm::copy(digits, value.row(int64_t(i)));
  return value;
}

LogicalResult
EvaluatePass::runOutcomes(ArrayRef<std::vector<int64_t>> rows,
                          function_ref<FailureOr<decode::SequenceValue>(const decode::SequenceValue &)> run) {
  if (rows.size() != 1)
    return error("expected one sequence for all outcomes but got ") << rows.size();
  auto start = makeSequence(0, rows[0]);
  if (failed(start))
    return failure();
  auto draws = std::make_shared<AllOutcomes>();
  start->draws = draws;
  std::map<std::vector<int64_t>, decode::Fraction> texts;
  int64_t most = 1000000;
  do {
    auto end = run(*start);
    if (failed(end))
      return failure();
    std::vector<int64_t> text(end->tokens.begin() + end->promptLength, end->tokens.end());
    text.resize(size_t(newTokens), -1);
    texts[text] += draws->probability();
    if (--most == 0)
      return error("expected at most 1000000 outcomes; ask for fewer tokens or a smaller vocabulary");
  } while (draws->next());
  DenseValue tokens = DenseValue::zeros({int64_t(texts.size()), newTokens});
  DenseValue probabilities = DenseValue::zeros({int64_t(texts.size())});
  std::vector<llvm::DynamicAPInt> numerators, denominators;
  for (auto [i, entry] : llvm::enumerate(texts)) {
    llvm::copy(entry.first, tokens.row(int64_t(i)));
    numerators.push_back(entry.second.num);
    denominators.push_back(entry.second.den);
    constexpr int64_t kUnit = 1000000000000000000;
    probabilities.data[i] = double(int64_t(entry.second.num * kUnit / entry.second.den)) / double(kUnit);
  }
  results.push_back({"outcomes", std::move(tokens), /*integer=*/true});
  results.push_back({"probabilities", std::move(probabilities)});
  results.push_back({"numerators", digitsOf(numerators), /*integer=*/true});
  results.push_back({"denominators", digitsOf(denominators), /*integer=*/true});
  return success();
}

} // namespace
