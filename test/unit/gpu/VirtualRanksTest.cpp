//===- VirtualRanksTest.cpp - Protocols of several ranks on one GPU -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The protocols that test/unit/compiler/CudaProtocolCases.h has left in $PLAIT_GPU_DIR/protocols: $PLAIT_RANKS_EPOCHS
// epochs of each (10,000 if it is not set), in which ranks share the GPU (VirtualRanks.h).
//
//===----------------------------------------------------------------------===//

#include "test/unit/gpu/VirtualRanks.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>

using namespace plait;
using namespace plait::test;

namespace {

std::string protocolsFolder() {
  const char *folder = std::getenv("PLAIT_GPU_DIR");
  return std::string(folder ? folder : ".") + "/protocols";
}

std::vector<std::string> protocolNames() {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(protocolsFolder(), error))
    if (entry.path().extension() == ".json")
      names.push_back(entry.path().stem().string());
  std::sort(names.begin(), names.end());
  return names;
}

/// What the driver reads when it starts, before the first test.
class DriverSettings : public testing::Environment {
  void SetUp() override {
    // Streams with a queue of the hardware in common wait for each other, so each rank has one of its own; and a
    // function that is loaded at its first launch waits for those that run.
    setenv("CUDA_DEVICE_MAX_CONNECTIONS", "32", 1);
    setenv("CUDA_MODULE_LOADING", "EAGER", 1);
  }
};
[[maybe_unused]] testing::Environment *const settings = testing::AddGlobalTestEnvironment(new DriverSettings);

class VirtualRanksTest : public testing::TestWithParam<std::string> {};

} // namespace

TEST_P(VirtualRanksTest, EveryEpochIsRight) {
  auto gpu = cuda::Gpu::open("sm_90a");
  ASSERT_TRUE(gpu) << gpu.status().message();
  auto protocol = ProtocolCase::read(protocolsFolder() + "/" + GetParam() + ".json");
  ASSERT_TRUE(protocol) << protocol.status().message();
  VirtualRanksOptions options;
  if (const char *epochs = std::getenv("PLAIT_RANKS_EPOCHS"))
    options.epochs = uint32_t(std::max(1, std::atoi(epochs)));
  VirtualRanksOutcome outcome = runVirtualRanks(*gpu, *protocol, options);
  if (outcome.kind == VirtualRanksOutcome::excluded)
    GTEST_SKIP() << outcome.text;
  EXPECT_TRUE(outcome.kind == VirtualRanksOutcome::right) << outcome.text;
  if (outcome.kind == VirtualRanksOutcome::hung) {
    // No test after this one has the GPU, and to end in order would wait for it.
    std::fflush(nullptr);
    std::_Exit(1);
  }
}

INSTANTIATE_TEST_SUITE_P(, VirtualRanksTest, testing::ValuesIn(protocolNames()), [](const auto &info) {
  std::string name = info.param;
  for (char &c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)))
      c = '_';
  return name;
});
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VirtualRanksTest);

TEST(ProtocolCases, AreThere) {
  EXPECT_FALSE(protocolNames().empty()) << "found no protocol in " << protocolsFolder()
                                        << "; expected those that 'tools/dev.sh gpu' leaves there";
}
