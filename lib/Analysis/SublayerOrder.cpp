//===- SublayerOrder.cpp - Which sublayers a model needs least ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/SublayerOrder.h"

#include "dialects/Decode/Sublayers.h"
#include "plait/Analysis/Evaluate.h"
#include "plait/Analysis/ModelEvaluation.h"

#include "mlir/IR/Builders.h"

#include <cmath>
#include <queue>

using namespace plait;

namespace {

/// Logits after each token of some sequences, by a model without some of its sublayers.
class Texts {
public:
  Texts(lm::ModelOp model, WeightSource &weights, ArrayRef<std::vector<int64_t>> sequences, bool keepsWeights)
      : forward(model.lookupSymbol<lm::FuncOp>("forward")), head(model.lookupSymbol<lm::FuncOp>("head")),
        evaluator(weights) {
    for (auto [row, tokens] : llvm::enumerate(sequences))
      for (auto [position, token] : llvm::enumerate(tokens)) {
        ids.data.push_back(double(token));
        positions.data.push_back(double(position));
        rows.tokenRows.push_back(int64_t(row));
      }
    ids.shape = positions.shape = {int64_t(ids.data.size())};
    observe([keepsWeights](Operation &op, Evaluator &evaluator, ArrayRef<EvalValue>) {
      if (!keepsWeights && isa<lm::LinearOp, lm::HeadOp>(op))
        evaluator.loadedWeights.clear();
    });
  }

  void observe(ReferenceEvaluator::Observer function) { evaluator.observe(std::move(function)); }

  FailureOr<DenseValue> logits(ArrayRef<int64_t> skip) {
    auto copy = cast<lm::FuncOp>(OpBuilder(forward).clone(*forward));
    copy.setSymName("forward_searched");
    auto result = evaluate(copy, skip);
    copy.erase();
    return result;
  }

private:
  FailureOr<DenseValue> evaluate(lm::FuncOp function, ArrayRef<int64_t> skip) {
    if (failed(decode::cutLayers(function, skip, {}, forward)))
      return failure();
    std::vector<EvalValue> arguments = {ids, positions, rows};
    for (size_t i = 0; i < forward.getStateTypes().size(); ++i)
      arguments.push_back(std::make_shared<StateValue>());
    auto hidden = evaluator.call(function, std::move(arguments));
    if (failed(hidden))
      return failure();
    auto values = evaluator.call(head, {std::move(hidden->front())});
    if (failed(values))
      return failure();
    return valueAs<DenseValue>(values->front());
  }

  lm::FuncOp forward, head;
  ReferenceEvaluator evaluator;
  DenseValue ids, positions;
  RowsValue rows;
};

/// How a model without some sublayers compares with the whole one.
struct Score {
  double agreement = 0, logprob = 0; ///< of the whole model's tokens, the mean
  auto operator<=>(const Score &) const = default;
};

} // namespace

static Score compare(const DenseValue &logits, ArrayRef<int64_t> wanted) {
  Score score;
  for (auto [t, token] : llvm::enumerate(wanted)) {
    const double *row = logits.row(int64_t(t));
    int64_t best = argMax(row, logits.rowSize());
    double sum = 0;
    for (int64_t v = 0; v < logits.rowSize(); ++v)
      sum += std::exp(row[v] - row[best]);
    score.agreement += best == token;
    score.logprob += row[token] - row[best] - std::log(sum);
  }
  double count = double(std::max<size_t>(wanted.size(), 1));
  return {score.agreement / count, score.logprob / count};
}

FailureOr<SublayerOrder> plait::orderByAgreement(lm::ModelOp model, WeightSource &weights,
                                                 ArrayRef<std::vector<int64_t>> sequences, int64_t count,
                                                 bool keepsWeights) {
  Texts texts(model, weights, sequences, keepsWeights);
  auto whole = texts.logits({});
  if (failed(whole))
    return failure();
  SmallVector<int64_t> wanted;
  for (int64_t t = 0; t < whole->rows(); ++t)
    wanted.push_back(argMax(whole->row(t), whole->rowSize()));

  // A sublayer with its score when it was last looked at, and how many were given up then. Of equals the first.
  struct Candidate {
    Score score;
    int64_t number, after;
    bool operator<(const Candidate &other) const {
      return score != other.score ? score < other.score : number > other.number;
    }
  };
  std::priority_queue<Candidate> open;
  for (int64_t number : decode::sublayersOf(0, decode::countLayers(model.lookupSymbol<lm::FuncOp>("forward"))))
    open.push({{INFINITY, 0}, number, -1});
  SublayerOrder order;
  SmallVector<int64_t> skip; // ascends
  while (int64_t(skip.size()) < count && !open.empty()) {
    Candidate next = open.top();
    open.pop();
    SmallVector<int64_t> own(skip);
    own.insert(llvm::upper_bound(own, next.number), next.number);
    if (next.after == int64_t(skip.size())) {
      skip = own;
      order.numbers.push_back(next.number);
      order.agreement.push_back(next.score.agreement);
      continue;
    }
    auto logits = texts.logits(own);
    if (failed(logits))
      return failure();
    open.push({compare(*logits, wanted), next.number, int64_t(skip.size())});
  }
  return order;
}

FailureOr<SublayerOrder> plait::orderByInfluence(lm::ModelOp model, WeightSource &weights,
                                                 ArrayRef<std::vector<int64_t>> sequences, int64_t count) {
  Texts texts(model, weights, sequences, /*keepsWeights=*/false);
  int64_t layers = decode::countLayers(model.lookupSymbol<lm::FuncOp>("forward"));
  std::vector<std::pair<double, int64_t>> cosines; // in the order of evaluation, which is that of the numbers
  texts.observe([&](Operation &op, Evaluator &evaluator, ArrayRef<EvalValue> operands) {
    if (isa<lm::LinearOp, lm::HeadOp>(op))
      evaluator.loadedWeights.clear();
    if (!isa<lm::AddOp>(op) || !op.getParentOfType<lm::LayersOp>())
      return;
    const auto &lhs = valueAs<DenseValue>(operands[0]), &rhs = valueAs<DenseValue>(operands[1]);
    bool isStream =
        isa_and_nonnull<lm::AddOp>(op.getOperand(0).getDefiningOp()) || isa<BlockArgument>(op.getOperand(0));
    const DenseValue &before = isStream ? lhs : rhs;
    double sum = 0;
    for (int64_t t = 0; t < lhs.rows(); ++t) {
      double product = 0, own = 0, behind = 0;
      for (int64_t k = 0; k < lhs.rowSize(); ++k) {
        double x = before.row(t)[k], y = lhs.row(t)[k] + rhs.row(t)[k];
        product += x * y, own += x * x, behind += y * y;
      }
      sum += own > 0 && behind > 0 ? product / std::sqrt(own * behind) : 1;
    }
    cosines.emplace_back(-sum / double(std::max<int64_t>(lhs.rows(), 1)), int64_t(cosines.size()));
  });
  if (failed(texts.logits({})))
    return failure();
  if (int64_t(cosines.size()) != 2 * layers)
    return model.emitOpError("found ") << cosines.size() << " sums with the residual stream in " << layers
                                       << " layers; expected an attention and an MLP in each, to choose which ones are "
                                          "left out";
  llvm::sort(cosines);
  SublayerOrder order;
  for (auto [cosine, number] : ArrayRef(cosines).take_front(size_t(count)))
    order.numbers.push_back(number);
  return order;
}
