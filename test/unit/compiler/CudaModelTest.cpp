//===- CudaModelTest.cpp - A whole model on a model of a GPU --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The shipped model, compiled for GPUs with images that run on this machine (CudaHostCode.h),
// run by the runtime on a driver that needs no GPU, against the same for a CPU that rounds the same
// inputs of products.
//
//===----------------------------------------------------------------------===//

#include "CudaHostCode.h"

#include "plait/Driver/Compile.h"
#include "runtime/comm/LocalGroup.h"
#include "runtime/core/Instance.h"
#include "runtime/core/Ranks.h"
#include "runtime/device/cuda/Program.h"
#include "test/unit/cuda/FakeDriver.h"
#include "test/unit/cuda/FakeNccl.h"

#include "mlir/Pass/PassManager.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <thread>

#include <dlfcn.h>
#include <unistd.h>

using namespace plait;
using namespace plait::test;

namespace {

constexpr size_t kPrompt = 20, kTokens = 8;

class CudaModelTest : public testing::TestWithParam<const char *> {
protected:
  static void SetUpTestSuite() {
    [[maybe_unused]] static bool once = (mlir::registerPassManagerCLOptions(), true); // `compile` asks for them
  }
  void SetUp() override {
    folder = std::filesystem::temp_directory_path() / "plait-cuda-XXXXXX";
    ASSERT_TRUE(mkdtemp(folder.data()));
    setenv("PLAIT_CUDA_DRIVER", PLAIT_FAKE_CUDA, 1);
    void *library = dlopen(PLAIT_FAKE_CUDA, RTLD_NOW | RTLD_LOCAL);
    fake = reinterpret_cast<FakeCudaFunction>(dlsym(library, kFakeCudaSymbol))();
    *fake = FakeCuda();
    nccl = reinterpret_cast<FakeNcclFunction>(dlsym(library, kFakeNcclSymbol))();
    *nccl = FakeNccl();
    setenv("PLAIT_NCCL", PLAIT_FAKE_CUDA, 1);
    fake->major = std::string(GetParam()) == "sm_80" ? 8 : 9;
  }
  void TearDown() override {
    EXPECT_EQ(nccl->misuse, "");
    EXPECT_EQ(nccl->communicators, 0);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }

  /// The path of the artifact.
  std::string compileTo(const std::string &name, const std::string &target, int64_t ranks = 1, bool expandSums = true,
                        StateFormat state = StateFormat::f32) {
    CompileOptions options;
    options.input = PLAIT_TEST_DIR "/models/kjv-2m";
    options.output = folder + "/" + name;
    options.target = target;
    options.mesh.ranks = ranks;
    options.state = state;
    options.expandSums = expandSums;
    options.debugLogits = true;
    options.selftest = false;
    options.assemble = makeHostImage;
    Status compiled = compile(options);
    EXPECT_TRUE(compiled) << compiled.message();
    return options.output;
  }
  std::shared_ptr<const Model> compileFor(const std::string &target, StateFormat state = StateFormat::f32) {
    auto model = Model::open(compileTo(target.substr(target.find(':') + 1), target, 1, true, state));
    EXPECT_TRUE(model) << model.status().message();
    return model ? *model : nullptr;
  }

  /// Of several ranks that are threads: calls `lead` with the model of rank 0. What the others say in the end.
  static std::vector<Status> runRanks(const std::string &artifact, int ranks,
                                      const std::function<void(std::shared_ptr<const Model>)> &lead) {
    LocalGroupOptions options;
    options.size = ranks;
    options.deadline = std::chrono::seconds(60); // they take turns on a driver that has one lock
    Expected<int> fd = LocalGroup::create(options);
    EXPECT_TRUE(fd) << fd.status().message();
    std::vector<Status> ends(size_t(ranks), Status::success());
    auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
    ::close(*fd);
    auto open = [&](int rank) -> Expected<std::shared_ptr<const Model>> {
      PLAIT_ASSIGN_OR_RETURN(auto communicator, LocalGroup::join(region, rank, options));
      ModelOptions own;
      own.rank = rank;
      own.group = std::make_shared<RankGroup>(std::move(communicator));
      return Model::open(artifact, own);
    };
    std::vector<std::thread> others;
    for (int rank = 1; rank < ranks; ++rank)
      others.emplace_back([&, rank] {
        auto model = open(rank);
        ends[size_t(rank)] = model ? serveRank(model.take()) : model.status();
      });
    {
      auto model = open(0);
      EXPECT_TRUE(model) << model.status().message();
      if (model)
        lead(model.take());
    }
    for (std::thread &other : others)
      other.join();
    return ends;
  }
  static void expectSuccess(const std::vector<Status> &ends) {
    for (size_t rank = 0; rank < ends.size(); ++rank)
      EXPECT_TRUE(ends[rank]) << "rank " << rank << ": " << ends[rank].message();
  }

  struct Run {
    std::vector<int32_t> tokens;
    std::vector<float> logits; ///< of the last token of each step
  };
  /// A prompt in steps of `chunk` tokens, then greedy tokens.
  Run generate(const std::shared_ptr<const Model> &model, size_t chunk, const char *variant) {
    Run run;
    auto instance = Instance::create(model, {.threads = 1, .maxTokens = 64, .maxRows = 1, .variant = variant});
    EXPECT_TRUE(instance) << instance.status().message();
    if (!instance)
      return run;
    std::vector<int32_t> text;
    for (size_t i = 0; i < kPrompt; ++i)
      text.push_back(int32_t(3 + 97 * i % 1900));
    for (size_t done = 0; done < kPrompt + kTokens - 1;) {
      size_t count = std::min(text.size() - done, chunk);
      StepBatch batch;
      StepRow &row = batch.rows.emplace_back();
      row.tokens.assign(text.begin() + ptrdiff_t(done), text.begin() + ptrdiff_t(done + count));
      row.firstPosition = int64_t(done);
      row.pages = {{0}};
      row.leaves.push_back({int32_t(count) - 1, {}, {}});
      auto result = (*instance)->run(std::move(batch));
      EXPECT_TRUE(result) << result.status().message();
      if (!result)
        return run;
      done += count;
      run.logits.insert(run.logits.end(), result->logits.begin(), result->logits.end());
      if (done >= kPrompt) {
        run.tokens.push_back(result->leaves[0].token);
        text.push_back(result->leaves[0].token);
      }
    }
    return run;
  }

  /// Up to the first token where the two most probable ones are as near as logits are.
  static void compare(const Run &found, const Run &expected) {
    ASSERT_EQ(found.logits.size(), expected.logits.size());
    size_t vocabulary = found.logits.size() / kTokens;
    for (size_t i = 0; i < kTokens; ++i) {
      SCOPED_TRACE(i);
      std::vector<float> row(expected.logits.begin() + ptrdiff_t(i * vocabulary),
                             expected.logits.begin() + ptrdiff_t((i + 1) * vocabulary));
      double largest = 0, difference = 0;
      for (size_t v = 0; v < vocabulary; ++v) {
        largest = std::max(largest, double(std::fabs(row[v])));
        double own = std::fabs(found.logits[i * vocabulary + v] - row[v]);
        difference = own <= difference ? difference : own; // also of NaN
      }
      // Orders of sums differ, so that now and then an input of a product is rounded to the other neighbour.
      ASSERT_LE(difference, 1e-2 * largest);
      if (found.tokens[i] == expected.tokens[i])
        continue;
      std::nth_element(row.begin(), row.begin() + 1, row.end(), std::greater<float>());
      ASSERT_LE(row[0] - row[1], 2 * difference) << "tokens differ";
      break; // from here on the texts differ
    }
  }

  std::string folder;
  FakeCuda *fake = nullptr;
  FakeNccl *nccl = nullptr;
};

} // namespace

TEST_P(CudaModelTest, HasTheTokensOfACpu) {
  auto gpu = compileFor(std::string("cuda:") + GetParam()), cpu = compileFor("cpu:amx-emulated");
  ASSERT_TRUE(gpu && cpu);
  Run expected = generate(cpu, kPrompt, "ar.debug"), found = generate(gpu, kPrompt, "ar.debug");
  compare(found, expected);
  // The variant that chooses tokens alone: logits stay between GPU and host.
  EXPECT_EQ(generate(gpu, kPrompt, "ar").tokens, found.tokens);
  // However the prompt is cut into steps, which other functions of the kernels run.
  Run single = generate(gpu, 1, "ar.debug");
  std::vector<float> last(single.logits.end() - ptrdiff_t(found.logits.size()), single.logits.end());
  EXPECT_TRUE(last == found.logits);
}

/// Of a step of greedy leaves the host gets summaries of blocks of logits, and of what is reported the most probable
/// tokens of each; of one that draws the logits.
TEST_P(CudaModelTest, GreedyStepsCopyNoLogits) {
  auto model = compileFor(std::string("cuda:") + GetParam());
  ASSERT_TRUE(model);
  const uint64_t leaves = 3, vocabulary = 2048, blocks = vocabulary / 512;
  auto run = [&](const char *variant, float temperature, int32_t tops) {
    InstanceOptions options{.threads = 1, .maxTokens = 16, .maxRows = 2, .maxLeaves = int64_t(leaves)};
    options.variant = variant;
    auto instance = Instance::create(model, options);
    EXPECT_TRUE(instance) << instance.status().message();
    StepBatch batch;
    for (int32_t page : {0, 1}) {
      StepRow &row = batch.rows.emplace_back();
      row.tokens = {5 + page, 100, 7, 900};
      row.pages = {{page}};
      row.leaves.push_back({3, {}, {}, {}, page ? tops : 0});
    }
    batch.rows[1].leaves.insert(batch.rows[1].leaves.begin(), StepLeaf{1, {.temperature = temperature, .seed = 3}});
    fake->bytesToHost = 0;
    auto result = (*instance)->run(std::move(batch));
    EXPECT_TRUE(result) << result.status().message();
    return result ? *result : StepResult();
  };
  for (int32_t tops : {0, 5}) {
    SCOPED_TRACE(tops);
    StepResult expected = run("ar.debug", 0, tops);
    ASSERT_EQ(expected.logits.size(), leaves * vocabulary);
    EXPECT_GE(fake->bytesToHost, 4 * leaves * vocabulary);
    StepResult found = run("ar", 0, tops);
    ASSERT_EQ(found.leaves.size(), leaves);
    EXPECT_EQ(fake->bytesToHost, 4 * leaves * blocks * (4 + 2 * uint64_t(tops)));
    StepResult drawn = run("ar", 1, tops);
    ASSERT_EQ(drawn.leaves.size(), leaves);
    EXPECT_GE(fake->bytesToHost, 4 * leaves * vocabulary);
    for (size_t leaf = 0; leaf < leaves; ++leaf) {
      SCOPED_TRACE(leaf);
      std::vector<float> row(expected.logits.begin() + ptrdiff_t(leaf * vocabulary),
                             expected.logits.begin() + ptrdiff_t((leaf + 1) * vocabulary));
      auto top = std::max_element(row.begin(), row.end());
      double sum = 0;
      for (float logit : row)
        sum += std::exp(double(logit) - double(*top));
      const LeafResult &own = found.leaves[leaf], &before = expected.leaves[leaf];
      EXPECT_EQ(own.token, top - row.begin());
      EXPECT_NEAR(own.logprob, -std::log(sum), 1e-5);
      // The bits of steps that have logits.
      EXPECT_EQ(own.logprob, before.logprob);
      ASSERT_EQ(own.top.size(), leaf == 2 ? size_t(tops) : 0);
      ASSERT_EQ(before.top.size(), own.top.size());
      for (size_t i = 0; i < own.top.size(); ++i) {
        EXPECT_EQ(own.top[i].token, before.top[i].token);
        EXPECT_EQ(own.top[i].logprob, before.top[i].logprob);
      }
      if (leaf == 1)
        continue;
      EXPECT_EQ(drawn.leaves[leaf].token, own.token);
      EXPECT_EQ(drawn.leaves[leaf].logprob, own.logprob);
    }
  }
}

/// Products, attention and the embedding of a part on each of two GPUs, or both on one, with sums between them: the
/// summands go from GPU to GPU if each rank has its own, else through the hosts. The hosts choose tokens together.
TEST_P(CudaModelTest, RanksHaveTheTokensOfOne) {
  std::string target = std::string("cuda:") + GetParam();
  auto one = compileFor(target);
  ASSERT_TRUE(one);
  Run expected = generate(one, kPrompt, "ar.debug"), first;
  std::string two = compileTo("two", target, 2);
  for (int gpus : {1, 2}) {
    SCOPED_TRACE(gpus);
    fake->devices = gpus;
    expectSuccess(runRanks(two, 2, [&](std::shared_ptr<const Model> model) {
      EXPECT_EQ(model->gpuProgram()->gpu()->name(), "GPU 0 (Fake)");
      Run found = generate(model, kPrompt, "ar.debug");
      compare(found, expected);
      // Of each step the embedding, two sums for each of 4 layers, and the logits that are shown.
      const Communicator &communicator = model->group()->communicator();
      EXPECT_EQ(communicator.count(CollectiveKind::allReduce).calls, 0u);
      EXPECT_GE(communicator.count(CollectiveKind::allGather).calls, 10 * kTokens);
      if (gpus == 1) {
        first = found;
        EXPECT_EQ(nccl->calls["ncclAllGather"], 0);
        return;
      }
      // The very bits of the way through the hosts.
      EXPECT_EQ(found.tokens, first.tokens);
      EXPECT_TRUE(found.logits == first.logits);
      EXPECT_EQ(nccl->calls["ncclAllGather"], int(2 * 10 * kTokens));
      EXPECT_EQ(generate(model, kPrompt, "ar").tokens, found.tokens);
      Run pieces = generate(model, 7, "ar.debug");
      std::vector<float> last(pieces.logits.end() - ptrdiff_t(found.logits.size()), pieces.logits.end());
      EXPECT_TRUE(last == found.logits);
    }));
  }
  // Those of sums that ranks on CPUs make, of 2 and of 3 ranks with parts that differ.
  for (int ranks : {2, 3}) {
    SCOPED_TRACE(ranks);
    fake->devices = ranks;
    auto logitsOf = [&](const std::string &artifact) {
      Run run;
      expectSuccess(runRanks(artifact, ranks, [&](std::shared_ptr<const Model> model) {
        run = generate(model, kPrompt, "ar.debug");
        bool isWhole = model->group()->communicator().count(CollectiveKind::allReduce).calls > 0;
        EXPECT_EQ(isWhole, artifact.ends_with("whole"));
      }));
      return run.logits;
    };
    std::string expanded = ranks == 2 ? two : compileTo("three", target, ranks);
    EXPECT_TRUE(logitsOf(expanded) == logitsOf(compileTo(std::to_string(ranks) + "whole", target, ranks, false)));
  }
}

/// A GPU that stops in the middle of a step: one error on each rank that says where, and nobody waits.
TEST_P(CudaModelTest, ARankWhoseGpuStopsIsNamed) {
  if (GetParam() != std::string("sm_80"))
    return; // there is nothing of the architecture in it
  std::string two = compileTo("two", std::string("cuda:") + GetParam(), 2);
  fake->devices = 2;
  nccl->silentRank = 1;
  nccl->silentAfter = 12; // in the second step
  nccl->silentCode = 6;
  std::string found;
  std::vector<Status> ends = runRanks(two, 2, [&](std::shared_ptr<const Model> model) {
    auto created = Instance::create(model, {.threads = 1, .maxTokens = 16, .maxRows = 1});
    ASSERT_TRUE(created) << created.status().message();
    for (int64_t step = 0; step < 3 && found.empty(); ++step) {
      StepBatch batch;
      StepRow &row = batch.rows.emplace_back();
      row.tokens = {int32_t(5 + step)};
      row.firstPosition = step;
      row.pages = {{0}};
      row.leaves.push_back({0, {}, {}});
      auto result = (*created)->run(std::move(batch));
      EXPECT_EQ(result.ok(), step == 0);
      found = result ? "" : result.status().message();
    }
  });
  const std::string error =
      "NCCL: rank 1, a step of ar.greedy: found error 6 (remote process exited or there was a network "
      "error) from a GPU; expected success; see what the other ranks say: one of them has failed";
  EXPECT_NE(found.find(error), std::string::npos) << found;
  EXPECT_NE(ends[1].message().find(error), std::string::npos) << ends[1].message();
  EXPECT_EQ(nccl->aborts, 2);
}

/// What is copied from page to page, and from cell to cell, is what was there.
TEST_P(CudaModelTest, PagesAndCellsMove) {
  auto model = compileFor(std::string("cuda:") + GetParam());
  ASSERT_TRUE(model);
  auto created = Instance::create(model, {.threads = 1, .maxTokens = 16, .maxRows = 1, .capacityPages = 4});
  ASSERT_TRUE(created) << created.status().message();
  Instance &instance = **created;
  auto logprob = [&](int64_t first, std::vector<int32_t> tokens, int32_t page) {
    StepBatch batch;
    StepRow &row = batch.rows.emplace_back();
    row.firstPosition = first;
    row.pages = {{page}};
    row.leaves.push_back({int32_t(tokens.size()) - 1, {}, {}});
    row.tokens = std::move(tokens);
    auto result = instance.run(std::move(batch));
    EXPECT_TRUE(result) << result.status().message();
    return result ? result->leaves[0].logprob : 0;
  };
  logprob(0, {5, 100, 7, 900}, 0);
  float expected = logprob(4, {33}, 0);
  EXPECT_NE(logprob(4, {33}, 1), expected) << "an empty page";
  ASSERT_TRUE(instance.copyPage(0, 0, 2));
  EXPECT_EQ(logprob(4, {33}, 2), expected);
  std::vector<CellMove> away = {{0, 2, 1, 3, 40}, {0, 2, 2, 3, 41}}, back = {{0, 3, 41, 2, 2}, {0, 3, 40, 2, 1}};
  ASSERT_TRUE(instance.moveCells(away));
  // Attention does not see where a cell lies, but which cells there are.
  std::vector<CellMove> wrong = {{0, 3, 40, 2, 2}, {0, 3, 40, 2, 1}};
  ASSERT_TRUE(instance.moveCells(wrong));
  EXPECT_NE(logprob(4, {33}, 2), expected) << "a cell twice";
  ASSERT_TRUE(instance.moveCells(back));
  EXPECT_EQ(logprob(4, {33}, 2), expected);
}

/// Attention by tensor cores rounds queries and weights; a CPU rounds neither.
class CudaTilesModelTest : public CudaModelTest {};

TEST_P(CudaTilesModelTest, HasTheTokensOfACpu) {
  auto gpu = compileFor(std::string("cuda:") + GetParam(), StateFormat::bf16);
  auto cpu = compileFor("cpu:amx-emulated", StateFormat::bf16);
  ASSERT_TRUE(gpu && cpu);
  Run found = generate(gpu, kPrompt, "ar.debug");
  compare(found, generate(cpu, kPrompt, "ar.debug"));
  Run single = generate(gpu, 1, "ar.debug");
  std::vector<float> last(single.logits.end() - ptrdiff_t(found.logits.size()), single.logits.end());
  EXPECT_TRUE(last == found.logits);
  // Behind 300 positions of zeros: a token alone has spans of them, one of 17 has not.
  auto created = Instance::create(gpu, {.threads = 1, .maxTokens = 32, .maxRows = 1, .capacityPages = 5});
  ASSERT_TRUE(created) << created.status().message();
  auto logprob = [&](size_t tokens) {
    StepBatch batch;
    StepRow &row = batch.rows.emplace_back();
    row.firstPosition = 300;
    row.pages = {{0, 1, 2, 3, 4}};
    row.leaves.push_back({0, {}, {}});
    for (size_t i = 0; i < tokens; ++i)
      row.tokens.push_back(int32_t(100 + i));
    auto result = (*created)->run(std::move(batch));
    EXPECT_TRUE(result) << result.status().message();
    return result ? result->leaves[0].logprob : 0;
  };
  auto spanLaunches = [&] {
    return std::count_if(fake->launches.begin(), fake->launches.end(), [](const FakeLaunch &launch) {
      return launch.function.find("attend_spans") != std::string::npos;
    });
  };
  fake->launches.clear();
  float alone = logprob(1);
  EXPECT_LT(alone, 0);
  EXPECT_EQ(spanLaunches(), 4) << "one for each layer";
  EXPECT_EQ(logprob(17), alone);
  EXPECT_EQ(spanLaunches(), 4) << "no more";
}

INSTANTIATE_TEST_SUITE_P(, CudaTilesModelTest, testing::Values("sm_90a"),
                         [](const auto &info) { return std::string(info.param); });
INSTANTIATE_TEST_SUITE_P(, CudaModelTest, testing::Values("sm_80", "sm_90a"),
                         [](const auto &info) { return std::string(info.param); });
