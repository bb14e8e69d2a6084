//===- ProgressTest.cpp - How far a long task has come --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <thread>

using namespace plait;

namespace {

constexpr uint64_t kMega = 1'000'000;
/// 42% of 1 GB after 2.1 s: 200 MB/s, and 2.9 s are left.
const ProgressState kState = {"packing weights", 420 * kMega, 1000 * kMega, 2.1};

TEST(Progress, BarHoldsEverythingIfThereIsRoom) {
  EXPECT_EQ(renderBar(kState, 100),
            "packing weights [################------------------------]  42%  200 MB/s  3 s left");
}

TEST(Progress, BarIsNarrowerThanTheTerminal) {
  for (unsigned width = 0; width < 120; ++width)
    EXPECT_LT(renderBar(kState, width).size(), std::max(width, 1u)) << width;
  // The bar shrinks first; then it goes, and the facts from the end.
  EXPECT_EQ(renderBar(kState, 60), "packing weights [######----------]  42%  200 MB/s  3 s left");
  EXPECT_EQ(renderBar(kState, 45), "packing weights  42%  200 MB/s  3 s left");
  EXPECT_EQ(renderBar(kState, 35), "packing weights  42%  200 MB/s");
  EXPECT_EQ(renderBar(kState, 22), "packing weights  42%");
  EXPECT_EQ(renderBar(kState, 8), "packing");
  EXPECT_EQ(renderBar(kState, 0), "");
}

TEST(Progress, BarAtItsEnds) {
  EXPECT_EQ(renderBar({"x", 0, 100, 3}, 40), "x [------------------------------]   0%");
  // More than was announced is no more than all.
  EXPECT_EQ(renderBar({"x", 200 * kMega, 100 * kMega, 1}, 40), "x [####################] 100%  200 MB/s");
  EXPECT_EQ(renderBar({"x", UINT64_MAX, UINT64_MAX, 0.1}, 40), "x [##############################] 100%");
}

TEST(Progress, RateAndTimeWaitUntilTheyMeanSomething) {
  EXPECT_EQ(renderBar({"x", kMega, 100 * kMega, 0.1}, 30), "x [--------------------]   1%");
  EXPECT_EQ(renderBar({"x", kMega, 100 * kMega, 0.3}, 30), "x [------------]   1%  3 MB/s");
  EXPECT_EQ(renderPlain({"x", kMega, 100 * kMega, 1}), "x: 1%, 1 MB/s, 1 min 39 s left");
  EXPECT_EQ(renderPlain({"x", 10 * kMega, 100000 * kMega, 1}), "x: 0%, 10 MB/s, 2 h 46 min left");
}

TEST(Progress, StageOfUnknownLength) {
  EXPECT_EQ(renderBar({"generating code", 0, 0, 0.4}, 80), "generating code");
  EXPECT_EQ(renderBar({"generating code", 0, 0, 61}, 80), "generating code  1 min 01 s");
  EXPECT_EQ(renderPlain({"generating code", 0, 0, 7}), "generating code: 7 s so far");
}

TEST(Progress, PlainLineHasNoBar) { EXPECT_EQ(renderPlain(kState), "packing weights: 42%, 200 MB/s, 3 s left"); }

TEST(Progress, ModeOfOptionThenOfEnvironment) {
  unsetenv("PLAIT_PROGRESS");
  EXPECT_EQ(*parseProgressMode(""), ProgressMode::automatic);
  for (ProgressMode mode : {ProgressMode::automatic, ProgressMode::bar, ProgressMode::plain, ProgressMode::none})
    EXPECT_EQ(*parseProgressMode(nameOf(mode)), mode);
  setenv("PLAIT_PROGRESS", "plain", 1);
  EXPECT_EQ(*parseProgressMode(""), ProgressMode::plain);
  EXPECT_EQ(*parseProgressMode("none"), ProgressMode::none);
  EXPECT_EQ(parseProgressMode("loud").status().message(),
            "--progress: found \"loud\"; expected auto, bar, plain or none");
  setenv("PLAIT_PROGRESS", "loud", 1);
  EXPECT_EQ(parseProgressMode("").status().message(),
            "PLAIT_PROGRESS: found \"loud\"; expected auto, bar, plain or none");
  unsetenv("PLAIT_PROGRESS");
}

/// What two stages, of which one takes a moment, write to standard error.
std::string shownBy(ProgressMode mode) {
  testing::internal::CaptureStderr();
  {
    Progress progress("program", mode);
    progress.begin("first");
    progress.begin("second", 1000);
    progress.advance(500);
    std::this_thread::sleep_for(std::chrono::milliseconds(350));
    progress.clear();
    progress.end();
    progress.end();
  }
  return testing::internal::GetCapturedStderr();
}

TEST(Progress, BarVanishes) {
  std::string text = shownBy(ProgressMode::bar);
  EXPECT_NE(text.find("\r\x1b[Ksecond ["), std::string::npos) << text;
  EXPECT_NE(text.find(" 50%"), std::string::npos) << text;
  EXPECT_TRUE(text.ends_with("\r\x1b[K")) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos) << text;
}

TEST(Progress, QuickTasksAreSilentInPlainLines) {
  EXPECT_EQ(shownBy(ProgressMode::plain), "");
  EXPECT_EQ(shownBy(ProgressMode::none), "");
}

TEST(Progress, PlainLineAtTheEndOfALongStage) {
  testing::internal::CaptureStderr();
  {
    Progress progress("program", ProgressMode::plain);
    progress.begin("long");
    std::this_thread::sleep_for(std::chrono::milliseconds(2050));
  }
  std::string text = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(text.starts_with("program: long: done in ")) << text;
  EXPECT_EQ(text.find('\x1b'), std::string::npos) << text;
}

} // namespace
