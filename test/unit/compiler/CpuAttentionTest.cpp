//===- CpuAttentionTest.cpp - Staging and attending on pages --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CudaKernelFixture.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

using namespace plait;
using namespace plait::test;

namespace {

struct Shape {
  int64_t heads, kvHeads, headDim;
  int64_t window = 0; ///< 0: none
  double softcap = 0; ///< 0: none
  const char *element = "f32";
  bool rounds = false; ///< queries of bf16
};

/// Queries, keys and values of a whole sequence.
struct Sequence {
  DenseValue query, key, value;
};
/// Tokens [begin, end) of a sequence as one row of a step. With `parents` a tree: token
/// begin + i continues token begin + parents[i], the first one what lies before it. With `seen`
/// token begin + i sees the path to token begin + seen[i], which continues it or is itself.
struct Part {
  int64_t sequence, begin, end;
  std::vector<int64_t> parents = {}, seen = {};

  /// Tokens of the row that lead to number `i`, the first one first.
  std::vector<int64_t> pathTo(int64_t i) const {
    std::vector<int64_t> path = {i};
    while (path.front() > 0)
      path.insert(path.begin(), parents.empty() ? path.front() - 1 : parents[size_t(path.front())]);
    return path;
  }
};

DenseValue concatenate(ArrayRef<DenseValue> parts) {
  DenseValue all = parts.front();
  for (const DenseValue &part : parts.drop_front()) {
    all.shape[0] += part.shape[0];
    all.data.insert(all.data.end(), part.data.begin(), part.data.end());
  }
  return all;
}

/// Stands for the CUDA kernels, on a model of a GPU.
constexpr CpuTarget kCuda{0, true};

/// Numbers that 8 bits hold, so that they are some of bf16.
DenseValue rounded(DenseValue values) {
  for (double &x : values.data)
    x = std::ldexp(std::nearbyint(std::ldexp(x, 5)), -5);
  return values;
}

/// Weights are computed in f32 and rounded to bf16: now and then one lies so near to the middle of two neighbours that
/// the reference has the other one, which changes a few numbers by at most 2^-8 of a weighted mean of values.
void expectCloseButForSomeWeights(const std::vector<float> &actual, const DenseValue &expected) {
  ASSERT_EQ(actual.size(), expected.data.size());
  double largest = 0, difference = 0;
  for (double x : expected.data)
    largest = std::max(largest, std::fabs(x));
  size_t others = 0;
  for (auto [x, wanted] : llvm::zip_equal(actual, expected.data)) {
    double own = std::fabs(x - wanted);
    difference = own <= difference ? difference : own; // also of NaN
    others += !(own <= 2e-6 * largest);
  }
  EXPECT_LE(difference, 0x1p-8 * largest);
  EXPECT_LE(others, actual.size() / 10);
}

/// Compiled once for all tests of a shape.
CpuKernel &kernelOf(const std::string &text, CpuTarget target) {
  // Never destroyed: LLVM's own statics may be gone by then.
  static auto &kernels = *new std::map<std::pair<std::string, unsigned>, std::unique_ptr<CpuKernel>>;
  std::unique_ptr<CpuKernel> &kernel = kernels[{text, target.lanes}];
  if (!kernel && target.lanes == kCuda.lanes)
    kernel = std::make_unique<CudaKernel>(text);
  if (!kernel)
    kernel = std::make_unique<CpuKernel>(text, target);
  return *kernel;
}

/// One layer's cache and the kernels that use it.
class Cache {
public:
  /// With `split` each step of few tokens is attended in spans as well.
  Cache(Shape shape, CpuTarget target, std::vector<Sequence> &sequences, unsigned seed, bool split = false)
      : shape(shape), sequences(sequences), stage(kernelOf(stageText(shape), target)),
        attend(kernelOf(attendText(shape), target)),
        attendSpans(split ? &kernelOf(attendSpansText(shape), target) : nullptr),
        join(split ? &kernelOf(attendText(shape, /*joins=*/true), target) : nullptr),
        layout(cast<lm::StateType>(stage.function().getArgumentTypes()[2])), order(pagesOf(sequences)),
        entries(sequences.size()),
        // Sentinels are NaN as well: every page is full of them at first.
        memory(order.size() * size_t(layout.bytes())), reference(std::make_shared<StateValue>()) {
    std::iota(order.begin(), order.end(), 0);
    std::shuffle(order.begin(), order.end(), std::mt19937(seed));
  }

  /// Runs a step; returns what is attended, all tokens one after the other.
  /// All steps so far together, relative to the largest reference of any.
  void expectAllClose() { expectCloseHere(results, references); }
  std::vector<float> step(ArrayRef<Part> parts, bool compare = true) {
    Step staged, attended;
    std::vector<DenseValue> queries, keys, values, positions;
    RowsValue rows;
    int64_t width = 0;
    for (auto [row, part] : llvm::enumerate(parts)) {
      const Sequence &sequence = sequences[part.sequence];
      queries.push_back(takeRows(sequence.query, part.begin, part.end));
      keys.push_back(takeRows(sequence.key, part.begin, part.end));
      values.push_back(takeRows(sequence.value, part.begin, part.end));
      DenseValue &position = positions.emplace_back(DenseValue::zeros({part.end - part.begin}));
      for (int64_t i = 0; i < part.end - part.begin; ++i) {
        position.data[size_t(i)] = double(part.begin + int64_t(part.pathTo(i).size()) - 1);
        std::vector<int64_t> path = part.pathTo(part.seen.empty() ? i : part.seen[size_t(i)]);
        std::vector<int64_t> &slots = rows.paths.emplace_back();
        rows.ends.push_back(part.begin + int64_t(path.size()) - 1);
        // From where the path leaves the chain.
        for (size_t depth = 0; depth < path.size(); ++depth)
          if (!slots.empty() || path[depth] != int64_t(depth))
            slots.push_back(part.begin + path[depth]);
      }
      rows.tokenRows.insert(rows.tokenRows.end(), part.end - part.begin, int64_t(row));
      std::vector<int32_t> &pages = entries[part.sequence];
      while (int64_t(pages.size()) * kernel::PageLayout::tokens < part.end) {
        pages.push_back(order.back());
        order.pop_back();
      }
      width = std::max(width, int64_t(pages.size()));
    }
    for (const Part &part : parts) {
      int64_t first =
          shape.window ? std::max<int64_t>(part.begin - shape.window + 1, 0) / kernel::PageLayout::tokens : 0;
      for (int64_t i = 0; i < width; ++i) { // unused entries, and those before the window, are no pages
        bool used = i >= first && i < int64_t(entries[part.sequence].size());
        staged.pageTable.push_back(used ? entries[part.sequence][i] : 1 << 20);
      }
    }
    staged.dims[PLAIT_DIM_TOKENS] = int64_t(rows.tokenRows.size());
    staged.dims[PLAIT_DIM_ROWS] = int64_t(parts.size());
    staged.dims[PLAIT_DIM_PAGES] = width;
    staged.pages = memory.data();
    attended = staged;
    staged.values = {concatenate(keys), concatenate(values), reference, rows, concatenate(positions)};
    attended.values = {concatenate(queries), reference, rows, concatenate(positions)};

    stage.run(staged, false, /*threads=*/3);
    std::vector<float> result = attend.run(attended)[0];
    expectSameAnyhow(attend, attended, result);
    if (join && attended.dims[PLAIT_DIM_TOKENS] <= 64)
      expectSameInSpans(attended, width, result);
    if (compare) {
      // The reference numbers its cells by the rows of the step.
      stage.evaluate(staged);
      DenseValue wanted = attend.evaluate(attended)[0];
      results.insert(results.end(), result.begin(), result.end());
      references.data.insert(references.data.end(), wanted.data.begin(), wanted.data.end());
      // A step of one token has no scale of its own: expectAllClose judges it.
      if (parts.size() > 1 || parts[0].end - parts[0].begin > 1)
        expectCloseHere(result, wanted);
    }
    EXPECT_TRUE(memory.intact());
    return result;
  }

private:
  /// Enough, and some that are never used.
  static size_t pagesOf(const std::vector<Sequence> &sequences) {
    int64_t count = 5;
    for (const Sequence &sequence : sequences)
      count += llvm::divideCeil(sequence.query.rows(), kernel::PageLayout::tokens);
    return size_t(count);
  }

  void expectCloseHere(const std::vector<float> &actual, const DenseValue &expected) {
    shape.rounds ? expectCloseButForSomeWeights(actual, expected) : expectClose(actual, expected);
  }

  /// By another number of threads, or by all functions of a kernel of a GPU.
  static void expectSameAnyhow(CpuKernel &kernel, const Step &step, const std::vector<float> &wanted) {
    auto *gpu = dynamic_cast<CudaKernel *>(&kernel);
    if (!gpu)
      return expectSameBits(kernel.run(step, false, /*threads=*/5)[0], wanted);
    for (size_t i = gpu->entries().size(); i-- > 0;) {
      gpu->choose(i);
      if (i || gpu->entries().size() == 1) // the first one has computed it
        expectSameBits(kernel.run(step)[0], wanted);
    }
  }

  /// The same step in spans, on any number of threads; then without spans, by the kernel that joins some.
  void expectSameInSpans(Step attended, int64_t width, const std::vector<float> &wanted) {
    Step joined = attended;
    joined.values.push_back(DenseValue::zeros({0, 0}));
    expectSameBits(join->run(joined, false, /*threads=*/2)[0], wanted);
    expectSameAnyhow(*join, joined, wanted);
    int64_t perToken = llvm::divideCeil(width * kernel::PageLayout::tokens, PLAIT_SPAN_POSITIONS);
    attended.dims[PLAIT_DIM_SPANS] = joined.dims[PLAIT_DIM_SPANS] = attended.dims[PLAIT_DIM_TOKENS] * perToken;
    bool isGpu = dynamic_cast<CudaKernel *>(join);
    for (int threads : isGpu ? std::vector<int>{1} : std::vector<int>{1, 2, 3, 5}) {
      // What a token does not see is not written: NaN.
      std::vector<float> spans = attendSpans->run(attended, false, threads)[0];
      DenseValue &value = joined.values.back().emplace<DenseValue>();
      value.shape = {attended.dims[PLAIT_DIM_SPANS], shape.heads * (shape.headDim + 2)};
      value.data.assign(spans.begin(), spans.end());
      expectSameBits(join->run(joined, false, threads)[0], wanted);
      if (isGpu)
        expectSameAnyhow(*join, joined, wanted);
    }
  }

  static constexpr const char *cost = " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, "
                                      "0, 0], activations = [0, 0, 0, 0, 0]>} {\n";

  static std::string rowsOf(int64_t columns, const std::string &element = "f32") {
    return "tensor<?x" + std::to_string(columns) + "x" + element + ", #lm.dims<tokens>>";
  }
  static std::string queriesOf(Shape s) { return rowsOf(s.heads * s.headDim, s.rounds ? "bf16" : "f32"); }
  static std::string stateOf(Shape s) {
    return "!lm.state<layers = 1, kv_heads = " + std::to_string(s.kvHeads) +
           ", head_dim = " + std::to_string(s.headDim) + ", " + s.element +
           (s.window ? ", window = " + std::to_string(s.window) : "") + ">";
  }
  static std::string stageText(Shape s) {
    std::string kv = rowsOf(s.kvHeads * s.headDim), state = stateOf(s), i32 = "tensor<?xi32, #lm.dims<tokens>>";
    return "kernel.func @k(%k: " + kv + ", %v: " + kv + ", %s: " + state + ", %r: !lm.rows, %p: " + i32 + ") -> " +
           state + cost + "%y = lm.stage %k, %v, %s, %r, %p : " + kv + ", " + state + ", " + i32 +
           "\nkernel.return %y : " + state + "\n}\n";
  }
  /// That of models: rounding a score, a chain of `headDim` products, changes its
  /// exponential the more the larger scores are.
  static double scaleOf(Shape s) { return 1 / std::sqrt(double(s.headDim)); }
  static std::string spansOf(Shape s) {
    return "tensor<?x" + std::to_string(s.heads * (s.headDim + 2)) + "xf32, #lm.dims<spans>>";
  }
  static std::string scoreText(Shape s) {
    return " scale " + std::to_string(scaleOf(s)) + (s.softcap ? " softcap " + std::to_string(s.softcap) : "");
  }
  static std::string attendText(Shape s, bool joins = false) {
    std::string q = queriesOf(s), state = stateOf(s), i32 = "tensor<?xi32, #lm.dims<tokens>>";
    std::string result = rowsOf(s.heads * s.headDim);
    return "kernel.func @k(%q: " + q + ", %s: " + state + ", %r: !lm.rows, %p: " + i32 +
           (joins ? ", %x: " + spansOf(s) : "") + ") -> " + result + cost + "%y = lm.attend %q, %s, %r, %p" +
           (joins ? " spans %x" : "") + scoreText(s) + " : " + q + ", " + state + ", " + i32 +
           (joins ? ", " + spansOf(s) : "") + "\nkernel.return %y : " + result + "\n}\n";
  }
  static std::string attendSpansText(Shape s) {
    std::string q = queriesOf(s), state = stateOf(s), i32 = "tensor<?xi32, #lm.dims<tokens>>";
    return "kernel.func @k(%q: " + q + ", %s: " + state + ", %r: !lm.rows, %p: " + i32 + ") -> " + spansOf(s) + cost +
           "%y = lm.attend_spans %q, %s, %r, %p" + scoreText(s) + " : " + q + ", " + state + ", " + i32 +
           "\nkernel.return %y : " + spansOf(s) + "\n}\n";
  }

  Shape shape;
  std::vector<float> results; ///< of all steps that were compared
  DenseValue references;
  std::vector<Sequence> &sequences;
  CpuKernel &stage, &attend;
  CpuKernel *attendSpans, *join; ///< null unless steps are split
  kernel::PageLayout layout;
  std::vector<int32_t> order; ///< free pages
  std::vector<std::vector<int32_t>> entries;
  Guarded memory;
  std::shared_ptr<StateValue> reference;
};

class CpuAttention : public testing::TestWithParam<std::tuple<CpuTarget, Shape>> {
protected:
  CpuTarget target() { return std::get<0>(GetParam()); }
  Shape shape() { return std::get<1>(GetParam()); }
  std::vector<Sequence> randomSequences(ArrayRef<int64_t> lengths) {
    Random random;
    std::vector<Sequence> sequences;
    for (int64_t length : lengths) {
      int64_t kv = shape().kvHeads * shape().headDim;
      Sequence &sequence = sequences.emplace_back(Sequence{random.tensor({length, shape().heads * shape().headDim}),
                                                           random.tensor({length, kv}), random.tensor({length, kv})});
      std::fill_n(sequence.value.row(length / 2), kv, 0); // has no largest number
      if (shape().rounds)
        sequence.query = rounded(std::move(sequence.query));
    }
    return sequences;
  }

  /// A row that is a tree behind `begin` tokens: each token has the bits that it has at the end of a chain, its path.
  void expectTreeAsChains(int64_t begin, const std::vector<int64_t> &parents, bool split) {
    int64_t count = int64_t(parents.size()), rowSize = shape().heads * shape().headDim;
    auto sequences = randomSequences({begin + count});
    Part tree{0, begin, begin + count, parents};
    std::vector<Sequence> chains;
    std::vector<Part> before, after;
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int64_t> path = tree.pathTo(i);
      auto take = [&](const DenseValue &from) {
        std::vector<DenseValue> rows = {takeRows(from, 0, begin)};
        for (int64_t token : path)
          rows.push_back(takeRows(from, begin + token, begin + token + 1));
        return concatenate(rows);
      };
      chains.push_back({take(sequences[0].query), take(sequences[0].key), take(sequences[0].value)});
      before.push_back({i, 0, begin});
      after.push_back({i, begin, begin + int64_t(path.size())});
    }
    Cache one(shape(), target(), sequences, 1, split), many(shape(), target(), chains, 2);
    one.step({{0, 0, begin}});
    many.step(before, /*compare=*/false);
    std::vector<float> got = one.step({tree}), flat = many.step(after, /*compare=*/false), wanted;
    int64_t end = 0;
    for (const Part &part : after) {
      end += part.end - part.begin;
      wanted.insert(wanted.end(), flat.begin() + (end - 1) * rowSize, flat.begin() + end * rowSize);
    }
    expectSameBits(got, wanted);
  }

  /// A row behind `begin` tokens, a tree or a chain, of which each token sees the path to token `seen[i]`: it has the
  /// bits that its query has there, at the end of a chain, that path. In front of a window it sees what a token there
  /// sees, and below that as far as its own window reaches: there is no such chain.
  void expectTogetherAsAtTheEnd(int64_t begin, const std::vector<int64_t> &parents, const std::vector<int64_t> &seen,
                                bool split) {
    int64_t count = int64_t(seen.size()), rowSize = shape().heads * shape().headDim;
    auto sequences = randomSequences({begin + count});
    Part row{0, begin, begin + count, parents, seen};
    std::vector<Sequence> chains;
    std::vector<Part> before, after;
    for (int64_t i = 0; i < count; ++i) {
      std::vector<int64_t> path = row.pathTo(seen[size_t(i)]);
      int64_t end = begin + int64_t(path.size());
      auto take = [&](const DenseValue &from) {
        std::vector<DenseValue> rows = {takeRows(from, 0, begin)};
        for (int64_t token : path)
          rows.push_back(takeRows(from, begin + token, begin + token + 1));
        return concatenate(rows);
      };
      Sequence &chain =
          chains.emplace_back(Sequence{take(sequences[0].query), take(sequences[0].key), take(sequences[0].value)});
      std::copy_n(sequences[0].query.row(begin + i), rowSize, chain.query.row(end - 1));
      before.push_back({i, 0, end - 1});
      after.push_back({i, end - 1, end});
    }
    Cache one(shape(), target(), sequences, 1, split), many(shape(), target(), chains, 2);
    one.step({{0, 0, begin}});
    std::vector<float> got = one.step({row});
    if (shape().window)
      return;
    many.step(before, /*compare=*/false);
    expectSameBits(got, many.step(after, /*compare=*/false));
  }
};

TEST_P(CpuAttention, Reference) {
  auto sequences = randomSequences({2, 65, 66, 131, 6});
  Cache cache(shape(), target(), sequences, 1);
  cache.step({{0, 0, 1}, {1, 0, 64}, {2, 0, 65}, {3, 0, 130}, {4, 0, 5}});
  cache.step({{0, 1, 2}, {1, 64, 65}, {2, 65, 66}, {3, 130, 131}, {4, 5, 6}});
}

TEST_P(CpuAttention, RowInvariance) {
  auto sequences = randomSequences({200, 130});
  Cache whole(shape(), target(), sequences, 1), parts(shape(), target(), sequences, 2);
  std::vector<float> expected = whole.step({{0, 0, 200}});
  std::vector<float> result;
  int64_t rowSize = shape().heads * shape().headDim;
  for (auto [begin, end] : {std::pair<int64_t, int64_t>{0, 1}, {1, 64}, {64, 129}, {129, 130}, {130, 200}}) {
    // Next to a row that is elsewhere in its sequence, before it or behind it.
    Part mine = {0, begin, end}, other = {1, begin / 2, begin / 2 + 1};
    bool first = begin % 2;
    auto both = parts.step(first ? ArrayRef<Part>{mine, other} : ArrayRef<Part>{other, mine}, /*compare=*/false);
    auto from = both.begin() + (first ? 0 : rowSize);
    result.insert(result.end(), from, from + (end - begin) * rowSize);
  }
  expectSameBits(result, expected);
}

/// What share the pages are runs of a row: of any length, next to other rows, at
/// any place in a block of tokens.
TEST_P(CpuAttention, AnyRuns) {
  auto sequences = randomSequences({170, 70, 3});
  Cache whole(shape(), target(), sequences, 1), parts(shape(), target(), sequences, 2);
  std::vector<float> expected = whole.step({{0, 0, 170}}, /*compare=*/false), result;
  int64_t rowSize = shape().heads * shape().headDim;
  for (int64_t begin = 0, count = 0; begin < 170; begin += count) {
    count = begin < 30 ? 1 : std::min<int64_t>(begin % 23 + 2, 170 - begin);
    // A row of another length before it and one behind it.
    int64_t before = begin % 5 + 1, skipped = before * rowSize;
    auto all = parts.step({{1, 0, before}, {0, begin, begin + count}, {2, 0, 3}}, /*compare=*/false);
    result.insert(result.end(), all.begin() + skipped, all.begin() + skipped + count * rowSize);
  }
  expectSameBits(result, expected);
}

/// A long row, one token at a time beyond the end of its window.
TEST_P(CpuAttention, PositionByPosition) {
  auto sequences = randomSequences({140});
  Cache cache(shape(), target(), sequences, 1);
  cache.step({{0, 0, 50}});
  for (int64_t t = 50; t < 140; ++t)
    cache.step({{0, t, t + 1}});
  cache.expectAllClose();
}

const std::vector<int64_t> byDepth = {-1, 0, 1, 1, 1, 2, 2, 4, 7, 8}, byBranch = {-1, 0, 1, 2, 1, 4, 5, 0, 7};

TEST_P(CpuAttention, Trees) {
  for (int64_t begin : {1, 62, 128})
    for (const std::vector<int64_t> &parents : {byDepth, byBranch})
      expectTreeAsChains(begin, parents, /*split=*/false);
}

// Masks behind the tokens of a chain, three by three (decode.expand_prompts), and a canvas behind one token.
const std::vector<int64_t> masks = {-1, 0, 0, 2, 3, 1, 5, 6}, masksSeen = {0, 1, 4, 4, 4, 7, 7, 7};
const std::vector<int64_t> canvasSeen = {0, 4, 4, 4, 4, 8, 8, 8, 8};

TEST_P(CpuAttention, Together) {
  for (int64_t begin : {1, 60}) {
    expectTogetherAsAtTheEnd(begin, masks, masksSeen, /*split=*/false);
    expectTogetherAsAtTheEnd(begin, {}, canvasSeen, /*split=*/false);
  }
}

/// Of sizes that code is made for.
class CpuHeads : public CpuAttention {};

TEST_P(CpuHeads, Reference) {
  auto sequences = randomSequences({71, 4});
  Cache cache(shape(), target(), sequences, 1);
  cache.step({{0, 0, 70}, {1, 0, 3}});
  cache.step({{0, 70, 71}, {1, 3, 4}});
}

/// Of rows that are longer than a span: what is computed in spans has the bits of what is not.
class CpuSpans : public CpuAttention {};

/// One, two and three spans, and their edges; one row and many.
TEST_P(CpuSpans, Reference) {
  const std::vector<int64_t> lengths = {3, 256, 257, 513};
  auto sequences = randomSequences(lengths);
  Cache cache(shape(), target(), sequences, 1, /*split=*/true);
  std::vector<Part> prompts, tokens;
  for (auto [i, length] : llvm::enumerate(lengths)) {
    prompts.push_back({int64_t(i), 0, length - 1});
    tokens.push_back({int64_t(i), length - 1, length});
  }
  cache.step(prompts);
  cache.step(tokens);
}

/// However a row is cut, and whatever is beside it.
TEST_P(CpuSpans, RowInvariance) {
  auto sequences = randomSequences({600, 300});
  Cache whole(shape(), target(), sequences, 1), parts(shape(), target(), sequences, 2, /*split=*/true);
  std::vector<float> expected = whole.step({{0, 0, 600}}, /*compare=*/false), result;
  parts.step({{1, 0, 290}}, /*compare=*/false);
  int64_t rowSize = shape().heads * shape().headDim, other = 290;
  const int64_t cuts[] = {0, 250, 255, 256, 257, 259, 511, 512, 513, 530, 600};
  for (int i = 0; i < 10; ++i) {
    int64_t begin = cuts[i], end = cuts[i + 1], size = (end - begin) * rowSize;
    std::vector<Part> step = {{0, begin, end}};
    if (i % 2)
      step.insert(step.begin(), {1, other, other + 1});
    auto all = parts.step(step, /*compare=*/false);
    auto from = all.begin() + (i % 2) * rowSize;
    other += i % 2;
    result.insert(result.end(), from, from + size);
  }
  expectSameBits(result, expected);
}

TEST_P(CpuSpans, Trees) {
  for (int64_t begin : {249, 256, 509})
    expectTreeAsChains(begin, begin % 2 ? byDepth : byBranch, /*split=*/true);
}

TEST_P(CpuSpans, Together) {
  expectTogetherAsAtTheEnd(253, masks, masksSeen, /*split=*/true);
  expectTogetherAsAtTheEnd(509, {}, canvasSeen, /*split=*/true);
}

std::string nameOf(const testing::TestParamInfo<std::tuple<CpuTarget, Shape>> &info) {
  Shape shape = std::get<1>(info.param);
  return "lanes" + std::to_string(std::get<0>(info.param).lanes) + "_" + std::to_string(shape.heads) + "_" +
         std::to_string(shape.kvHeads) + "_" + std::to_string(shape.headDim) +
         (shape.window ? "_window" + std::to_string(shape.window) : "") + (shape.softcap ? "_capped" : "") +
         (shape.element == std::string("f32") ? "" : std::string("_") + shape.element) +
         (shape.rounds ? "_rounded" : "");
}

INSTANTIATE_TEST_SUITE_P(
    Shapes, CpuAttention,
    testing::Combine(testing::Values(CpuTarget{4, false}, CpuTarget{8, true}, CpuTarget{16, true}),
                     testing::Values(Shape{6, 2, 32}, Shape{3, 3, 20}, Shape{8, 1, 64}, Shape{4, 2, 6}, Shape{9, 3, 64},
                                     Shape{4, 4, 128}, Shape{6, 2, 32, 1}, Shape{3, 3, 20, 5}, Shape{8, 1, 64, 64},
                                     Shape{4, 2, 6, 100}, Shape{4, 4, 128, 65}, Shape{9, 3, 64, 5},
                                     Shape{6, 2, 32, 100}, Shape{4, 2, 26, 0, 1.5}, Shape{6, 3, 20, 70, 1.5},
                                     Shape{5, 1, 80}, Shape{7, 1, 96}, Shape{32, 2, 16}, Shape{2, 1, 256, 33},
                                     Shape{8, 2, 64, 0, 0, "bf16"}, Shape{3, 3, 20, 70, 1.5, "bf16"},
                                     Shape{8, 2, 64, 0, 0, "i8"}, Shape{3, 3, 21, 70, 1.5, "i8"})),
    nameOf);

INSTANTIATE_TEST_SUITE_P(Shapes, CpuSpans,
                         testing::Combine(testing::Values(CpuTarget{4, false}, CpuTarget{8, true}, CpuTarget{16, true}),
                                          testing::Values(Shape{9, 3, 64}, Shape{3, 3, 20, 70, 1.5},
                                                          Shape{4, 2, 26, 0, 1.5}, Shape{4, 1, 32, 300},
                                                          Shape{8, 2, 16, 0, 0, "bf16"},
                                                          Shape{3, 3, 21, 300, 1.5, "i8"})),
                         nameOf);

INSTANTIATE_TEST_SUITE_P(Cuda, CpuAttention,
                         testing::Combine(testing::Values(kCuda),
                                          testing::Values(Shape{6, 2, 32}, Shape{3, 3, 20, 70, 1.5, "bf16"},
                                                          Shape{5, 1, 80, 5})),
                         nameOf);

// By tensor cores: one to twenty heads that share keys and values, in one and many spans.
INSTANTIATE_TEST_SUITE_P(CudaTiles, CpuAttention,
                         testing::Combine(testing::Values(kCuda), testing::Values(Shape{4, 2, 16, 0, 0, "bf16", true})),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(CudaTiles, CpuSpans,
                         testing::Combine(testing::Values(kCuda),
                                          testing::Values(Shape{2, 1, 16, 0, 0, "bf16", true},
                                                          Shape{2, 2, 16, 300, 1.5, "bf16", true})),
                         nameOf);
INSTANTIATE_TEST_SUITE_P(
    CudaTiles, CpuHeads,
    testing::Combine(testing::Values(kCuda),
                     testing::Values(Shape{4, 4, 64, 0, 0, "bf16", true}, Shape{3, 3, 80, 70, 1.5, "bf16", true},
                                     Shape{20, 1, 96, 0, 0, "bf16", true}, Shape{8, 1, 128, 30, 0, "bf16", true},
                                     Shape{2, 1, 256, 0, 1.5, "bf16", true})),
    nameOf);

} // namespace
