//===- StepCosts.cpp - What a step takes by its number of tokens ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/StepCosts.h"

#include <algorithm>
#include <cmath>

using namespace plait;

Expected<std::vector<std::pair<int64_t, double>>> plait::predictedSteps(const Manifest &manifest,
                                                                        const std::string &variant) {
  std::vector<std::pair<int64_t, double>> steps;
  JsonView root(manifest.raw, "manifest.json");
  if (!root.has("variants"))
    return steps;
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get("variants"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> variants, list.asArray());
  for (const JsonView &entry : variants) {
    PLAIT_ASSIGN_OR_RETURN(std::string name, entry.getString("name"));
    if (name != variant || !entry.has("step_us"))
      continue;
    PLAIT_ASSIGN_OR_RETURN(JsonView table, entry.get("step_us"));
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> rows, table.asArray());
    for (const JsonView &row : rows) {
      PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> pair, row.asArray());
      if (pair.size() != 2)
        return row.error("a number of tokens and microseconds");
      PLAIT_ASSIGN_OR_RETURN(int64_t tokens, pair[0].asInt(steps.empty() ? 1 : steps.back().first + 1, 1 << 20));
      PLAIT_ASSIGN_OR_RETURN(double micros, pair[1].asDouble());
      if (!(micros > 0) || !std::isfinite(micros))
        return pair[1].error("a positive number of microseconds");
      steps.emplace_back(tokens, micros);
    }
  }
  return steps;
}

Expected<StepCosts> plait::predictedCosts(const Manifest &manifest, const std::string &variant,
                                          std::shared_ptr<StepCosts::Speed> speed) {
  PLAIT_ASSIGN_OR_RETURN(auto steps, predictedSteps(manifest, variant));
  if (steps.empty()) {
    PLAIT_ASSIGN_OR_RETURN(steps, predictedSteps(manifest, manifest.strategy));
  }
  return StepCosts(std::move(steps), std::move(speed));
}

StepCosts::StepCosts(std::vector<std::pair<int64_t, double>> predicted, std::shared_ptr<Speed> speed)
    : speed(std::move(speed)) {
  // Of a model of which nothing is known each token costs as much as the first.
  if (predicted.size() < 2)
    predicted = {{1, 1e3}, {64, 64e3}};
  for (auto [tokens, micros] : predicted)
    points.push_back({double(tokens), micros * 1e-6});
}

/// The second of the two points that `tokens` lies between, or is nearest to.
size_t StepCosts::pointAfter(double tokens) const {
  size_t after = 1;
  while (after + 1 < points.size() && points[after].tokens < tokens)
    ++after;
  return after;
}

/// Between points in proportion, and beyond the last as between the last two.
double StepCosts::predicted(double tokens) const {
  const Point &b = points[pointAfter(tokens)], &a = *(&b - 1);
  double value = a.seconds + (b.seconds - a.seconds) * (tokens - a.tokens) / (b.tokens - a.tokens);
  return std::max(value, points[0].seconds * 1e-3);
}

size_t StepCosts::nearest(double tokens) const {
  size_t after = pointAfter(tokens);
  return tokens * tokens < points[after].tokens * points[after - 1].tokens ? after - 1 : after;
}

/// Of sizes that have not been seen that of the nearest one that has.
double StepCosts::factorOf(size_t point) const {
  for (size_t distance = 0; distance < points.size(); ++distance)
    for (size_t at : {point - distance, point + distance}) // the first may be below 0, that is, large
      if (at < points.size() && points[at].count)
        return points[at].factor;
  return 1;
}

double StepCosts::seconds(int64_t tokens) const {
  size_t after = pointAfter(double(tokens));
  const Point &a = points[after - 1], &b = points[after];
  double share = std::clamp((double(tokens) - a.tokens) / (b.tokens - a.tokens), 0.0, 1.0);
  double factor = factorOf(after - 1) * (1 - share) + factorOf(after) * share;
  return speed->factor * factor * predicted(double(tokens));
}

/// Of a step that took longer or shorter by a factor this much is believed at most (logarithm).
static constexpr double kMostSurprise = 0.4;

void StepCosts::observe(int64_t tokens, double seconds) {
  if (tokens < 1 || !(seconds > 0))
    return;
  if (!speed->hasSeen)
    speed->factor = seconds / predicted(double(tokens));
  speed->hasSeen = true;
  size_t at = nearest(double(tokens));
  Point &point = points[at];
  if (!point.count)
    point.factor = factorOf(at);
  // How long steps of some size take beside others does not change, so it is learned from many
  // steps, and what changes soon is the machine: else two sizes that run at different times
  // would seem to differ. Others that use the machine only ever make a step longer, so what is
  // shorter is believed sooner, of the first few steps at once.
  double found = std::log(seconds / this->seconds(tokens));
  bool isShorter = found < 0, isEarly = point.count < 4;
  double count = double(++point.count), trust = isShorter ? 1 : 0.25;
  if (count == 1)
    found = std::min(found, std::log(3));
  else if (!isEarly || !isShorter)
    found = std::clamp(found, -kMostSurprise, kMostSurprise);
  double ofSize = count == 1 || (isEarly && isShorter) ? 1 : trust * std::max(1 / count, 0.02);
  point.factor *= std::exp(found * ofSize);
  speed->factor *= std::exp(found * (1 - ofSize) * 0.2 * trust);
}

double plait::roundSeconds(const std::vector<RoundForward> &forwards, const std::vector<const StepCosts *> &costs,
                           int64_t length, int64_t drafting, int64_t sequences, int64_t behind) {
  double seconds = 0;
  for (size_t i = 0; i < forwards.size(); ++i) {
    const RoundForward &forward = forwards[i];
    int64_t others = forward.perToken ? 0 : sequences - std::min(drafting, sequences);
    int64_t tokens = drafting * forward.tokensFor(length) + others * forward.tokensFor(0);
    seconds += double(forward.timesFor(length)) * costs[i]->seconds(tokens);
    if (forward.perToken && !forward.isHead && length > 0)
      seconds += costs[i]->seconds(tokens + behind) - costs[i]->seconds(tokens);
  }
  return seconds;
}
