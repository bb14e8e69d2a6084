//===- VirtualRanksModelTest.cpp - Ranks that share a model of a GPU ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What runs protocols on one GPU (test/unit/gpu/VirtualRanks.h) runs them on a driver that needs none, whose streams
// take turns; and it finds what is wrong with them.
//
//===----------------------------------------------------------------------===//

#include "CudaHostCode.h"
#include "CudaProtocolCases.h"
#include "test/unit/cuda/FakeDriver.h"
#include "test/unit/gpu/VirtualRanks.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>

#include <dlfcn.h>

using namespace plait;
using namespace plait::test;
using testing::ContainsRegex;
using testing::HasSubstr;

namespace {

class VirtualRanksModel : public testing::Test {
protected:
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / "plait-ranks-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder.data()));
    setenv("PLAIT_CUDA_DRIVER", PLAIT_FAKE_CUDA, 1);
    void *library = dlopen(PLAIT_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    fake = reinterpret_cast<FakeCudaFunction>(dlsym(library, kFakeCudaSymbol))();
    *fake = FakeCuda();
    fake->isConcurrent = true;
  }
  void TearDown() override {
    *reinterpret_cast<FakeCudaFunction>(dlsym(dlopen(PLAIT_FAKE_CUDA, RTLD_NOW), kFakeCudaSymbol))() = FakeCuda();
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  static CudaProtocolCase caseOf(const std::string &name, int64_t ranks) {
    for (CudaProtocolCase &one : cudaProtocolCases(ranks))
      if (one.name == name)
        return one;
    llvm::report_fatal_error(llvm::StringRef(name));
  }
  VirtualRanksOutcome run(const CudaProtocolCase &protocol, const char *fault = nullptr,
                          const std::string &multicast = "loop") {
    auto assemble =
        multicast == "loop" ? makeHostImage : [](mlir::gpu::GPUModuleOp) { return Expected<Cubin>(Cubin()); };
    return run(writeCudaProtocolCase(protocol, folder, assemble, fault, multicast));
  }
  VirtualRanksOutcome run(const std::string &stem) {
    auto read = ProtocolCase::read(stem + ".json");
    auto gpu = cuda::Gpu::open("sm_90a");
    if (!read || !gpu)
      return {VirtualRanksOutcome::wrong, read.status().message() + gpu.status().message()};
    return runVirtualRanks(*gpu, *read, options);
  }

  std::string folder;
  FakeCuda *fake = nullptr;
  VirtualRanksOptions options = {
      .epochs = 7, .epochsAtOnce = 4, .inputs = 3, .longestPause = 0, .patience = 2000, .pause = 0};
};

} // namespace

TEST_F(VirtualRanksModel, EveryEpochIsRight) {
  for (int64_t ranks : {2, 3, 4, 5, 8})
    for (const CudaProtocolCase &protocol : cudaProtocolCases(ranks)) {
      SCOPED_TRACE(protocol.name + " of " + std::to_string(ranks));
      // Products take long here, and so do long rows.
      if (ranks != 3 && protocol.results[0]["value"].dump().find("product") != std::string::npos)
        continue;
      options.epochs = protocol.results[0]["columns"] > 1000 ? 2 : 7;
      VirtualRanksOutcome outcome = run(protocol);
      EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::right) << outcome.text;
    }
  EXPECT_EQ(fake->streams + fake->events + fake->modules + fake->memories + fake->hostMemories, 0);
}

TEST_F(VirtualRanksModel, ArrivalsThatAreMissingAreNamed) {
  options.patience = 20;
  VirtualRanksOutcome outcome = run(caseOf("two-shot", 3), "red.release.sys.global.add.u32");
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::hung) << outcome.text;
  EXPECT_THAT(outcome.text, HasSubstr("two-shot: found no end of epochs 0 to 3 of 3 ranks"));
  for (const char *rank : {"0", "1", "2"})
    EXPECT_THAT(outcome.text,
                HasSubstr("\nrank " + std::string(rank) +
                          " is in epoch 0; counter 0: 0 0 0; counter 1: 0 0 0; epochs begun by trigger 2: "
                          "0 0 0"));
}

/// One launch of one rank does nothing.
TEST_F(VirtualRanksModel, WhereRanksAreIsNamed) {
  options.patience = 20;
  fake->losingKernel = "one_shot_0";
  fake->loseAfter = 7;
  VirtualRanksOutcome outcome = run(caseOf("one-shot", 3));
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::hung) << outcome.text;
  for (const char *rank : {"0", "1", "2"})
    EXPECT_THAT(outcome.text, ContainsRegex("rank " + std::string(rank) + " is in epoch [23]; counter 0: [789] [789]"));
}

TEST_F(VirtualRanksModel, WrongResultsAreFound) {
  // Those who do not wait read too early, now and then.
  options.epochs = 64;
  options.epochsAtOnce = 16;
  for (const char *fault : {"bra WAIT;", "cp.async.bulk.wait_group 0;", "cp.async.bulk.wait_group.read 0;"}) {
    VirtualRanksOutcome outcome = run(caseOf("two-shot", 3), fault);
    EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::wrong) << fault;
    EXPECT_THAT(outcome.text, ContainsRegex("two-shot: rank [012] of 3, epoch [0-9]+: result 0")) << fault;
  }
  CudaProtocolCase protocol = caseOf("one-shot", 2);
  protocol.results[0]["value"] = Json::array({"add", protocol.results[0]["value"], 0});
  VirtualRanksOutcome outcome = run(protocol);
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::wrong);
  EXPECT_THAT(outcome.text, HasSubstr("one-shot: rank 0 of 2, epoch 0: result 0, row 0, column 0: found "));
  // A norm, which is compared with a tolerance.
  protocol = caseOf("all-reduce-norm", 2);
  protocol.results[0]["value"] = Json::array({"norm", Json::array({"sum", 0}), 2});
  EXPECT_THAT(run(protocol).text, HasSubstr("all-reduce-norm: rank 0 of 2, epoch 0: result 0, row 0"));
}

TEST_F(VirtualRanksModel, StoresBehindTheMemoryAreFound) {
  auto read = ProtocolCase::read(writeCudaProtocolCase(caseOf("one-shot", 2), folder, makeHostImage) + ".json");
  auto gpu = cuda::Gpu::open("sm_90a");
  ASSERT_TRUE(read && gpu);
  read->memoryBytes -= 1024; // counters are at the end
  VirtualRanksOutcome outcome = runVirtualRanks(*gpu, *read, options);
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::wrong);
  EXPECT_THAT(outcome.text, HasSubstr("one-shot: found something stored behind the symmetric memory of rank 0, byte "));
}

TEST_F(VirtualRanksModel, ErrorsOfLaunchesAreNamed) {
  fake->failingKernel = "one_shot_1";
  VirtualRanksOutcome outcome = run(caseOf("one-shot", 2));
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::wrong);
  EXPECT_THAT(outcome.text, HasSubstr("CUDA: one-shot: found CUDA_ERROR_ILLEGAL_ADDRESS (700"));
}

TEST_F(VirtualRanksModel, WhatHasNoRoomIsExcluded) {
  fake->processors = 2;
  VirtualRanksOutcome outcome = run(caseOf("layer-by-tiles", 3));
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::excluded);
  EXPECT_THAT(outcome.text, ContainsRegex("layer-by-tiles: blocks of 3 ranks might have no room at the same time: each "
                                          "of 3 of .* takes [0-9]+ % of one of 2 SMs"));
  fake->processors = 132;
  outcome = run(caseOf("one-shot", 2), nullptr, "all");
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::excluded);
  EXPECT_THAT(outcome.text, HasSubstr("one-shot: it stores through a multicast address"));
}

/// Not a test: what tools/dev.sh takes to a machine with a GPU.
TEST(CudaProtocolCases, DISABLED_LeaveForAGpu) {
  const char *folder = std::getenv("PLAIT_GPU_PROTOCOLS");
  ASSERT_TRUE(folder) << "found no PLAIT_GPU_PROTOCOLS; expected a folder";
  auto assemble = [](mlir::gpu::GPUModuleOp kernels) -> Expected<Cubin> {
    PLAIT_ASSIGN_OR_RETURN(std::string ptx, compileToPtx(kernels));
    return assemblePtx(ptx, "sm_90a");
  };
  for (int64_t ranks : {2, 3, 4, 5, 8})
    for (const CudaProtocolCase &protocol : cudaProtocolCases(ranks))
      writeCudaProtocolCase(protocol, folder, assemble);
}
