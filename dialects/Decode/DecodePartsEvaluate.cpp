//===- DecodePartsEvaluate.cpp - Reference semantics: parts of logits -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Decode/Decode.h"

#include "runtime/base/Philox.h"

#include "llvm/ADT/bit.h"

#include <cmath>

using namespace plait;
using namespace plait::decode;

using Values = ArrayRef<EvalValue>;
using ValueList = std::vector<EvalValue>;

static const DenseValue &dense(const EvalValue &value) { return valueAs<DenseValue>(value); }
static ArrayRef<double> rowOf(const DenseValue &matrix, int64_t row) {
  return ArrayRef(matrix.row(row), size_t(matrix.rowSize()));
}

//===----------------------------------------------------------------------===//
// What devices tell each other
//===----------------------------------------------------------------------===//

static void putPair(double *words, double value) {
  words[0] = float(value);
  words[1] = float(value - words[0]);
}
static double getPair(const double *words) { return words[0] + words[1]; }

namespace {

/// Of all parts, from their decode.summarize.
struct Summary {
  double top = -std::numeric_limits<double>::infinity(), mass = 0;
  int64_t topId = -1;
  bool finite = true, usable = true;

  explicit Summary(ArrayRef<double> words) {
    for (size_t i = 0; i < words.size(); i += 4) {
      finite &= words[i + 1] >= 0;
      if (words[i] > top) {
        top = words[i];
        topId = int64_t(words[i + 1]);
      }
    }
    usable = finite && top != kMaskedLogit;
    for (size_t i = 0; finite && i < words.size(); i += 4)
      mass += getPair(&words[i + 2]) * std::exp(words[i] - top);
  }
  double logprobOf(double logit) const { return logit - top - std::log(mass); }
};

/// See decode.narrow_threshold.
struct SearchState {
  uint32_t bits = 0;
  double least = std::nextafter(float(kMaskedLogit), 0.0f), above = 0, goal = 0;

  SearchState() = default;
  explicit SearchState(ArrayRef<double> words)
      : bits(uint32_t(words[0])), least(words[1]), above(getPair(&words[2])), goal(getPair(&words[4])) {}
  void put(double *words) const {
    words[0] = bits;
    words[1] = least;
    putPair(words + 2, above);
    putPair(words + 4, goal);
  }
};

} // namespace

static constexpr uint32_t kSign = 0x80000000;

static uint32_t imageOf(double logit) {
  auto bits = llvm::bit_cast<uint32_t>(float(logit) + 0.0f); // 0 for -0
  return bits & kSign ? ~bits : bits | kSign;
}
static double logitOf(uint32_t image) { return llvm::bit_cast<float>(image & kSign ? image & ~kSign : ~image); }

/// The state of `leaf`, or that before any round.
static SearchState stateOf(Value operand, Values operands, unsigned index, int64_t leaf) {
  return operand ? SearchState(rowOf(dense(operands[index]), leaf)) : SearchState();
}

static bool isLimited(Warp rule, double limit) { return rule == Warp::top_k ? limit > 0 : limit < 1; }

//===----------------------------------------------------------------------===//
// Greedy choice and most probable tokens
//===----------------------------------------------------------------------===//

/// The summary of `row`, whose first logit is of token `first`.
static void summarize(ArrayRef<double> row, int64_t first, double *words) {
  words[1] = -1;
  if (!llvm::all_of(row, [](double x) { return std::isfinite(x); }))
    return;
  const double *top = llvm::max_element(row);
  double mass = 0;
  for (double logit : row)
    mass += std::exp(logit - *top);
  words[0] = *top;
  words[1] = double(first + (top - row.begin()));
  putPair(words + 2, mass);
}

static int64_t maxCount(const DenseValue &counts) {
  int64_t width = 0;
  for (double count : counts.data)
    width = std::max(width, int64_t(count));
  return width;
}

/// The `count` most probable tokens of `row`, whose first logit is of token `first`, and their logits, in words
/// `column` and the one after it of rows `begin` and following; -1 and 0 in those that are left of `width`.
static void putTops(ArrayRef<double> row, int64_t first, int64_t count, DenseValue &entries, int64_t begin,
                    int64_t width, int64_t column) {
  for (int64_t i = 0; i < width; ++i)
    entries.row(begin + i)[column] = -1;
  for (auto [i, top] : llvm::enumerate(topLogprobs(row, count))) {
    double *words = entries.row(begin + int64_t(i)) + column;
    words[0] = double(first + top.first);
    words[1] = row[size_t(top.first)];
  }
}

/// Of rows `begin` and following of `entries`, which have a token and a logit for each part: what sorts first, and the
/// token.
static std::vector<std::pair<double, double>> joinTops(const DenseValue &entries, int64_t begin, int64_t width,
                                                       int64_t count) {
  std::vector<std::pair<double, double>> found;
  for (int64_t i = 0; i < width; ++i)
    for (ArrayRef<double> words = rowOf(entries, begin + i); !words.empty(); words = words.drop_front(2))
      if (words[0] >= 0)
        found.push_back({-words[1], words[0]});
  llvm::sort(found);
  found.resize(std::min(found.size(), size_t(count)));
  return found;
}

LogicalResult SummarizeOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  DenseValue result = DenseValue::zeros({logits.rows(), 4});
  for (int64_t leaf = 0; leaf < logits.rows(); ++leaf)
    summarize(rowOf(logits, leaf), int64_t(getFirst()), result.row(leaf));
  results.push_back(std::move(result));
  return success();
}

LogicalResult SummarizeBlocksOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  int64_t columns = logits.rowSize(), blocks = int64_t(llvm::divideCeil(columns, blockTokens));
  int64_t width = getCounts() ? maxCount(dense(operands[1])) : 0;
  DenseValue summaries = DenseValue::zeros({logits.rows(), 4 * blocks});
  DenseValue entries = DenseValue::zeros({logits.rows() * width, 2 * blocks});
  for (int64_t leaf = 0; leaf < logits.rows(); ++leaf)
    for (int64_t block = 0; block < blocks; ++block) {
      int64_t begin = block * blockTokens;
      ArrayRef<double> row = rowOf(logits, leaf).slice(size_t(begin), size_t(std::min(blockTokens, columns - begin)));
      summarize(row, int64_t(getFirst()) + begin, summaries.row(leaf) + 4 * block);
      if (width)
        putTops(row, int64_t(getFirst()) + begin, int64_t(dense(operands[1]).data[size_t(leaf)]), entries, leaf * width,
                width, 2 * block);
    }
  results.push_back(std::move(summaries));
  if (getCounts())
    results.push_back(std::move(entries));
  return success();
}

LogicalResult JoinSummariesOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &summaries = dense(operands[0]);
  DenseValue result = DenseValue::zeros({summaries.rows(), 4});
  for (int64_t leaf = 0; leaf < summaries.rows(); ++leaf) {
    Summary summary(rowOf(summaries, leaf));
    double *words = result.row(leaf);
    words[0] = summary.finite ? summary.top : 0;
    words[1] = summary.finite ? double(summary.topId) : -1;
    putPair(words + 2, summary.finite ? summary.mass : 0);
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult ChooseSummarizedOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &summaries = dense(operands[0]);
  DenseValue tokens = DenseValue::zeros({summaries.rows()}), status = tokens, logprobs = tokens;
  for (int64_t leaf = 0; leaf < summaries.rows(); ++leaf) {
    Summary summary(rowOf(summaries, leaf));
    int64_t token = summary.topId;
    double logit = summary.top;
    double largest = -std::numeric_limits<double>::infinity();
    if (getDrawn() && dense(operands[2]).data[size_t(leaf)] > 0)
      for (ArrayRef<double> drawn = rowOf(dense(operands[1]), leaf); !drawn.empty(); drawn = drawn.drop_front(3))
        if (drawn[0] >= 0 && drawn[2] > largest) {
          token = int64_t(drawn[0]);
          logit = drawn[1];
          largest = drawn[2];
        }
    tokens.data[size_t(leaf)] = summary.usable ? double(token) : -1;
    status.data[size_t(leaf)] = summary.usable ? 0 : 2;
    logprobs.data[size_t(leaf)] = summary.usable ? summary.logprobOf(logit) : 0;
  }
  for (DenseValue *value : {&tokens, &status, &logprobs})
    results.push_back(std::move(*value));
  return success();
}

LogicalResult TopPartOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]), &counts = dense(operands[1]);
  int64_t width = maxCount(counts);
  DenseValue result = DenseValue::zeros({logits.rows() * width, 2});
  for (int64_t leaf = 0; leaf < logits.rows(); ++leaf)
    putTops(rowOf(logits, leaf), int64_t(getFirst()), int64_t(counts.data[size_t(leaf)]), result, leaf * width, width,
            0);
  results.push_back(std::move(result));
  return success();
}

LogicalResult JoinEntriesOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &entries = dense(operands[0]), &counts = dense(operands[1]);
  int64_t width = maxCount(counts);
  DenseValue result = DenseValue::zeros({entries.rows(), 2});
  for (int64_t row = 0; row < result.rows(); ++row)
    result.row(row)[0] = -1;
  for (int64_t leaf = 0; leaf < counts.rows(); ++leaf)
    for (auto [i, entry] :
         llvm::enumerate(joinTops(entries, leaf * width, width, int64_t(counts.data[size_t(leaf)])))) {
      double *words = result.row(leaf * width + int64_t(i));
      words[0] = entry.second;
      words[1] = -entry.first;
    }
  results.push_back(std::move(result));
  return success();
}

LogicalResult JoinTopsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &entries = dense(operands[0]), &summaries = dense(operands[1]), &counts = dense(operands[2]);
  int64_t width = maxCount(counts);
  DenseValue tokens = DenseValue::zeros({counts.rows(), width}), logprobs = tokens;
  llvm::fill(tokens.data, -1);
  for (int64_t leaf = 0; leaf < counts.rows(); ++leaf) {
    Summary summary(rowOf(summaries, leaf));
    if (!summary.usable)
      continue;
    for (auto [i, entry] :
         llvm::enumerate(joinTops(entries, leaf * width, width, int64_t(counts.data[size_t(leaf)])))) {
      tokens.row(leaf)[i] = entry.second;
      logprobs.row(leaf)[i] = summary.logprobOf(-entry.first);
    }
  }
  results.push_back(std::move(tokens));
  results.push_back(std::move(logprobs));
  return success();
}

//===----------------------------------------------------------------------===//
// Thresholds
//===----------------------------------------------------------------------===//

LogicalResult BinLogitsOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  DenseValue result = DenseValue::zeros({logits.rows(), 512});
  unsigned round = unsigned(getRound());
  for (int64_t leaf = 0; leaf < logits.rows(); ++leaf) {
    Summary summary(rowOf(dense(operands[1]), leaf));
    double temperature = dense(operands[2]).data[size_t(leaf)], limit = dense(operands[3]).data[size_t(leaf)];
    if (!summary.usable || !(temperature > 0) || !isLimited(getRule(), limit))
      continue;
    SearchState state = stateOf(getState(), operands, 4, leaf);
    double bins[256] = {};
    for (double logit : rowOf(logits, leaf))
      if (logit >= state.least && (round == 0 || imageOf(logit) >> (32 - 8 * round) == state.bits))
        bins[imageOf(logit) >> (24 - 8 * round) & 255] +=
            getRule() == Warp::top_k ? 1 : std::exp((logit - summary.top) / temperature);
    for (int64_t bin = 0; bin < 256; ++bin)
      putPair(result.row(leaf) + 2 * bin, bins[bin]);
  }
  results.push_back(std::move(result));
  return success();
}

LogicalResult NarrowThresholdOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &bins = dense(operands[0]);
  DenseValue result = DenseValue::zeros({bins.rows(), 6});
  for (int64_t leaf = 0; leaf < bins.rows(); ++leaf) {
    SearchState state = stateOf(getState(), operands, 2, leaf);
    double limit = dense(operands[1]).data[size_t(leaf)];
    if (!isLimited(getRule(), limit)) {
      state.put(result.row(leaf));
      continue;
    }
    double measures[256] = {}, total = 0;
    for (int64_t bin = 255; bin >= 0; --bin) {
      for (int64_t part = 0; part < bins.rowSize(); part += 512)
        measures[bin] += getPair(bins.row(leaf) + part + 2 * bin);
      total += measures[bin];
    }
    if (getRound() == 0) {
      state.bits = 0;
      state.above = 0;
      state.goal = getRule() == Warp::top_k ? limit : limit * total;
    }
    uint32_t found = 0;
    double sum = state.above;
    for (int64_t bin = 255; bin >= 0; --bin) {
      if (measures[bin] == 0)
        continue;
      found = uint32_t(bin);
      state.above = sum;
      if ((sum += measures[bin]) >= state.goal)
        break;
    }
    state.bits = state.bits << 8 | found;
    if (getRound() == 3) {
      state.least = logitOf(state.bits);
      state.bits = 0;
      state.above = state.goal = 0;
    }
    state.put(result.row(leaf));
  }
  results.push_back(std::move(result));
  return success();
}

//===----------------------------------------------------------------------===//
// Draws
//===----------------------------------------------------------------------===//

/// The key of decode.choose_sample of a token with this logit; none if a warp drops it.
static std::optional<double> keyOf(double logit, int64_t token, double top, const WarpValues &warps, double least,
                                   const RandomKey &key) {
  double relative = (logit - top) / warps.temperature;
  if (logit < least || std::exp(relative) < std::min(warps.minP, 1.0))
    return std::nullopt;
  return relative - std::log(key.exponential(token));
}

LogicalResult DrawPartOp::evaluate(Evaluator &, Values operands, ValueList &results) {
  const DenseValue &logits = dense(operands[0]);
  DenseValue result = DenseValue::zeros({logits.rows(), 3});
  auto at = [&](unsigned i, int64_t leaf) { return dense(operands[i]).data[size_t(leaf)]; };
  for (int64_t leaf = 0; leaf < result.rows(); ++leaf) {
    double *words = result.row(leaf);
    words[0] = -1;
    Summary summary(rowOf(dense(operands[1]), leaf));
    SearchState state = stateOf(getState(), operands, 6, leaf);
    WarpValues warps{at(5, leaf), 0, 1, getMinP() ? dense(operands.back()).data[size_t(leaf)] : 0};
    if (!summary.usable || !(warps.temperature > 0))
      continue;
    RandomKey numbers{uint64_t(int64_t(at(3, leaf))), uint64_t(int64_t(at(4, leaf))), int64_t(at(2, leaf)) + 1,
                      RandomPurpose::sample};
    for (auto [i, logit] : llvm::enumerate(rowOf(logits, leaf))) {
      int64_t token = int64_t(getFirst()) + int64_t(i);
      auto key = keyOf(logit, token, summary.top, warps, state.least, numbers);
      if (key && (words[0] < 0 || *key > words[2])) {
        words[0] = double(token);
        words[1] = logit;
        words[2] = *key;
      }
    }
  }
  results.push_back(std::move(result));
  return success();
}
