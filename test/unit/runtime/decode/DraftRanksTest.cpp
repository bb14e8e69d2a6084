//===- DraftRanksTest.cpp - Tests of draft models of several ranks --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The demo model drafts for itself, on as many ranks as there are or on one.
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalGroup.h"
#include "runtime/core/DraftModels.h"
#include "runtime/core/Ranks.h"
#include "runtime/core/Replicas.h"
#include "runtime/core/WorldGroups.h"
#include "runtime/decode/Dispatcher.h"
#include "runtime/decode/Drafting.h"
#include "test/unit/runtime/DemoModel.h"
#include "test/unit/runtime/StrategyPrograms.h"

#include "gtest/gtest.h"

#include <filesystem>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

/// The other ranks are threads that serve; the test is rank 0.
class DraftRanks {
public:
  DraftRanks(const Mesh &mesh, const Mesh &draft) : mesh(mesh), artifact(mesh), drafter(draft) {
    std::filesystem::copy(drafter.path(), artifact.file("draft"), std::filesystem::copy_options::recursive);
    artifact.edit([](Json &manifest) {
      manifest["strategies"] = {{{"call", "spec()"}, {"program", Json::parse(programs::specText())}}};
      manifest["models"] = {{"draft", "draft"}};
    });
  }
  ~DraftRanks() {
    drafting = Drafting();
    model.reset();
    for (std::thread &other : others)
      other.join();
  }

  using Serve = std::function<Status(std::shared_ptr<const Model>)>;
  Status start(const Serve &serve = serveRank) {
    for (const WorldGroup &group : groupsOf(mesh)) {
      PLAIT_ASSIGN_OR_RETURN(int fd, LocalGroup::create(optionsOf(group)));
      regions.push_back(std::make_shared<const SharedRegion>(SharedRegion::map(fd).take()));
      ::close(fd);
    }
    for (int rank = 1; rank < int(mesh.size()); ++rank)
      others.emplace_back([this, rank, serve] {
        if (auto opened = open(rank))
          (void)serve(opened.take());
      });
    PLAIT_ASSIGN_OR_RETURN(model, open(0));
    return Status::success();
  }
  Status openDrafting() {
    PLAIT_ASSIGN_OR_RETURN(drafting, Drafting::open(*model, {&model->manifest().strategies.front()}));
    return Status::success();
  }
  Expected<std::unique_ptr<Dispatcher>> dispatcher() {
    PLAIT_RETURN_IF_ERROR(openDrafting());
    InstanceOptions options;
    options.threads = 2;
    options.maxRows = 4;
    options.maxTokens = 16 + options.maxRows;
    Demand demand{4, 40, 160};
    options.capacityPages = pagesToReserve(*model, options, drafting.enlarge(options, demand));
    PLAIT_ASSIGN_OR_RETURN(auto replicas, createReplicas(model, options));
    PLAIT_ASSIGN_OR_RETURN(auto drafts, drafting.create(options, demand, replicas));
    return std::make_unique<Dispatcher>(std::move(replicas), SchedulerOptions{.chunk = 16}, std::move(drafts));
  }
  Communicator::Count sums() const { return model->group()->communicator().count(CollectiveKind::allReduce); }

  const Mesh mesh;
  demo::Artifact artifact, drafter;
  std::shared_ptr<const Model> model;
  Drafting drafting;

private:
  static LocalGroupOptions optionsOf(const WorldGroup &group) {
    LocalGroupOptions options;
    options.size = int(group.members.size());
    options.deadline = std::chrono::milliseconds(600);
    return options;
  }
  Expected<std::shared_ptr<const Model>> open(int rank) {
    ModelOptions options;
    auto connect = [&](size_t index, const WorldGroup &group) -> Expected<std::unique_ptr<Communicator>> {
      if (group.indexOf(rank) < 0)
        return std::unique_ptr<Communicator>();
      return LocalGroup::join(regions[index], group.indexOf(rank), optionsOf(group));
    };
    PLAIT_RETURN_IF_ERROR(joinWorld(mesh, rank, connect, nullptr, options));
    return Model::open(artifact.path(), options);
  }

  std::vector<std::shared_ptr<const SharedRegion>> regions;
  std::vector<std::thread> others;
};

struct DraftCase {
  Mesh mesh, draft;
};

class DraftRanksTest : public testing::TestWithParam<DraftCase> {};
INSTANTIATE_TEST_SUITE_P(Meshes, DraftRanksTest,
                         testing::Values(DraftCase{{1, 2}, {1, 1}}, DraftCase{{1, 2}, {1, 2}},
                                         DraftCase{{2, 2}, {1, 1}}, DraftCase{{2, 2}, {2, 2}}));

TEST_P(DraftRanksTest, TextsAndRoundsAreThoseOfOneRank) {
  DraftRanks ranks(GetParam().mesh, GetParam().draft);
  Status started = ranks.start();
  ASSERT_TRUE(started) << started.message();
  auto dispatcher = ranks.dispatcher();
  ASSERT_TRUE(dispatcher) << dispatcher.status().message();
  ASSERT_EQ(ranks.drafting.models().size(), 1u);
  EXPECT_EQ(ranks.drafting.models()[0].model->ranks(), size_t(GetParam().draft.ranks));
  EXPECT_GT(ranks.drafting.models()[0].memory.state, 0);
  std::vector<SequenceId> ids;
  for (int i = 0; i < 6; ++i) {
    Request request;
    request.prompt = demo::prompt(7 + i, i);
    request.maxTokens = 24;
    request.ignoreEos = true;
    if (i % 2)
      request.sampling = {0.7f, 5, 0.9f, 0.1f, 11, uint64_t(i)};
    request.strategy = ranks.drafting.strategies()[0].program;
    auto id = (*dispatcher)->add(request);
    ASSERT_TRUE(id) << id.status().message();
    ids.push_back(*id);
  }
  Status ran = (*dispatcher)->runAll();
  ASSERT_TRUE(ran) << ran.message();
  for (int i = 0; i < 6; ++i) {
    auto result = (*dispatcher)->take(ids[size_t(i)]);
    ASSERT_TRUE(result);
    Sampling sampling;
    if (i % 2)
      sampling = {0.7f, 5, 0.9f, 0.1f, 11, uint64_t(i)};
    EXPECT_EQ(result->tokens, demo::generate(demo::prompt(7 + i, i), 24, sampling)) << i;
    EXPECT_EQ(result->drafting.rounds + result->drafting.acceptedTokens, 24) << i;
    // It drafts for itself, so what is greedy is right.
    EXPECT_TRUE(i % 2 || result->drafting.acceptedTokens > 12) << i;
  }
  for (size_t i = 0; i < (*dispatcher)->replicas(); ++i)
    EXPECT_EQ((*dispatcher)->freePages(i), (*dispatcher)->totalPages(i)) << i;
}

/// With a draft of the same ranks its sums count as well.
TEST(DraftRanksSums, AreThoseOfItsRanks) {
  uint64_t calls[2];
  for (int64_t draft : {1, 2}) {
    DraftRanks ranks({1, 2}, {1, draft});
    ASSERT_TRUE(ranks.start());
    auto dispatcher = ranks.dispatcher();
    ASSERT_TRUE(dispatcher) << dispatcher.status().message();
    Request request;
    request.prompt = demo::prompt(7);
    request.maxTokens = 12;
    request.ignoreEos = true;
    request.strategy = ranks.drafting.strategies()[0].program;
    ASSERT_TRUE((*dispatcher)->add(request));
    ASSERT_TRUE((*dispatcher)->runAll());
    calls[draft - 1] = ranks.sums().calls;
  }
  EXPECT_GT(calls[0], 0u);
  EXPECT_GT(calls[1], 2 * calls[0]) << "one draft step for each token that is drafted";
}

/// What is wrong on one rank all hear of, and a draft model that fits can be opened after that.
TEST(DraftRanksFaults, AnErrorOfOneRankIsThatOfAll) {
  DraftRanks ranks({2, 2}, {2, 2});
  ranks.artifact.patch("draft/model.rank1.so", 64, "damaged");
  ASSERT_TRUE(ranks.start());
  Status status = ranks.openDrafting();
  EXPECT_EQ(status.message().find("draft model: replica 0: rank 1: " + ranks.artifact.path() +
                                  "/draft/model.rank1.so: found digest"),
            0u)
      << status.message();
  std::filesystem::copy(ranks.drafter.path(), ranks.artifact.file("draft"),
                        std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  auto dispatcher = ranks.dispatcher();
  EXPECT_TRUE(dispatcher) << dispatcher.status().message();
}

TEST(DraftRanksFaults, ARankThatIsLostInADraftStepIsNamed) {
  DraftRanks ranks({1, 2}, {1, 2});
  // Does what it is told until a step drafts, and goes.
  ASSERT_TRUE(ranks.start([](std::shared_ptr<const Model> model) -> Status {
    DraftModels drafts;
    std::map<uint32_t, std::unique_ptr<Instance>> instances;
    while (true) {
      PLAIT_ASSIGN_OR_RETURN(RankMessage message, model->group()->listen());
      if (message.command == RankCommand::open) {
        PLAIT_RETURN_IF_ERROR(followDraftModel(*model, message.payload, drafts));
      } else if (message.command == RankCommand::create) {
        std::string draft;
        PLAIT_ASSIGN_OR_RETURN(InstanceOptions options, unpackOptions(message.payload, &draft));
        PLAIT_ASSIGN_OR_RETURN(instances[message.instance],
                               Instance::create(draft.empty() ? model : drafts.at(draft), options));
      } else if (&instances.at(message.instance)->model() == model.get()) {
        PLAIT_RETURN_IF_ERROR(instances[message.instance]->follow(message));
      } else {
        return Status::success();
      }
    }
  }));
  auto dispatcher = ranks.dispatcher();
  ASSERT_TRUE(dispatcher) << dispatcher.status().message();
  Request request;
  request.prompt = demo::prompt(7);
  request.maxTokens = 12;
  request.strategy = ranks.drafting.strategies()[0].program;
  ASSERT_TRUE((*dispatcher)->add(request));
  EXPECT_EQ((*dispatcher)->runAll().message(),
            "draft model: rank 1 has not reached all_reduce @lm.combine of layer 0: it has left the group");
}

TEST(DraftRanksFaults, MeshesThatDoNotFit) {
  for (auto [mesh, draft] : {std::pair(Mesh{1, 1}, Mesh{1, 2}), {{2, 1}, {1, 2}}}) {
    DraftRanks ranks(mesh, draft);
    auto alone = Model::open(ranks.artifact.path(), {.loadWeights = false});
    ASSERT_TRUE(alone) << alone.status().message();
    auto refused = openDraftModel(**alone, "draft", {});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.status().message(), "draft model: " + ranks.artifact.path() +
                                              "/draft: found one of tp=2; expected one for " + meshText(mesh) +
                                              ", of its model's ranks or fewer, and as many replicas; compile the "
                                              "model again");
  }
  // As in a program that uses libplait.
  DraftRanks ranks({1, 2}, {1, 2});
  auto alone = Model::open(ranks.artifact.path(), {.loadWeights = false});
  ASSERT_TRUE(alone) << alone.status().message();
  EXPECT_EQ(openDraftModel(**alone, "draft", {}).status().message(),
            ranks.artifact.path() + ": found a model of 2 ranks; expected one of a single rank here; run it with "
                                    "`plait run`, or compile it without --tp");
}

} // namespace
