//===- LocalGroupTest.cpp -------------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Conformance.h"
#include "runtime/comm/Copies.h"
#include "runtime/comm/LocalGroup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <thread>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace plait;

namespace {

using RankBody = std::function<Status(Communicator &)>;
using Clock = std::chrono::steady_clock;

LocalGroupOptions group(int size) {
  LocalGroupOptions options;
  options.size = size;
  options.identity = "artifact 1";
  options.deadline = std::chrono::milliseconds(600);
  return options;
}

/// What each rank's body returned, the ranks being threads.
std::vector<Status> runThreads(const LocalGroupOptions &options, const RankBody &body) {
  Expected<int> fd = LocalGroup::create(options);
  EXPECT_TRUE(fd.ok()) << fd.status().message();
  // One mapping, so that the thread sanitizer sees who touches what.
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  std::vector<Status> results(size_t(options.size));
  std::vector<std::thread> threads;
  for (int rank = 0; rank < options.size; ++rank)
    threads.emplace_back([&, rank] {
      Expected<std::unique_ptr<Communicator>> communicator = LocalGroup::join(region, rank, options);
      results[size_t(rank)] = communicator ? body(**communicator) : communicator.status();
    });
  for (std::thread &thread : threads)
    thread.join();
  ::close(*fd);
  return results;
}

/// Ranks that are processes; what they say comes back through pipes.
class Processes {
public:
  Processes(const LocalGroupOptions &options, const RankBody &body) {
    Expected<int> fd = LocalGroup::create(options);
    EXPECT_TRUE(fd.ok()) << fd.status().message();
    for (int rank = 0; rank < options.size; ++rank) {
      int ends[2];
      EXPECT_EQ(::pipe(ends), 0);
      pid_t pid = ::fork();
      if (pid == 0) {
        Status status;
        {
          Expected<std::unique_ptr<Communicator>> communicator = LocalGroup::join(*fd, rank, options);
          status = communicator ? body(**communicator) : communicator.status();
        }
        if (::write(ends[1], status.message().data(), status.message().size()) < 0)
          ::_exit(3);
        ::_exit(status.ok() ? 0 : 1);
      }
      ::close(ends[1]);
      pids.push_back(pid);
      pipes.push_back(ends[0]);
    }
    ::close(*fd);
  }
  ~Processes() {
    for (size_t rank = 0; rank < pids.size(); ++rank) {
      signal(rank, SIGKILL);
      wait(rank);
    }
  }
  void signal(size_t rank, int number) {
    if (pids[rank])
      ::kill(pids[rank], number);
  }
  /// Waits until a rank has stopped itself.
  void waitStopped(size_t rank) { ::waitpid(pids[rank], nullptr, WUNTRACED); }
  /// Waits for a rank; its exit code, or minus the signal, and what it said.
  int wait(size_t rank) {
    if (!pids[rank])
      return codes[rank];
    int status = 0;
    ::waitpid(pids[rank], &status, 0);
    pids[rank] = 0;
    char text[4096];
    ssize_t count = ::read(pipes[rank], text, sizeof(text));
    ::close(pipes[rank]);
    messages[rank] = std::string(text, size_t(std::max<ssize_t>(0, count)));
    return codes[rank] = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  const std::string &message(size_t rank) { return messages[rank]; }

private:
  std::vector<pid_t> pids;
  std::vector<int> pipes;
  std::map<size_t, int> codes;
  std::map<size_t, std::string> messages;
};

void expectAll(const std::vector<Status> &results) {
  for (const Status &status : results)
    EXPECT_TRUE(status.ok()) << status.message();
}

void expectPart(const std::string &text, const char *part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nexpected: " << part;
}

#define EXPECT_OR_RETURN(condition)                                                                                    \
  if (!(condition))                                                                                                    \
  return internalError("failed: " #condition)

} // namespace

using SizeAndCase = std::tuple<int, const ConformanceCase *>;
class LocalGroupConformance : public testing::TestWithParam<SizeAndCase> {};
static std::vector<SizeAndCase> sizesAndCases() {
  std::vector<SizeAndCase> all;
  for (const ConformanceCase &test : conformanceCases())
    for (int size : test.ranks ? std::vector<int>{test.ranks} : std::vector<int>{1, 2, 3, 4, 8})
      all.emplace_back(size, &test);
  return all;
}
INSTANTIATE_TEST_SUITE_P(Ranks, LocalGroupConformance, testing::ValuesIn(sizesAndCases()), [](const auto &info) {
  return std::get<1>(info.param)->name + std::to_string(std::get<0>(info.param));
});

TEST_P(LocalGroupConformance, Keeps) {
  const auto &[size, test] = GetParam();
  for (size_t staging : {size_t(8) << 10, size_t(1) << 20}) { // large buffers take several rounds, or one
    LocalGroupOptions options = group(size);
    options.stagingBytes = staging;
    std::vector<Status> results = runThreads(options, test->body);
    for (int rank = 0; rank < size; ++rank)
      EXPECT_EQ(judge(*test, rank, results[size_t(rank)]), "");
  }
}

class LocalAlgorithms : public testing::TestWithParam<std::tuple<Algorithm, int>> {};
INSTANTIATE_TEST_SUITE_P(Ranks, LocalAlgorithms,
                         testing::Combine(testing::Values(Algorithm::oneShot, Algorithm::twoShot, Algorithm::chain,
                                                          Algorithm::tree, Algorithm::star),
                                          testing::Values(1, 2, 3, 4, 5, 8)),
                         [](const auto &info) {
                           return std::string(algorithmName(std::get<0>(info.param))) +
                                  std::to_string(std::get<1>(info.param));
                         });

TEST_P(LocalAlgorithms, HaveTheBitsOfALoop) {
  const auto &[algorithm, size] = GetParam();
  for (size_t staging : {size_t(8) << 10, size_t(1) << 20}) {
    LocalGroupOptions options = group(size);
    options.stagingBytes = staging;
    options.algorithm = algorithm;
    for (const ConformanceCase &test : conformanceCases())
      if (test.name == std::string("EveryReduction") || (test.name == std::string("AllReduceSumsInTheOrderOfTheRanks")))
        for (const Status &status : runThreads(options, test.body))
          EXPECT_TRUE(status) << test.name << ": " << status.message();
  }
}

// Pieces that fit into no buffer are as many as it takes.
TEST(LocalAlgorithm, SaidByThePrograms) {
  for (int size : {5, 8})
    for (size_t staging : {size_t(4) << 10, size_t(64) << 10}) {
      LocalGroupOptions options = group(size);
      options.stagingBytes = staging;
      for (const ConformanceCase &test : conformanceCases())
        if (std::string(test.name).starts_with("Said"))
          for (const Status &status : runThreads(options, test.body))
            EXPECT_TRUE(status) << test.name << ": " << status.message();
    }
}

TEST(LocalAlgorithm, ThatOfWhoCreatesTheGroup) {
  ASSERT_EQ(::setenv("PLAIT_ALL_REDUCE", "star", 1), 0);
  LocalGroupOptions options = group(3);
  Expected<int> fd = LocalGroup::create(options);
  ::unsetenv("PLAIT_ALL_REDUCE");
  ASSERT_TRUE(fd);
  EXPECT_EQ(SharedRegion::map(*fd)->header().algorithm, int32_t(Algorithm::star));
  ::close(*fd);
  ASSERT_EQ(::setenv("PLAIT_ALL_REDUCE", "fastest", 1), 0);
  expectPart(LocalGroup::create(options).status().message(), "expected auto, one_shot, two_shot, chain, tree or star");
  ::unsetenv("PLAIT_ALL_REDUCE");
}

TEST(LocalAlgorithm, AStrayRankIsFound) {
  for (Algorithm algorithm : {Algorithm::chain, Algorithm::tree, Algorithm::star}) {
    LocalGroupOptions options = group(2);
    options.algorithm = algorithm;
    for (const ConformanceCase &test : conformanceCases())
      if (test.name == std::string("ARankThatStrays")) {
        std::vector<Status> results = runThreads(options, test.body);
        for (int rank = 0; rank < 2; ++rank)
          EXPECT_EQ(judge(test, rank, results[size_t(rank)]), "");
      }
  }
}

// Streaming stores want whole lines, so there are bytes before and behind them.
TEST(Copies, AllBytesByBothStores) {
  std::vector<uint8_t> source(9000), target(9000);
  for (size_t i = 0; i < source.size(); ++i)
    source[i] = uint8_t(i * 7 + i / 256);
  for (Stores stores : {Stores::common, Stores::streaming})
    for (size_t bytes : {0, 1, 63, 64, 1023, 1024, 1025, 1100, 4096, 8001})
      for (size_t from : {0, 4, 63})
        for (size_t to : {0, 1, 16, 63}) {
          std::fill(target.begin(), target.end(), 0xAA);
          copyOut(target.data() + to, source.data() + from, bytes, stores);
          EXPECT_TRUE(std::equal(source.begin() + from, source.begin() + from + bytes, target.begin() + to));
          EXPECT_EQ(std::count(target.begin(), target.begin() + to, 0xAA), std::ptrdiff_t(to));
          EXPECT_EQ(std::count(target.begin() + to + bytes, target.end(), 0xAA),
                    std::ptrdiff_t(target.size() - to - bytes));
        }
}

TEST(ChooseAlgorithm, ByBytesRanksAndLink) {
  auto choose = [](EmulatedLink link, size_t bytes, int ranks, Reduction how = {}) {
    return std::string(algorithmName(chooseAllReduce(Algorithm::automatic, link, bytes, 1000, ranks, how)));
  };
  // As measured, without a link.
  EXPECT_EQ(choose({}, 1000, 4), "one_shot");
  EXPECT_EQ(choose({}, 1001, 4), "two_shot");
  // Latency asks for few rounds, bandwidth for few bytes through a port.
  EmulatedLink slow{2e-3, 1.25e8};
  EXPECT_EQ(choose(slow, 1000, 4), "one_shot");
  EXPECT_EQ(choose(slow, 64 << 20, 4), "two_shot");
  for (size_t bytes : {1000, 100000, 10000000})
    for (int ranks : {3, 4, 8}) // fewer rounds than these, as few as they come by one rank
      EXPECT_LT(predictSeconds(Algorithm::star, {2e-3, 0}, bytes, ranks, {}),
                std::min(predictSeconds(Algorithm::chain, {2e-3, 0}, bytes, ranks, {}),
                         predictSeconds(Algorithm::tree, {2e-3, 0}, bytes, ranks, {})));
  Reduction tree(ReduceKind::sum, SumOrder::tree);
  EXPECT_EQ(chooseAllReduce(Algorithm::chain, {}, 10, 1000, 4, tree), Algorithm::tree);
  EXPECT_EQ(chooseAllReduce(Algorithm::chain, {}, 10, 1000, 4, {}), Algorithm::chain);
}

TEST(LocalGroup, GroupsOfProcesses) {
  Processes ranks(group(4), [](Communicator &c) {
    for (const ConformanceCase &test : conformanceCases())
      if (test.name == std::string("Groups"))
        return test.body(c);
    return internalError("no such case");
  });
  for (size_t rank = 0; rank < 4; ++rank)
    EXPECT_EQ(ranks.wait(rank), 0) << ranks.message(rank);
}

/// Who watched the others while they joined may be gone when groups are made.
TEST(LocalGroup, AsksOnlyWhileRanksJoin) {
  std::atomic<bool> joined = false, asked = false;
  LocalGroupOptions options = group(4);
  options.whileJoining = [&] {
    asked = asked || joined;
    return Status::success();
  };
  for (const Status &status : runThreads(options, [&](Communicator &c) {
         PLAIT_RETURN_IF_ERROR(c.barrier("all"));
         joined = true;
         if (c.rank() == 3) // the others wait for it
           std::this_thread::sleep_for(std::chrono::milliseconds(20));
         const std::vector<std::vector<int>> groups = {{0, 2}, {1, 3}, {0, 1, 2, 3}};
         return c.split(groups).status();
       }))
    EXPECT_TRUE(status.ok()) << status.message();
  EXPECT_FALSE(asked);
}

/// A rank that ends for a reason from elsewhere says so.
TEST(LocalGroup, AbandonedGroupsHearWhy) {
  std::vector<Status> results = runThreads(group(3), [&](Communicator &c) {
    if (c.rank() != 1)
      return c.barrier("all");
    c.abandon(resourceError("decode: rank 0 is lost"));
    return c.barrier("all");
  });
  for (const Status &status : results)
    EXPECT_EQ(status.message(), "decode: rank 0 is lost");
}

/// Parts of later splits have memory of their own beside the first ones, whose sums go on.
TEST(LocalGroup, IsSplitAgainButItsPartsAreNot) {
  for (const Status &status : runThreads(group(3), [](Communicator &c) {
         std::vector<std::vector<int>> all = {{2, 1, 0}}, some = {{0, 1}, {2}};
         PLAIT_ASSIGN_OR_RETURN(auto parts, c.split(all));
         EXPECT_OR_RETURN(parts[0]->rank() == 2 - c.rank());
         PLAIT_ASSIGN_OR_RETURN(auto later, c.split(some));
         EXPECT_OR_RETURN((later[0] != nullptr) == (c.rank() < 2) && (later[1] != nullptr) == (c.rank() == 2));
         EXPECT_OR_RETURN(!parts[0]->split(all).ok() && !later[c.rank() / 2]->split(all).ok());
         for (int i = 0; i < 3; ++i) {
           std::vector<float> three(100, float(1 + c.rank())), two = three;
           PLAIT_RETURN_IF_ERROR(parts[0]->allReduce(three, ReduceKind::sum, "three"));
           PLAIT_RETURN_IF_ERROR(later[c.rank() / 2]->allReduce(two, ReduceKind::sum, "two"));
           EXPECT_OR_RETURN(three.back() == 6 && two.back() == 3);
         }
         return c.barrier("end");
       }))
    EXPECT_TRUE(status) << status.message();
}

TEST(LocalGroup, ManyShortCallsOfProcesses) {
  Processes ranks(group(4), [](Communicator &c) {
    for (int i = 0; i < 5000; ++i) {
      std::vector<float> values(1 + size_t(i) % 60, float(c.rank() + i));
      PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "step"));
      EXPECT_OR_RETURN(values.back() == float(6 + 4 * i));
    }
    return Status::success();
  });
  for (size_t rank = 0; rank < 4; ++rank)
    EXPECT_EQ(ranks.wait(rank), 0) << ranks.message(rank);
}

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

class LocalGroupFaults : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Signals, LocalGroupFaults, testing::Values(SIGKILL, SIGSTOP));

TEST_P(LocalGroupFaults, NameTheRankAndTheOp) {
  Processes ranks(group(3), [](Communicator &c) {
    std::vector<float> values(100);
    PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "first"));
    if (c.rank() == 2)
      ::raise(SIGSTOP);
    return c.allReduce(values, ReduceKind::sum, "layers.mlp.down");
  });
  ranks.waitStopped(2);
  auto begin = Clock::now();
  ranks.signal(2, GetParam());
  for (size_t rank : {0, 1}) {
    EXPECT_EQ(ranks.wait(rank), 1);
    // The one who fails second says what the first has found.
    EXPECT_TRUE(
        ranks.message(rank).starts_with("rank 2 has not reached all_reduce @layers.mlp.down: no sign of life for"))
        << ranks.message(rank);
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
}

TEST_P(LocalGroupFaults, NameTheRankOfAGroup) {
  Processes ranks(group(4), [](Communicator &c) {
    std::vector<std::vector<int>> groups = {{0, 1}, {2, 3}, {0, 2}, {1, 3}};
    PLAIT_ASSIGN_OR_RETURN(auto parts, c.split(groups));
    if (c.rank() == 3)
      ::raise(SIGSTOP);
    while (true)
      for (const auto &part : parts)
        if (std::vector<float> values(100); part)
          PLAIT_RETURN_IF_ERROR(part->allReduce(values, ReduceKind::sum, "layers.mlp.down"));
  });
  ranks.waitStopped(3);
  ranks.signal(3, GetParam());
  for (size_t rank : {0, 1, 2}) {
    EXPECT_EQ(ranks.wait(rank), 1);
    EXPECT_TRUE(
        ranks.message(rank).starts_with("rank 3 has not reached all_reduce @layers.mlp.down: no sign of life for"))
        << ranks.message(rank);
  }
}

TEST_P(LocalGroupFaults, AreSeenByWhoWaitsForNobody) {
  Processes ranks(group(3), [](Communicator &c) -> Status {
    PLAIT_RETURN_IF_ERROR(c.barrier("first"));
    if (c.rank() == 1)
      std::this_thread::sleep_for(std::chrono::seconds(1)); // a rank that is busy is no fault
    if (c.rank() == 2)
      ::raise(SIGSTOP);
    Status status;
    while ((status = c.lookAround()).ok())
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return status;
  });
  ranks.waitStopped(2);
  auto begin = Clock::now();
  ranks.signal(2, GetParam());
  for (size_t rank : {0, 1}) {
    EXPECT_EQ(ranks.wait(rank), 1);
    EXPECT_TRUE(ranks.message(rank).starts_with("rank 2 is lost: no sign of life for") ||
                (rank == 1 && ranks.message(rank).starts_with("rank 0 is lost: it has left the group")))
        << ranks.message(rank);
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
}

TEST(LocalGroupFault, AStoppedRankIsToldSooner) {
  LocalGroupOptions options = group(3);
  options.deadline = std::chrono::seconds(30);
  Processes ranks(options, [](Communicator &c) {
    PLAIT_RETURN_IF_ERROR(c.barrier("first"));
    if (c.rank() == 2)
      ::raise(SIGSTOP);
    return c.barrier("second");
  });
  ranks.waitStopped(2);
  auto begin = Clock::now();
  for (size_t rank : {0, 1}) {
    EXPECT_EQ(ranks.wait(rank), 1);
    const std::string &found = ranks.message(rank);
    EXPECT_TRUE(found.starts_with("rank 2 has not reached barrier @second: no sign of life for ") &&
                found.ends_with(" ms (it is stopped)"))
        << found;
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(10));
}

// Neither the one who is stopped for a moment nor the one who waits for it takes it for a loss.
TEST(LocalGroupFault, ARankThatGoesOnIsNoFault) {
  LocalGroupOptions options = group(2);
  options.deadline = std::chrono::seconds(30);
  Processes ranks(options, [](Communicator &c) {
    if (c.rank() == 1)
      ::raise(SIGSTOP);
    return c.barrier("slow");
  });
  ranks.waitStopped(1);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ranks.signal(1, SIGCONT);
  EXPECT_EQ(ranks.wait(0), 0) << ranks.message(0);
  EXPECT_EQ(ranks.wait(1), 0) << ranks.message(1);
}

TEST(LocalGroupFault, WhyAPartIsNotToBeHadIsTold) {
  Processes ranks(group(3), [](Communicator &c) -> Status {
    if (c.rank() == 1) {
      rlimit none{3, 3}; // those of input and output
      ::setrlimit(RLIMIT_NOFILE, &none);
    }
    std::vector<std::vector<int>> groups = {{0, 1, 2}};
    return c.split(groups).status();
  });
  for (size_t rank : {0, 1, 2}) {
    EXPECT_EQ(ranks.wait(rank), 1);
    EXPECT_EQ(ranks.message(rank), "ranks: cannot keep the shared memory of the group: Too many open files");
  }
}

TEST(LocalGroupFault, ASlowRankIsNoFault) {
  LocalGroupOptions options = group(2);
  options.deadline = std::chrono::milliseconds(300);
  Processes ranks(options, [](Communicator &c) {
    if (c.rank() == 1)
      std::this_thread::sleep_for(std::chrono::milliseconds(1500));
    return c.barrier("slow");
  });
  EXPECT_EQ(ranks.wait(0), 0) << ranks.message(0);
  EXPECT_EQ(ranks.wait(1), 0) << ranks.message(1);
}

//===----------------------------------------------------------------------===//
// Joining
//===----------------------------------------------------------------------===//

TEST(LocalGroupJoin, RefusesWhatDiffers) {
  LocalGroupOptions options = group(2);
  int fd = *LocalGroup::create(options);
  LocalGroupOptions other = options;
  other.identity = "artifact 2";
  EXPECT_EQ(LocalGroup::join(fd, 1, other).status().message(),
            "rank 1: found artifact 2; expected artifact 1, as the other ranks have; start all ranks with one artifact "
            "and one version");
  other = options;
  other.size = 3;
  expectPart(LocalGroup::join(fd, 1, other).status().message(), "found a group of 2 ranks; expected 3");
  expectPart(LocalGroup::join(fd, 2, options).status().message(), "rank 2");
  options.joinDeadline = std::chrono::milliseconds(50);
  EXPECT_EQ(LocalGroup::join(fd, 0, options).status().message(),
            "rank 1 has not reached join @start: it has not come within 50 ms");
  expectPart(LocalGroup::join(fd, 0, options).status().message(), "has joined before");
  ::close(fd);

  FILE *file = std::tmpfile();
  expectPart(LocalGroup::join(::fileno(file), 0, options).status().message(), "expected a group's");
  std::fclose(file);
  options.size = 0;
  EXPECT_EQ(LocalGroup::create(options).status().message(), "ranks: found 0; expected 1 to 64 on one machine");
}

TEST(EmulatedLink, Parses) {
  Expected<EmulatedLink> link = parseEmulatedLink("latency=2ms,bandwidth=1Gbit");
  ASSERT_TRUE(link.ok());
  EXPECT_DOUBLE_EQ(link->latencySeconds, 2e-3);
  EXPECT_DOUBLE_EQ(link->bytesPerSecond, 1.25e8);
  for (const char *wrong : {"", "latency", "latency=2", "latency=x", "speed=1ms", "latency=-1ms", "bandwidth=1ms"})
    expectPart(parseEmulatedLink(wrong).status().message(), "expected latency=TIME,bandwidth=RATE");
}

TEST(EmulatedLink, TakesItsTime) {
  LocalGroupOptions options = group(2);
  options.link = {5e-3, 1e7};
  expectAll(runThreads(options, [](Communicator &c) {
    std::vector<float> values(5000); // 20 kB: 2 ms
    auto begin = Clock::now();
    PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "slow"));
    EXPECT_OR_RETURN(Clock::now() - begin >= std::chrono::milliseconds(7));
    return Status::success();
  }));
}
