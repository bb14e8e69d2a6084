//===- ReplicasTest.cpp - Tests of a model of several replicas ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Whichever replica of the demo model runs a request, its tokens are those that the
// demo model has for it.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Replicas.h"

#include "runtime/comm/LocalGroup.h"
#include "runtime/core/WorldGroups.h"
#include "runtime/decode/Dispatcher.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <map>
#include <set>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

/// The other ranks are threads that serve; the test is rank 0.
class ReplicasTest : public testing::TestWithParam<Mesh> {
protected:
  void SetUp() override {
    mesh = GetParam();
    artifact = std::make_unique<demo::Artifact>(mesh);
    for (const WorldGroup &group : groupsOf(mesh)) {
      Expected<int> fd = LocalGroup::create(optionsOf(group));
      ASSERT_TRUE(fd) << fd.status().message();
      regions.push_back(std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take()));
      ::close(*fd);
    }
    for (int rank = 1; rank < int(mesh.size()); ++rank)
      others.emplace_back([this, rank] {
        auto opened = open(rank);
        if (opened && !(leaves == rank))
          (void)serveRank(*opened);
      });
  }
  void TearDown() override {
    model.reset();
    for (std::thread &other : others)
      other.join();
  }

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
    return Model::open(artifact->path(), options);
  }
  Expected<std::vector<std::shared_ptr<StepRunner>>> start(InstanceOptions options) {
    PLAIT_ASSIGN_OR_RETURN(model, open(0));
    return createReplicas(model, options);
  }

  /// What has gone over is what the plan says, and nothing is left behind.
  void checkHandovers(Dispatcher &dispatcher, int64_t prompts) {
    Handovers::Count count = dispatcher.handovers();
    EXPECT_GE(count.handovers, prompts);
    EXPECT_EQ(count.bytes, count.planned);
    EXPECT_EQ(count.bytes > 0, prompts > 0);
    for (size_t i = 0; i < dispatcher.replicas(); ++i)
      EXPECT_EQ(dispatcher.freePages(i), dispatcher.totalPages(i)) << i;
  }

  Mesh mesh;
  std::unique_ptr<demo::Artifact> artifact;
  std::vector<std::shared_ptr<const SharedRegion>> regions;
  std::shared_ptr<const Model> model;
  std::vector<std::thread> others;
  int leaves = 0; ///< a rank that goes as soon as it has opened the model
};

TEST_P(ReplicasTest, EachComputesTheSame) {
  auto replicas = start({.threads = 2});
  ASSERT_TRUE(replicas) << replicas.status().message();
  ASSERT_EQ(replicas->size(), size_t(mesh.allReplicas()));
  EXPECT_EQ(model->replicas(), size_t(mesh.allReplicas()));
  for (const std::shared_ptr<StepRunner> &replica : *replicas)
    for (int length : {1, 9, 64}) {
      StepRow row;
      row.tokens = demo::prompt(length, 1);
      row.pages.resize(2);
      for (size_t i = 0; i * demo::kPageTokens < row.tokens.size(); ++i)
        for (std::vector<int32_t> &pages : row.pages)
          pages.push_back(int32_t(i));
      row.leaves.push_back({length - 1, {}, {}});
      row.leaves.back().topLogprobs = 3;
      auto result = replica->run({{row}});
      ASSERT_TRUE(result) << result.status().message();
      demo::Next expected = demo::next(row.tokens);
      EXPECT_EQ(result->leaves[0].token, expected.token) << length;
      EXPECT_EQ(result->leaves[0].logprob, expected.logprob) << length;
      EXPECT_EQ(result->leaves[0].top.size(), 3u);
      // What a step must not hold is found before it is sent.
      row.tokens[0] = demo::kVocabulary;
      EXPECT_EQ(replica->run({{row}}).status().code(), StatusCode::invalidArgument);
    }
}

// Several requests with all that a step may carry, completions of one prompt among
// them, which copy pages.
TEST_P(ReplicasTest, Generate) {
  auto replicas = start({.threads = 1, .maxTokens = 7, .capacityPages = 60});
  ASSERT_TRUE(replicas) << replicas.status().message();
  Dispatcher dispatcher(replicas.take(), {.chunk = 4});
  constexpr int count = 9;
  std::map<std::pair<int, int64_t>, std::vector<int32_t>> got;
  std::set<SequenceId> ids;
  int64_t tokens = 0;
  Sampling sampling = {0.7f, 5, 0.9f, 0.1f, 11, 0};
  for (int i = 0; i < count; ++i) {
    Request request;
    request.prompt = demo::prompt(3 + 3 * i, i);
    request.sampling = sampling;
    request.sampling.sequence = uint64_t(i);
    request.maxTokens = 12;
    request.rules.repetition = 1.25f;
    if (i == 2)
      request.completions = 4;
    // All callbacks are made by the thread that steps, so nothing is locked here.
    request.onToken = [&](const TokenEvent &) { ++tokens; };
    request.onFinish = [&, i](SequenceResult r) {
      EXPECT_TRUE(ids.insert(r.id).second) << r.id;
      got[{i, r.completion}] = r.tokens;
    };
    ASSERT_TRUE(dispatcher.add(std::move(request)));
  }
  Status status = dispatcher.runAll();
  ASSERT_TRUE(status) << status.message();
  LogitRules rules;
  rules.repetition = 1.25f;
  for (int i = 0; i < count; ++i)
    for (int64_t completion = 0; completion < (i == 2 ? 4 : 1); ++completion) {
      sampling.sequence = uint64_t(i) + (uint64_t(completion) << 32);
      EXPECT_EQ((got[{i, completion}]), demo::generate(demo::prompt(3 + 3 * i, i), 12, sampling, rules)) << i;
    }
  EXPECT_EQ(tokens, 12 * (count + 3));
  int64_t sequences = 0, prompts = 0;
  for (size_t i = 0; i < dispatcher.replicas(); ++i) {
    (mesh.roleOf(int64_t(i)) == ReplicaRole::prefill ? prompts : sequences) += dispatcher.count(i).sequences;
    EXPECT_GT(dispatcher.count(i).sequences, 1) << i;
    EXPECT_GT(dispatcher.count(i).steps, mesh.hasPhases() ? 5 : 10) << i;
  }
  EXPECT_EQ(sequences, count + 3);
  EXPECT_EQ(prompts, mesh.hasPhases() ? count : 0);
  checkHandovers(dispatcher, prompts);
}

TEST_P(ReplicasTest, EndsEarlyAndGoesOn) {
  auto replicas = start({.threads = 1});
  ASSERT_TRUE(replicas) << replicas.status().message();
  Dispatcher dispatcher(replicas.take());
  std::vector<SequenceId> ids;
  for (int i = 0; i < 4; ++i) {
    Request request;
    request.prompt = demo::prompt(5, i);
    request.maxTokens = 30;
    auto id = dispatcher.add(std::move(request));
    ASSERT_TRUE(id);
    ids.push_back(*id);
  }
  EXPECT_TRUE(dispatcher.cancel(ids[0]));
  EXPECT_TRUE(dispatcher.stop(ids[3]));
  EXPECT_FALSE(dispatcher.cancel(12345));
  ASSERT_TRUE(dispatcher.runAll());
  EXPECT_EQ(dispatcher.take(ids[0])->reason, FinishReason::cancelled);
  EXPECT_EQ(dispatcher.take(ids[1])->tokens, demo::generate(demo::prompt(5, 1), 30));
  EXPECT_EQ(dispatcher.take(ids[2])->tokens, demo::generate(demo::prompt(5, 2), 30));
  EXPECT_EQ(dispatcher.take(ids[3])->reason, FinishReason::stop);
  EXPECT_FALSE(dispatcher.take(ids[3]));
  checkHandovers(dispatcher, mesh.hasPhases() ? 2 : 0);
}

// Logits of all positions, those of the prompt too.
TEST_P(ReplicasTest, Logits) {
  auto replicas = start({.threads = 1, .maxTokens = 7, .variant = "ar.debug"});
  ASSERT_TRUE(replicas) << replicas.status().message();
  Dispatcher dispatcher(replicas.take(), {.chunk = 3});
  std::vector<SequenceId> ids;
  for (int i = 0; i < 4; ++i) {
    Request request;
    request.prompt = demo::prompt(1 + 4 * i, i);
    request.maxTokens = 3;
    request.wantLogits = true;
    auto id = dispatcher.add(std::move(request));
    ASSERT_TRUE(id) << id.status().message();
    ids.push_back(*id);
  }
  Status status = dispatcher.runAll();
  ASSERT_TRUE(status) << status.message();
  for (int i = 0; i < 4; ++i) {
    std::vector<int32_t> text = demo::prompt(1 + 4 * i, i), fed;
    std::vector<float> logits;
    for (int32_t token : demo::generate(text, 2))
      text.push_back(token);
    for (int32_t token : text) {
      fed.push_back(token);
      std::vector<float> next = demo::next(fed).logits;
      logits.insert(logits.end(), next.begin(), next.end());
    }
    auto result = dispatcher.take(ids[size_t(i)]);
    ASSERT_TRUE(result);
    EXPECT_EQ(result->fed, fed) << i;
    EXPECT_EQ(result->logits, logits) << i;
  }
  checkHandovers(dispatcher, mesh.hasPhases() ? 3 : 0);
}

TEST_P(ReplicasTest, AllOrNoneAreMade) {
  auto replicas = start({.threads = 1, .variant = "beam"});
  EXPECT_EQ(replicas.status().code(), StatusCode::notFound);
}

std::string nameOf(const testing::TestParamInfo<Mesh> &info) {
  auto text = [](int64_t replicas, int64_t ranks) {
    return "Dp" + std::to_string(replicas) + "Tp" + std::to_string(ranks);
  };
  const Mesh &mesh = info.param;
  return (mesh.hasPhases() ? "Prefill" + text(mesh.prefillReplicas, mesh.prefillRanks) + "Decode" : "") +
         text(mesh.replicas, mesh.ranks);
}

const Mesh phases[] = {{1, 1, 1, 1}, {1, 2, 1, 1}, {1, 1, 1, 2}, {2, 1, 1, 2}, {1, 2, 2, 1}, {2, 2, 2, 2}};

INSTANTIATE_TEST_SUITE_P(Meshes, ReplicasTest, testing::Values(Mesh{2, 1}, Mesh{3, 1}, Mesh{2, 2}), nameOf);
INSTANTIATE_TEST_SUITE_P(Phases, ReplicasTest, testing::ValuesIn(phases), nameOf);

/// One of them goes: the others' sequences end with an error that names it.
class LostReplicaTest : public ReplicasTest {
protected:
  void SetUp() override {
    leaves = 1;
    ReplicasTest::SetUp();
  }
};

TEST_P(LostReplicaTest, IsNamed) {
  auto replicas = start({.threads = 1});
  ASSERT_FALSE(replicas);
  EXPECT_EQ(replicas.status().message(), "replica 1 has not reached broadcast @next step: it has left the group");
}

INSTANTIATE_TEST_SUITE_P(Meshes, LostReplicaTest, testing::Values(Mesh{2, 1}));

TEST(WorldTest, Groups) {
  auto text = [](const Mesh &mesh) {
    std::string text;
    for (const WorldGroup &group : groupsOf(mesh)) {
      text += group.kind == WorldGroup::leaders ? "link" : group.kind == WorldGroup::everyone ? "all" : "replica";
      for (int member : group.members)
        text += " " + std::to_string(member);
      text += "; ";
    }
    return text;
  };
  EXPECT_EQ(text({1, 1}), "");
  EXPECT_EQ(text({1, 3}), "replica 0 1 2; ");
  EXPECT_EQ(text({3, 1}), "link 0 1; link 0 2; ");
  EXPECT_EQ(text({3, 2}), "replica 0 1; replica 2 3; replica 4 5; link 0 2; link 0 4; ");
  EXPECT_EQ(text({1, 2, 1, 1}), "replica 1 2; link 0 1; all 0 1 2; ");
  EXPECT_EQ(text({2, 1, 1, 2}), "replica 0 1; link 0 2; link 0 3; all 0 1 2 3; ");
  EXPECT_EQ(rankName({1, 2, 1, 1}, 0), "prefill: rank 0");
  EXPECT_EQ(rankName({2, 2, 1, 1}, 4), "decode replica 1: rank 1");
  EXPECT_EQ(rankName({1, 3}, 2), "rank 2");
  EXPECT_EQ(rankName({2, 3}, 4), "replica 1: rank 1");
  EXPECT_EQ(groupsOf({3, 2}).back().indexOf(4), 1);
  EXPECT_EQ(groupsOf({3, 2}).back().indexOf(2), -1);
}

} // namespace
