//===- StepCosts.h - What a step takes by its number of tokens --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_STEPCOSTS_H
#define PLAIT_RUNTIME_DECODE_STEPCOSTS_H

#include "runtime/core/Manifest.h"
#include "runtime/decode/rounds/RoundForwards.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace plait {

/// Microseconds that the compiler predicts for steps of so many tokens, ascending ("step_us" of
/// a variant in the manifest); none of an artifact that says nothing.
Expected<std::vector<std::pair<int64_t, double>>> predictedSteps(const Manifest &manifest, const std::string &variant);

/// Seconds of steps that decode: as predicted, and corrected by what steps have taken. A
/// prediction is of a machine of the kind, not of this one, and a machine may be shared. So
/// two things are learned: by what factor all steps differ, which changes soon, and how much
/// steps of some size differ from that, which stays. Tokens never depend on it.
class StepCosts {
public:
  /// The factor by which all steps differ, of one kind of step or of several.
  struct Speed {
    double factor = 1;
    bool hasSeen = false;
  };
  explicit StepCosts(std::vector<std::pair<int64_t, double>> predicted = {},
                     std::shared_ptr<Speed> speed = std::make_shared<Speed>());

  double seconds(int64_t tokens) const;
  void observe(int64_t tokens, double seconds);

private:
  struct Point {
    double tokens, seconds; ///< as predicted
    double factor = 1;      ///< of steps of about this size, once there was one
    int64_t count = 0;      ///< of these
  };
  double predicted(double tokens) const;
  double factorOf(size_t point) const;
  size_t nearest(double tokens) const;
  size_t pointAfter(double tokens) const;

  std::vector<Point> points; ///< two or more
  std::shared_ptr<Speed> speed;
};

/// As the compiler predicts them for the step `variant`, or, if the artifact says nothing of that, for
/// the step of plain decoding.
Expected<StepCosts> predictedCosts(const Manifest &manifest, const std::string &variant,
                                   std::shared_ptr<StepCosts::Speed> speed = std::make_shared<StepCosts::Speed>());

/// Seconds of a round in which `drafting` of `sequences` draft `length` tokens, and the others
/// none: the forwards of all meet in steps, as far as each has them. What drafts first computes
/// `behind` tokens besides. `costs` are those of the step of each forward.
double roundSeconds(const std::vector<RoundForward> &forwards, const std::vector<const StepCosts *> &costs,
                    int64_t length, int64_t drafting, int64_t sequences, int64_t behind = 0);

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_STEPCOSTS_H
