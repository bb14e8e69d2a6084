//===- CudaDeviceTest.cpp - Tests of running steps on a GPU ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a driver without a GPU (test/unit/cuda/FakeDriver.h). What steps compute there is tested by
// InstanceTest.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/core/Instance.h"
#include "runtime/device/cuda/Driver.h"
#include "test/unit/cuda/FakeDriver.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <cstring>

#include <dlfcn.h>

using namespace plait;

namespace {

test::FakeCuda &fakeCuda() {
  static void *library = dlopen(PLAIT_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
  auto get = reinterpret_cast<test::FakeCudaFunction>(dlsym(library, test::kFakeCudaSymbol));
  return *get();
}

bool has(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

class CudaDeviceTest : public testing::Test {
protected:
  void SetUp() override {
    artifact.useGpu();
    fake = test::FakeCuda();
  }
  void TearDown() override {
    unsetenv("PLAIT_CUDA_CHECK");
    fakeCuda() = test::FakeCuda(); // and forgets a failure
  }

  std::string openError() {
    auto model = artifact.open();
    return model ? "" : model.status().message();
  }
  Expected<std::unique_ptr<Instance>> create(InstanceOptions options = {.threads = 1}) {
    auto model = artifact.open();
    if (!model)
      return model.status();
    return Instance::create(*model, options);
  }
  /// One row per length, each from its start.
  static StepBatch batch(const std::vector<int> &lengths) {
    StepBatch batch;
    int32_t page = 0;
    for (int length : lengths) {
      StepRow &row = batch.rows.emplace_back();
      row.tokens = demo::prompt(length);
      row.pages.resize(2);
      for (int64_t i = 0; i * demo::kPageTokens < length; ++i, ++page)
        for (std::vector<int32_t> &pages : row.pages)
          pages.push_back(page);
      row.leaves.push_back({length - 1, {}, {}});
    }
    return batch;
  }
  static int32_t expected(int length) { return demo::next(demo::prompt(length)).token; }

  demo::Artifact artifact;
  test::FakeCuda &fake = fakeCuda();
};

} // namespace

TEST_F(CudaDeviceTest, SaysWhatTheMachineLacks) {
  setenv("PLAIT_CUDA_DRIVER", "/nonexistent/libcuda.so.1", 1);
  EXPECT_PRED2(has, openError(),
               artifact.path() + ": CUDA: found no driver (/nonexistent/libcuda.so.1: cannot "
                                 "open shared object file: No such file or directory); expected "
                                 "a machine with an NVIDIA GPU and its driver; run the model "
                                 "there, or compile it for this machine's CPU (--target cpu)");
  // What there is can be read anywhere.
  auto tables = Model::open(artifact.path(), {.loadWeights = false});
  ASSERT_TRUE(tables) << tables.status().message();
  EXPECT_STREQ((*tables)->tables().gpu->chip, "sm_90a");
  auto instance = Instance::create(*tables, {});
  ASSERT_FALSE(instance);
  EXPECT_PRED2(has, instance.status().message(), "without its weights");

  setenv("PLAIT_CUDA_DRIVER", PLAIT_FAKE_CUDA_OLD, 1);
  EXPECT_PRED2(has, openError(),
               "CUDA: found a driver without cuGraphDestroy (" PLAIT_FAKE_CUDA_OLD
               "); expected that of CUDA 12.0 or later; update the GPU's driver");
  setenv("PLAIT_CUDA_DRIVER", PLAIT_FAKE_CUDA, 1);
  fake.devices = 0;
  EXPECT_PRED2(has, openError(), "CUDA: found no GPU; expected one");
  fake.devices = 1;
  fake.major = 8;
  EXPECT_PRED2(has, openError(),
               "CUDA: found GPU 0 (Fake) of compute capability 8.0; expected 9.0, which the code "
               "is for (sm_90a); compile the model for this GPU (--target cuda:...)");
  fake.major = 9;
  EXPECT_EQ(openError(), "");
}

TEST_F(CudaDeviceTest, CodeRunsOnLaterGpusOfItsMajorVersion) {
  artifact.edit([](Json &manifest) { manifest["binaries"][0]["gpu"] = "sm_80"; });
  fake.major = 8;
  fake.minor = 6;
  EXPECT_PRED2(has, openError(), "found code for sm_90a in model.so; expected sm_80, as manifest.json says");
  fake.major = 9;
  fake.minor = 0;
  EXPECT_PRED2(has, openError(), "expected 8.0 or a later one of the same major version");
  artifact.edit([](Json &manifest) { manifest["binaries"][0]["gpu"] = "gfx90a"; });
  EXPECT_PRED2(has, openError(), "found code for 'gfx90a'; expected the name of an architecture");
}

TEST_F(CudaDeviceTest, TakesTheCpuWhereThereIsNoGpu) {
  demo::Artifact other;
  auto cpu = readFile(other.file("model.so"));
  ASSERT_TRUE(cpu);
  ASSERT_TRUE(writeFileAtomic(artifact.file("cpu.so"), *cpu));
  artifact.edit(
      [&](Json &manifest) { manifest["binaries"].push_back(demo::binaryEntry("generic", "", "cpu.so", *cpu)); });
  auto target = [&] {
    auto model = artifact.open();
    return model ? (*model)->binary().target : model.status().message();
  };
  EXPECT_EQ(target(), "sm_90a");
  fake.devices = 0;
  EXPECT_EQ(target(), "generic");
}

TEST_F(CudaDeviceTest, LaunchesThePlanInOrder) {
  auto instance = create();
  ASSERT_TRUE(instance) << instance.status().message();
  auto result = (*instance)->run(batch({3, 5}));
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].token, expected(3));
  EXPECT_EQ(result->leaves[1].token, expected(5));
  std::string names;
  for (const test::FakeLaunch &launch : fake.launches) {
    names += (names.empty() ? "" : " ") + launch.function;
    EXPECT_TRUE(launch.fromGraph);
  }
  // Of several entries the first that is meant for 8 tokens and for 2 leaves; embed's is for 3 tokens.
  EXPECT_EQ(names, "embed bias store_few attend_few combine_few store_few attend_few combine_few store_few attend_few "
                   "combine_few twist_few twist_few twist_few twist_few store_few head");
  // A graph has blocks for 16 rows; those behind the last one do nothing.
  EXPECT_EQ(fake.launches[0].blocks, 8u);
  EXPECT_EQ(fake.launches[0].threads, 128u);
  EXPECT_EQ(fake.launches[0].sharedBytes, 65536u);
  EXPECT_EQ(fake.launches[2].blocks, 16u);
  EXPECT_EQ(fake.launches[2].threads, 64u);

  fake.launches.clear();
  ASSERT_TRUE((*instance)->run(batch({17}))) << "another graph";
  EXPECT_EQ(fake.launches[2].function, "store");
  EXPECT_EQ(fake.launches[2].blocks, 64u);
}

TEST_F(CudaDeviceTest, LargeStepsAreNotRecorded) {
  auto instance = create({.threads = 1, .maxTokens = 512, .capacityPages = 256});
  ASSERT_TRUE(instance) << instance.status().message();
  auto result = (*instance)->run(batch({60, 60, 60, 60, 60}));
  ASSERT_TRUE(result) << result.status().message();
  for (const LeafResult &leaf : result->leaves)
    EXPECT_EQ(leaf.token, expected(60));
  EXPECT_EQ(fake.calls["cuStreamBeginCapture_v2"], 0);
  EXPECT_EQ(fake.launches[0].blocks, 150u);
  EXPECT_FALSE(fake.launches[0].fromGraph);
}

TEST_F(CudaDeviceTest, AStepAllocatesNothingAndWaitsOnce) {
  auto instance = create();
  ASSERT_TRUE(instance) << instance.status().message();
  ASSERT_TRUE((*instance)->run(batch({3})));
  auto before = fake.calls;
  for (int length : {1, 7, 16, 2}) {
    auto result = (*instance)->run(batch({length}));
    ASSERT_TRUE(result) << result.status().message();
    EXPECT_EQ(result->leaves[0].token, expected(length));
  }
  for (const char *call : {"cuMemAlloc_v2", "cuMemHostAlloc", "cuStreamBeginCapture_v2", "cuGraphInstantiateWithFlags",
                           "cuLaunchKernel", "cuEventSynchronize", "cuTensorMapEncodeTiled"})
    EXPECT_EQ(fake.calls[call], before[call]) << call;
  EXPECT_EQ(fake.calls["cuGraphLaunch"], before["cuGraphLaunch"] + 4);
  EXPECT_EQ(fake.calls["cuStreamSynchronize"], before["cuStreamSynchronize"] + 4);
}

TEST_F(CudaDeviceTest, MemoryIsKnownBeforeAnyIsTaken) {
  fake.memoryBytes = 200000;
  auto instance = create();
  ASSERT_FALSE(instance);
  EXPECT_PRED2(has, instance.status().message(), "memory: found 195.31 KiB available (GPU 0 (Fake)); expected ");
  EXPECT_PRED2(has, instance.status().message(), "it would fit, the cheapest first: ");
  EXPECT_EQ(fake.calls["cuMemAlloc_v2"], 0);
  // What it says is what is taken.
  fake.memoryBytes = uint64_t(1) << 30;
  auto fits = create();
  ASSERT_TRUE(fits) << fits.status().message();
  EXPECT_EQ(fake.usedBytes, (*fits)->arenaMemory() + (*fits)->stateMemory() + (*fits)->model().tables().pack_bytes);
  // Another instance shares the weights.
  uint64_t first = fake.usedBytes;
  auto model = artifact.open();
  ASSERT_TRUE(model);
  auto one = Instance::create(*model, {.threads = 1}), two = Instance::create(*model, {.threads = 1});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(fake.usedBytes, 3 * first - (*model)->tables().pack_bytes);
}

TEST_F(CudaDeviceTest, ErrorsNameTheLaunch) {
  auto instance = create();
  ASSERT_TRUE(instance) << instance.status().message();
  fake.failing = "cuLaunchKernel";
  fake.failAfter = 6; // embed, bias, then the second layer's attend
  fake.failCode = 701;
  auto result = (*instance)->run(batch({3}));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.status().message(), "CUDA: attend of lm.attention of layer 1: found CUDA_ERROR_FAKE (701, of the "
                                       "fake driver) from cuLaunchKernel; expected success; restart the program");
  // A graph that was not recorded is recorded the next time.
  result = (*instance)->run(batch({3}));
  ASSERT_TRUE(result) << result.status().message();
  EXPECT_EQ(result->leaves[0].token, expected(3));
}

TEST_F(CudaDeviceTest, AFailedKernelIsTheEnd) {
  for (bool checks : {false, true}) {
    fake.failingKernel = "";
    (void)fakeCuda(); // forgets
    if (checks)
      setenv("PLAIT_CUDA_CHECK", "1", 1);
    auto instance = create();
    ASSERT_TRUE(instance) << instance.status().message();
    fake.failingKernel = "combine_few";
    std::string failure = std::string("CUDA: ") + (checks ? "combine of lm.combine of layer 0" : "a step of ar") +
                          ": found CUDA_ERROR_ILLEGAL_ADDRESS (700, of the fake driver) from cuStreamSynchronize; "
                          "expected success; run it again with PLAIT_CUDA_CHECK=1, which finds the launch, and report "
                          "that";
    for (int time = 0; time < 2; ++time) {
      auto result = (*instance)->run(batch({3}));
      ASSERT_FALSE(result);
      EXPECT_EQ(result.status().message(), failure);
    }
    EXPECT_EQ((*instance)->copyPage(0, 0, 1).message(), failure);
  }
}

TEST_F(CudaDeviceTest, EveryCallMayFail) {
  std::vector<std::string> calls = {
#define PLAIT_CUDA_CALL(name, symbol, parameters) #symbol,
#include "runtime/device/cuda/DriverApi.def"
#undef PLAIT_CUDA_CALL
  };
  int failures = 0;
  for (const std::string &call : calls)
    for (int after : {0, 1, 4}) {
      // What is not released stays, and a context that is not entered releases nothing.
      bool releases = call.find("Free") != std::string::npos || call.find("Destroy") != std::string::npos ||
                      call.find("Unload") != std::string::npos || call.find("Release") != std::string::npos ||
                      (call == "cuCtxSetCurrent" && after);
      if (releases)
        continue;
      SCOPED_TRACE(call + " " + std::to_string(after));
      {
        fakeCuda() = test::FakeCuda();
        auto work = [&]() -> Status {
          PLAIT_ASSIGN_OR_RETURN(auto instance, create());
          for (int length : {3, 17})
            PLAIT_RETURN_IF_ERROR(instance->run(batch({length})).status());
          return instance->moveCells(std::vector<CellMove>{{0, 0, 1, 0, 2}, {1, 0, 3, 0, 0}});
        };
        fake.failing = call;
        fake.failAfter = after;
        fake.failCode = 999;
        Status status = work();
        if (!status) {
          ++failures;
          std::string shown = call.substr(0, call.find('_'));
          EXPECT_PRED2(has, status.message(), "found CUDA_ERROR_FAKE (999, of the fake driver) from " + shown);
        }
      }
      EXPECT_EQ(fake.memories, 0);
      EXPECT_EQ(fake.hostMemories, 0);
      EXPECT_EQ(fake.modules, 0);
      EXPECT_EQ(fake.streams, 0);
      EXPECT_EQ(fake.events, 0);
      EXPECT_EQ(fake.graphs, 0);
      EXPECT_EQ(fake.contexts, 0);
    }
  EXPECT_GT(failures, 40);
}
