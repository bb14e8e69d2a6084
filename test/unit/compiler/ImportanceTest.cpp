//===- ImportanceTest.cpp - Which columns of weights matter ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/Importance.h"

#include "plait/Driver/Register.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace plait;

namespace {

/// An embedding, two layers of one product each, a head; all of two columns.
constexpr const char *kModel = R"mlir(
!ids = tensor<?xi32, #lm.dims<tokens>>
!hidden = tensor<?x2xf32, #lm.dims<tokens>>
!kv = !lm.state<layers = 1, kv_heads = 1, head_dim = 2, f32>
!w = !lm.weight<2x2, #lm.f32>
lm.model @main family "llama" numerics row_invariant max_positions 8 {
  lm.weight @table from "table" : !lm.weight<3x2, #lm.f32>
  lm.weight @step from "step.{layer}" layers 2 : !w
  lm.weight @last from "last" : !lm.weight<3x2, #lm.f32>
  lm.func @forward(%ids: !ids, %positions: !ids, %rows: !lm.rows, %kv: !kv) -> (!hidden, !kv) {
    %table = lm.get_weight @table : !lm.weight<3x2, #lm.f32>
    %x = lm.embed %ids, %table : !ids, !lm.weight<3x2, #lm.f32>
    %y = lm.layers 0 to 2 iter(%h = %x) : !hidden {
      %step = lm.get_weight @step : !w
      %next = lm.linear %h, %step : !hidden, !w
      lm.yield %next : !hidden
    }
    lm.return %y, %kv : !hidden, !kv
  }
  lm.func @head(%h: tensor<?x2xf32, #lm.dims<leaves>>) -> tensor<?x3xf32, #lm.dims<leaves>> {
    %last = lm.get_weight @last : !lm.weight<3x2, #lm.f32>
    %logits = lm.head %h, %last : tensor<?x2xf32, #lm.dims<leaves>>, !lm.weight<3x2, #lm.f32>
    lm.return %logits : tensor<?x3xf32, #lm.dims<leaves>>
  }
}
)mlir";

struct FixedWeights : WeightSource {
  std::optional<WeightValue> load(mlir::Operation *, const std::string &source, int64_t rows, int64_t cols, bool,
                                  const WeightQuantization *) override {
    ++loads[source];
    return WeightValue{rows, cols, std::make_shared<const std::vector<double>>(values.at(source))};
  }
  std::map<std::string, std::vector<double>> values = {
      {"table", {1, 2, 3, 4, 5, 6}}, {"step.0", {0, 1, 2, 0}}, {"step.1", {1, 1, 0, 1}}, {"last", {1, 0, 0, 1, 1, 1}}};
  std::map<std::string, int> loads;
};

} // namespace

TEST(Importance, IsTheMeanSquareOfEachColumnsInput) {
  mlir::DialectRegistry registry;
  registerAllDialects(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceString<mlir::ModuleOp>(kModel, &context);
  ASSERT_TRUE(module);
  FixedWeights weights;
  std::vector<std::vector<int64_t>> sequences = {{0, 2}, {1}};
  auto importance = measureImportance(*module->getOps<lm::ModelOp>().begin(), weights, sequences);
  ASSERT_TRUE(mlir::succeeded(importance));
  // Rows of the table for the tokens 0, 2, 1; then (y, 2 x); then (y + 2 x, 2 x).
  WeightImportance expected = {{"step.0", {(1 + 25 + 9) / 3.0f, (4 + 36 + 16) / 3.0f}},
                               {"step.1", {(4 + 36 + 16) / 3.0f, (4 + 100 + 36) / 3.0f}},
                               {"last", {(16 + 256 + 100) / 3.0f, (4 + 100 + 36) / 3.0f}}};
  ASSERT_EQ(importance->size(), expected.size());
  for (const auto &[name, means] : expected)
    for (size_t i = 0; i < means.size(); ++i)
      EXPECT_FLOAT_EQ(importance->at(name)[i], means[i]) << name;
  for (const auto &[name, count] : weights.loads)
    EXPECT_EQ(count, 1) << name;
}
