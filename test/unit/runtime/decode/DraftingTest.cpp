//===- DraftingTest.cpp - Tests of the strategies of a session ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Drafting.h"

#include "runtime/decode/StrategyChoice.h"
#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"

#include "gtest/gtest.h"

#include <filesystem>

using namespace plait;

namespace {

/// A model with strategies that need nothing and one that needs a draft model: a copy of itself.
class DraftingTest : public testing::Test {
protected:
  void SetUp() override {
    std::filesystem::create_directory(artifact.file("draft"));
    for (const auto &entry : std::filesystem::directory_iterator(artifact.path()))
      if (entry.is_regular_file())
        std::filesystem::copy(entry.path(), artifact.file("draft"));
    artifact.edit([&](Json &manifest) {
      manifest["strategies"] = Json::array();
      for (auto [call, text] : {std::pair<const char *, std::string>{"prompt_lookup(k=2)", programs::lookupText(3)},
                                {"prompt_lookup(k=4)", programs::lookupText(5)},
                                {"spec()", programs::specText()},
                                {"other()", programs::specText("other")}})
        manifest["strategies"].push_back({{"call", call}, {"program", Json::parse(text)}});
      manifest["models"] = {{"draft", "draft"}};
    });
    auto opened = artifact.open();
    ASSERT_TRUE(opened) << opened.status().message();
    model = *opened;
  }

  std::vector<const ManifestStrategy *> strategies(const std::vector<size_t> &numbers) {
    std::vector<const ManifestStrategy *> chosen;
    for (size_t number : numbers)
      chosen.push_back(&model->manifest().strategies[number]);
    return chosen;
  }
  Drafting open(const std::vector<size_t> &numbers) {
    auto drafting = Drafting::open(*model, strategies(numbers));
    EXPECT_TRUE(drafting) << drafting.status().message();
    return drafting ? drafting.take() : Drafting();
  }

  demo::Artifact artifact;
  std::shared_ptr<const Model> model;
};

TEST_F(DraftingTest, EachStrategyAndEachModelIsThereOnce) {
  Drafting drafting = open({0, 2, 1, 0, 2});
  ASSERT_EQ(drafting.strategies().size(), 3u);
  EXPECT_EQ(drafting.strategies()[1].call, "spec()");
  ASSERT_EQ(drafting.models().size(), 1u);
  EXPECT_EQ(drafting.models()[0].name, "draft");
  EXPECT_EQ(drafting.find("spec"), &drafting.strategies()[1]);
  EXPECT_EQ(drafting.find("prompt_lookup"), nullptr) << "which two are";
  EXPECT_EQ(drafting.find("prompt_lookup(k=4)"), &drafting.strategies()[2]);
  EXPECT_EQ(drafting.find("jacobi"), nullptr);
  EXPECT_TRUE(open({0, 1}).models().empty());
}

TEST_F(DraftingTest, StepsAndPagesAreEnoughForTheLargest) {
  InstanceOptions options;
  options.maxRows = 3;
  options.maxTokens = 20;
  Demand demand{3, 40, 120};
  InstanceOptions none = options;
  Demand same = Drafting().enlarge(none, demand);
  EXPECT_EQ(none.maxTokens, 20);
  EXPECT_EQ(none.maxLeaves, 0);
  EXPECT_EQ(same.positions, 40);
  // Blocks of 3, 6 and 5 nodes.
  Drafting drafting = open({0, 2, 1});
  Demand enlarged = drafting.enlarge(options, demand);
  EXPECT_EQ(options.maxLeaves, 3 * 6);
  EXPECT_GE(options.maxTokens, 20 + 3 * 5);
  EXPECT_EQ(enlarged.positions, 40);
  EXPECT_EQ(enlarged.totalPositions, 120);
}

TEST_F(DraftingTest, SequencesOfOneSchedulerHaveAStrategyEach) {
  Drafting drafting = open({2, 0, 1});
  InstanceOptions options;
  options.threads = 1;
  options.maxRows = 4;
  options.maxTokens = 16 + options.maxRows;
  Demand demand{4, 40, 160};
  Demand enlarged = drafting.enlarge(options, demand);
  options.capacityPages = pagesToReserve(*model, options, enlarged);
  auto instance = Instance::create(model, options);
  ASSERT_TRUE(instance) << instance.status().message();
  std::shared_ptr<StepRunner> runner = instance.take();
  auto drafts = drafting.create(options, demand, {runner});
  ASSERT_TRUE(drafts) << drafts.status().message();
  ASSERT_EQ(drafts->size(), 1u);
  EXPECT_GT(drafting.models()[0].memory.state, 0);
  Scheduler scheduler(runner, {.chunk = 16}, std::move(drafts->front()));
  std::vector<SequenceId> ids;
  for (int i = 0; i < 4; ++i) {
    Request request;
    request.prompt = demo::prompt(7 + i, i);
    request.maxTokens = 24;
    request.ignoreEos = true;
    request.strategy = i < 3 ? drafting.strategies()[size_t(i)].program : nullptr;
    auto id = scheduler.add(std::move(request));
    ASSERT_TRUE(id) << id.status().message();
    ids.push_back(*id);
  }
  ASSERT_TRUE(scheduler.runAll());
  for (int i = 0; i < 4; ++i) {
    auto result = scheduler.take(ids[size_t(i)]);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->tokens, demo::generate(demo::prompt(7 + i, i), 24)) << i;
    EXPECT_EQ(result->drafting.rounds + result->drafting.acceptedTokens, i < 3 ? 24 : 0) << i;
  }
}

TEST_F(DraftingTest, DraftModelsThatAreMissing) {
  auto refused = Drafting::open(*model, strategies({0, 3}));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.status().message().find("strategy other(): found no draft model \"other\" in it"),
            std::string::npos)
      << refused.status().message();
  std::filesystem::remove_all(artifact.file("draft"));
  refused = Drafting::open(*model, strategies({2}));
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.status().message().starts_with("draft model: ")) << refused.status().message();
  EXPECT_TRUE(Drafting::open(*model, strategies({0}))) << "which needs none";
}

} // namespace
