//===- CpuMathTest.cpp - Functions built by the kernel emitter ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CpuKernelFixture.h"

#include <cmath>
#include <limits>
#include <numeric>

using namespace plait;
using namespace plait::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// Applies a function to many numbers, in vectors, a tile of 64 at a time.
class Function {
public:
  Function(CpuTarget target, llvm::function_ref<Value(CpuKernelEmitter &, Value)> function)
      : kernel(text, target, [&](CpuKernelEmitter &e, kernel::FuncOp op) {
          Value x = e.pointer(op.getArgument(0)), y = e.pointer(op.getRoot()->getResult(0));
          e.forEachTile({1, PLAIT_DIM_TOKENS, 64, false}, [&](Value tile) {
            e.forLoop(e.mul(tile, 64), e.mul(e.add(tile, 1), 64), e.lanes(),
                      [&](Value i) { e.store(function(e, e.load(e.f32VectorType(), x, i)), y, i); });
          });
        }) {}

  std::vector<float> operator()(const std::vector<float> &x) {
    Step step;
    DenseValue value = DenseValue::zeros({int64_t(llvm::alignTo(x.size(), 64))});
    std::copy(x.begin(), x.end(), value.data.begin());
    step.dims[PLAIT_DIM_TOKENS] = value.rows();
    step.values.emplace_back(std::move(value));
    auto y = kernel.run(step)[0];
    y.resize(x.size());
    return y;
  }

private:
  static constexpr const char *text = R"(
    kernel.func @k(%x: tensor<?xf32, #lm.dims<tokens>>) -> tensor<?xf32, #lm.dims<tokens>> attributes {
        cost = #kernel.cost<flops = [0, 0, 0, 0, 0], weights = [0, 0, 0, 0, 0], activations = [0, 0, 0, 0, 0]>} {
      %y = lm.activation silu %x : tensor<?xf32, #lm.dims<tokens>>
      kernel.return %y : tensor<?xf32, #lm.dims<tokens>>
    })";
  CpuKernel kernel;
};

/// Floats of all magnitudes: every `step`th bit pattern.
std::vector<float> sweep(uint32_t step) {
  std::vector<float> values;
  for (uint64_t bits = 0; bits < 0x100000000; bits += step)
    values.push_back(llvm::bit_cast<float>(uint32_t(bits)));
  return values;
}

class CpuMath : public testing::TestWithParam<CpuTarget> {};

TEST_P(CpuMath, Exp) {
  Function exp(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.exp(x); });
  std::vector<float> x = sweep(997);
  for (float f = -104; f < 90; f += 0.000371f)
    x.push_back(f);
  auto y = exp(x);
  double worst = 0;
  for (auto [x, y] : llvm::zip_equal(x, y)) {
    double expected = std::exp(double(x));
    if (std::isnan(x))
      EXPECT_TRUE(std::isnan(y));
    else if (expected > std::numeric_limits<float>::max())
      EXPECT_TRUE(y == infinity || expected < 3.4028236e38) << x;
    else if (expected < std::numeric_limits<float>::min())
      EXPECT_LE(y, std::numeric_limits<float>::min()) << x;
    else
      worst = std::max(worst, std::fabs(y / expected - 1));
  }
  EXPECT_LE(worst, 2e-7);
  RecordProperty("relative_error", std::to_string(worst * 1e9) + "e-9");
  EXPECT_EQ(exp({-float(infinity), float(infinity), 0, -0.0f}), (std::vector<float>{0, float(infinity), 1, 1}));
}

TEST_P(CpuMath, ExpOfNegative) {
  Function exp(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.exp(x); });
  Function expOfNegative(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.expOfNegative(x); });
  std::vector<float> x = sweep(997);
  llvm::erase_if(x, [](float f) { return !(f <= 0); });
  for (float f = -104; f < 0; f += 0.000371f)
    x.push_back(f);
  x.insert(x.end(), {-float(infinity), 0, -0.0f});
  expectSameBits(expOfNegative(x), exp(x));
  EXPECT_TRUE(std::isnan(expOfNegative({float(NAN)})[0]));
}

TEST_P(CpuMath, Log) {
  Function log(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.log(x); });
  std::vector<float> x = sweep(997);
  for (float f = 0.4f; f < 2.5f; f += 0.0000037f)
    x.push_back(f);
  auto y = log(x);
  double worst = 0;
  for (auto [x, y] : llvm::zip_equal(x, y)) {
    double expected = std::log(double(x));
    if (std::isnan(expected))
      EXPECT_TRUE(std::isnan(y));
    else if (std::isinf(expected) || expected == 0)
      EXPECT_EQ(y, expected);
    else
      worst = std::max(worst, std::fabs(y / expected - 1));
  }
  EXPECT_LE(worst, 2e-7);
  RecordProperty("relative_error", std::to_string(worst * 1e9) + "e-9");
}

TEST_P(CpuMath, LogOfNormal) {
  Function log(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.log(x); });
  Function logOfNormal(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.logOfNormal(x); });
  std::vector<float> x = sweep(997);
  llvm::erase_if(x, [](float f) { return !(f > 0) || !std::isnormal(f); });
  expectSameBits(logOfNormal(x), log(x));
}

TEST_P(CpuMath, LogOfRest) {
  Function logOfRest(GetParam(), [](CpuKernelEmitter &e, Value y) { return e.logOfRest(y, e.sub(e.splat(1), y)); });
  std::vector<float> y;
  for (float f = 0x1p-33f; f < 0.1f; f *= 1.00037f)
    y.push_back(f);
  for (float f = 0.1f; f < 1; f += 0.0000037f)
    y.push_back(f);
  y.push_back(1 - 0x1p-24f);
  double worst = 0;
  for (auto [y, found] : llvm::zip_equal(y, logOfRest(y)))
    worst = std::max(worst, std::fabs(double(found) / std::log1p(-double(y)) - 1));
  EXPECT_LE(worst, 5e-7);
  RecordProperty("relative_error", std::to_string(worst * 1e9) + "e-9");
}

TEST_P(CpuMath, Tanh) {
  Function tanh(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.tanh(x); });
  std::vector<float> x = sweep(997);
  for (float f = -10; f < 10; f += 0.0000371f)
    x.push_back(f);
  auto y = tanh(x);
  double worst = 0;
  for (auto [x, y] : llvm::zip_equal(x, y)) {
    double expected = std::tanh(double(x));
    if (std::isnan(x))
      EXPECT_TRUE(std::isnan(y));
    else if (std::fabs(expected) < std::numeric_limits<float>::min())
      EXPECT_LE(std::fabs(y), std::numeric_limits<float>::min()) << x;
    else
      worst = std::max(worst, std::fabs(y / expected - 1));
  }
  EXPECT_LE(worst, 2e-7);
  RecordProperty("relative_error", std::to_string(worst * 1e9) + "e-9");
  EXPECT_EQ(tanh({-float(infinity), float(infinity)}), (std::vector<float>{-1, 1}));
}

// Powers of x against libm, to f32; then e^(log x) against x, to nearly f64.
TEST_P(CpuMath, Wide) {
  std::vector<float> x;
  for (float f = 1; f < 3e5f; f *= 1.0137f)
    x.push_back(f);
  for (double power : {0.0, -0.03125, -0.5, -1.0, 0.75}) {
    Function function(GetParam(), [&](CpuKernelEmitter &e, Value v) -> Value {
      auto wide = e.vectorType(e.builder().getF64Type());
      Value logOf = e.logWide(LLVM::FPExtOp::create(e.builder(), e.loc(), wide, v));
      Value result = e.expWide(e.mul(logOf, e.constant(wide, power)));
      return LLVM::FPTruncOp::create(e.builder(), e.loc(), e.f32VectorType(), result);
    });
    auto y = function(x);
    double worst = 0;
    for (auto [x, y] : llvm::zip_equal(x, y))
      worst = std::max(worst, std::fabs(y / std::pow(double(x), power) - 1));
    EXPECT_LE(worst, 6.1e-8) << power; // what rounding to f32 allows
  }
  Function difference(GetParam(), [&](CpuKernelEmitter &e, Value v) -> Value {
    auto wide = e.vectorType(e.builder().getF64Type());
    Value w = LLVM::FPExtOp::create(e.builder(), e.loc(), wide, v);
    Value back = e.sub(e.expWide(e.logWide(w)), w); // 0 but for rounding
    Value relative = e.mul(e.div(back, w), e.constant(wide, 1e12));
    return LLVM::FPTruncOp::create(e.builder(), e.loc(), e.f32VectorType(), relative);
  });
  for (float y : difference(x))
    EXPECT_LE(std::fabs(y), 0.01); // 1e-14
}

TEST_P(CpuMath, SinCos) {
  for (bool cosine : {false, true}) {
    Function function(GetParam(), [&](CpuKernelEmitter &e, Value x) -> Value {
      auto type = e.vectorType(e.builder().getF64Type());
      auto [s, c] = e.sinCos(LLVM::FPExtOp::create(e.builder(), e.loc(), type, x));
      return cosine ? c : s;
    });
    std::vector<float> x;
    for (float f = -20; f < 20; f += 0.00037f)
      x.push_back(f);
    for (float f = 1; f < 3e6f; f *= 1.00001f)
      x.push_back(f);
    auto y = function(x);
    double worst = 0;
    for (auto [x, y] : llvm::zip_equal(x, y))
      worst = std::max(worst, std::fabs(y - (cosine ? std::cos(double(x)) : std::sin(double(x)))));
    EXPECT_LE(worst, 1e-7);
  }
}

TEST_P(CpuMath, Reductions) {
  // Sums of 64 numbers in an order that depends on the lanes alone.
  Function sum(GetParam(), [](CpuKernelEmitter &e, Value x) { return e.broadcast(e.reduceAdd(x)); });
  std::vector<float> x(64);
  for (int i = 0; i < 64; ++i)
    x[i] = float(1 << (i % 20));
  auto y = sum(x);
  for (unsigned i = 0; i < 64; i += GetParam().lanes)
    EXPECT_EQ(y[i], std::accumulate(x.begin() + i, x.begin() + i + GetParam().lanes, 0.0f));
}

INSTANTIATE_TEST_SUITE_P(Lanes, CpuMath, testing::Values(CpuTarget{4, false}, CpuTarget{8, true}, CpuTarget{8, false}),
                         [](const auto &info) {
                           return std::to_string(info.param.lanes) + (info.param.fma ? "Fma" : "");
                         });

} // namespace
