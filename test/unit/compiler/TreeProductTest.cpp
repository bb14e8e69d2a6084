//===- TreeProductTest.cpp - Products whose sums are trees ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// lm.linear with a tree, bit by bit: against a plain emulation in f32, and, with weights of
// integers, against leaves that are products by themselves, added up by recursion.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <cmath>
#include <map>

using namespace plait;
using namespace plait::test;

namespace {

using Matrix = std::vector<float>; ///< row major

struct Case {
  std::string format;
  int64_t rows, granule, leaves;
  std::string input = "f32"; ///< element type
};

class TreeProducts : public testing::TestWithParam<CpuTarget> {
protected:
  std::string kernelText(const Case &c, int64_t columns, const std::string &tree, int64_t nodes, bool hasBias) {
    int64_t group = c.format.starts_with("int8") ? 4 : c.format.starts_with("int4") ? 8 : c.format == "bf16" ? 2 : 1;
    std::string n = std::to_string(c.rows),
                weight = "!lm.weight<" + n + "x" + std::to_string(columns) + ", #lm." + c.format + ">",
                bias = "!lm.weight<" + n + ", #lm.f32>";
    std::string packed = "!kernel.packed<" + weight + ", panel = 32, group = " + std::to_string(group) + ">";
    std::string packedBias = "!kernel.packed<" + bias + ", panel = 0, group = 1>";
    std::string input = "tensor<?x" + std::to_string(columns) + "x" + c.input + ", #lm.dims<tokens>>",
                result = "tensor<?x" + std::to_string(nodes * c.rows) + "xf32, #lm.dims<tokens>>";
    return "kernel.func @k(%x: " + input + ", %p: " + packed + (hasBias ? ", %q: " + packedBias : "") + ") -> " +
           result +
           " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, "
           "0, 0, 0]>} {\n%w = kernel.unpack %p : " +
           packed + " -> " + weight + "\n" + (hasBias ? "%b = kernel.unpack %q : " + packedBias + " -> " + bias : "") +
           "\n%y = lm.linear %x, %w" + (hasBias ? " bias %b" : "") + tree + " : " + input + ", " + weight +
           (hasBias ? ", " + bias : "") + "\nkernel.return %y : " + result + "\n}\n";
  }

  /// Columns [begin, end) of the operands.
  Step slice(int64_t begin, int64_t end, bool hasBias) {
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = input.rows();
    DenseValue x = DenseValue::zeros({input.rows(), end - begin});
    for (int64_t t = 0; t < x.rows(); ++t)
      std::copy_n(input.row(t) + begin, end - begin, x.row(t));
    auto data = std::make_shared<std::vector<double>>();
    for (int64_t n = 0; n < weight.rows; ++n)
      data->insert(data->end(), weight.row(n) + begin, weight.row(n) + end);
    step.values.emplace_back(std::move(x));
    step.values.emplace_back(WeightValue{weight.rows, end - begin, data});
    if (hasBias)
      step.values.emplace_back(bias);
    return step;
  }

  /// The chain over columns [begin, end), each rounded to f32.
  Matrix emulate(int64_t begin, int64_t end) {
    Matrix sums;
    for (int64_t t = 0; t < input.rows(); ++t)
      for (int64_t n = 0; n < weight.rows; ++n) {
        float sum = begin == 0 && bias.rows ? float(bias.at(n)) : 0.0f;
        for (int64_t k = begin; k < end; ++k) {
          float x = float(input.row(t)[k]), w = float(weight.row(n)[k]);
          if (GetParam().fma) {
            sum = std::fma(x, w, sum);
          } else {
            volatile float product = x * w;
            sum = sum + product;
          }
        }
        sums.push_back(sum);
      }
    return sums;
  }

  static Matrix add(const Matrix &a, const Matrix &b) {
    Matrix sums(a);
    for (size_t i = 0; i < sums.size(); ++i)
      sums[i] += b[i];
    return sums;
  }

  /// The node [begin, end), and in `nodes` all that it is made of.
  Matrix build(const std::vector<Matrix> &leaves, int64_t begin, int64_t end,
               std::map<std::pair<int64_t, int64_t>, Matrix> &nodes) {
    Matrix sum;
    if (end - begin == 1) {
      sum = leaves[size_t(begin)];
    } else {
      int64_t half = 1;
      while (2 * half < end - begin)
        half *= 2;
      sum = build(leaves, begin, begin + half, nodes);
      sum = add(sum, build(leaves, begin + half, end, nodes));
    }
    return nodes[{begin, end}] = sum;
  }

  /// Compares ranges of leaves with the nodes that `leaves` make up.
  void check(const Case &c, const std::vector<Matrix> &leaves, ArrayRef<std::pair<int64_t, int64_t>> ranges) {
    std::map<std::pair<int64_t, int64_t>, Matrix> nodes;
    build(leaves, 0, c.leaves, nodes);
    for (auto [first, last] : ranges) {
      std::vector<Matrix> expected; // the largest nodes, from the left
      for (int64_t begin = first; begin < last;) {
        int64_t end = last;
        while (!nodes.count({begin, end}))
          --end;
        expected.push_back(nodes[{begin, end}]);
        begin = end;
      }
      std::string tree = " tree <granule = " + std::to_string(c.granule) + ", first = " + std::to_string(first) +
                         ", of = " + std::to_string(c.leaves) + ">";
      bool hasBias = bias.rows && first == 0;
      std::string text = kernelText(c, (last - first) * c.granule, tree, int64_t(expected.size()), hasBias);
      SCOPED_TRACE(text);
      CpuKernel kernel(text, GetParam());
      Step step = slice(first * c.granule - origin, last * c.granule - origin, hasBias);
      std::vector<float> result = kernel.run(step)[0], wanted;
      for (int64_t t = 0; t < input.rows(); ++t)
        for (const Matrix &node : expected)
          wanted.insert(wanted.end(), node.begin() + t * c.rows, node.begin() + (t + 1) * c.rows);
      expectSameBits(result, wanted);
      expectSameBits(kernel.run(step, /*inPlace=*/false, /*threads=*/3)[0], wanted);
      expectClose(result, kernel.evaluate(step)[0], 3e-6);
      Step alone = step;
      alone.dims[PLAIT_DIM_TOKENS] = 1;
      alone.values[0] = takeRows(valueAs<DenseValue>(step.values[0]), 0, 1);
      wanted.resize(expected.size() * size_t(c.rows));
      expectSameBits(kernel.run(alone)[0], wanted);
    }
  }

  Random random;
  DenseValue input;
  WeightValue weight, bias;
  int64_t origin = 0; ///< the first column that the operands have
};

/// Random numbers that f32 and bf16 hold exactly, in rows.
WeightValue exactWeight(Random &random, int64_t rows, int64_t columns) {
  auto data = std::make_shared<std::vector<double>>(random.normals(rows * columns));
  for (double &value : *data)
    value = std::ldexp(std::round(std::ldexp(value, 5)), -5); // 8 bits
  return {rows, columns, data};
}

TEST_P(TreeProducts, Emulated) {
  for (const auto &[c, ranges] : std::vector<std::pair<Case, std::vector<std::pair<int64_t, int64_t>>>>{
           {{"f32", 70, 5, 7}, {{0, 7}, {0, 3}, {3, 7}, {2, 5}, {6, 7}}},
           {{"bf16", 37, 6, 13}, {{0, 13}, {5, 11}, {1, 8}}},
           {{"bf16", 64, 32, 16}, {{0, 16}, {8, 16}}}}) {
    for (bool hasBias : {true, false}) {
      input = random.tensor({19, c.granule * c.leaves});
      weight = exactWeight(random, c.rows, c.granule * c.leaves);
      bias = hasBias ? exactWeight(random, c.rows, 1) : WeightValue();
      std::vector<Matrix> leaves;
      for (int64_t i = 0; i < c.leaves; ++i)
        leaves.push_back(emulate(i * c.granule, (i + 1) * c.granule));
      check(c, leaves, hasBias ? ArrayRef(ranges).take_front(2) : ArrayRef(ranges));
    }
  }
}

TEST_P(TreeProducts, OfIntegers) {
  const std::string int16 = "!lm.int16<group = 32, distance = ";
  for (const auto &[c, ranges] : std::vector<std::pair<Case, std::vector<std::pair<int64_t, int64_t>>>>{
           {{"int8<group = 32>", 70, 32, 5}, {{0, 5}, {1, 4}}},
           {{"int8<group = 32>", 64, 64, 3, int16 + "2>"}, {{0, 3}, {1, 3}}},
           {{"int4<group = 32>", 40, 64, 3, int16 + "4>"}, {{0, 3}, {0, 2}}},
           {{"int4<group = 32, zero_points>", 40, 32, 6}, {{0, 6}, {3, 6}}}}) {
    for (auto range : ranges) {
      auto [first, last] = range;
      int64_t columns = (last - first) * c.granule;
      CpuKernel chain(kernelText(c, columns, "", 1, false), GetParam());
      DenseValue all = c.input == "f32" ? random.tensor({9, columns}) : random.int16(9, columns, 32);
      weight = random.weight(cast<kernel::PackedType>(chain.function().getArgumentTypes()[1]).getWeight());
      origin = first * c.granule;
      // A leaf by itself: all other inputs are zero, and add nothing to a chain.
      std::vector<Matrix> leaves(size_t(c.leaves), Matrix(size_t(9 * c.rows)));
      for (int64_t i = 0; i < last - first; ++i) {
        input = DenseValue::zeros({9, columns});
        for (int64_t t = 0; t < 9; ++t)
          std::copy_n(all.row(t) + i * c.granule, c.granule, input.row(t) + i * c.granule);
        leaves[size_t(first + i)] = chain.run(slice(0, columns, false))[0];
      }
      input = all;
      check(c, leaves, range);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Lanes, TreeProducts,
                         testing::Values(CpuTarget{4, false}, CpuTarget{8, true}, CpuTarget{8, false}),
                         [](const auto &info) {
                           return std::to_string(info.param.lanes) + (info.param.fma ? "Fma" : "");
                         });

} // namespace
