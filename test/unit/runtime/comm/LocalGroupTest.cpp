//===- LocalGroupTest.cpp -------------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/LocalGroup.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <numeric>
#include <random>
#include <thread>

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

/// Different on every rank; sums depend on the order.
std::vector<float> valuesOf(int rank, size_t count) {
  std::mt19937 random(unsigned(rank) * 1000 + unsigned(count));
  std::normal_distribution<float> normal(0, 1);
  std::vector<float> values(count);
  for (float &value : values)
    value = normal(random) * std::exp2(float(random() % 20));
  return values;
}

std::vector<float> sumInOrder(int size, size_t count) {
  std::vector<float> sum = valuesOf(0, count);
  for (int rank = 1; rank < size; ++rank) {
    std::vector<float> part = valuesOf(rank, count);
    for (size_t i = 0; i < count; ++i)
      sum[i] += part[i];
  }
  return sum;
}

std::span<const uint8_t> bytesOf(const std::vector<float> &values) {
  return {reinterpret_cast<const uint8_t *>(values.data()), values.size() * sizeof(float)};
}
std::span<uint8_t> bytesOf(std::vector<float> &values) {
  return {reinterpret_cast<uint8_t *>(values.data()), values.size() * sizeof(float)};
}

void expectPart(const std::string &text, const char *part) {
  EXPECT_NE(text.find(part), std::string::npos) << text << "\nexpected: " << part;
}

#define EXPECT_OR_RETURN(condition)                                                                                    \
  if (!(condition))                                                                                                    \
  return internalError("failed: " #condition)

} // namespace

class LocalGroupSizes : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, LocalGroupSizes, testing::Values(1, 2, 3, 4, 8));

TEST_P(LocalGroupSizes, AllReduceSumsInTheOrderOfTheRanks) {
  LocalGroupOptions options = group(GetParam());
  options.stagingBytes = 64 << 10; // so that large buffers take several rounds
  expectAll(runThreads(options, [&](Communicator &c) {
    for (size_t count : {0, 1, 7, 1000, 4097, 16384, 70001}) {
      std::vector<float> values = valuesOf(c.rank(), count), expected = sumInOrder(c.size(), count);
      PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::sum, "sum"));
      EXPECT_OR_RETURN(values == expected); // bits
      values = valuesOf(c.rank(), count);
      PLAIT_RETURN_IF_ERROR(c.allReduce(values, ReduceKind::max, "max"));
      std::vector<float> most = valuesOf(0, count);
      for (int rank = 1; rank < c.size(); ++rank) {
        std::vector<float> other = valuesOf(rank, count);
        std::transform(most.begin(), most.end(), other.begin(), most.begin(),
                       [](float a, float b) { return std::max(a, b); });
      }
      EXPECT_OR_RETURN(values == most);
    }
    EXPECT_OR_RETURN(c.count(CollectiveKind::allReduce).calls == 14);
    EXPECT_OR_RETURN(c.count(CollectiveKind::allReduce).bytes == 2 * 4 * (1 + 7 + 1000 + 4097 + 16384 + 70001));
    return Status::success();
  }));
}

TEST_P(LocalGroupSizes, UnevenParts) {
  LocalGroupOptions options = group(GetParam());
  options.stagingBytes = 16 << 10;
  expectAll(runThreads(options, [&](Communicator &c) {
    // Rank 1 has nothing, the others ever more.
    std::vector<size_t> counts;
    for (int rank = 0; rank < c.size(); ++rank)
      counts.push_back(rank == 1 ? 0 : size_t(3001 * (rank + 1)));
    size_t total = std::accumulate(counts.begin(), counts.end(), size_t(0)), me = size_t(c.rank());
    size_t begin = std::accumulate(counts.begin(), counts.begin() + c.rank(), size_t(0));
    std::vector<float> all = sumInOrder(c.size(), total), part(counts[me]), in = valuesOf(c.rank(), total);
    PLAIT_RETURN_IF_ERROR(c.reduceScatter(in, part, counts, "scatter"));
    EXPECT_OR_RETURN(std::equal(part.begin(), part.end(), all.begin() + std::ptrdiff_t(begin)));

    std::vector<size_t> bytes;
    for (size_t count : counts)
      bytes.push_back(count * sizeof(float));
    std::vector<float> gathered(total);
    PLAIT_RETURN_IF_ERROR(c.allGather(bytesOf(std::as_const(part)), bytesOf(gathered), bytes, "gather"));
    EXPECT_OR_RETURN(gathered == all); // scatter, then gather: an all-reduce

    std::vector<float> root = valuesOf(c.rank(), 9000);
    PLAIT_RETURN_IF_ERROR(c.broadcast(bytesOf(root), c.size() - 1, "broadcast"));
    EXPECT_OR_RETURN(root == valuesOf(c.size() - 1, 9000));
    return c.barrier("end");
  }));
}

TEST_P(LocalGroupSizes, AllToAll) {
  LocalGroupOptions options = group(GetParam());
  options.stagingBytes = 8 << 10;
  expectAll(runThreads(options, [&](Communicator &c) {
    size_t n = size_t(c.size()), me = size_t(c.rank());
    std::vector<size_t> bytes(n * n);
    for (size_t from = 0; from < n; ++from)
      for (size_t to = 0; to < n; ++to)
        bytes[from * n + to] = (from * 7 + to * 3) % 5 * 1111;
    auto message = [](size_t from, size_t to, size_t i) { return uint8_t(from * 31 + to * 17 + i); };
    std::vector<uint8_t> in, expected;
    for (size_t other = 0; other < n; ++other) {
      for (size_t i = 0; i < bytes[me * n + other]; ++i)
        in.push_back(message(me, other, i));
      for (size_t i = 0; i < bytes[other * n + me]; ++i)
        expected.push_back(message(other, me, i));
    }
    std::vector<uint8_t> out(expected.size());
    PLAIT_RETURN_IF_ERROR(c.allToAll(in, out, bytes, "exchange"));
    EXPECT_OR_RETURN(out == expected);
    return Status::success();
  }));
}

TEST(LocalGroup, SendsArriveInOrder) {
  expectAll(runThreads(group(3), [&](Communicator &c) {
    // Around the ring, and many at once from 0 to 2.
    std::vector<float> values = valuesOf(0, 50000);
    int next = (c.rank() + 1) % 3, before = (c.rank() + 2) % 3;
    if (c.rank() == 0) {
      PLAIT_RETURN_IF_ERROR(c.send(bytesOf(std::as_const(values)), next, "ring"));
      PLAIT_RETURN_IF_ERROR(c.recv(bytesOf(values), before, "ring"));
    } else {
      std::fill(values.begin(), values.end(), 0);
      PLAIT_RETURN_IF_ERROR(c.recv(bytesOf(values), before, "ring"));
      PLAIT_RETURN_IF_ERROR(c.send(bytesOf(std::as_const(values)), next, "ring"));
    }
    EXPECT_OR_RETURN(values == valuesOf(0, 50000));
    for (uint8_t i = 0; i < 100; ++i) {
      uint8_t byte = i;
      if (c.rank() == 0)
        PLAIT_RETURN_IF_ERROR(c.send({&byte, 1}, 2, "many"));
      if (c.rank() == 2) {
        PLAIT_RETURN_IF_ERROR(c.recv({&byte, 1}, 0, "many"));
        EXPECT_OR_RETURN(byte == i);
      }
    }
    return c.barrier("end");
  }));
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
    // The one who fails second may see that the first has failed.
    if (ranks.message(rank).find("has failed") == std::string::npos)
      expectPart(ranks.message(rank), "rank 2 has not reached all_reduce @layers.mlp.down: no sign of life for");
  }
  EXPECT_TRUE(ranks.message(0).starts_with("rank 2") || ranks.message(1).starts_with("rank 2"));
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
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

TEST(LocalGroupFault, ARankThatLeaves) {
  std::vector<Status> results = runThreads(
      group(2), [](Communicator &c) { return c.rank() == 1 ? Status::success() : c.barrier("end of step"); });
  EXPECT_EQ(results[0].message(), "rank 1 has not reached barrier @end of step: it has left the group");
}

TEST(LocalGroupFault, ARankThatStrays) {
  std::vector<Status> results = runThreads(group(2), [](Communicator &c) {
    std::vector<float> values(c.rank() == 0 ? 4 : 8);
    return c.rank() == 0                  ? c.allReduce(values, ReduceKind::sum, "a")
           : c.broadcast({}, 0, "b").ok() ? c.barrier("c")
                                          : Status();
  });
  EXPECT_EQ(results[0].message(),
            "rank 1 has strayed: found barrier @c of 0 bytes; expected all_reduce @a of 16 bytes");
}

TEST(LocalGroupFault, NothingFollowsAFailure) {
  std::vector<Status> results = runThreads(group(2), [](Communicator &c) {
    if (c.rank() == 1)
      return Status::success();
    EXPECT_FALSE(c.barrier("one").ok());
    return c.barrier("two");
  });
  EXPECT_EQ(results[0].message(), "barrier @two: the group has failed before");
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
