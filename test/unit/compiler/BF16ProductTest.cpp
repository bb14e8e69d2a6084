//===- BF16ProductTest.cpp - Products of bf16 on tiles and in vectors -----===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The generators run here with emulated tiles and pairs, and with those of the machine
// where it has some; that both have the bits of the manual's pseudocode is tested.
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include "passes/CPU/AmxTiles.h"

#include <cmath>
#include <limits>

using namespace plait;
using namespace plait::test;

namespace {

std::string rowsOf(int64_t columns, const char *element) {
  return "tensor<?x" + std::to_string(columns) + "x" + element + ", #lm.dims<tokens>>";
}
std::string kernelText(const std::string &arguments, const std::string &result, const std::string &body) {
  return "kernel.func @k(" + arguments + ") -> " + result +
         " attributes {cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, "
         "0, 0]>} {\n" +
         body + "\nkernel.return %y : " + result + "\n}\n";
}

double toBF16(double value) {
  llvm::APFloat f(value);
  bool loses;
  f.convert(llvm::APFloat::BFloat(), llvm::APFloat::rmNearestTiesToEven, &loses);
  f.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &loses);
  return f.convertToDouble();
}

//===----------------------------------------------------------------------===//
// One instruction
//===----------------------------------------------------------------------===//

float flush(float x) { return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.0f, x) : x; }

/// TDPBF16PS as the manual has it, on a[rows][32], b[16][32] and c[rows][16].
std::vector<float> multiply(const DenseValue &a, const DenseValue &b, const DenseValue &c) {
  std::vector<float> result;
  auto get = [](const DenseValue &value, int64_t row, int64_t column) { return flush(float(value.row(row)[column])); };
  for (int64_t m = 0; m < a.rows(); ++m)
    for (int64_t n = 0; n < 16; ++n) {
      float even = 0, odd = 0;
      for (int64_t k = 0; k < 16; ++k) {
        even = flush(std::fma(get(a, m, 2 * k), get(b, k, 2 * n), even));
        odd = flush(std::fma(get(a, m, 2 * k + 1), get(b, k, 2 * n + 1), odd));
      }
      result.push_back(flush(get(c, m, n) + flush(even + odd)));
    }
  return result;
}

class Tiles : public testing::TestWithParam<CpuTarget> {
protected:
  /// c + a * b, with tiles that have as many rows as a.
  CpuKernel kernel{kernelText("%a: " + rowsOf(32, "bf16") + ", %b: tensor<16x32xbf16>, %c: " + rowsOf(16, "f32"),
                              rowsOf(16, "f32"), "%y = lm.add %c, %c : " + rowsOf(16, "f32")),
                   GetParam(), [](CpuKernelEmitter &e, kernel::FuncOp function) {
                     auto pointer = [&](unsigned i) { return e.pointer(function.getArgument(i)); };
                     auto tiles = TileOps::create(e);
                     tiles->configure({2, 5}, e.dim(PLAIT_DIM_TOKENS));
                     e.forEachTile({.count = 1}, [&](Value) {
                       tiles->load(5, pointer(0), 64);
                       tiles->load(7, pointer(1), 64);
                       tiles->load(2, pointer(2), 64);
                       tiles->multiplyBF16(2, 5, 7);
                       tiles->store(2, e.pointer(function.getBody().front().getTerminator()->getOperand(0)), 64);
                     });
                     tiles->release();
                   }};

  void check(const DenseValue &a, const DenseValue &b, const DenseValue &c) {
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = a.rows();
    step.values = {a, b, c};
    auto result = kernel.run(step)[0], expected = multiply(a, b, c);
    ASSERT_EQ(result.size(), expected.size());
    for (size_t i = 0; i < result.size(); ++i)
      if (std::isnan(expected[i]))
        EXPECT_TRUE(std::isnan(result[i])) << i;
      else
        EXPECT_EQ(llvm::bit_cast<uint32_t>(result[i]), llvm::bit_cast<uint32_t>(expected[i])) << i;
  }

  DenseValue halves(int64_t rows, double scale) {
    DenseValue value = random.tensor({rows, 32}, scale);
    for (double &x : value.data)
      x = toBF16(x);
    return value;
  }

  Random random;
};

TEST_P(Tiles, MultiplyAsTheManualSays) {
  for (int64_t rows : {1, 2, 15, 16})
    for (double scale : {1.0, 1e-15, 1e18})
      check(halves(rows, scale), halves(16, scale), random.tensor({rows, 16}, scale));
}

// Products, sums and inputs below the normal numbers, and those just above.
TEST_P(Tiles, TakeSubnormalNumbersForZeros) {
  double least = std::numeric_limits<float>::min();
  for (double scale : {least, 4 * least, std::sqrt(least), 3 * std::sqrt(least)}) {
    check(halves(16, scale), halves(16, 1), random.tensor({16, 16}, scale));
    check(halves(16, scale), halves(16, scale), random.tensor({16, 16}, least));
  }
  DenseValue none = DenseValue::zeros({16, 16});
  for (size_t i = 0; i < none.data.size(); ++i)
    none.data[i] = i % 2 ? -least / 2 : least / 4;
  check(halves(16, 0), halves(16, 1), none);
}

TEST_P(Tiles, KeepInfinitiesAndNaNs) {
  DenseValue a = halves(4, 1), b = halves(16, 1), c = random.tensor({4, 16});
  a.row(0)[3] = std::numeric_limits<double>::infinity();
  a.row(1)[4] = std::numeric_limits<double>::quiet_NaN();
  b.row(2)[6] = -std::numeric_limits<double>::infinity();
  c.row(3)[5] = std::numeric_limits<double>::infinity();
  check(a, b, c);
}

class IntegerTiles : public testing::TestWithParam<CpuTarget> {};
INSTANTIATE_TEST_SUITE_P(Units, IntegerTiles, testing::ValuesIn(tileTargets()),
                         [](const auto &info) { return unitName(info.param); });
INSTANTIATE_TEST_SUITE_P(Units, Tiles, testing::ValuesIn(tileTargets()),
                         [](const auto &info) { return unitName(info.param); });

// All four kinds of factors.
TEST_P(IntegerTiles, MultiplyAsTheManualSays) {
  for (bool signedA : {false, true})
    for (bool signedB : {false, true}) {
      std::string words = "tensor<16x16xi32>";
      CpuKernel kernel(kernelText("%a: " + words + ", %b: " + words + ", %c: " + rowsOf(16, "f32"), rowsOf(16, "f32"),
                                  "%y = lm.add %c, %c : " + rowsOf(16, "f32")),
                       GetParam(), [&](CpuKernelEmitter &e, kernel::FuncOp function) {
                         auto pointer = [&](unsigned i) { return e.pointer(function.getArgument(i)); };
                         auto tiles = TileOps::create(e);
                         tiles->configure({}, e.i64(16));
                         e.forEachTile({.count = 1}, [&](Value) {
                           tiles->load(3, pointer(0), 64);
                           tiles->load(4, pointer(1), 64);
                           tiles->zero(0);
                           tiles->multiplyInt8(0, 3, 4, signedA, signedB);
                           tiles->multiplyInt8(0, 3, 4, signedA, signedB);
                           tiles->store(0, e.pointer(function.getBody().front().getTerminator()->getOperand(0)), 64);
                         });
                         tiles->release();
                       });
      std::mt19937 engine(3);
      auto random = [&] {
        DenseValue value = DenseValue::zeros({16, 16});
        for (double &word : value.data)
          word = double(int32_t(engine()));
        return value;
      };
      Step step;
      step.dims[PLAIT_DIM_TOKENS] = 16;
      DenseValue a = random(), b = random();
      step.values = {a, b, DenseValue::zeros({16, 16})};
      auto result = kernel.run(step)[0];
      auto factor = [](const DenseValue &value, int64_t row, int64_t column, bool isSigned) {
        auto bits = uint8_t(uint32_t(int32_t(value.row(row)[column / 4])) >> (column % 4 * 8));
        return isSigned ? int64_t(int8_t(bits)) : int64_t(bits);
      };
      for (int64_t m = 0; m < 16; ++m)
        for (int64_t n = 0; n < 16; ++n) {
          int64_t sum = 0;
          for (int64_t k = 0; k < 64; ++k)
            sum += factor(a, m, k, signedA) * factor(b, k / 4, 4 * n + k % 4, signedB);
          EXPECT_EQ(llvm::bit_cast<int32_t>(result[size_t(16 * m + n)]), int32_t(2 * sum));
        }
    }
}

//===----------------------------------------------------------------------===//
// Rounding
//===----------------------------------------------------------------------===//

TEST(Round, IsToNearestEvenAndPads) {
  for (auto [columns, padded] : {std::pair{1, 32}, {20, 32}, {31, 33}, {60, 96}, {192, 224}, {192, 192}}) {
    CpuKernel kernel(kernelText("%x: " + rowsOf(columns, "f32"), rowsOf(padded, "bf16"),
                                "%y = lm.round %x to " + std::to_string(padded) + " : " + rowsOf(columns, "f32")),
                     emulatedTiles());
    Random random;
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = 7;
    DenseValue x = random.tensor({7, columns});
    // Ties to even numbers, the largest number, subnormal ones, infinities, NaNs that rounding could lose.
    uint32_t special[] = {0x3F808000, 0x3F818000, 0x3F818001, 0x7F7FFFFF, 0x00000001, 0x807FC000,
                          0x7F800000, 0xFF800000, 0x7F800001, 0xFFFFFFFF, 0x7FC00000, 0x80000000};
    for (size_t i = 0; i < std::size(special); ++i)
      x.data[i * x.data.size() / std::size(special)] = llvm::bit_cast<float>(special[i]);
    step.values = {x};
    expectClose(kernel.run(step)[0], kernel.evaluate(step)[0], /*tolerance=*/0);
  }
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

struct Shape {
  int64_t rows, cols, padded;
  bool bias = false;
};

/// Units that have one definition of a product, so that they have the same bits.
std::vector<std::vector<CpuTarget>> allUnits() { return {tileTargets(), pairTargets()}; }

class BF16Product : public testing::TestWithParam<Shape> {
protected:
  static std::string text(const Shape &shape) {
    std::string weight = "!lm.weight<" + std::to_string(shape.rows) + "x" + std::to_string(shape.cols) + ", #lm.bf16>";
    std::string packed = "!kernel.packed<" + weight + ", panel = 32, group = 2>";
    std::string vector = "!lm.weight<" + std::to_string(shape.rows) + ", #lm.f32>";
    std::string packedVector = "!kernel.packed<" + vector + ", panel = 0, group = 1>";
    std::string input = rowsOf(shape.padded, "bf16");
    std::string body = "%w = kernel.unpack %p : " + packed + " -> " + weight + "\n";
    if (shape.bias)
      return kernelText("%x: " + input + ", %p: " + packed + ", %q: " + packedVector, rowsOf(shape.rows, "f32"),
                        body + "%b = kernel.unpack %q : " + packedVector + " -> " + vector +
                            "\n%y = lm.linear %x, %w bias %b : " + input + ", " + weight + ", " + vector);
    return kernelText("%x: " + input + ", %p: " + packed, rowsOf(shape.rows, "f32"),
                      body + "%y = lm.linear %x, %w : " + input + ", " + weight);
  }

  Step randomStep(CpuKernel &kernel, int64_t tokens, double scale = 1) {
    Step step;
    step.dims[PLAIT_DIM_TOKENS] = tokens;
    DenseValue x = DenseValue::zeros({tokens, GetParam().padded});
    for (int64_t t = 0; t < tokens; ++t)
      for (int64_t k = 0; k < GetParam().cols; ++k)
        x.row(t)[k] = toBF16(scale * random.normal());
    step.values = {x};
    for (Type type : kernel.function().getArgumentTypes().drop_front())
      step.values.emplace_back(random.weight(cast<kernel::PackedType>(type).getWeight(), scale));
    return step;
  }

  static Step takeTokens(const Step &step, int64_t begin, int64_t end) {
    Step part = step;
    part.dims[PLAIT_DIM_TOKENS] = end - begin;
    part.values[0] = takeRows(std::any_cast<const DenseValue &>(step.values[0]), begin, end);
    return part;
  }

  Random random;
};

// Against sums in double precision, the same bits on every unit, and every row's
// whatever the rows beside it: alone, two, a tile, a tile and one, two tiles, three, ...
TEST_P(BF16Product, IsTheSumAndDoesNotDependOnOtherRows) {
  int64_t most = GetParam().cols > 1000 ? 260 : 530, columns = GetParam().rows;
  for (const std::vector<CpuTarget> &units : allUnits())
    for (std::vector<float> first; const CpuTarget &target : units) {
      SCOPED_TRACE(unitName(target));
      random = {};
      CpuKernel kernel(text(GetParam()), target);
      Step step = randomStep(kernel, most);
      auto all = kernel.run(step)[0];
      // Pairs add up all columns in one chain, tiles 32 at a time.
      expectClose(all, kernel.evaluate(step)[0], target.pairs == PairUnit::none ? 1e-6 : 2e-6);
      if (first.empty())
        first = all;
      expectSameBits(all, first);
      for (int64_t count : {1, 2, 7, 12, 13, 16, 17, 31, 32, 33, 48, 50, 65}) {
        SCOPED_TRACE(count);
        for (int64_t begin : {int64_t(0), most - count, int64_t(11)}) {
          auto part = kernel.run(takeTokens(step, begin, begin + count), /*inPlace=*/false, /*threads=*/3)[0];
          expectSameBits(part,
                         std::vector<float>(all.begin() + begin * columns, all.begin() + (begin + count) * columns));
        }
      }
      EXPECT_TRUE(kernel.run(takeTokens(step, 0, 0))[0].empty());
    }
}

// Few rows are computed by vectors: they, too, take subnormal products and sums for zeros.
TEST_P(BF16Product, SubnormalNumbersDoNotDependOnOtherRows) {
  for (const std::vector<CpuTarget> &units : allUnits())
    for (const CpuTarget &target : units) {
      CpuKernel kernel(text(GetParam()), target);
      for (double scale : {1e-20, 1.5e-19, 4e-19}) {
        SCOPED_TRACE(unitName(target) + ", scale " + std::to_string(scale * 1e20));
        Step step = randomStep(kernel, 17, scale);
        auto all = kernel.run(step)[0];
        int64_t columns = GetParam().rows;
        for (int64_t count : {1, 2, 3, 4}) {
          auto part = kernel.run(takeTokens(step, 5, 5 + count))[0];
          expectSameBits(part, std::vector<float>(all.begin() + 5 * columns, all.begin() + (5 + count) * columns));
        }
      }
    }
}

// VDPBF16PS as the manual has it: of a pair the upper product first, fused, with subnormal
// numbers as zeros.
TEST_P(BF16Product, OfPairsIsTheChainOfTheManual) {
  int64_t rows = GetParam().rows, cols = GetParam().cols;
  for (const CpuTarget &target : pairTargets())
    for (double scale : {1.0, 1e-18, 2e-19, 1e-20}) {
      SCOPED_TRACE(unitName(target) + ", scale " + std::to_string(scale * 1e20));
      CpuKernel kernel(text(GetParam()), target);
      Step step = randomStep(kernel, 3, scale);
      const auto &x = std::any_cast<const DenseValue &>(step.values[0]);
      const auto &w = std::any_cast<const WeightValue &>(step.values[1]);
      std::vector<float> expected;
      for (int64_t t = 0; t < 3; ++t)
        for (int64_t n = 0; n < rows; ++n) {
          float sum = 0;
          auto add = [&](int64_t k) {
            if (k < cols)
              sum = flush(std::fma(flush(float(x.row(t)[k])), flush(float(w.at(n, k))), sum));
          };
          for (int64_t k = 0; k < cols; k += 2) {
            add(k + 1);
            add(k);
          }
          if (GetParam().bias)
            sum += float(std::any_cast<const WeightValue &>(step.values[2]).at(0, n));
          expected.push_back(sum);
        }
      expectSameBits(kernel.run(step)[0], expected);
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, BF16Product,
                         testing::Values(Shape{1, 1, 32}, Shape{16, 32, 32}, Shape{32, 21, 32, true}, Shape{33, 33, 96},
                                         Shape{64, 64, 96}, Shape{100, 192, 224, true}, Shape{310, 60, 96},
                                         Shape{520, 65, 96}, Shape{530, 96, 96, true}, Shape{40, 1024, 1056},
                                         Shape{40, 1100, 1120, true}, Shape{48, 2080, 2112}),
                         [](const auto &info) {
                           return std::to_string(info.param.rows) + "x" + std::to_string(info.param.cols) +
                                  (info.param.bias ? "Bias" : "");
                         });

// What rounding the input costs, at most and as a rule.
TEST(BF16ProductError, IsThatOfRoundingTheInput) {
  constexpr int64_t tokens = 5, rows = 64, cols = 512;
  Random random;
  auto product = [&](const std::string &element, int64_t padded, CpuTarget target) {
    std::string weight = "!lm.weight<64x512, #lm.bf16>",
                packed = "!kernel.packed<" + weight + ", panel = 32, group = 2>";
    std::string input = rowsOf(padded, element.c_str());
    return std::make_unique<CpuKernel>(kernelText("%x: " + input + ", %p: " + packed, rowsOf(rows, "f32"),
                                                  "%w = kernel.unpack %p : " + packed + " -> " + weight +
                                                      "\n%y = lm.linear %x, %w : " + input + ", " + weight),
                                       target);
  };
  auto exact = product("f32", cols, {8, true}), rounded = product("bf16", 544, emulatedTiles());
  Step step;
  step.dims[PLAIT_DIM_TOKENS] = tokens;
  DenseValue x = random.tensor({tokens, cols}), halves = DenseValue::zeros({tokens, 544});
  for (int64_t t = 0; t < tokens; ++t)
    llvm::transform(llvm::ArrayRef(x.row(t), cols), halves.row(t), toBF16);
  WeightValue w = random.weight(cast<kernel::PackedType>(exact->function().getArgumentTypes()[1]).getWeight());
  step.values = {x, w};
  auto expected = exact->run(step)[0];
  step.values = {halves, w};
  auto actual = rounded->run(step)[0];
  double squares = 0, errors = 0;
  for (int64_t t = 0; t < tokens; ++t)
    for (int64_t n = 0; n < rows; ++n) {
      double bound = 0, error = double(actual[size_t(t * rows + n)]) - double(expected[size_t(t * rows + n)]);
      for (int64_t k = 0; k < cols; ++k)
        bound += std::fabs(x.row(t)[k] * w.at(n, k));
      EXPECT_LE(std::fabs(error), bound / 256);
      errors += error * error;
      squares += double(expected[size_t(t * rows + n)]) * double(expected[size_t(t * rows + n)]);
    }
  EXPECT_LE(std::sqrt(errors / squares), 0.0025);
  EXPECT_GE(std::sqrt(errors / squares), 0.0005); // it is rounded
}

} // namespace
