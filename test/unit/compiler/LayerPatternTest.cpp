//===- LayerPatternTest.cpp - Layers of several kinds as loops ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/LayerPattern.h"

#include "plait/Frontend/ModelBuilder.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "gtest/gtest.h"

#include <set>
#include <string>

using namespace plait;

namespace {

/// 's' is a layer with a window, 'f' one without, 't' one with another window.
std::vector<LayerKind> kindsOf(const std::string &text) {
  std::vector<LayerKind> kinds;
  for (char c : text)
    kinds.push_back({c == 's' ? 8 : c == 't' ? 16 : 0});
  return kinds;
}

/// Checks that the loops run every layer once, in order, and that each sublayer
/// has the slices that they use.
void expectEveryLayerOnce(const std::vector<LayerKind> &kinds, const LayerPattern &pattern) {
  std::vector<std::set<int64_t>> used(pattern.sublayers.size());
  int64_t next = 0;
  for (const LayerPattern::Loop &loop : pattern.loops)
    for (int64_t i = loop.begin; i < loop.end; ++i)
      for (size_t j = loop.firstSublayer; j < loop.firstSublayer + loop.count; ++j) {
        const LayerPattern::Sublayer &sublayer = pattern.sublayers[j];
        EXPECT_EQ(sublayer.first + i * sublayer.step, next);
        EXPECT_EQ(sublayer.kind, kinds[size_t(next)]);
        EXPECT_TRUE(used[j].insert(i).second);
        ++next;
      }
  EXPECT_EQ(next, int64_t(kinds.size()));
  for (size_t j = 0; j < used.size(); ++j) {
    EXPECT_EQ(int64_t(used[j].size()), pattern.sublayers[j].slices);
    EXPECT_EQ(*used[j].rbegin() + 1, pattern.sublayers[j].slices);
  }
}

struct Counts {
  size_t sublayers, loops;
  bool operator==(const Counts &) const = default;
};

TEST(LayerPattern, FewestSublayers) {
  auto count = [](const std::string &text) {
    std::vector<LayerKind> kinds = kindsOf(text);
    LayerPattern pattern = findLayerPattern(kinds);
    SCOPED_TRACE(text);
    expectEveryLayerOnce(kinds, pattern);
    return Counts{pattern.sublayers.size(), pattern.loops.size()};
  };
  EXPECT_EQ(count("f"), (Counts{1, 1}));
  EXPECT_EQ(count("ssssssss"), (Counts{1, 1}));
  EXPECT_EQ(count("sfsfsfsf"), (Counts{2, 1}));
  EXPECT_EQ(count("sf"), (Counts{2, 1}));
  // A last iteration that is cut short.
  EXPECT_EQ(count("sfsfs"), (Counts{2, 2}));
  EXPECT_EQ(count("sfs"), (Counts{2, 2}));
  EXPECT_EQ(count("sssssfsssssfsssssfsssssfss"), (Counts{6, 2}));
  EXPECT_EQ(count("stfstfst"), (Counts{3, 2}));
  // Runs: each is a loop.
  EXPECT_EQ(count("ffffssss"), (Counts{2, 2}));
  EXPECT_EQ(count("fsssssssssf"), (Counts{3, 3}));
  EXPECT_EQ(count("sssssssssfsssssssssf"), (Counts{4, 4})); // the period is too long
  EXPECT_EQ(count("sfsfssff"), (Counts{6, 6}));
}

TEST(LayerPattern, Numbers) {
  LayerPattern pattern = findLayerPattern(kindsOf("sfsfs"));
  EXPECT_EQ(pattern.sublayers, (std::vector<LayerPattern::Sublayer>{{{8}, 0, 2, 3}, {{0}, 1, 2, 2}}));
  EXPECT_EQ(pattern.loops, (std::vector<LayerPattern::Loop>{{0, 2, 0, 2}, {2, 3, 0, 1}}));
  pattern = findLayerPattern(kindsOf("fffss"));
  EXPECT_EQ(pattern.sublayers, (std::vector<LayerPattern::Sublayer>{{{0}, 0, 1, 3}, {{8}, 3, 1, 2}}));
  EXPECT_EQ(pattern.loops, (std::vector<LayerPattern::Loop>{{0, 3, 0, 1}, {0, 2, 1, 1}}));
}

/// The IR of a small model whose layers are of these kinds.
std::string buildModel(std::vector<LayerKind> kinds) {
  MLIRContext context;
  context.loadDialect<lm::LmDialect>();
  OpBuilder b(&context);
  OwningOpRef<ModuleOp> module = ModuleOp::create(b, b.getUnknownLoc());
  b.setInsertionPointToEnd(module->getBody());
  ModelFamily family = {"test", "Test", "model.", "embed", nullptr, nullptr};
  ModelConfig config;
  config.vocabulary = 20, config.hidden = 8, config.layers = int64_t(kinds.size()), config.maxPositions = 16;
  config.heads = 2, config.kvHeads = 1, config.headDim = 4, config.tiedEmbeddings = true;
  config.layerKinds = std::move(kinds);
  auto model = lm::ModelOp::create(b, b.getUnknownLoc(), "main", family.name, lm::Numerics::row_invariant,
                                   uint64_t(config.maxPositions));
  model.getBody().emplaceBlock();
  std::vector<std::string> asked;
  auto formatOf = [&](ArrayRef<std::string> tensors, WeightUse) -> Attribute {
    asked.insert(asked.end(), tensors.begin(), tensors.end());
    return lm::F32Attr::get(&context);
  };
  ModelBuilder builder(model, family, config, "model.", formatOf, b.getF32Type());
  builder.buildForward([&] {
    Value x = builder.embed(builder.ids, "embed", config.vocabulary);
    return builder.layers(x, "layers", [&](const LayerKind &kind, Residual &stream) {
      Value x = stream.read();
      Value k = builder.linear(x, "layers.{layer}.k", 4, /*bias=*/kind.window != 0);
      Value o = builder.attention(x, k, k, {.scale = 1}, "layers.{layer}.attention");
      stream.add(o, "layers.{layer}.residual");
    });
  });
  builder.buildHead();
  EXPECT_TRUE(succeeded(verify(*module)));
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  for (const std::string &tensor : asked)
    EXPECT_EQ(tensor.find('{'), std::string::npos) << tensor;
  return text;
}

void expectInOrder(const std::string &text, const std::vector<std::string> &parts) {
  size_t at = 0;
  for (const std::string &part : parts) {
    at = text.find(part, at);
    ASSERT_NE(at, std::string::npos) << "'" << part << "' is missing or out of order in\n" << text;
    at += part.size();
  }
}

TEST(LayerPattern, SublayersHaveWeightsAndStatesOfTheirOwn) {
  expectInOrder(buildModel(kindsOf("sfsfs")),
                {"lm.weight @k_0 from \"model.layers.{layer}.k.weight\" layers 3 step 2 : !lm.weight<4x8",
                 "lm.weight @k_bias_0 from \"model.layers.{layer}.k.bias\" layers 3 step 2 :",
                 "lm.weight @k_1 from \"model.layers.{layer}.k.weight\" layers 2 first 1 step 2 :", "lm.func @forward(",
                 "!lm.rows", "!lm.state<layers = 3, kv_heads = 1, head_dim = 4, f32, window = 8>",
                 "!lm.state<layers = 2, kv_heads = 1, head_dim = 4, f32>", "lm.layers 0 to 2 iter(",
                 "lm.get_weight @k_0", "lm.attention", "lm.get_weight @k_1", "lm.attention", "lm.layers 2 to 3 iter(",
                 "lm.get_weight @k_0", "lm.attention", "lm.return"});
}

TEST(LayerPattern, OneKindIsWrittenWithoutNumbers) {
  std::string text = buildModel(kindsOf("sss"));
  expectInOrder(text, {"lm.weight @k from \"model.layers.{layer}.k.weight\" layers 3 :", "window = 8>",
                       "lm.layers 0 to 3 iter("});
}

TEST(LayerPattern, AWindowOfTheWholeContextIsNone) {
  std::string text = buildModel(kindsOf("ttt"));
  EXPECT_EQ(text.find("window"), std::string::npos) << text;
}

} // namespace
