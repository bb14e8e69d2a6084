//===- ParEvaluate.cpp - Reference semantics of collectives ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A collective needs what the other ranks hold, so the programs of all of them are
// evaluated at the same time (plait/Analysis/EvaluateRanks.h).
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

#include "runtime/base/Bf16.h"
#include "runtime/base/SumTree.h"

using namespace plait;
using namespace plait::par;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const DenseValue &dense(const EvalValue &value) { return valueAs<DenseValue>(value); }

namespace {
/// Whom an op meets.
struct Group {
  RankExchange *exchange;
  SmallVector<int64_t> members; ///< ranks of the mesh
  int64_t index;                ///< own
};
} // namespace

static FailureOr<Group> findGroup(CollectiveOpInterface op, Evaluator &evaluator) {
  auto mesh = SymbolTable::lookupNearestSymbolFrom<MeshOp>(op, op.getMeshAttr());
  if (!mesh || !mesh.getRank())
    return op->emitOpError("expected the program of one rank; 'plait-partition' makes it");
  SmallVector<AxisAttr> axes = op.getDeviceAxes();
  return Group{evaluator.ranks(), mesh.getGroup(*mesh.getRank(), axes), mesh.getIndex(*mesh.getRank(), axes)};
}

static FailureOr<std::vector<DenseValue>> meet(CollectiveOpInterface op, const Group &group, const EvalValue &own) {
  if (!group.exchange)
    return op->emitOpError("expected the programs of all ranks to be evaluated together");
  auto values = group.exchange->meet(op, group.members, own);
  if (failed(values))
    return failure();
  std::vector<DenseValue> all;
  for (const EvalValue &value : *values)
    all.push_back(dense(value));
  return all;
}

/// [first, second) of the device's part.
static std::pair<int64_t, int64_t> rangeOf(DimShardAttr parts, int64_t index, int64_t devices, int64_t extent) {
  if (parts.isEven())
    return {getEvenBegin(index, devices, extent), getEvenBegin(index + 1, devices, extent)};
  return {parts.getBegin(index), parts.getBegin(index) + parts.getSize(index)};
}

/// Calls `visit` with the places in a tensor and in its part [begin, end) of `dim`, run by run.
static void forEachRun(ArrayRef<int64_t> shape, int64_t dim, int64_t begin, int64_t end,
                       llvm::function_ref<void(int64_t whole, int64_t part, int64_t count)> visit) {
  int64_t outer = 1, inner = 1;
  for (auto [i, extent] : llvm::enumerate(shape))
    (int64_t(i) < dim ? outer : inner) *= int64_t(i) == dim ? 1 : extent;
  for (int64_t i = 0; i < outer; ++i)
    visit((i * shape[dim] + begin) * inner, i * (end - begin) * inner, (end - begin) * inner);
}

static DenseValue slice(const DenseValue &whole, int64_t dim, std::pair<int64_t, int64_t> range) {
  std::vector<int64_t> shape = whole.shape;
  shape[size_t(dim)] = range.second - range.first;
  DenseValue part = DenseValue::zeros(shape);
  forEachRun(whole.shape, dim, range.first, range.second, [&](int64_t from, int64_t to, int64_t count) {
    std::copy_n(whole.data.begin() + from, count, part.data.begin() + to);
  });
  return part;
}

static DenseValue concatenate(ArrayRef<DenseValue> parts, int64_t dim) {
  std::vector<int64_t> shape = parts[0].shape;
  shape[size_t(dim)] = 0;
  for (const DenseValue &part : parts)
    shape[size_t(dim)] += part.shape[size_t(dim)];
  DenseValue whole = DenseValue::zeros(shape);
  int64_t begin = 0;
  for (const DenseValue &part : parts) {
    int64_t end = begin + part.shape[size_t(dim)];
    forEachRun(whole.shape, dim, begin, end, [&](int64_t to, int64_t from, int64_t count) {
      std::copy_n(part.data.begin() + from, count, whole.data.begin() + to);
    });
    begin = end;
  }
  return whole;
}

/// Sums are taken in double precision as all of the evaluation; the order still counts.
static double sumOf(ArrayRef<double> summands, SumOrder order) {
  if (order == SumOrder::rank || summands.size() < 2) {
    double sum = summands.front();
    for (double summand : summands.drop_front())
      sum += summand;
    return sum;
  }
  size_t middle = llvm::bit_floor(summands.size() - 1);
  return sumOf(summands.take_front(middle), order) + sumOf(summands.drop_front(middle), order);
}

static DenseValue sumOf(ArrayRef<DenseValue> parts, SumOrder order) {
  DenseValue sum = parts[0];
  std::vector<double> summands(parts.size());
  for (size_t i = 0; i < sum.data.size(); ++i) {
    for (size_t p = 0; p < parts.size(); ++p)
      summands[p] = parts[p].data[i];
    sum.data[i] = sumOf(summands, order);
  }
  return sum;
}

/// Of nodes, side by side in each row, those joined up to the root.
static DenseValue sumOfNodes(ArrayRef<DenseValue> parts, ArrayRef<int64_t> ends, int64_t columns) {
  DenseValue sum = DenseValue::zeros({parts[0].rows(), columns});
  for (int64_t row = 0; row < sum.rows(); ++row)
    for (int64_t column = 0; column < columns; ++column) {
      SmallVector<std::pair<int64_t, double>> waiting; // begin and value
      int64_t begin = 0;
      size_t node = 0;
      for (const DenseValue &part : parts)
        for (int64_t own = 0; own < part.rowSize() / columns; ++own, ++node) {
          double value = part.row(row)[own * columns + column];
          int64_t end = ends[node];
          for (; !waiting.empty() && isSumTreeNode(waiting.back().first, end, ends.back()); waiting.pop_back()) {
            begin = waiting.back().first;
            value = waiting.back().second + value;
          }
          waiting.push_back({begin, value});
          begin = end;
        }
      sum.row(row)[column] = waiting.front().second;
    }
  return sum;
}

/// What a sum over devices is, before anyone takes a part of it.
static FailureOr<DenseValue> evaluateSum(CollectiveOpInterface op, const Group &group, const EvalValue &own) {
  auto parts = meet(op, group, own);
  if (failed(parts))
    return failure();
  if (auto [ends, bounds] = op.getNodes(); ends)
    return sumOfNodes(*parts, ends.asArrayRef(), op.getWholeType().getDimSize(1));
  if (!op.isNarrow())
    return sumOf(*parts, op.getSumOrder());
  auto round = [](DenseValue &value) {
    for (double &x : value.data)
      x = bf16ToFloat(roundToBf16(float(x)));
  };
  llvm::for_each(*parts, round);
  DenseValue sum = sumOf(*parts, op.getSumOrder());
  round(sum);
  return sum;
}

LogicalResult AllReduceOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  auto sum = failed(group) ? FailureOr<DenseValue>() : evaluateSum(*this, *group, operands[0]);
  if (failed(sum))
    return failure();
  results.push_back(std::move(*sum));
  return success();
}

LogicalResult ReduceScatterOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  auto sum = failed(group) ? FailureOr<DenseValue>() : evaluateSum(*this, *group, operands[0]);
  if (failed(sum))
    return failure();
  int64_t dim = getDim(), extent = sum->shape[size_t(dim)];
  results.push_back(slice(*sum, dim, rangeOf(getParts(), group->index, group->members.size(), extent)));
  return success();
}

LogicalResult ReduceGatherOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  auto sum = failed(group) ? FailureOr<DenseValue>() : evaluateSum(*this, *group, operands[0]);
  if (failed(sum))
    return failure();
  auto own = rangeOf(getParts(), group->index, group->members.size(), sum->shape[0]);
  ValueList arguments{slice(*sum, 0, own)};
  llvm::append_range(arguments, operands.drop_front());
  auto computed = evaluator.runBlock(getBody().front(), std::move(arguments));
  if (failed(computed))
    return failure();
  auto parts = meet(*this, *group, computed->front());
  if (failed(parts))
    return failure();
  results.push_back(concatenate(*parts, 0));
  results.insert(results.end(), computed->begin() + 1, computed->end());
  return success();
}

LogicalResult AllGatherOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  auto parts = failed(group) ? FailureOr<std::vector<DenseValue>>() : meet(*this, *group, operands[0]);
  if (failed(parts))
    return failure();
  results.push_back(concatenate(*parts, getDim()));
  return success();
}

LogicalResult AllToAllOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  auto parts = failed(group) ? FailureOr<std::vector<DenseValue>>() : meet(*this, *group, operands[0]);
  if (failed(parts))
    return failure();
  DenseValue whole = concatenate(*parts, getSourceDim());
  int64_t dim = getDim(), extent = whole.shape[size_t(dim)];
  results.push_back(slice(whole, dim, rangeOf(getParts(), group->index, group->members.size(), extent)));
  return success();
}

LogicalResult PartOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  if (failed(group))
    return failure();
  const DenseValue &whole = dense(operands[0]);
  int64_t dim = getDim(), extent = whole.shape[size_t(dim)];
  results.push_back(slice(whole, dim, rangeOf(getParts(), group->index, group->members.size(), extent)));
  return success();
}

LogicalResult BroadcastOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  auto values = failed(group) ? FailureOr<std::vector<DenseValue>>() : meet(*this, *group, operands[0]);
  if (failed(values))
    return failure();
  results.push_back((*values)[size_t(getRoot())]);
  return success();
}

LogicalResult SendOp::evaluate(Evaluator &evaluator, Values operands, ValueList &) {
  auto group = findGroup(*this, evaluator);
  if (failed(group))
    return failure();
  if (!group->exchange)
    return emitOpError("expected the programs of all ranks to be evaluated together");
  return group->exchange->send(*this, group->members[size_t(getPeer())], operands[0]);
}

LogicalResult RecvOp::evaluate(Evaluator &evaluator, Values, ValueList &results) {
  auto group = findGroup(*this, evaluator);
  if (failed(group))
    return failure();
  if (!group->exchange)
    return emitOpError("expected the programs of all ranks to be evaluated together");
  auto value = group->exchange->receive(*this, group->members[size_t(getPeer())]);
  if (failed(value))
    return failure();
  results.push_back(std::move(*value));
  return success();
}
