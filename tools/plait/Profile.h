//===- Profile.h - Where the time of steps goes -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The profiles of many steps (runtime/device/cpu/StepProfile.h), summed up as
// tables and as JSON, and a few of them thread by thread as a Chrome trace.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_PROFILE_H
#define PLAIT_TOOLS_PLAIT_PROFILE_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"
#include "runtime/device/cpu/StepProfile.h"
#include "tools/plait/Explanation.h"

#include <deque>
#include <string>
#include <vector>

namespace plait {

/// A step of known size. `nanoseconds` is what it took its caller.
struct ProfiledStep {
  StepProfile times;
  StepLoad load;
  int64_t nanoseconds = 0;
};

/// Sums of the steps of one test.
class Profile {
public:
  /// `title` names the test. `costs` are those of the plan's launches, in order.
  /// Nothing of the arguments is kept.
  Profile(std::string title, const Model &model, const plait_plan_v2_t &plan, const std::vector<LaunchCost> &costs);

  void add(ProfiledStep step);

  /// By part of the model and by kernel, each with what waiting and the rest take.
  std::string markdown() const;
  Json json() const;

  /// Complete events of the last steps, as process `process` of a trace; each is one
  /// line, after the first with a comma before it. Times count from `origin`.
  void appendTrace(int process, int64_t origin, std::string &events) const;
  /// When the first step began whose events are there; INT64_MAX if there is none.
  int64_t traceBegin() const { return last.empty() ? INT64_MAX : last.front().times.begin; }

private:
  /// Nanoseconds are those of all threads, in all layers and steps.
  struct Sum {
    int64_t calls = 0; ///< per layer and step, not per thread
    int64_t running = 0, waiting = 0;
    double bytes = 0, flops = 0;
  };
  /// One of the plan.
  struct Launch {
    std::string part, kernel;
    LaunchCost cost;
    bool layered;
    Sum sum;
  };
  struct Group {
    std::string name, op;
    Sum sum;
  };
  std::vector<Group> groupsBy(std::string Launch::*name) const;
  std::string table(const char *head, std::string Launch::*name) const;
  Json list(std::string Launch::*name) const;
  /// Nanoseconds of one step, on average over threads.
  double perStep(double sum) const;

  std::string title;
  std::vector<Launch> launches;
  size_t threads = 0;
  int64_t steps = 0, nanoseconds = 0;
  std::deque<ProfiledStep> last;
};

/// Writes the trace of several tests: JSON that Perfetto and chrome://tracing open.
/// A process is a test, a thread a thread; an event is a step, a launch (with the
/// bytes of weights and state and the flops of all threads) or waiting at a barrier.
Status writeTrace(const std::string &path, const std::vector<Profile> &profiles);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_PROFILE_H
