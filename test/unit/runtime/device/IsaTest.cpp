//===- IsaTest.cpp - Tests of CPU feature checks --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/device/cpu/Isa.h"

#include "gtest/gtest.h"

using namespace plait;

namespace {

TEST(IsaTest, NothingNeededIsThere) {
  EXPECT_TRUE(missingCpuFeatures("").empty());
  EXPECT_TRUE(checkCpuFeatures("  "));
  EXPECT_FALSE(cpuName().empty());
}

TEST(IsaTest, ListsAllThatIsMissing) {
  std::vector<std::string> missing = missingCpuFeatures("nosuch,+other -unused");
  EXPECT_EQ(missing, (std::vector<std::string>{"nosuch", "other"}));
  Status status = checkCpuFeatures("nosuch other");
  EXPECT_EQ(status.code(), StatusCode::unsupported);
  EXPECT_NE(status.message().find("lacks nosuch other"), std::string::npos) << status.message();
}

#if defined(__x86_64__)
TEST(IsaTest, AgreesWithTheCompilersBuiltin) {
  __builtin_cpu_init();
#define CHECK_FEATURE(name) EXPECT_EQ(missingCpuFeatures(name).empty(), __builtin_cpu_supports(name) != 0) << name
  CHECK_FEATURE("sse2");
  CHECK_FEATURE("sse4.2");
  CHECK_FEATURE("popcnt");
  CHECK_FEATURE("avx");
  CHECK_FEATURE("avx2");
  CHECK_FEATURE("fma");
  CHECK_FEATURE("bmi");
  CHECK_FEATURE("bmi2");
  CHECK_FEATURE("avx512f");
  CHECK_FEATURE("avx512bw");
  CHECK_FEATURE("avx512vl");
  CHECK_FEATURE("avx512dq");
  CHECK_FEATURE("avx512cd");
  CHECK_FEATURE("avx512vnni");
  CHECK_FEATURE("avx512bf16");
  CHECK_FEATURE("gfni");
#undef CHECK_FEATURE
}

TEST(IsaTest, WhatItListsIsThere) { EXPECT_TRUE(checkCpuFeatures(cpuFeatures())); }
#endif

} // namespace
