//===- GpuExchangesTest.cpp - What ranks exchange from GPU to GPU ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a driver without a GPU and an NCCL without GPUs (test/unit/cuda), by ranks that are threads. What whole models
// exchange: test/unit/compiler/CudaModelTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cuda/StreamExchanges.h"

#include "test/unit/cuda/FakeDriver.h"
#include "test/unit/cuda/FakeNccl.h"
#include "test/unit/runtime/comm/Conformance.h"
#include "test/unit/runtime/device/ExecutorFixture.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>
#include <set>

#include <dlfcn.h>

using namespace plait;
using namespace plait::cuda;

namespace {

constexpr uint64_t kBytes = 1 << 20; // of an array on a GPU

/// A rank's GPU, and arrays there.
struct RankGpu {
  std::shared_ptr<const Gpu> gpu;
  DeviceMemory memory;
  Stream stream = nullptr;

  static Expected<RankGpu> open(int rank) {
    RankGpu own;
    PLAIT_ASSIGN_OR_RETURN(own.gpu, Gpu::open("sm_90a", rank));
    PLAIT_ASSIGN_OR_RETURN(own.memory, own.gpu->allocate(3 * kBytes, "arrays"));
    PLAIT_RETURN_IF_ERROR(own.gpu->driver().check(own.gpu->driver()->streamCreate(&own.stream, kNonBlocking),
                                                  "cuStreamCreate", "a stream"));
    return own;
  }
  RankGpu() = default;
  RankGpu(RankGpu &&other) noexcept
      : gpu(std::move(other.gpu)), memory(std::move(other.memory)), stream(std::exchange(other.stream, nullptr)) {}
  ~RankGpu() {
    if (stream)
      (void)gpu->driver()->streamDestroy(stream);
  }
  Address array(int i) const { return memory.address() + uint64_t(i) * kBytes; }
  Status write(int i, std::span<const uint8_t> bytes) const {
    return bytes.empty() ? Status::success()
                         : gpu->driver().check(
                               gpu->driver()->copyToDevice(array(i), bytes.data(), bytes.size(), stream), "copy", "in");
  }
  Status read(int i, std::span<uint8_t> bytes) const {
    return bytes.empty() ? Status::success()
                         : gpu->driver().check(gpu->driver()->copyToHost(bytes.data(), array(i), bytes.size(), stream),
                                               "copy", "out");
  }
};

class GpuExchanges : public testing::Test {
protected:
  GpuExchanges() {
    void *library = dlopen(PLAIT_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    cuda = reinterpret_cast<test::FakeCudaFunction>(dlsym(library, test::kFakeCudaSymbol))();
    nccl = reinterpret_cast<test::FakeNcclFunction>(dlsym(library, test::kFakeNcclSymbol))();
    *cuda = test::FakeCuda();
    *nccl = test::FakeNccl();
    cuda->devices = 8;
    setenv("PLAIT_CUDA_DRIVER", PLAIT_FAKE_CUDA, 1);
    setenv("PLAIT_NCCL", PLAIT_FAKE_CUDA, 1);
  }
  ~GpuExchanges() override {
    EXPECT_EQ(nccl->misuse, "");
    EXPECT_EQ(nccl->communicators, 0);
    unsetenv("PLAIT_NCCL");
    unsetenv("PLAIT_GPU_EXCHANGE");
    *cuda = test::FakeCuda();
  }

  static void expectSuccess(const std::vector<Status> &results) {
    for (size_t rank = 0; rank < results.size(); ++rank)
      EXPECT_TRUE(results[rank]) << "rank " << rank << ": " << results[rank].message();
  }
  /// What each of two ranks says of how they exchange: "" by NCCL, else why not, or the error.
  std::vector<std::string> agree() {
    std::vector<std::string> said(2);
    expectSuccess(onRanks([&](Communicator &ranks) -> Status {
      PLAIT_ASSIGN_OR_RETURN(RankGpu own, RankGpu::open(ranks.rank()));
      plait_model_v4_t model = noGroups();
      model.rank = ranks.rank();
      model.ranks = 2;
      std::string why;
      auto made = StreamExchanges::agree(own.gpu, model, {&ranks, {}}, why);
      said[size_t(ranks.rank())] = made ? why : "error: " + made.status().message();
      EXPECT_EQ(made && *made, why.empty() && made);
      return ranks.barrier("end");
    }));
    return said;
  }

  test::FakeCuda *cuda;
  test::FakeNccl *nccl;
};

/// A communicator whose messages go from GPU to GPU, for the cases that all have to keep.
class GpuCommunicator final : public Communicator {
public:
  GpuCommunicator(Communicator &host, RankGpu &own, NcclGroup &group) : host(host), own(own), group(group) {}
  int rank() const override { return host.rank(); }
  int size() const override { return host.size(); }
  Status allReduce(std::span<float> data, const Reduction &how, const char *op) override {
    return host.allReduce(data, how, op);
  }
  Status reduceScatter(std::span<const float> in, std::span<float> out, std::span<const size_t> counts,
                       const Reduction &how, const char *op) override {
    return host.reduceScatter(in, out, counts, how, op);
  }
  Status allGather(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                   const char *op) override {
    std::vector<size_t> all;
    for (int from = 0; from < size(); ++from)
      all.insert(all.end(), bytes.begin(), bytes.end());
    std::vector<uint8_t> copies;
    for (int to = 0; to < size(); ++to)
      copies.insert(copies.end(), in.begin(), in.end());
    for (size_t from = 0; from < bytes.size(); ++from)
      for (size_t to = 0; to < bytes.size(); ++to)
        all[from * bytes.size() + to] = bytes[from];
    return allToAll(copies, out, all, op);
  }
  Status allToAll(std::span<const uint8_t> in, std::span<uint8_t> out, std::span<const size_t> bytes,
                  const char *op) override {
    std::vector<GpuMessage> sends, receives;
    PLAIT_RETURN_IF_ERROR(own.write(0, in));
    PLAIT_RETURN_IF_ERROR(own.write(1, out));
    Address from = own.array(0), to = own.array(1);
    const size_t n = size_t(size()), me = size_t(rank());
    for (size_t other = 0; other < n; ++other) {
      size_t sent = bytes[me * n + other], received = bytes[other * n + me];
      if (other == me && sent)
        PLAIT_RETURN_IF_ERROR(
            own.gpu->driver().check(own.gpu->driver()->copyOnDevice(to, from, sent, own.stream), "", op));
      if (other != me && sent)
        sends.push_back({from, sent, int(other)});
      if (other != me && received)
        receives.push_back({to, received, int(other)});
      from += sent;
      to += received;
    }
    PLAIT_RETURN_IF_ERROR(group.exchange(sends, receives, own.stream, op));
    PLAIT_RETURN_IF_ERROR(own.read(1, out));
    return synchronize(op);
  }
  Status broadcast(std::span<uint8_t> data, int root, const char *op) override {
    std::vector<GpuMessage> sends, receives;
    for (int other = 0; other < size(); ++other)
      if (rank() == root && other != root)
        sends.push_back({own.array(0), data.size(), other});
    if (rank() != root)
      receives.push_back({own.array(0), data.size(), root});
    PLAIT_RETURN_IF_ERROR(own.write(0, data));
    PLAIT_RETURN_IF_ERROR(group.exchange(sends, receives, own.stream, op));
    PLAIT_RETURN_IF_ERROR(own.read(0, data));
    return synchronize(op);
  }
  Status send(std::span<const uint8_t> data, int to, const char *op) override {
    PLAIT_RETURN_IF_ERROR(own.write(0, data));
    GpuMessage message{own.array(0), data.size(), to};
    PLAIT_RETURN_IF_ERROR(group.exchange({&message, 1}, {}, own.stream, op));
    return synchronize(op);
  }
  Status recv(std::span<uint8_t> data, int from, const char *op) override {
    GpuMessage message{own.array(0), data.size(), from};
    PLAIT_RETURN_IF_ERROR(group.exchange({}, {&message, 1}, own.stream, op));
    PLAIT_RETURN_IF_ERROR(own.read(0, data));
    return synchronize(op);
  }
  Status barrier(const char *op) override { return host.barrier(op); }
  Expected<std::vector<std::unique_ptr<Communicator>>> split(std::span<const std::vector<int>> groups) override {
    return host.split(groups);
  }

private:
  Status synchronize(const char *op) {
    return own.gpu->driver().check(own.gpu->driver()->streamSynchronize(own.stream), "cuStreamSynchronize", op);
  }
  Communicator &host;
  RankGpu &own;
  NcclGroup &group;
};

} // namespace

/// What has to hold of all communicators, of those that move data.
TEST_F(GpuExchanges, MovesWhatOtherCommunicatorsMove) {
  std::set<std::string> wanted = {"UnevenParts", "AllToAll", "SendsArriveInOrder"};
  for (const ConformanceCase &one : conformanceCases())
    for (int size : {2, 3, 5}) {
      if (!wanted.contains(one.name) || (one.ranks && one.ranks != size))
        continue;
      SCOPED_TRACE(one.name);
      auto nccl = Nccl::load();
      ASSERT_TRUE(nccl) << nccl.status().message();
      expectSuccess(onRanks(
          [&](Communicator &ranks) -> Status {
            PLAIT_ASSIGN_OR_RETURN(RankGpu own, RankGpu::open(ranks.rank()));
            PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<NcclGroup> group, NcclGroup::join(*nccl, ranks, ranks));
            GpuCommunicator communicator(ranks, own, *group);
            return one.body(communicator);
          },
          size));
    }
}

/// Every kind of collective that moves data, of parts of all sizes, by all ranks and by groups of them: the bytes of
/// the way through the hosts.
TEST_F(GpuExchanges, PlansGetTheBytesOfTheHosts) {
  std::mt19937 random(7);
  struct Trial {
    plait_collective_v4_t c;
    std::vector<int64_t> bounds;
    int64_t tokens;
    bool hasParts;
  };
  constexpr int ranks = 4;
  const int32_t members[2][2] = {{0, 2}, {1, 3}};
  const plait_group_v1_t groups[2] = {{members[0], 2, 0}, {members[1], 2, 0}};
  std::vector<Trial> trials;
  for (int i = 0; i < 300; ++i) {
    Trial &trial = trials.emplace_back();
    const int32_t kinds[] = {PLAIT_COLLECTIVE_ALL_GATHER, PLAIT_COLLECTIVE_PART, PLAIT_COLLECTIVE_ALL_TO_ALL,
                             PLAIT_COLLECTIVE_BROADCAST};
    bool grouped = random() % 2;
    int size = grouped ? 2 : ranks;
    trial.tokens = int64_t(std::vector<int>{0, 1, 2, 3, 4, 7, 33}[random() % 7]);
    trial.hasParts = random() % 4 != 0;
    bool isEven = random() % 2;
    trial.bounds = {0};
    for (int rank = 0; rank < size; ++rank)
      trial.bounds.push_back(trial.bounds.back() + (isEven ? 5 : int64_t(random() % 6)));
    trial.bounds.back() += trial.bounds.back() == 0;
    trial.c = {};
    trial.c.kind = kinds[i % 4];
    trial.c.dim = trial.c.kind == PLAIT_COLLECTIVE_BROADCAST ? 0 : int32_t(random() % 2);
    trial.c.rows = PLAIT_DIM_TOKENS;
    trial.c.columns = trial.bounds.back();
    trial.c.group = grouped ? 1 : -1; // number 0 or 1 by rank, below
    trial.c.other = trial.c.kind == PLAIT_COLLECTIVE_BROADCAST ? int32_t(random() % unsigned(size)) : 0;
  }
  expectSuccess(onRanks(
      [&](Communicator &all) -> Status {
        PLAIT_ASSIGN_OR_RETURN(RankGpu own, RankGpu::open(all.rank()));
        PLAIT_ASSIGN_OR_RETURN(auto parts, all.split(std::vector<std::vector<int>>{{0, 2}, {1, 3}}));
        RankCommunicators communicators = {&all, {parts[0].get(), parts[1].get()}};
        plait_model_v4_t model = noGroups();
        model.rank = all.rank();
        model.ranks = ranks;
        model.groups = groups;
        model.group_count = 2;
        std::string why;
        PLAIT_ASSIGN_OR_RETURN(auto exchanges, StreamExchanges::agree(own.gpu, model, communicators, why));
        EXPECT_TRUE(exchanges) << why;
        for (size_t t = 0; t < trials.size(); ++t) {
          Trial trial = trials[t];
          trial.c.bounds = trial.bounds.data();
          if (trial.c.group >= 0)
            trial.c.group = all.rank() % 2;
          plait_plan_v2_t plan{};
          plan.collectives = &trial.c;
          plan.collective_count = 1;
          PlanCollectives byHost(model, plan, communicators);
          byHost.shareTokens(trial.hasParts);
          StepDims dims{trial.tokens};
          size_t elements = size_t(trial.tokens * trial.c.columns);
          std::vector<float> source(elements), expected(elements, -1), got(elements, -1);
          for (size_t i = 0; i < elements; ++i)
            source[i] = float(1000 * all.rank() + int(i));
          bool inPlace = trial.c.kind == PLAIT_COLLECTIVE_BROADCAST;
          auto bytesOf = [](std::vector<float> &values) {
            return std::span<uint8_t>(reinterpret_cast<uint8_t *>(values.data()), values.size() * sizeof(float));
          };
          PLAIT_RETURN_IF_ERROR(own.write(0, bytesOf(source)));
          PLAIT_RETURN_IF_ERROR(own.write(1, bytesOf(got)));
          EXPECT_TRUE(StreamExchanges::moves(trial.c));
          EXPECT_LE(StreamExchanges::stagingBytes(trial.c, trial.tokens), kBytes);
          PLAIT_RETURN_IF_ERROR(exchanges->run(trial.c, dims, trial.hasParts, own.array(0), own.array(inPlace ? 0 : 1),
                                               own.array(2), own.stream, "trial"));
          PLAIT_RETURN_IF_ERROR(own.read(inPlace ? 0 : 1, bytesOf(got)));
          PLAIT_RETURN_IF_ERROR(exchanges->meet("trial"));
          PLAIT_RETURN_IF_ERROR(exchanges->wait(own.stream, "trial"));
          PLAIT_RETURN_IF_ERROR(byHost.run(0, dims, source.data(), inPlace ? source.data() : expected.data(), "trial"));
          EXPECT_EQ(got, inPlace ? source : expected)
              << "trial " << t << " kind " << trial.c.kind << " dim " << trial.c.dim << " rank " << all.rank();
        }
        // A pair, one way and back.
        for (int way : {0, 1}) {
          plait_collective_v4_t c{};
          bool sends = (all.rank() == 0) == (way == 0);
          c.kind = sends ? PLAIT_COLLECTIVE_SEND : PLAIT_COLLECTIVE_RECV;
          c.columns = 6;
          c.group = -1;
          c.other = all.rank() == 0 ? 3 : 0;
          std::vector<float> values(12, float(all.rank() + 10 * way));
          std::span<uint8_t> bytes(reinterpret_cast<uint8_t *>(values.data()), 48);
          if (all.rank() % 3)
            continue;
          PLAIT_RETURN_IF_ERROR(own.write(0, bytes));
          PLAIT_RETURN_IF_ERROR(
              exchanges->run(c, StepDims{2}, true, own.array(0), own.array(0), own.array(2), own.stream, "pair"));
          PLAIT_RETURN_IF_ERROR(own.read(0, bytes));
          PLAIT_RETURN_IF_ERROR(exchanges->wait(own.stream, "pair"));
          EXPECT_EQ(values[11], float((way ? 3 : 0) + 10 * way));
        }
        return all.barrier("end");
      },
      ranks));
  EXPECT_GT(nccl->calls["ncclAllGather"], 0);
  EXPECT_GT(nccl->calls["ncclSend"], 0);
  EXPECT_EQ(nccl->aborts, 0);
}

TEST_F(GpuExchanges, RanksAgree) {
  EXPECT_EQ(agree(), std::vector<std::string>(2, ""));
  setenv("PLAIT_GPU_EXCHANGE", "nccl", 1);
  EXPECT_EQ(agree(), std::vector<std::string>(2, ""));
  setenv("PLAIT_GPU_EXCHANGE", "host", 1);
  EXPECT_EQ(agree(), std::vector<std::string>(2, "PLAIT_GPU_EXCHANGE is host"));

  // What hinders: with auto the hosts exchange, with nccl it is an error on all.
  const std::string rest = "; PLAIT_GPU_EXCHANGE is nccl, which all ranks have to be able to use; with auto or host "
                           "they exchange through their hosts";
  auto expectHindered = [&](const std::string &why) {
    unsetenv("PLAIT_GPU_EXCHANGE");
    EXPECT_EQ(agree(), std::vector<std::string>(2, why));
    setenv("PLAIT_GPU_EXCHANGE", "nccl", 1);
    EXPECT_EQ(agree(), std::vector<std::string>(2, "error: exchange of GPUs: " + why + rest));
  };
  cuda->devices = 1;
  expectHindered("found rank 0 and rank 1 on one GPU; expected one for each");
  cuda->devices = 8;
  nccl->version = 21304;
  expectHindered("rank 0: NCCL: found 2.13.4 (" PLAIT_FAKE_CUDA "); expected 2.14 or later; install a newer one");
  nccl->version = 22809;
  setenv("PLAIT_NCCL", "libnccl-that-is-not-there.so", 1);
  expectHindered(
      "rank 0: NCCL: found no library (libnccl-that-is-not-there.so: cannot open shared object file: No such "
      "file or directory); expected NCCL 2.14 or later; install it, or name its file in PLAIT_NCCL");
  setenv("PLAIT_NCCL", PLAIT_FAKE_CUDA, 1);
  nccl->failing = "ncclCommInitRankConfig";
  expectHindered("rank 0: NCCL: rank 0, connecting to other ranks: found error 2 (of the fake NCCL) from "
                 "ncclCommInitRankConfig; expected success; run it again with NCCL_DEBUG=WARN, which says what failed, "
                 "or with PLAIT_GPU_EXCHANGE=host, which does without NCCL");
  nccl->failing = "ncclGetUniqueId";
  unsetenv("PLAIT_GPU_EXCHANGE");
  EXPECT_NE(agree()[1], "");
  nccl->failing = "";
  setenv("PLAIT_GPU_EXCHANGE", "fast", 1);
  EXPECT_EQ(agree()[0],
            "error: exchange of GPUs: rank 0: PLAIT_GPU_EXCHANGE: found 'fast'; expected auto, host or nccl" + rest);
}

/// Each of these would wait for ever if nobody looked around.
TEST_F(GpuExchanges, NobodyWaitsForALostRank) {
  struct Case {
    const char *name;
    int silentCode;
    bool leaves;
    const char *zero;
  } cases[] = {
      {"a rank leaves", 0, true,
       "rank 1 is lost: it has left the group; found while rank 0 waited for its GPU, for a step"},
      {"NCCL says so", kNcclRemoteError, false,
       "NCCL: rank 1, a step: found error 6 (remote process exited or there was a network error) from a GPU"},
  };
  for (const Case &one : cases) {
    SCOPED_TRACE(one.name);
    *nccl = test::FakeNccl();
    nccl->silentRank = 1;
    nccl->silentAfter = 2;
    nccl->silentCode = one.silentCode;
    std::vector<Status> results = onRanks([&](Communicator &ranks) -> Status {
      PLAIT_ASSIGN_OR_RETURN(RankGpu own, RankGpu::open(ranks.rank()));
      PLAIT_ASSIGN_OR_RETURN(auto library, Nccl::load());
      plait_model_v4_t model = noGroups();
      model.rank = ranks.rank();
      model.ranks = 2;
      std::string why;
      PLAIT_ASSIGN_OR_RETURN(auto exchanges, StreamExchanges::agree(own.gpu, model, {&ranks, {}}, why));
      plait_collective_v4_t c{};
      const int64_t bounds[] = {0, 4, 8};
      c.kind = PLAIT_COLLECTIVE_ALL_GATHER;
      c.dim = 1;
      c.bounds = bounds;
      c.columns = 8;
      c.group = -1;
      for (int step = 0; step < 5; ++step) {
        PLAIT_RETURN_IF_ERROR(exchanges->run(c, StepDims{3}, true, own.array(0), own.array(1), own.array(2), own.stream,
                                             "all_gather @o_proj"));
        PLAIT_RETURN_IF_ERROR(exchanges->meet("a step"));
        if (one.leaves && step == 2 && ranks.rank() == 1) {
          (void)exchanges.release(); // as if its process had ended
          return Status::success();
        }
        PLAIT_RETURN_IF_ERROR(exchanges->wait(own.stream, "a step"));
      }
      return Status::success();
    });
    EXPECT_FALSE(results[0]);
    EXPECT_NE(results[0].message().find(one.zero), std::string::npos) << results[0].message();
    if (!one.leaves)
      EXPECT_NE(results[1].message().find(one.zero), std::string::npos) << results[1].message();
    EXPECT_GE(nccl->aborts, 1);
  }
}
