//===- SublayerOrderTest.cpp - Which sublayers a model needs least --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/SublayerOrder.h"

#include "plait/Driver/Register.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <complex>

using namespace plait;

namespace {

/// Two layers of two columns. Of texts of one token an attention gives its value, so each sublayer multiplies by a
/// matrix, and as the matrices turn and scale, the residual stream is a complex number.
constexpr const char *kModel = R"mlir(
!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x2xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 2, kv_heads = 1, head_dim = 2, f32>
!w = !lm.weight<2x2, #lm.f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @table from "table" : !lm.weight<5x2, #lm.f32>
  lm.weight @attend from "attend.{layer}" layers 2 : !w
  lm.weight @step from "step.{layer}" layers 2 : !w
  lm.weight @last from "last" : !lm.weight<3x2, #lm.f32>
  lm.func @forward(%ids: !ids, %positions: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %table = lm.get_weight @table : !lm.weight<5x2, #lm.f32>
    %x = lm.embed %ids, %table : !ids, !lm.weight<5x2, #lm.f32>
    %y:2 = lm.layers 0 to 2 iter(%h = %x, %s = %kv) : !hidden, !kv {
      %attend = lm.get_weight @attend : !w
      %v = lm.linear %h, %attend : !hidden, !w
      %a, %next = lm.attention %v, %v, %v, %s, %rows, %positions scale 1.0 : !hidden, !hidden, !kv, !ids
      %h1 = lm.add %h, %a : !hidden
      %step = lm.get_weight @step : !w
      %m = lm.linear %h1, %step : !hidden, !w
      %h2 = lm.add %m, %h1 : !hidden
      lm.yield %h2, %next : !hidden, !kv
    }
    lm.return %y#0, %y#1 : !hidden, !kv
  }
  lm.func @head(%h: tensor<?x2xf32, #lm.dims<leaves>>) -> tensor<?x3xf32, #lm.dims<leaves>> {
    %last = lm.get_weight @last : !lm.weight<3x2, #lm.f32>
    %logits = lm.head %h, %last : tensor<?x2xf32, #lm.dims<leaves>>, !lm.weight<3x2, #lm.f32>
    lm.return %logits : tensor<?x3xf32, #lm.dims<leaves>>
  }
}
)mlir";

using Number = std::complex<double>;

/// What sublayers add: to the stream z they add factor * z.
const std::vector<Number> kFactors = {{1, 0}, {0, 1}, {-2, 0}, {0, 0.5}};
const std::vector<Number> kTable = {{1, 0.25}, {0.5, 1}, {-1, 0.75}, {-0.5, -1}, {1, -1.5}};

std::vector<double> matrixOf(Number factor) { return {factor.real(), -factor.imag(), factor.imag(), factor.real()}; }

struct FixedWeights : WeightSource {
  std::optional<WeightValue> load(mlir::Operation *, const std::string &source, int64_t rows, int64_t cols, bool,
                                  const WeightQuantization *) override {
    return WeightValue{rows, cols, std::make_shared<const std::vector<double>>(values.at(source))};
  }
  std::map<std::string, std::vector<double>> values = {{"table", {}},
                                                       {"attend.0", matrixOf(kFactors[0])},
                                                       {"step.0", matrixOf(kFactors[1])},
                                                       {"attend.1", matrixOf(kFactors[2])},
                                                       {"step.1", matrixOf(kFactors[3])},
                                                       {"last", {1, 0, 0, 1, -1, -1}}};
  FixedWeights() {
    for (Number row : kTable)
      values["table"].insert(values["table"].end(), {row.real(), row.imag()});
  }
};

struct SublayerOrderTest : testing::Test {
  SublayerOrderTest() {
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    module = mlir::parseSourceString<mlir::ModuleOp>(kModel, &context);
  }
  lm::ModelOp model() { return *module->getOps<lm::ModelOp>().begin(); }

  mlir::DialectRegistry registry;
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  FixedWeights weights;
  std::vector<std::vector<int64_t>> sequences = {{0}, {1}, {2}, {3}, {4}};
};

/// Logits of each token without some sublayers.
std::vector<std::vector<double>> logitsWithout(const std::vector<int64_t> &skip) {
  std::vector<std::vector<double>> logits;
  for (Number z : kTable) {
    for (int64_t number = 0; number < 4; ++number)
      if (std::find(skip.begin(), skip.end(), number) == skip.end())
        z += kFactors[size_t(number)] * z;
    logits.push_back({z.real(), z.imag(), -z.real() - z.imag()});
  }
  return logits;
}

int64_t best(const std::vector<double> &row) { return std::max_element(row.begin(), row.end()) - row.begin(); }

/// The share of the whole model's tokens, and their mean log probability.
std::pair<double, double> score(const std::vector<int64_t> &skip) {
  auto whole = logitsWithout({}), own = logitsWithout(skip);
  double same = 0, logprob = 0;
  for (size_t t = 0; t < whole.size(); ++t) {
    same += best(own[t]) == best(whole[t]);
    logprob +=
        own[t][size_t(best(whole[t]))] - std::log(std::exp(own[t][0]) + std::exp(own[t][1]) + std::exp(own[t][2]));
  }
  return {same / double(whole.size()), logprob / double(whole.size())};
}

TEST_F(SublayerOrderTest, ByAgreement) {
  ASSERT_TRUE(module);
  for (bool keepsWeights : {true, false}) {
    auto order = orderByAgreement(model(), weights, sequences, 4, keepsWeights);
    ASSERT_TRUE(mlir::succeeded(order));
    std::vector<int64_t> skip;
    for (size_t i = 0; i < 4; ++i) {
      std::pair<double, double> most = {-1, 0};
      int64_t next = -1;
      for (int64_t number = 0; number < 4; ++number) {
        std::vector<int64_t> longer = skip;
        longer.push_back(number);
        if (std::find(skip.begin(), skip.end(), number) == skip.end() && score(longer) > most)
          most = score(longer), next = number;
      }
      skip.push_back(next);
      EXPECT_EQ(order->numbers[i], next) << i;
      EXPECT_DOUBLE_EQ(order->agreement[i], most.first) << i;
    }
  }
}

TEST_F(SublayerOrderTest, ByInfluence) {
  ASSERT_TRUE(module);
  // What doubles the stream does not turn it; cosines are 1, 1 / sqrt 2, -1 and 1 / sqrt 1.25.
  auto order = orderByInfluence(model(), weights, sequences, 4);
  ASSERT_TRUE(mlir::succeeded(order));
  EXPECT_EQ(std::vector<int64_t>(order->numbers.begin(), order->numbers.end()), (std::vector<int64_t>{0, 3, 1, 2}));
  EXPECT_TRUE(order->agreement.empty());
}

} // namespace
