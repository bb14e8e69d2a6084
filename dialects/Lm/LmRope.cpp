//===- LmRope.cpp - Frequencies of rotary position embeddings -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace plait::lm;

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

FailureOr<FloatAttr> lm::parseNumber(AsmParser &parser) {
  double value;
  if (parser.parseFloat(value))
    return failure();
  return parser.getBuilder().getF64FloatAttr(value);
}

static double value(FloatAttr number) { return number.getValueAsDouble(); }

/// The frequency without a scaling.
static double plainFrequency(double theta, int64_t pair, int64_t pairs) {
  return std::pow(theta, -double(pair) / double(pairs));
}

static LogicalResult checkFactor(EmitError emitError, FloatAttr factor) {
  if (!(value(factor) >= 1 && std::isfinite(value(factor))))
    return emitError() << "expected a finite factor >= 1 but got " << value(factor);
  return success();
}

static LogicalResult checkAttentionFactor(EmitError emitError, FloatAttr factor) {
  if (!(value(factor) > 0 && std::isfinite(value(factor))))
    return emitError() << "expected a finite attention_factor > 0 but got " << value(factor);
  return success();
}

static LogicalResult checkOriginal(EmitError emitError, int64_t original) {
  if (original <= 0)
    return emitError() << "expected original > 0 but got " << original;
  return success();
}

//===----------------------------------------------------------------------===//
// Scalings
//===----------------------------------------------------------------------===//

LogicalResult LinearScalingAttr::verify(EmitError emitError, FloatAttr factor) {
  return checkFactor(emitError, factor);
}

double LinearScalingAttr::getFrequency(double theta, int64_t pair, int64_t pairs, int64_t) const {
  return plainFrequency(theta, pair, pairs) / value(getFactor());
}

LogicalResult DynamicScalingAttr::verify(EmitError emitError, FloatAttr factor, int64_t original) {
  return failure(failed(checkFactor(emitError, factor)) || failed(checkOriginal(emitError, original)));
}

double DynamicScalingAttr::getFrequency(double theta, int64_t pair, int64_t pairs, int64_t position) const {
  double factor = value(getFactor()), length = double(std::max(position + 1, getOriginal()));
  double stretch = factor * length / double(getOriginal()) - (factor - 1);
  double columns = 2 * double(pairs);
  return plainFrequency(theta * std::pow(stretch, columns / (columns - 2)), pair, pairs);
}

std::optional<RopeGrowth> DynamicScalingAttr::getGrowth() const {
  return RopeGrowth{value(getFactor()) / double(getOriginal()), 1 - value(getFactor())};
}

StringRef DynamicScalingAttr::getUnmetNeed(double, int64_t pairs) const {
  return pairs > 1 ? "" : "more than one rotated pair";
}

LogicalResult YarnScalingAttr::verify(EmitError emitError, FloatAttr factor, FloatAttr fast, FloatAttr slow,
                                      int64_t original, FloatAttr attentionFactor) {
  if (failed(checkFactor(emitError, factor)) || failed(checkOriginal(emitError, original)))
    return failure();
  if (!(0 < value(slow) && value(slow) <= value(fast) && std::isfinite(value(fast))))
    return emitError() << "expected finite 0 < beta_slow <= beta_fast but got " << value(slow) << " and "
                       << value(fast);
  return checkAttentionFactor(emitError, attentionFactor);
}

double YarnScalingAttr::getFrequency(double theta, int64_t pair, int64_t pairs, int64_t) const {
  double columns = 2 * double(pairs);
  auto pairOfTurns = [&](double turns) {
    return columns * std::log(double(getOriginal()) / (2 * M_PI * turns)) / (2 * std::log(theta));
  };
  double low = std::max(std::floor(pairOfTurns(value(getBetaFast()))), 0.0);
  double high = std::min(std::ceil(pairOfTurns(value(getBetaSlow()))), columns - 1);
  if (low == high)
    high += 0.001;
  double slowed = std::clamp((double(pair) - low) / (high - low), 0.0, 1.0);
  double plain = plainFrequency(theta, pair, pairs);
  return (1 - slowed) * plain + slowed * plain / value(getFactor());
}

double YarnScalingAttr::getMagnitude() const { return value(getAttentionFactor()); }

StringRef YarnScalingAttr::getUnmetNeed(double theta, int64_t) const { return theta > 1 ? "" : "theta > 1"; }

LogicalResult Llama3ScalingAttr::verify(EmitError emitError, FloatAttr factor, FloatAttr low, FloatAttr high,
                                        int64_t original) {
  if (failed(checkFactor(emitError, factor)))
    return failure();
  if (!(0 < value(low) && value(low) < value(high) && std::isfinite(value(high))))
    return emitError() << "expected finite 0 < low_freq_factor < high_freq_factor but got " << value(low) << " and "
                       << value(high);
  return checkOriginal(emitError, original);
}

double Llama3ScalingAttr::getFrequency(double theta, int64_t pair, int64_t pairs, int64_t) const {
  double plain = plainFrequency(theta, pair, pairs), slow = plain / value(getFactor());
  double turns = double(getOriginal()) * plain / (2 * M_PI); // of the original context
  if (turns < value(getLowFreqFactor()))
    return slow;
  if (turns > value(getHighFreqFactor()))
    return plain;
  double smooth = (turns - value(getLowFreqFactor())) / (value(getHighFreqFactor()) - value(getLowFreqFactor()));
  return (1 - smooth) * slow + smooth * plain;
}

LogicalResult PairScalingAttr::verify(EmitError emitError, DenseF64ArrayAttr factors, FloatAttr attentionFactor) {
  for (double factor : factors.asArrayRef())
    if (!(factor > 0 && std::isfinite(factor)))
      return emitError() << "expected finite factors > 0 but got " << factor;
  return checkAttentionFactor(emitError, attentionFactor);
}

double PairScalingAttr::getFrequency(double theta, int64_t pair, int64_t pairs, int64_t) const {
  return plainFrequency(theta, pair, pairs) / getFactors()[pair];
}

double PairScalingAttr::getMagnitude() const { return value(getAttentionFactor()); }

StringRef PairScalingAttr::getUnmetNeed(double, int64_t pairs) const {
  return getFactors().size() == pairs ? "" : "as many factors as rotated pairs";
}

//===----------------------------------------------------------------------===//
// lm.rope
//===----------------------------------------------------------------------===//

int64_t RopeOp::getPairs() { return getRotaryDim().value_or(getHeadDim()) / 2; }

std::vector<double> RopeOp::getFrequencies(int64_t position) {
  int64_t pairs = getPairs();
  double theta = getTheta().convertToDouble();
  std::vector<double> frequencies(pairs);
  for (int64_t pair = 0; pair < pairs; ++pair)
    frequencies[pair] =
        getScaling() ? getScaling()->getFrequency(theta, pair, pairs, position) : plainFrequency(theta, pair, pairs);
  return frequencies;
}

double RopeOp::getMagnitude() { return getScaling() ? getScaling()->getMagnitude() : 1; }

std::optional<RopeGrowth> RopeOp::getGrowth() { return getScaling() ? getScaling()->getGrowth() : std::nullopt; }
