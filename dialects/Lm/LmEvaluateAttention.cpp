//===- LmEvaluateAttention.cpp - Reference semantics of attention ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// As in LmEvaluate.cpp: in double precision, and nothing shared with a lowering.
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace plait;
using namespace plait::lm;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const DenseValue &dense(const EvalValue &value) { return valueAs<DenseValue>(value); }

//===----------------------------------------------------------------------===//
// Cells
//===----------------------------------------------------------------------===//

/// Integers of at most seven bits and a sign that share a scale.
static void roundToScaled(MutableArrayRef<double> values) {
  float most = 0;
  for (double value : values)
    if (!std::isnan(most) && !(std::fabs(float(value)) <= most))
      most = std::fabs(float(value));
  bool isSmall = most < 0x1p-100f;
  float scale = most / 127;
  for (double &value : values)
    value = isSmall ? 0 : double(scale) * std::nearbyint(float(value) / scale);
}

/// A row of keys or values as the state's element type holds them (see StateType).
static std::vector<double> roundedToState(const double *values, StateType type) {
  int64_t headDim = type.getHeadDim();
  std::vector<double> rounded(values, values + type.getKvHeads() * headDim);
  if (type.isScaled()) {
    for (int64_t head = 0; head < type.getKvHeads(); ++head)
      roundToScaled(MutableArrayRef(rounded).slice(head * headDim, headDim));
    return rounded;
  }
  if (type.getElement().isBF16())
    BF16Attr::get(type.getContext()).roundRow(rounded);
  for (double &value : rounded)
    value = float(value);
  return rounded;
}

/// Reports at `op` that token `t` needs a position of its row that has no keys.
static LogicalResult missing(Operation *op, const RowsValue &rows, const DenseValue &positions, int64_t t,
                             int64_t position) {
  return op->emitOpError("expected keys and values at every position up to ")
         << int64_t(positions.data[t]) << " of row " << rows.tokenRows[t] << " but position " << position
         << " has none";
}

/// Stores the keys and values of each token where it lies.
static LogicalResult stage(Operation *op, StateType type, const DenseValue &key, const DenseValue &value,
                           const RowsValue &rows, const DenseValue &positions, int64_t layer, StateValue &state) {
  int64_t tokens = positions.rows();
  std::map<std::pair<int64_t, int64_t>, int64_t> stagedBy; // (row, position) -> token
  for (int64_t t = 0; t < tokens; ++t) {
    int64_t row = rows.tokenRows[t], own = int64_t(positions.data[t]);
    int64_t position = rows.slot(t, rows.lastSeen(t, own), own);
    if (position < 0)
      return op->emitOpError("expected positions >= 0 but got ") << position << " at element " << t;
    auto [other, fresh] = stagedBy.insert({{row, position}, t});
    if (!fresh)
      return op->emitOpError("expected one token per position but tokens ")
             << other->second << " and " << t << " both lie at position " << position << " of row " << row;
    CacheCells &cells = state.cells[{row, layer}];
    int64_t present = int64_t(cells.keys.size());
    // A position that this step cannot reach is refused before memory for it is.
    if (position >= present + tokens)
      return missing(op, rows, positions, t, present);
    if (position >= present) {
      cells.keys.resize(position + 1);
      cells.values.resize(position + 1);
    }
    cells.keys[position] = roundedToState(key.row(t), type);
    cells.values[position] = roundedToState(value.row(t), type);
  }
  return success();
}

/// What token `t` sees besides one cell for each position up to `last`.
static ArrayRef<int64_t> besides(const RowsValue &rows, int64_t t, int64_t last) {
  if (rows.paths.empty())
    return {};
  ArrayRef<int64_t> path = rows.paths[size_t(t)];
  return path.drop_back(std::min(path.size(), size_t(last) + 1));
}

/// Checks that what each token attends to has no hole.
static LogicalResult checkPast(Operation *op, StateType type, const RowsValue &rows, const DenseValue &positions,
                               int64_t layer, StateValue &state) {
  for (int64_t t = 0; t < positions.rows(); ++t) {
    const CacheCells &cells = state.cells[{rows.tokenRows[t], layer}];
    int64_t own = int64_t(positions.data[t]), last = rows.lastSeen(t, own);
    if (last < own)
      return op->emitOpError("expected token ") << t << " at position " << own << " to see itself but got " << last
                                                << " as the last position that it sees";
    ArrayRef<int64_t> others = besides(rows, t, last);
    if (!others.empty() && type.getFirstPosition(own) > 0)
      return op->emitOpError("expected a window of more than ")
             << own << " positions, as several cells that token " << t << " sees have one position";
    for (int64_t slot : others)
      if (slot < 0 || slot >= int64_t(cells.keys.size()) || cells.keys[slot].empty())
        return missing(op, rows, positions, t, slot);
    for (int64_t p = type.getFirstPosition(own); p <= last; ++p)
      if (int64_t slot = rows.slot(t, last, p);
          slot < 0 || slot >= int64_t(cells.keys.size()) || cells.keys[slot].empty())
        return missing(op, rows, positions, t, p);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Softmax
//===----------------------------------------------------------------------===//

/// How scores are made of products of queries and keys, and how they weigh values.
struct ScoreForm {
  double scale;
  std::optional<double> softcap;
  bool rounds = false; ///< weights to bf16, chunk by chunk
};

/// What the slots that a token sees, or those of a span, add to a head's result.
struct Fold {
  double top = -std::numeric_limits<double>::infinity(), total = 0;
  std::vector<double> sums;
};

/// Where what a token sees at a position lies.
struct Seen {
  int64_t position, slot;
};

/// Adds what is seen: e^(score(q . keys[p]) - top) added up, and times values[p], for one head whose columns
/// in the cells start at `column`.
static void addSeen(Fold &fold, const double *q, const CacheCells &cells, ArrayRef<Seen> seen, int64_t column,
                    StateType type, const ScoreForm &form) {
  int64_t headDim = type.getHeadDim();
  std::vector<double> weights;
  double before = fold.top;
  for (Seen cell : seen) {
    double dot = 0;
    for (int64_t d = 0; d < headDim; ++d)
      dot += q[d] * cells.keys[cell.slot][column + d];
    double score = form.scale * dot;
    weights.push_back(form.softcap ? *form.softcap * std::tanh(score / *form.softcap) : score);
    fold.top = std::max(fold.top, weights.back());
  }
  double factor = std::isinf(before) ? 0 : std::exp(before - fold.top);
  fold.total *= factor;
  for (double &sum : fold.sums)
    sum *= factor;
  for (double &weight : weights) {
    weight = std::exp(weight - fold.top);
    fold.total += weight;
  }
  if (form.rounds)
    BF16Attr::get(type.getContext()).roundRow(weights);
  for (auto [weight, cell] : llvm::zip_equal(weights, seen))
    for (int64_t d = 0; d < headDim; ++d)
      fold.sums[d] += weight * cells.values[cell.slot][column + d];
}

/// Of what is seen in the order of positions, all at once or chunk by chunk.
static Fold foldSeen(const double *q, const CacheCells &cells, ArrayRef<Seen> seen, int64_t column, StateType type,
                     const ScoreForm &form) {
  constexpr int64_t chunk = 64;
  Fold fold;
  fold.sums.resize(type.getHeadDim());
  while (!seen.empty()) {
    size_t count = seen.size();
    if (form.rounds)
      count = llvm::count_if(seen, [&](Seen cell) { return cell.position / chunk == seen.front().position / chunk; });
    addSeen(fold, q, cells, seen.take_front(count), column, type, form);
    seen = seen.drop_front(count);
  }
  return fold;
}

/// What token `t` sees of positions [begin, end), in order; with position 0 what it sees besides.
static SmallVector<Seen> seenBy(StateType type, const RowsValue &rows, const DenseValue &positions, int64_t t,
                                int64_t begin, int64_t end) {
  int64_t own = int64_t(positions.data[t]), last = rows.lastSeen(t, own);
  SmallVector<Seen> seen;
  if (begin == 0)
    for (int64_t slot : besides(rows, t, last))
      seen.push_back({0, slot});
  for (int64_t p = std::max(begin, type.getFirstPosition(own)); p < std::min(end, last + 1); ++p)
    seen.push_back({p, rows.slot(t, last, p)});
  return seen;
}

/// Every head of every token over its row's cells.
static DenseValue attendAll(StateType type, int64_t heads, const ScoreForm &form, const DenseValue &query,
                            const RowsValue &rows, const DenseValue &positions, int64_t layer, StateValue &state) {
  int64_t headDim = type.getHeadDim(), group = heads / type.getKvHeads();
  DenseValue result = DenseValue::zeros(query.shape);
  for (int64_t t = 0; t < query.rows(); ++t) {
    SmallVector<Seen> seen = seenBy(type, rows, positions, t, 0, std::numeric_limits<int64_t>::max());
    for (int64_t h = 0; h < heads; ++h) {
      Fold fold = foldSeen(query.row(t) + h * headDim, state.cells[{rows.tokenRows[t], layer}], seen,
                           h / group * headDim, type, form);
      for (int64_t d = 0; d < headDim; ++d)
        result.row(t)[h * headDim + d] = fold.sums[d] / fold.total;
    }
  }
  return result;
}

/// A row for each token and span: of each head the sums, the tops, the totals.
static DenseValue attendSpans(StateType type, int64_t heads, const ScoreForm &form, const DenseValue &query,
                              const RowsValue &rows, const DenseValue &positions, int64_t layer, StateValue &state) {
  int64_t headDim = type.getHeadDim(), group = heads / type.getKvHeads(), spans = 0;
  for (auto [t, position] : llvm::enumerate(positions.data))
    spans = std::max(spans, rows.lastSeen(int64_t(t), int64_t(position)) / spanPositions + 1);
  DenseValue result = DenseValue::zeros({query.rows() * spans, heads * (headDim + 2)});
  for (int64_t t = 0; t < query.rows(); ++t)
    for (int64_t s = 0; s < spans; ++s) {
      SmallVector<Seen> seen = seenBy(type, rows, positions, t, s * spanPositions, (s + 1) * spanPositions);
      double *to = result.row(t * spans + s);
      for (int64_t h = 0; h < heads; ++h) {
        Fold fold = foldSeen(query.row(t) + h * headDim, state.cells[{rows.tokenRows[t], layer}], seen,
                             h / group * headDim, type, form);
        std::copy(fold.sums.begin(), fold.sums.end(), to + h * headDim);
        to[heads * headDim + h] = fold.top;
        to[heads * (headDim + 1) + h] = fold.total;
      }
    }
  return result;
}

/// Joins the spans that each token sees something of.
static DenseValue joinSpans(StateType type, int64_t heads, const DenseValue &spans, const RowsValue &rows,
                            const DenseValue &positions) {
  int64_t headDim = type.getHeadDim(), tokens = positions.rows(), perToken = spans.rows() / tokens;
  DenseValue result = DenseValue::zeros({tokens, heads * headDim});
  for (int64_t t = 0; t < tokens; ++t) {
    int64_t own = int64_t(positions.data[t]), last = rows.lastSeen(t, own);
    int64_t begin = type.getFirstPosition(own) / spanPositions, end = last / spanPositions + 1;
    for (int64_t h = 0; h < heads; ++h) {
      auto at = [&](int64_t s, int64_t column) { return spans.data[(t * perToken + s) * spans.rowSize() + column]; };
      double top = -std::numeric_limits<double>::infinity(), total = 0;
      for (int64_t s = begin; s < end; ++s)
        top = std::max(top, at(s, heads * headDim + h));
      double *out = result.row(t) + h * headDim;
      for (int64_t s = begin; s < end; ++s) {
        double factor = std::exp(at(s, heads * headDim + h) - top);
        total += factor * at(s, heads * (headDim + 1) + h);
        for (int64_t d = 0; d < headDim; ++d)
          out[d] += factor * at(s, h * headDim + d);
      }
      for (int64_t d = 0; d < headDim; ++d)
        out[d] /= total;
    }
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

static LogicalResult checkRowCount(Operation *op, const RowsValue &rows, const DenseValue &positions) {
  if (int64_t(rows.tokenRows.size()) != positions.rows())
    return op->emitOpError("expected the rows of ") << positions.rows() << " tokens but got " << rows.tokenRows.size();
  if (!rows.paths.empty() && int64_t(rows.paths.size()) != positions.rows())
    return op->emitOpError("expected the paths of ") << positions.rows() << " tokens but got " << rows.paths.size();
  if (!rows.ends.empty() && int64_t(rows.ends.size()) != positions.rows())
    return op->emitOpError("expected the last position seen of ")
           << positions.rows() << " tokens but got " << rows.ends.size();
  return success();
}

template <typename Op> static ScoreForm scoreForm(Op op) {
  ScoreForm form{op.getScale().convertToDouble(), std::nullopt, getElementTypeOrSelf(op.getQuery()).isBF16()};
  if (std::optional<APFloat> cap = op.getSoftcap())
    form.softcap = cap->convertToDouble();
  return form;
}

// The state handle is affine: whoever held the old one can no longer look at it,
// so the cells are changed in place.

LogicalResult StageOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  const auto &state = valueAs<std::shared_ptr<StateValue>>(operands[2]);
  const auto &rows = valueAs<RowsValue>(operands[3]);
  const DenseValue &positions = dense(operands[4]);
  results.push_back(state);
  if (failed(checkRowCount(*this, rows, positions)))
    return failure();
  return stage(*this, cast<StateType>(getState().getType()), dense(operands[0]), dense(operands[1]), rows, positions,
               evaluator.layer, *state);
}

LogicalResult AttendSpansOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  const auto &rows = valueAs<RowsValue>(operands[2]);
  const DenseValue &positions = dense(operands[3]);
  StateValue &state = *valueAs<std::shared_ptr<StateValue>>(operands[1]);
  auto type = cast<StateType>(getState().getType());
  if (failed(checkRowCount(*this, rows, positions)) ||
      failed(checkPast(*this, type, rows, positions, evaluator.layer, state)))
    return failure();
  results.push_back(
      attendSpans(type, getHeads(), scoreForm(*this), dense(operands[0]), rows, positions, evaluator.layer, state));
  return success();
}

LogicalResult AttendOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  const auto &rows = valueAs<RowsValue>(operands[2]);
  const DenseValue &positions = dense(operands[3]);
  StateValue &state = *valueAs<std::shared_ptr<StateValue>>(operands[1]);
  auto type = cast<StateType>(getState().getType());
  if (failed(checkRowCount(*this, rows, positions)) ||
      failed(checkPast(*this, type, rows, positions, evaluator.layer, state)))
    return failure();
  ScoreForm form = scoreForm(*this);
  auto spans = [&] {
    return attendSpans(type, getHeads(), form, dense(operands[0]), rows, positions, evaluator.layer, state);
  };
  if (getSpans() && dense(operands[4]).rows() > 0)
    results.push_back(joinSpans(type, getHeads(), dense(operands[4]), rows, positions));
  else if (form.rounds) // what weights are relative to matters
    results.push_back(joinSpans(type, getHeads(), spans(), rows, positions));
  else
    results.push_back(attendAll(type, getHeads(), form, dense(operands[0]), rows, positions, evaluator.layer, state));
  return success();
}

LogicalResult AttentionOp::evaluate(Evaluator &evaluator, Values operands, ValueList &results) {
  const DenseValue &positions = dense(operands[5]);
  const auto &state = valueAs<std::shared_ptr<StateValue>>(operands[3]);
  const auto &rows = valueAs<RowsValue>(operands[4]);
  auto type = cast<StateType>(getState().getType());
  if (failed(checkRowCount(*this, rows, positions)) ||
      failed(stage(*this, type, dense(operands[1]), dense(operands[2]), rows, positions, evaluator.layer, *state)) ||
      failed(checkPast(*this, type, rows, positions, evaluator.layer, *state)))
    return failure();
  results.push_back(
      attendAll(type, getHeads(), scoreForm(*this), dense(operands[0]), rows, positions, evaluator.layer, *state));
  results.push_back(state);
  return success();
}
