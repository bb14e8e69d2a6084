//===- DelayedTest.cpp - Collectives of ranks that are held up at random --===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calls with random sizes and contents follow directly on one another, kinds mixed and in runs of
// one, while every rank is held up between its memory operations (runtime/comm/Delay.h). Some of
// them are of parts of the ranks, between those of all. Buffers are looked at many calls later.
//
//   PLAIT_DELAY_EPOCHS  calls of each protocol for each number of ranks; 50 if it is not set
//   PLAIT_DELAY_SEED    other sizes, contents and delays
//
//===----------------------------------------------------------------------===//

#include "Epoch.h"
#include "runtime/comm/Delay.h"
#include "runtime/comm/LocalGroup.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

size_t numberOf(const char *variable, size_t otherwise) {
  const char *text = std::getenv(variable);
  size_t number = text ? std::strtoull(text, nullptr, 10) : otherwise;
  EXPECT_GT(number, 0u) << variable << " is no number";
  return number;
}

using Quotas = std::array<size_t, kProtocols>;

/// One call of all ranks, or of the part in which a rank is.
struct Planned {
  bool isOfPart;
  Protocol protocol;
  uint64_t seed;
};

/// What ranks call one after another: the same on each of them that has the same seed.
class Plan {
public:
  Plan(const Quotas &quotas, uint64_t seed) : left(quotas), random(seed) {}
  /// The next one; nothing once each protocol has had its calls. `done` says which calls count.
  std::optional<Planned> next() {
    size_t total = 0;
    for (size_t quota : left)
      total += quota;
    if (total == 0)
      return std::nullopt;
    if (run == 0 || left[size_t(protocol)] == 0) {
      size_t place = random.draw(total), chosen = 0;
      for (; place >= left[chosen]; ++chosen)
        place -= left[chosen];
      protocol = Protocol(chosen);
      run = random.oneIn(2) ? 1 : random.draw(random.oneIn(8) ? 60 : 5) + 1;
    }
    --run;
    return Planned{random.oneIn(8), protocol, random.next()};
  }
  void done(Protocol protocol) { --left[size_t(protocol)]; }

private:
  Quotas left;
  Random random;
  Protocol protocol = Protocol::allReduce;
  size_t run = 0;
};

struct Group {
  LocalGroupOptions options;
  Quotas quotas;
  Algorithm algorithm;
  uint64_t seed;
};

struct Outcome {
  std::mutex mutex;
  size_t calls = 0, mismatches = 0, errors = 0; ///< of all ranks together
  std::string first;                            ///< mismatch or error
};

void report(Outcome &outcome, size_t Outcome::*count, const std::string &text) {
  std::lock_guard<std::mutex> lock(outcome.mutex);
  ++(outcome.*count);
  if (outcome.first.empty())
    outcome.first = text;
}

Status runRank(Communicator &all, const Group &group, Outcome &outcome) {
  int ranks = all.size(), me = all.rank();
  delays.seed(group.seed + uint64_t(me));
  // Every other rank, and the rest.
  std::vector<std::vector<int>> members(2);
  for (int rank = 0; rank < ranks; ++rank)
    members[size_t(rank % 2)].push_back(rank);
  PLAIT_ASSIGN_OR_RETURN(auto parts, all.split(members));
  size_t own = size_t(me % 2);
  Setting whole = {ranks, me, group.options.stagingBytes, group.algorithm}, part = whole;
  part.ranks = int(members[own].size()), part.me = me / 2;

  struct Call {
    Planned planned;
    std::unique_ptr<Epoch> epoch;
  };
  Plan plan(group.quotas, group.seed);
  Random lengths(group.seed + 1);
  std::vector<Call> calls;
  do {
    calls.clear();
    for (size_t i = 1 + lengths.draw(48); i; --i)
      if (auto planned = plan.next()) {
        uint64_t seed = planned->isOfPart ? planned->seed + own * 977 : planned->seed;
        calls.push_back({*planned, makeEpoch(planned->protocol, planned->isOfPart ? part : whole, seed)});
        if (!planned->isOfPart && calls.back().epoch->isOfProtocol())
          plan.done(planned->protocol);
      }
    for (const Call &call : calls)
      PLAIT_RETURN_IF_ERROR(call.epoch->run(call.planned.isOfPart ? *parts[own] : all));
    for (const Call &call : calls)
      if (std::string text = call.epoch->check(); !text.empty())
        report(outcome, &Outcome::mismatches,
               std::string(protocolName(call.planned.protocol)) + (call.planned.isOfPart ? " of a part" : "") +
                   ", rank " + std::to_string(me) + ": " + text);
    std::lock_guard<std::mutex> lock(outcome.mutex);
    outcome.calls += calls.size();
  } while (!calls.empty());
  return Status::success();
}

void runGroup(const Group &group, Outcome &outcome) {
  Expected<int> fd = LocalGroup::create(group.options);
  ASSERT_TRUE(fd.ok()) << fd.status().message();
  // One mapping, so that the thread sanitizer sees who touches what.
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  std::vector<std::thread> threads;
  for (int rank = 0; rank < group.options.size; ++rank)
    threads.emplace_back([&, rank] {
      Expected<std::unique_ptr<Communicator>> communicator = LocalGroup::join(region, rank, group.options);
      Status status = communicator ? runRank(**communicator, group, outcome) : communicator.status();
      if (!status)
        report(outcome, &Outcome::errors, "rank " + std::to_string(rank) + ": " + status.message());
    });
  for (std::thread &thread : threads)
    thread.join();
  ::close(*fd);
}

Group groupOf(Algorithm algorithm, int ranks, size_t epochs, uint64_t seed) {
  Random random(seed);
  Group group;
  group.options.size = ranks;
  group.options.identity = "delayed";
  group.algorithm = algorithm;
  if (!isOfProgram(algorithm))
    group.options.algorithm = algorithm;
  // Small, so that calls go in several pieces.
  group.options.stagingBytes = size_t(4096) << random.draw(3);
  group.options.deadline = std::chrono::minutes(10);
  group.options.joinDeadline = std::chrono::minutes(10);
  group.seed = random.next();
  // The others are the same with every algorithm, and share out theirs.
  group.quotas.fill((epochs + 4) / 5);
  group.quotas[size_t(Protocol::allReduce)] = epochs;
  return group;
}

class Delayed : public testing::TestWithParam<std::tuple<Algorithm, int>> {};

TEST_P(Delayed, AllBitsAreRight) {
  auto [algorithm, ranks] = GetParam();
  uint64_t seed = numberOf("PLAIT_DELAY_SEED", 1) * 1000 + uint64_t(algorithm) * 100 + uint64_t(ranks);
  Outcome outcome;
  Group group = groupOf(algorithm, ranks, numberOf("PLAIT_DELAY_EPOCHS", 50), seed);
  runGroup(group, outcome);
  EXPECT_EQ(outcome.errors, 0u) << outcome.first;
  EXPECT_EQ(outcome.mismatches, 0u) << "of " << outcome.calls << " calls by " << ranks
                                    << " ranks; the first: " << outcome.first;
  size_t wanted = 0;
  for (size_t quota : group.quotas)
    wanted += quota;
  EXPECT_GE(outcome.calls, wanted * size_t(ranks));
  RecordProperty("calls", int(outcome.calls));
}

INSTANTIATE_TEST_SUITE_P(Collectives, Delayed,
                         testing::Combine(testing::Values(Algorithm::oneShot, Algorithm::twoShot, Algorithm::chain,
                                                          Algorithm::tree, Algorithm::star, Algorithm::ring,
                                                          Algorithm::lamport),
                                          testing::Values(2, 3, 4, 5, 8)),
                         [](const auto &info) {
                           return std::string(algorithmName(std::get<0>(info.param))) + "_" +
                                  std::to_string(std::get<1>(info.param));
                         });

// Each protocol that goes through staging buffers breaks if a rank writes its own while others read it.
TEST(DelayedFaults, OneBufferIsFound) {
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
  GTEST_SKIP() << "the fault is a race";
#endif
#endif
  hasOneBuffer = true;
  for (Protocol protocol :
       {Protocol::allReduce, Protocol::reduceScatter, Protocol::allGather, Protocol::reduceGather, Protocol::allToAll,
        Protocol::broadcast, Protocol::treeAllReduce, Protocol::treeReduceScatter})
    for (Algorithm algorithm : {Algorithm::oneShot, Algorithm::twoShot}) {
      Group group = groupOf(algorithm, 3, 0, 7);
      group.quotas.fill(0);
      group.quotas[size_t(protocol)] = 100;
      Outcome outcome;
      runGroup(group, outcome);
      EXPECT_EQ(outcome.errors, 0u) << outcome.first;
      EXPECT_GT(outcome.mismatches, 0u) << protocolName(protocol) << " by " << algorithmName(algorithm);
    }
  hasOneBuffer = false;
}

} // namespace
