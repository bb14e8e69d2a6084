//===- PhasesTest.cpp - Tests of prompts that go from prefill to decode ---===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Some replicas of the demo model compute prompts and others go on from them. Here all
// are instances of this process, and between them go numbers of pages, not what is in
// them: these tests look at what comes and goes when, and ReplicasTest at the tokens.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Handover.h"
#include "runtime/core/Instance.h"
#include "runtime/decode/Dispatcher.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <map>
#include <mutex>
#include <random>

using namespace plait;

namespace {

/// An instance in a role, and the wire that all have in common.
class FakeReplica final : public StepRunner {
public:
  struct Wire {
    std::mutex mutex;                         ///< of what follows: several go over at once
    std::map<int64_t, FakeReplica *> sources; ///< by number
    int64_t failing = -1;                     ///< the number of the handover that fails
    int64_t count = 0;
  };
  FakeReplica(std::shared_ptr<Instance> instance, std::shared_ptr<const Model> described, int64_t number,
              std::shared_ptr<Wire> wire)
      : instance(std::move(instance)), described(std::move(described)), number(number), wire(std::move(wire)) {}

  Expected<StepResult> run(StepBatch batch, StepProfile *profile) override {
    for (const StepRow &row : batch.rows)
      (row.tokens.size() > 1 ? prompts : decodes) += 1;
    return instance->run(std::move(batch), profile);
  }
  Status copyPage(size_t table, int32_t from, int32_t to) override { return instance->copyPage(table, from, to); }
  Status moveCells(std::span<const CellMove> moves) override { return instance->moveCells(moves); }
  Status beginHandover(const HandoverMessage &begun) override {
    message = begun;
    return Status::success();
  }
  Expected<uint64_t> finishHandover() override {
    std::lock_guard<std::mutex> lock(wire->mutex);
    if (role() == ReplicaRole::prefill) {
      wire->sources[number] = this;
      return bytes();
    }
    if (wire->count++ == wire->failing)
      return resourceError("the wire is cut");
    if (!wire->sources.contains(message.peer))
      return internalError("found no source " + std::to_string(message.peer));
    FakeReplica &source = *wire->sources[message.peer];
    EXPECT_EQ(source.message.peer, number);
    for (size_t t = 0; t < message.pages.size(); ++t)
      EXPECT_EQ(message.pages[t].size(), source.message.pages[t].size()) << t;
    return bytes();
  }
  uint64_t bytes() const {
    std::vector<int64_t> pages;
    for (const auto &table : message.pages)
      pages.push_back(int64_t(table.size()));
    return uint64_t(described->manifest().handover.bytes(pages));
  }

  int64_t replica() const override { return number; }
  ReplicaRole role() const override { return described->manifest().mesh().roleOf(number); }
  const Model &model() const override { return *described; }
  const StepLimits &limits() const override { return instance->limits(); }
  bool hasLogits() const override { return instance->hasLogits(); }
  unsigned threads() const override { return 1; }

  int64_t prompts = 0, decodes = 0;

private:
  std::shared_ptr<Instance> instance;
  std::shared_ptr<const Model> described;
  const int64_t number;
  std::shared_ptr<Wire> wire;
  HandoverMessage message;
};

class PhasesTest : public testing::Test {
protected:
  void start(const Mesh &mesh, InstanceOptions options) {
    artifact = std::make_unique<demo::Artifact>(mesh);
    auto described = Model::open(artifact->path());
    auto computing = plain.open();
    ASSERT_TRUE(described && computing) << described.status().message();
    wire = std::make_shared<FakeReplica::Wire>();
    options.threads = 1;
    for (int64_t i = 0; i < mesh.allReplicas(); ++i) {
      auto instance = Instance::create(*computing, options);
      ASSERT_TRUE(instance) << instance.status().message();
      replicas.push_back(std::make_shared<FakeReplica>(instance.take(), *described, i, wire));
    }
    dispatcher = std::make_unique<Dispatcher>(
        std::vector<std::shared_ptr<StepRunner>>(replicas.begin(), replicas.end()), SchedulerOptions{.chunk = 4});
  }
  SequenceId add(int length, int64_t maxTokens, int64_t completions = 1) {
    Request request;
    request.prompt = demo::prompt(length, length);
    request.maxTokens = maxTokens;
    request.completions = completions;
    auto id = dispatcher->add(std::move(request));
    EXPECT_TRUE(id) << id.status().message();
    return id ? *id : 0;
  }
  void expectNothingHeld() {
    for (size_t i = 0; i < dispatcher->replicas(); ++i)
      EXPECT_EQ(dispatcher->freePages(i), dispatcher->totalPages(i)) << i;
    EXPECT_EQ(dispatcher->handovers().bytes, dispatcher->handovers().planned);
  }

  demo::Artifact plain;
  std::unique_ptr<demo::Artifact> artifact;
  std::shared_ptr<FakeReplica::Wire> wire;
  std::vector<std::shared_ptr<FakeReplica>> replicas;
  std::unique_ptr<Dispatcher> dispatcher;
};

TEST_F(PhasesTest, PromptsAreComputedInPrefillAlone) {
  start({1, 1, 1, 1}, {.maxTokens = 8, .capacityPages = 64});
  SequenceId a = add(9, 5), b = add(2, 1), c = add(30, 3);
  ASSERT_TRUE(dispatcher->runAll());
  EXPECT_EQ(dispatcher->take(a)->tokens.size(), 5u);
  EXPECT_EQ(dispatcher->take(b)->tokens.size(), 1u);
  EXPECT_EQ(dispatcher->take(c)->tokens.size(), 3u);
  EXPECT_EQ(replicas[1]->prompts, 0);
  EXPECT_EQ(replicas[1]->decodes, 9);
  EXPECT_EQ(dispatcher->handovers().handovers, 3);
  // Of 8, 1 and 29 positions; of the window of 6 those that the token after them reads.
  EXPECT_EQ(dispatcher->handovers().pages, 2 + 1 + 8 + 2 + 1 + 2);
  EXPECT_EQ(dispatcher->handovers().bytes, (2 + 1 + 8) * 64 * 3 + (2 + 1 + 2) * 64);
  expectNothingHeld();
}

// A prompt of one token leaves nothing to compute ahead, and who wants no token needs none.
TEST_F(PhasesTest, NothingGoesOver) {
  start({1, 1, 1, 1}, {.maxTokens = 8, .capacityPages = 64});
  SequenceId a = add(1, 5), b = add(12, 0);
  ASSERT_TRUE(dispatcher->runAll());
  EXPECT_EQ(dispatcher->take(a)->tokens, demo::generate(demo::prompt(1, 1), 5));
  EXPECT_EQ(dispatcher->take(b)->reason, FinishReason::length);
  EXPECT_EQ(dispatcher->handovers().handovers, 0);
  EXPECT_EQ(replicas[0]->prompts + replicas[0]->decodes, 0);
  expectNothingHeld();
}

TEST_F(PhasesTest, CompletionsGoOverOnce) {
  start({1, 1, 1, 1}, {.maxTokens = 16, .capacityPages = 64});
  SequenceId first = add(5, 4, 3);
  ASSERT_TRUE(dispatcher->runAll());
  for (SequenceId id = first; id < first + 3; ++id)
    EXPECT_EQ(dispatcher->take(id)->tokens.size(), 4u);
  EXPECT_EQ(dispatcher->handovers().handovers, 1);
  expectNothingHeld();
}

// With one row at a time no completion runs beside another from which it could go on.
TEST_F(PhasesTest, CompletionsThatComeLaterGoOverAgain) {
  start({1, 1, 1, 1}, {.maxTokens = 16, .maxRows = 1, .capacityPages = 64});
  SequenceId first = add(9, 4, 3);
  ASSERT_TRUE(dispatcher->runAll());
  for (SequenceId id = first; id < first + 3; ++id)
    EXPECT_EQ(dispatcher->take(id)->tokens.size(), 4u);
  EXPECT_EQ(dispatcher->handovers().handovers, 3);
  EXPECT_EQ(replicas[1]->prompts, 0);
  expectNothingHeld();
}

// Decode has pages for one sequence at a time: prompts wait in prefill, and all come.
TEST_F(PhasesTest, NoRoomInDecode) {
  start({1, 1, 1, 1}, {.maxTokens = 16, .capacityPages = 6});
  std::vector<SequenceId> ids;
  for (int i = 0; i < 6; ++i)
    ids.push_back(add(12 + i % 2, 8));
  ASSERT_TRUE(dispatcher->runAll());
  for (SequenceId id : ids)
    EXPECT_EQ(dispatcher->take(id)->tokens.size(), 8u);
  EXPECT_EQ(dispatcher->handovers().handovers, 6);
  expectNothingHeld();
}

TEST_F(PhasesTest, RequestsGoToTheLeastLoaded) {
  start({2, 1, 2, 1}, {.maxTokens = 16, .capacityPages = 64});
  for (int i = 0; i < 8; ++i)
    add(6, 4);
  ASSERT_TRUE(dispatcher->runAll());
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(dispatcher->count(i).sequences, 4) << i;
  expectNothingHeld();
}

// Whenever sequences are cancelled or stopped, no page stays behind.
TEST_F(PhasesTest, EndsAtAnyTime) {
  std::mt19937 random(7);
  for (int round = 0; round < 60; ++round) {
    replicas.clear();
    start({1 + int64_t(random() % 2), 1, 1 + int64_t(random() % 2), 1},
          {.maxTokens = 8, .maxRows = int64_t(1 + random() % 6), .capacityPages = int64_t(10 + random() % 20)});
    std::vector<SequenceId> ids;
    for (int i = 0; i < 6; ++i) {
      int64_t completions = random() % 3 ? 1 : 3;
      SequenceId first = add(1 + int(random() % 20), int64_t(1 + random() % 8), completions);
      for (int64_t c = 0; c < completions; ++c)
        ids.push_back(first + SequenceId(c));
    }
    for (bool more = true; more;) {
      auto stepped = dispatcher->step();
      ASSERT_TRUE(stepped) << stepped.status().message();
      more = *stepped;
      if (random() % 3 == 0)
        (void)(random() % 2 ? dispatcher->cancel(ids[random() % ids.size()])
                            : dispatcher->stop(ids[random() % ids.size()]));
      if (random() % 40 == 0)
        dispatcher->cancelAll();
    }
    for (SequenceId id : ids)
      EXPECT_TRUE(dispatcher->take(id)) << id;
    expectNothingHeld();
  }
}

TEST_F(PhasesTest, AFailedHandoverEndsItsSequence) {
  start({1, 1, 1, 1}, {.maxTokens = 16, .capacityPages = 64});
  wire->failing = 1;
  SequenceId a = add(9, 3), b = add(9, 3), c = add(9, 3);
  Status failed;
  for (int i = 0; i < 1000; ++i) {
    auto more = dispatcher->step();
    if (!more)
      failed = more.status();
    else if (!*more)
      break;
  }
  EXPECT_EQ(failed.message(), "the wire is cut");
  EXPECT_EQ(dispatcher->take(a)->tokens.size(), 3u);
  EXPECT_EQ(dispatcher->take(b)->reason, FinishReason::error);
  EXPECT_EQ(dispatcher->take(c)->tokens.size(), 3u);
  expectNothingHeld();
}

TEST_F(PhasesTest, Refused) {
  start({1, 1, 1, 1}, {.maxTokens = 16, .capacityPages = 64});
  Request request;
  request.prompt = {1, demo::kVocabulary};
  EXPECT_EQ(dispatcher->add(request).status().message(), "prompt: found token id 97 at index 1; expected 0 to 96");
  request.prompt = demo::prompt(66, 1);
  EXPECT_EQ(dispatcher->add(request).status().message(),
            "prompt: found 66 tokens; expected at most 64, the model's context; shorten the prompt");
  request.prompt = demo::prompt(4, 1);
  request.hold = true;
  request.completions = 2;
  EXPECT_EQ(dispatcher->add(request).status().message(), "hold: found 2 completions; expected 1");
  ASSERT_TRUE(dispatcher->runAll());
  expectNothingHeld();
}

} // namespace
