//===- ModelsTest.cpp - Models on a GPU against the same on a CPU ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// $PLAIT_GPU_DIR/models has NAME.gpu.plait, compiled for a GPU, and NAME.cpu.plait, for a CPU
// that rounds the same inputs of products (cpu:amx-emulated), both with logits.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Instance.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>

using namespace plait;

namespace {

std::string modelsFolder() {
  const char *folder = std::getenv("PLAIT_GPU_DIR");
  return std::string(folder ? folder : ".") + "/models";
}

std::vector<std::string> modelNames() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(modelsFolder(), error)) {
    std::string name = entry.path().filename().string(), ending = ".gpu.plait";
    if (name.ends_with(ending))
      names.push_back(name.substr(0, name.size() - ending.size()));
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Models : public testing::TestWithParam<std::string> {
protected:
  static std::shared_ptr<const Model> open(const std::string &kind) {
    auto model = Model::open(modelsFolder() + "/" + GetParam() + "." + kind + ".plait");
    if (!model)
      throw std::runtime_error(model.status().message());
    return *model;
  }
  /// Tokens that differ from one another.
  static std::vector<int32_t> prompt(const Model &model, size_t length, int salt) {
    std::vector<int32_t> tokens;
    for (size_t i = 0; i < length; ++i)
      tokens.push_back(int32_t((3 + 97 * i + size_t(salt) * 31) % size_t(model.tables().vocabulary - 1)));
    return tokens;
  }
  static std::unique_ptr<Instance> create(const std::shared_ptr<const Model> &model, const char *variant) {
    auto instance = Instance::create(model, {.maxTokens = 512, .maxRows = 32, .capacityPages = 64, .variant = variant});
    if (!instance)
      throw std::runtime_error(instance.status().message());
    return instance.take();
  }
  /// One row with tokens [begin, end) of a text, its pages from `page` on, and a leaf at its end.
  static StepRow row(const Instance &instance, const std::vector<int32_t> &text, size_t begin, size_t end, int page) {
    StepRow row;
    row.tokens.assign(text.begin() + ptrdiff_t(begin), text.begin() + ptrdiff_t(end));
    row.firstPosition = int64_t(begin);
    size_t pageTokens = size_t(instance.limits().pageTokens);
    row.pages.resize(instance.limits().tables.size());
    for (size_t i = 0; i * pageTokens < end; ++i)
      for (std::vector<int32_t> &pages : row.pages)
        pages.push_back(page + int32_t(i));
    row.leaves.push_back({int32_t(end - begin) - 1, {}, {}});
    return row;
  }
  static StepResult step(Instance &instance, std::vector<StepRow> rows) {
    auto result = instance.run({std::move(rows)});
    if (!result)
      throw std::runtime_error(result.status().message());
    return result.take();
  }
  struct Text {
    std::vector<int32_t> tokens;
    std::vector<float> logits; ///< of each step that chose one
  };
  /// Greedy tokens after a prompt that is computed `chunk` tokens at a time.
  static Text generate(const std::shared_ptr<const Model> &model, const char *variant, std::vector<int32_t> text,
                       size_t chunk, size_t count) {
    auto instance = create(model, variant);
    size_t length = text.size(), done = 0;
    Text result;
    while (result.tokens.size() < count) {
      size_t end = std::min(text.size(), done + chunk);
      StepResult own = step(*instance, {row(*instance, text, done, end, 0)});
      done = end;
      if (done < length)
        continue;
      result.tokens.push_back(own.leaves[0].token);
      result.logits.insert(result.logits.end(), own.logits.begin(), own.logits.end());
      text.push_back(own.leaves[0].token);
    }
    return result;
  }
};

} // namespace

TEST_P(Models, LogitsAreThoseOfTheCpu) {
  auto gpu = open("gpu"), cpu = open("cpu");
  for (size_t length : {1, 20, 100, 300}) {
    if (int64_t(length) >= gpu->tables().max_positions)
      continue;
    SCOPED_TRACE(length);
    std::vector<int32_t> tokens = prompt(*gpu, length, 0);
    Text found = generate(gpu, "ar.debug", tokens, 512, 1), expected = generate(cpu, "ar.debug", tokens, 512, 1);
    ASSERT_EQ(found.logits.size(), expected.logits.size());
    double largest = 0, difference = 0;
    for (size_t i = 0; i < found.logits.size(); ++i) {
      largest = std::max(largest, std::fabs(double(expected.logits[i])));
      double own = std::fabs(double(found.logits[i]) - double(expected.logits[i]));
      difference = own <= difference ? difference : own; // also of NaN
    }
    // Inputs of products are rounded to bf16, and now and then to the other neighbour.
    EXPECT_LE(difference, 1e-2 * largest);
  }
}

TEST_P(Models, GreedyTokensAreThoseOfTheCpu) {
  auto gpu = open("gpu"), cpu = open("cpu");
  std::vector<int32_t> tokens = prompt(*gpu, 12, 1);
  Text expected = generate(cpu, "ar.debug", tokens, 512, 32), found = generate(gpu, "ar", tokens, 512, 32);
  auto differ = std::mismatch(expected.tokens.begin(), expected.tokens.end(), found.tokens.begin());
  if (size_t i = size_t(differ.first - expected.tokens.begin()); i < expected.tokens.size()) {
    // Allowed where two logits are as close as rounding may move them.
    auto begin = expected.logits.begin() + ptrdiff_t(i * size_t(gpu->tables().vocabulary));
    float largest = 0;
    for (auto at = begin; at != begin + gpu->tables().vocabulary; ++at)
      largest = std::max(largest, std::fabs(*at));
    EXPECT_LE(begin[*differ.first] - begin[*differ.second], 2e-2f * largest) << "token " << i;
  }
  setenv("PLAIT_CUDA_CHECK", "1", 1); // without graphs
  EXPECT_EQ(generate(gpu, "ar", tokens, 512, 32).tokens, found.tokens);
  unsetenv("PLAIT_CUDA_CHECK");
}

/// A row's bits depend neither on the rows beside it nor on how its prompt was cut.
TEST_P(Models, RowInvariance) {
  auto gpu = open("gpu");
  std::vector<int32_t> tokens = prompt(*gpu, 90, 2);
  Text whole = generate(gpu, "ar.debug", tokens, 512, 3);
  for (size_t chunk : {1, 7, 16, 33, 64})
    EXPECT_TRUE(generate(gpu, "ar.debug", tokens, chunk, 3).logits == whole.logits) << "chunks of " << chunk;
  auto instance = create(gpu, "ar.debug");
  size_t vocabulary = size_t(gpu->tables().vocabulary);
  for (int others : {1, 3, 4}) {
    std::vector<StepRow> rows;
    for (int i = 0; i <= others; ++i) {
      std::vector<int32_t> own = i == others ? tokens : prompt(*gpu, 100, 10 + i);
      rows.push_back(row(*instance, own, 0, own.size(), 2 * i));
    }
    StepResult result = step(*instance, std::move(rows));
    ASSERT_EQ(result.logits.size(), size_t(others + 1) * vocabulary);
    EXPECT_TRUE(std::equal(result.logits.end() - ptrdiff_t(vocabulary), result.logits.end(), whole.logits.begin()))
        << others << " other rows";
  }
}

/// What is copied from page to page is what was there.
TEST_P(Models, PagesAndCellsMove) {
  auto gpu = open("gpu");
  auto instance = create(gpu, "ar.debug");
  std::vector<int32_t> text = prompt(*gpu, 20, 3);
  step(*instance, {row(*instance, text, 0, 19, 0)});
  std::vector<float> expected = step(*instance, {row(*instance, text, 19, 20, 0)}).logits;
  size_t tables = instance->limits().tables.size();
  for (size_t table = 0; table < tables; ++table)
    ASSERT_TRUE(instance->copyPage(table, 0, 5));
  EXPECT_TRUE(step(*instance, {row(*instance, text, 19, 20, 5)}).logits == expected);
  // A cell away and back.
  std::vector<CellMove> away, back;
  for (size_t table = 0; table < tables; ++table) {
    away.push_back({int32_t(table), 5, 7, 6, 30});
    back.push_back({int32_t(table), 6, 30, 7, 7});
    ASSERT_TRUE(instance->copyPage(table, 5, 7));
  }
  ASSERT_TRUE(instance->moveCells(away));
  for (size_t table = 0; table < tables; ++table)
    ASSERT_TRUE(instance->copyPage(table, 1, 0)); // nothing reads it any more
  ASSERT_TRUE(instance->moveCells(back));
  EXPECT_TRUE(step(*instance, {row(*instance, text, 19, 20, 7)}).logits == expected);
}

INSTANTIATE_TEST_SUITE_P(, Models, testing::ValuesIn(modelNames()), [](const auto &info) {
  std::string name = info.param;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Models);
