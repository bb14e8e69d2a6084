//===- RanksTest.cpp - Tests of a model of two ranks ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The demo model of two ranks computes what that of one does, if both ranks have the
// same inputs, pages and order of steps.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Ranks.h"

#include "runtime/comm/LocalGroup.h"
#include "runtime/core/Instance.h"
#include "runtime/core/WorldGroups.h"
#include "runtime/decode/Scheduler.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <future>
#include <optional>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

/// Rank 1 is a thread that serves; the test is rank 0.
class RanksTest : public testing::Test {
protected:
  void SetUp() override {
    options.size = 2;
    options.deadline = std::chrono::milliseconds(600);
    Expected<int> fd = LocalGroup::create(options);
    ASSERT_TRUE(fd) << fd.status().message();
    region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
    ::close(*fd);
  }
  void TearDown() override {
    model.reset();
    if (other.joinable())
      other.join();
  }
  /// Opens the model as both ranks; rank 1 then does `serve`.
  Status start(std::function<Status(std::shared_ptr<const Model>)> serve = serveRank) {
    auto open = [this](int rank) -> Expected<std::shared_ptr<const Model>> {
      PLAIT_ASSIGN_OR_RETURN(auto communicator, LocalGroup::join(region, rank, options));
      ModelOptions modelOptions;
      modelOptions.rank = rank;
      modelOptions.group = std::make_shared<RankGroup>(std::move(communicator));
      return Model::open(artifact.path(), modelOptions);
    };
    other = std::thread([this, open, serve] {
      auto opened = open(1);
      served = opened ? serve(opened.take()) : opened.status();
    });
    PLAIT_ASSIGN_OR_RETURN(model, open(0));
    return Status::success();
  }
  static StepRow row(std::vector<int32_t> tokens, int32_t page = 0) {
    StepRow row;
    row.tokens = std::move(tokens);
    row.pages.resize(2);
    for (size_t i = 0; i * demo::kPageTokens < row.tokens.size(); ++i)
      for (std::vector<int32_t> &pages : row.pages)
        pages.push_back(page + int32_t(i));
    row.leaves.push_back({int32_t(row.tokens.size()) - 1, {}, {}});
    return row;
  }

  demo::Artifact artifact{2};
  LocalGroupOptions options;
  std::shared_ptr<const SharedRegion> region;
  std::shared_ptr<const Model> model;
  std::thread other;
  Status served;
};

TEST_F(RanksTest, ComputeWhatOneDoes) {
  ASSERT_TRUE(start());
  for (unsigned threads : {1u, 3u}) {
    auto instance = Instance::create(model, {.threads = threads});
    ASSERT_TRUE(instance) << instance.status().message();
    for (int length : {1, 5, 17, 64}) {
      auto result = (*instance)->run({{row(demo::prompt(length, 1))}});
      ASSERT_TRUE(result) << result.status().message();
      EXPECT_EQ(result->leaves[0].token, demo::next(demo::prompt(length, 1)).token) << length;
    }
  }
  model.reset();
  other.join();
  EXPECT_TRUE(served) << served.message();
}

// Several requests with all that a step may carry, forks of a prompt among it, which
// copy pages.
TEST_F(RanksTest, Generate) {
  ASSERT_TRUE(start());
  auto created = Instance::create(model, {.threads = 2, .maxTokens = 7, .capacityPages = 60});
  ASSERT_TRUE(created) << created.status().message();
  Scheduler scheduler(std::shared_ptr<Instance>(created.take()), {.chunk = 4});
  std::vector<std::vector<int32_t>> got(6);
  Sampling sampling = {0.7f, 5, 0.9f, 0.1f, 11, 0};
  for (int i = 0; i < 3; ++i) {
    Request request;
    request.prompt = demo::prompt(5 + 3 * i, i);
    request.sampling = sampling;
    request.sampling.sequence = uint64_t(i);
    request.maxTokens = 12;
    request.rules.repetition = 1.25f;
    if (i == 2)
      request.completions = 4;
    request.onFinish = [&got, i](SequenceResult r) { got[size_t(i + r.completion)] = r.tokens; };
    ASSERT_TRUE(scheduler.add(std::move(request)));
  }
  for (bool more = true; more;) {
    auto stepped = scheduler.step();
    ASSERT_TRUE(stepped) << stepped.status().message();
    more = *stepped;
  }
  LogitRules rules;
  rules.repetition = 1.25f;
  for (int i = 0; i < 3; ++i) {
    sampling.sequence = uint64_t(i);
    EXPECT_EQ(got[size_t(i)], demo::generate(demo::prompt(5 + 3 * i, i), 12, sampling, rules)) << i;
  }
  for (const std::vector<int32_t> &tokens : got)
    EXPECT_EQ(tokens.size(), 12u);
  EXPECT_GT(model->group()->communicator().count(CollectiveKind::allReduce).calls, 30u);
}

TEST_F(RanksTest, AllOrNoneMakeAnInstance) {
  ASSERT_TRUE(start());
  auto refused = Instance::create(model, {.threads = 1, .variant = "beam"});
  EXPECT_EQ(refused.status().code(), StatusCode::notFound);
  // The others have not gone astray.
  auto instance = Instance::create(model, {.threads = 1});
  ASSERT_TRUE(instance) << instance.status().message();
  auto result = (*instance)->run({{row(demo::prompt(9))}});
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].token, demo::next(demo::prompt(9)).token);
}

TEST_F(RanksTest, ALostRankEndsSteps) {
  // Makes its instance and goes.
  ASSERT_TRUE(start([](std::shared_ptr<const Model> model) {
    PLAIT_ASSIGN_OR_RETURN(RankMessage message, model->group()->listen());
    PLAIT_ASSIGN_OR_RETURN(InstanceOptions options, unpackOptions(message.payload));
    PLAIT_RETURN_IF_ERROR(Instance::create(model, options).status());
    return model->group()->listen().status();
  }));
  auto instance = Instance::create(model, {.threads = 2});
  ASSERT_TRUE(instance) << instance.status().message();
  // What ended the group is also what later steps tell.
  for (int i = 0; i < 2; ++i) {
    auto result = (*instance)->run({{row(demo::prompt(9))}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.status().message(),
              "rank 1 has not reached all_reduce @lm.combine of layer 0: it has left the group");
  }
}

TEST_F(RanksTest, AnErrorOfOneRankIsThatOfAll) {
  // Of rank 1 alone the binary is damaged.
  artifact.patch("model.rank1.so", 64, "damaged");
  Status status = start();
  EXPECT_EQ(status.code(), StatusCode::corrupt);
  EXPECT_EQ(status.message().find("rank 1: " + artifact.path() + "/model.rank1.so: found digest"), 0u)
      << status.message();
}

TEST(RankOptionsTest, RoundTrip) {
  InstanceOptions options{.threads = 3,
                          .pin = true,
                          .maxTokens = 77,
                          .maxRows = 5,
                          .maxLeaves = 4,
                          .maxStops = 3,
                          .maxTopLogprobs = 2,
                          .capacityPages = 99,
                          .variant = "ar.debug"};
  auto result = unpackOptions(packOptions(options));
  ASSERT_TRUE(result);
  EXPECT_EQ(packOptions(*result), packOptions(options));
  EXPECT_EQ(result->variant, "ar.debug");
  EXPECT_FALSE(unpackOptions({}));
}

} // namespace

// Ranks may be lost while they are still meeting.
TEST(JoinWorldTest, SaysWhatBecameOfARankThatDidNotCome) {
  struct Ended : RankGroup::Processes {
    std::string whatEnded() override { return "rank 1 was killed by signal 9 (Killed)"; }
    int64_t peakMemory(int) override { return -1; }
  };
  auto join = [](Status failure) {
    ModelOptions options;
    auto connect = [&](size_t, const WorldGroup &) -> Expected<std::unique_ptr<Communicator>> { return failure; };
    return joinWorld({.replicas = 1, .ranks = 2}, 0, connect, std::make_shared<Ended>(), options);
  };
  EXPECT_EQ(join(resourceError("rank 1 has not reached barrier @start: it has failed")).message(),
            "rank 1 was killed by signal 9 (Killed); rank 1 has not reached barrier @start: it has failed");
  const char *known = "rank 1 was killed by signal 9 (Killed) before it had joined the others";
  EXPECT_EQ(join(resourceError(known)).message(), known);
  EXPECT_EQ(join(Status::error(StatusCode::cancelled, "interrupted")).message(), "interrupted");
}
