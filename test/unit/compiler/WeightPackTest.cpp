//===- WeightPackTest.cpp - Packs of parts of tensors ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The pack of a rank that has a part of a matrix holds the elements that the pack of
// the whole matrix holds there.
//
//===----------------------------------------------------------------------===//

#include "plait/Target/WeightPack.h"

#include "plait/Driver/Register.h"
#include "runtime/base/File.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <random>
#include <unistd.h>

using namespace plait;

namespace {

constexpr int64_t kRows = 96, kCols = 80;

struct Part {
  int64_t row, rows, col, cols;
};

class WeightPackTest : public testing::TestWithParam<bool> {
protected:
  void SetUp() override {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    values.resize(kRows * kCols);
    for (float &value : values)
      value = normal(random);
    for (int64_t i = 0; i < kCols; ++i)
      importance["w"].push_back(float(i % 7));
    bool transposed = GetParam();
    std::vector<float> stored(values.size());
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kCols; ++c)
        stored[size_t(transposed ? c * kRows + r : r * kCols + c)] = values[size_t(r * kCols + c)];
    values = stored;
    TensorView view;
    view.type = plait::TensorType::f32;
    view.shape = transposed ? std::vector<int64_t>{kCols, kRows} : std::vector<int64_t>{kRows, kCols};
    view.data = std::span(reinterpret_cast<const uint8_t *>(values.data()), values.size() * 4);
    checkpoint = Checkpoint({{"w", view}}, {});
  }

  /// The pack of a model of one weight, and its layout.
  std::string pack(Part part, const std::string &element, int64_t panel, int64_t group, int64_t scaleGroup,
                   PanelLayout &layout) {
    constexpr int64_t bytes = 1 << 16;
    std::string text;
    llvm::raw_string_ostream(text)
        << "rt.model @main attributes {family = \"llama\", layers = 1 : i64, max_positions = 64 : i64, "
           "numerics = \"row_invariant\", pack_bytes = "
        << bytes << " : i64, parameters = 0 : i64, ranks = 2 : i64, vocabulary = 32 : i64} {\n"
        << "  rt.weight \"w\" from \"w\" {offset = 0 : i64, layers = 1 : i64, layer_bytes = " << bytes
        << " : i64, rows = " << part.rows << " : i64, cols = " << part.cols << " : i64, row_begin = " << part.row
        << " : i64, col_begin = " << part.col << " : i64, source_rows = " << kRows << " : i64, source_cols = " << kCols
        << " : i64, element = " << element << ", panel = " << panel << " : i64, group = " << group
        << " : i64, scale_group = " << scaleGroup << " : i64" << (scaleGroup && element == "i4" ? ", zero_points" : "")
        << (GetParam() ? ", transposed" : "") << "}\n}\n";
    auto module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text;
    auto model = *module->getOps<rt::ModelOp>().begin();
    layout = (*model.getBody().front().getOps<rt::WeightOp>().begin()).getLayout();
    std::string path = testing::TempDir() + "plait-pack-" + std::to_string(getpid());
    Status status = writeWeightPack(model, checkpoint, path, 2, &importance);
    EXPECT_TRUE(status) << status.message();
    std::string contents = readFile(path).take();
    ::unlink(path.c_str());
    return contents;
  }

  MLIRContext context;
  std::vector<float> values;
  Checkpoint checkpoint;
  WeightImportance importance;
};

constexpr Part kParts[] = {{0, 96, 0, 80}, {0, 40, 0, 80},  {40, 56, 0, 80},
                           {0, 96, 0, 30}, {0, 96, 30, 50}, {7, 3, 5, 9}};

TEST_P(WeightPackTest, Elements) {
  struct {
    const char *element;
    int64_t panel, group, bytes;
  } layouts[] = {{"f32", 0, 1, 4}, {"f32", 32, 1, 4}, {"bf16", 0, 1, 2}, {"bf16", 32, 2, 2}};
  for (const auto &l : layouts) {
    auto at = [&](const std::string &pack, int64_t cols, int64_t row, int64_t col) {
      int64_t index = row * cols + col;
      if (l.panel)
        index =
            ((row / l.panel * ((cols + l.group - 1) / l.group) + col / l.group) * l.panel + row % l.panel) * l.group +
            col % l.group;
      return pack.substr(size_t(index * l.bytes), size_t(l.bytes));
    };
    PanelLayout layout;
    std::string whole = pack(kParts[0], l.element, l.panel, l.group, 0, layout);
    for (Part part : kParts) {
      std::string some = pack(part, l.element, l.panel, l.group, 0, layout);
      for (int64_t r = 0; r < part.rows; ++r)
        for (int64_t c = 0; c < part.cols; ++c)
          ASSERT_EQ(at(some, part.cols, r, c), at(whole, kCols, part.row + r, part.col + c))
              << l.element << " " << l.panel << " at " << r << ", " << c;
    }
  }
}

// Whole panels and groups, so that a part's bytes are a stretch of each panel's.
TEST_P(WeightPackTest, Integers) {
  for (std::string element : {"i8", "i4"})
    for (Part part : {Part{0, 96, 0, 80}, Part{32, 64, 0, 80}, Part{0, 96, 0, 32}, Part{64, 32, 32, 48}}) {
      PanelLayout outer, inner;
      int64_t group = element == "i8" ? 4 : 8;
      std::string whole = pack(kParts[0], element, 32, group, 32, outer);
      std::string some = pack(part, element, 32, group, 32, inner);
      for (int64_t p = 0; p < part.rows / 32; ++p) {
        size_t from = size_t((part.row / 32 + p) * outer.panelBytes() + part.col / 32 * outer.groupBytes(32));
        EXPECT_EQ(some.substr(size_t(p * inner.panelBytes()), size_t(inner.panelBytes())),
                  whole.substr(from, size_t(inner.panelBytes())))
            << element << " from row " << part.row << ", column " << part.col;
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Stored, WeightPackTest, testing::Bool(),
                         [](const auto &info) { return info.param ? "transposed" : "straight"; });

} // namespace
