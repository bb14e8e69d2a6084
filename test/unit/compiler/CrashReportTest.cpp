//===- CrashReportTest.cpp - Tests of what is kept after a crash ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "lib/Driver/CrashReport.h"

#include "mlir/IR/Builders.h"
#include "mlir/Parser/Parser.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>

using namespace plait;

namespace {

class CrashReportTest : public testing::Test {
protected:
  void SetUp() override {
    module = ModuleOp::create(UnknownLoc::get(&context), "left_behind");
    path = std::filesystem::temp_directory_path() / ("plait-crash-" + std::to_string(getpid()) + ".mlir");
    std::filesystem::remove(path);
  }
  void TearDown() override { std::filesystem::remove(path); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::string path;
};

TEST_F(CrashReportTest, PassesOnWhatARunReturns) {
  EXPECT_TRUE(succeeded(runWithCrashReport(Phase::decode, *module, path, [] { return success(); })));
  EXPECT_TRUE(failed(runWithCrashReport(Phase::decode, *module, path, [] { return failure(); })));
  EXPECT_FALSE(std::filesystem::exists(path)) << "a failure is no crash";
}

TEST_F(CrashReportTest, KeepsTheModuleAsItWas) {
  auto crash = [&] {
    (void)runWithCrashReport(Phase::decode, *module, path, [&]() -> LogicalResult {
      module->setName("changed");
      std::abort();
    });
  };
  EXPECT_EXIT(crash(), testing::ExitedWithCode(1),
              "^plait-compile: error: phase decode crashed, .* 'plait-opt --plait-decode-pipeline .*'\n$");
  auto kept = parseSourceFile<ModuleOp>(path, ParserConfig(&context));
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->getName(), "left_behind");
}

} // namespace
