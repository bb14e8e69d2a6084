//===- LmEvaluate.cpp - Reference semantics of lm ops ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every op computes, in double precision and in the order in which its
// definition reads. Nothing here is shared with a lowering: a mistake would
// otherwise hide on both sides of a comparison.
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

#include "llvm/ADT/ScopeExit.h"

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace plait::lm;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const DenseValue &dense(const EvalValue &value) { return valueAs<DenseValue>(value); }
static const WeightValue &weight(const EvalValue &value) { return valueAs<WeightValue>(value); }

/// A matrix with the rows of `like` and `columns` columns.
static DenseValue matrixLike(const DenseValue &like, int64_t columns) {
  return DenseValue::zeros({like.rows(), columns});
}

/// Index `i` of `indices` if it lies in 0 .. count - 1; else reports it at `op`.
static FailureOr<int64_t> checkedIndex(Operation *op, const DenseValue &indices, int64_t i, int64_t count,
                                       StringRef what) {
  int64_t index = int64_t(indices.data[i]);
  if (index < 0 || index >= count)
    return op->emitOpError("expected ") << what << " within 0 to " << count - 1 << " but got " << index
                                        << " at element " << i;
  return index;
}

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

LogicalResult CallOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  auto callee = SymbolTable::lookupNearestSymbolFrom<FuncOp>(*this, getCallee());
  if (!callee || !callee.getBody().hasOneBlock())
    return emitOpError("expected a callee with a body of one block but got ") << getCallee();
  auto values = evaluator.runBlock(callee.getBody().front(), ValueList(operands.begin(), operands.end()));
  if (failed(values))
    return failure();
  llvm::append_range(results, *values);
  return success();
}

LogicalResult LayersOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  llvm::scope_exit restore([&, layer = evaluator.layer] { evaluator.layer = layer; });
  ValueList carried(operands.begin(), operands.end());
  for (int64_t layer = getBegin(), end = getEnd(); layer < end; ++layer) {
    evaluator.layer = layer;
    auto next = evaluator.runBlock(getBody().front(), std::move(carried));
    if (failed(next))
      return failure();
    carried = std::move(*next);
  }
  llvm::append_range(results, carried);
  return success();
}

LogicalResult GetWeightOp::evaluate(Evaluator &evaluator, Values, ValueList &results) {
  auto symbol = SymbolTable::lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!symbol)
    return emitOpError("expected the symbol of an 'lm.weight' but got ") << getWeightAttr();
  int64_t layer = symbol.getLayers() ? evaluator.layer : 0;
  WeightValue &loaded = evaluator.loadedWeights[{symbol, layer}];
  if (!loaded.data) {
    auto type = cast<WeightType>(symbol.getType());
    auto format = cast<WeightFormatInterface>(type.getFormat());
    auto quantization = format.getQuantization();
    PartAttr part = symbol.getPartOrWhole();
    auto value = evaluator.weights().load(*this, symbol.getTensorName(layer), part.getRows(), part.getColumns(),
                                          symbol.getTransposed(), quantization ? &*quantization : nullptr);
    if (!value)
      return failure();
    auto rounded = std::make_shared<std::vector<double>>();
    for (int64_t row = 0; row < type.getRows(); ++row) {
      auto begin = value->data->begin() + (part.getRow() + row) * part.getColumns() + part.getColumn();
      rounded->insert(rounded->end(), begin, begin + type.getCols());
      // The source knows whether integers have to be found or are there.
      if (!quantization)
        format.roundRow(MutableArrayRef(*rounded).take_back(type.getCols()));
    }
    loaded = {type.getRows(), type.getCols(), std::move(rounded)};
  }
  results.push_back(loaded);
  return success();
}

//===----------------------------------------------------------------------===//
// Gathers and slices
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &ids = dense(operands[0]);
  const WeightValue &table = weight(operands[1]);
  DenseValue result = matrixLike(ids, table.cols);
  int64_t first = getFirst().value_or(0);
  for (int64_t t = 0; t < ids.rows(); ++t) {
    int64_t own = int64_t(ids.data[size_t(t)]);
    if (getFirst() && (own < first || own >= first + table.rows))
      continue; // another part's
    auto id = checkedIndex(*this, ids, t, first + table.rows, "ids");
    if (failed(id))
      return failure();
    std::copy_n(table.row(*id - first), table.cols, result.row(t));
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult TakeRowsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &input = dense(operands[0]), &indices = dense(operands[1]);
  std::vector<int64_t> shape = input.shape;
  shape[0] = indices.rows();
  DenseValue result = DenseValue::zeros(shape);
  for (int64_t l = 0; l < indices.rows(); ++l) {
    auto index = checkedIndex(*this, indices, l, input.rows(), "indices");
    if (failed(index))
      return failure();
    std::copy_n(input.row(*index), input.rowSize(), result.row(l));
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult SliceColumnsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &input = dense(operands[0]);
  DenseValue result = matrixLike(input, getSize());
  for (int64_t t = 0; t < input.rows(); ++t)
    std::copy_n(input.row(t) + getOffset(), getSize(), result.row(t));
  results.push_back(std::move(result));
  return success();
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

/// result[t, n] = sum_k input[t, k] * matrix[n, k] over the columns of the matrix
/// The sums over columns [begin, end) of the matrix, in columns of `result` from `first` on.
static void addProduct(const DenseValue &input, const WeightValue &matrix, int64_t begin, int64_t end,
                       DenseValue &result, int64_t first) {
  // Several sums side by side: an addition has to wait for the one before it.
  constexpr int64_t sums = 8;
  const int64_t stride = input.rowSize(); // may have padding
  for (int64_t n = 0; n < matrix.rows; ++n) {
    const double *w = matrix.row(n);
    int64_t t = 0;
    for (; t + sums <= input.rows(); t += sums) {
      const double *x = input.row(t);
      double sum[sums] = {};
      for (int64_t k = begin; k < end; ++k)
        for (int64_t i = 0; i < sums; ++i)
          sum[i] += x[i * stride + k] * w[k];
      for (int64_t i = 0; i < sums; ++i)
        result.row(t + i)[first + n] = sum[i];
    }
    for (; t < input.rows(); ++t) {
      const double *x = input.row(t);
      double sum = 0;
      for (int64_t k = begin; k < end; ++k)
        sum += x[k] * w[k];
      result.row(t)[first + n] = sum;
    }
  }
}

static DenseValue product(const DenseValue &input, const WeightValue &matrix) {
  DenseValue result = matrixLike(input, matrix.rows);
  addProduct(input, matrix, 0, matrix.cols, result, 0);
  return result;
}

LogicalResult LinearOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const WeightValue &matrix = weight(operands[1]);
  DenseValue result = matrixLike(dense(operands[0]), matrix.rows * getNumNodes());
  if (lm::TreeAttr tree = getTreeAttr()) {
    int64_t begin = 0;
    for (auto [i, end] : llvm::enumerate(tree.getNodeEnds(matrix.cols))) {
      int64_t columns = (end - tree.getFirst()) * tree.getGranule();
      addProduct(dense(operands[0]), matrix, begin, columns, result, int64_t(i) * matrix.rows);
      begin = columns;
    }
  } else {
    addProduct(dense(operands[0]), matrix, 0, matrix.cols, result, 0);
  }
  if (getBias()) {
    const WeightValue &bias = weight(operands[2]);
    for (int64_t t = 0; t < result.rows(); ++t)
      for (int64_t n = 0; n < bias.rows; ++n)
        result.row(t)[n] += bias.at(n);
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult QuantizeOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  int64_t group = cast<Int16Type>(getElement()).getGroup(), columns = result.rowSize();
  for (int64_t t = 0; t < result.rows(); ++t)
    for (int64_t first = 0; first < columns; first += group) {
      MutableArrayRef<double> x(result.row(t) + first, size_t(std::min(group, columns - first)));
      double largest = 0;
      for (double value : x)
        largest = std::max(largest, std::fabs(value));
      double scale = largest / 32767;
      for (double &value : x)
        value = scale ? scale * std::nearbyint(value / scale) : 0;
    }
  results.push_back(std::move(result));
  return success();
}

LogicalResult HeadOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  results.push_back(product(dense(operands[0]), weight(operands[1])));
  return success();
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

LogicalResult RmsNormOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  const WeightValue &gain = weight(operands[1]);
  double eps = getEps().convertToDouble();
  for (int64_t t = 0; t < result.rows(); ++t) {
    for (int64_t group = 0; group < result.rowSize(); group += gain.rows) {
      double *x = result.row(t) + group, squares = 0;
      for (int64_t d = 0; d < gain.rows; ++d)
        squares += x[d] * x[d];
      double root = std::sqrt(squares / double(gain.rows) + eps);
      for (int64_t d = 0; d < gain.rows; ++d)
        x[d] = x[d] / root * (gain.at(d) + (getUnitOffset() ? 1 : 0));
    }
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult LayerNormOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  const WeightValue &gain = weight(operands[1]), &bias = weight(operands[2]);
  double eps = getEps().convertToDouble();
  for (int64_t t = 0; t < result.rows(); ++t) {
    double *x = result.row(t), mean = 0, variance = 0;
    for (int64_t d = 0; d < gain.rows; ++d)
      mean += x[d] / double(gain.rows);
    for (int64_t d = 0; d < gain.rows; ++d)
      variance += (x[d] - mean) * (x[d] - mean) / double(gain.rows);
    double root = std::sqrt(variance + eps);
    for (int64_t d = 0; d < gain.rows; ++d)
      x[d] = (x[d] - mean) / root * gain.at(d) + bias.at(d);
  }
  results.push_back(std::move(result));
  return success();
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

static double activate(ActivationKind kind, double x) {
  switch (kind) {
  case ActivationKind::silu:
    return x / (1 + std::exp(-x));
  case ActivationKind::gelu_tanh:
    return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
  }
  llvm_unreachable("all kinds of activation are covered");
}

LogicalResult AddOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  for (auto [sum, rhs] : llvm::zip_equal(result.data, dense(operands[1]).data))
    sum += rhs;
  results.push_back(std::move(result));
  return success();
}

LogicalResult RoundOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &input = dense(operands[0]);
  DenseValue result = matrixLike(input, getColumns());
  auto format = cast<WeightFormatInterface>(BF16Attr::get(getContext()));
  for (int64_t t = 0; t < input.rows(); ++t) {
    std::copy_n(input.row(t), input.rowSize(), result.row(t));
    format.roundRow(MutableArrayRef(result.row(t), size_t(input.rowSize())));
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult ScaleOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  for (double &x : result.data)
    x *= getFactor().convertToDouble();
  results.push_back(std::move(result));
  return success();
}

static double softcapped(double x, double cap) { return cap * std::tanh(x / cap); }

LogicalResult SoftcapOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  for (double &x : result.data)
    x = softcapped(x, getCap().convertToDouble());
  results.push_back(std::move(result));
  return success();
}

LogicalResult ActivationOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  for (double &x : result.data)
    x = activate(getKind(), x);
  results.push_back(std::move(result));
  return success();
}

LogicalResult GluOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  for (auto [x, up] : llvm::zip_equal(result.data, dense(operands[1]).data))
    x = activate(getKind(), x) * up;
  results.push_back(std::move(result));
  return success();
}

LogicalResult RopeOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  DenseValue result = dense(operands[0]);
  const DenseValue &positions = dense(operands[1]);
  int64_t pairs = getPairs();
  double magnitude = getMagnitude();
  for (int64_t t = 0; t < result.rows(); ++t) {
    std::vector<double> frequencies = getFrequencies(int64_t(positions.data[t]));
    for (int64_t head = 0; head < result.rowSize(); head += getHeadDim()) {
      for (int64_t i = 0; i < pairs; ++i) {
        double *x = result.row(t) + head + (getInterleaved() ? 2 * i : i), *y = x + (getInterleaved() ? 1 : pairs);
        double angle = positions.data[t] * frequencies[i];
        double c = magnitude * std::cos(angle), s = magnitude * std::sin(angle), a = *x, b = *y;
        *x = a * c - b * s;
        *y = b * c + a * s;
      }
    }
  }
  results.push_back(std::move(result));
  return success();
}
