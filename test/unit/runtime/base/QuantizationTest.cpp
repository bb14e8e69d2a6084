//===- QuantizationTest.cpp -----------------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Quantization.h"

#include "runtime/base/QuantizedBlocks.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

using namespace plait;

namespace {

std::vector<WeightQuantization> allKinds() {
  std::vector<WeightQuantization> kinds;
  for (int64_t group : {0, 32, 64, 128}) {
    kinds.push_back({8, group, false});
    kinds.push_back({4, group, false});
    kinds.push_back({4, group, true});
  }
  return kinds;
}

std::string nameOf(const WeightQuantization &q) {
  return std::to_string(q.bits) + " bits, group " + std::to_string(q.group) + (q.zeroPoints ? ", zero points" : "");
}

std::vector<float> randomValues(size_t count, unsigned seed, float deviation) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0.0f, deviation);
  std::vector<float> values(count);
  for (float &value : values)
    value = distribution(generator);
  return values;
}

QuantizedRow quantized(const WeightQuantization &q, const std::vector<float> &row,
                       const std::vector<float> &importance = {}) {
  QuantizedRow result;
  quantizeRow(q, row, importance, result);
  return result;
}

std::vector<float> restored(const WeightQuantization &q, const std::vector<float> &row,
                            const std::vector<float> &importance = {}) {
  std::vector<float> values(row.size());
  dequantizeRow(q, quantized(q, row, importance), values);
  return values;
}

double errorBetween(const std::vector<float> &a, const std::vector<float> &b, const std::vector<float> &importance) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i)
    sum += (importance.empty() ? 1.0 : double(importance[i])) * (double(a[i]) - b[i]) * (double(a[i]) - b[i]);
  return sum;
}

/// The error of one group with a given scale and zero, in double precision.
double errorOfGrid(const WeightQuantization &q, const std::vector<float> &values, const std::vector<float> &importance,
                   double scale, int zero) {
  double sum = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    double integer =
        std::clamp(std::nearbyint(values[i] / scale) + zero, double(q.lowest()), double(q.highest())) - zero;
    double error = values[i] - scale * integer;
    sum += (importance.empty() ? 1.0 : double(importance[i])) * error * error;
  }
  return sum;
}

/// The least error that any f16 scale and any zero point give.
double leastError(const WeightQuantization &q, const std::vector<float> &values, const std::vector<float> &importance) {
  float magnitude = 0;
  for (float value : values)
    magnitude = std::max(magnitude, std::fabs(value));
  double least = std::numeric_limits<double>::infinity();
  for (uint16_t half = 1; half <= 0x7BFF; ++half) {
    double scale = halfToFloat(half);
    if (scale * 2 * q.highest() < magnitude / 2 || scale > magnitude)
      continue; // clips almost everything, or rounds it to nothing
    for (int zero = 0; zero <= (q.zeroPoints ? 15 : 0); ++zero) {
      least = std::min(least, errorOfGrid(q, values, importance, scale, zero));
      if (!q.zeroPoints)
        least = std::min(least, errorOfGrid(q, values, importance, -scale, zero));
    }
  }
  return least;
}

} // namespace

TEST(Quantization, IsNearTheBestOfAllScales) {
  for (bool weighted : {false, true}) {
    for (WeightQuantization q : {WeightQuantization{4, 32, false}, {4, 32, true}, {8, 32, false}}) {
      double error = 0, least = 0, plain = 0;
      for (unsigned seed = 0; seed < 8; ++seed) {
        std::vector<float> values = randomValues(32, seed, 0.02f), importance;
        if (weighted) {
          importance = randomValues(32, seed + 100, 1);
          for (float &weight : importance)
            weight *= weight;
        }
        double one = errorBetween(values, restored(q, values, importance), importance);
        double best = leastError(q, values, importance);
        EXPECT_GE(one, best * 0.9999) << nameOf(q);
        error += one;
        least += best;
        auto [low, high] = std::minmax_element(values.begin(), values.end());
        double scale = q.zeroPoints ? (double(*high) - *low) / 15 : std::max<double>(*high, -*low) / q.highest();
        plain += errorOfGrid(q, values, importance, scale, q.zeroPoints ? int(std::nearbyint(-*low / scale)) : 0);
      }
      EXPECT_LE(error, least * (q.bits == 8 ? 1.35 : 1.05)) << nameOf(q) << (weighted ? ", weighted" : "");
      EXPECT_LE(error, plain * 0.96) << nameOf(q) << (weighted ? ", weighted" : "");
    }
  }
}

TEST(Quantization, ErrorIsBoundedByTheStep) {
  for (const WeightQuantization &q : allKinds()) {
    std::vector<float> values = randomValues(300, 7, 1); // no multiple of any group
    QuantizedRow row = quantized(q, values);
    EXPECT_EQ(row.integers.size(), 300u);
    EXPECT_EQ(row.scales.size(), size_t(q.group ? (300 + q.group - 1) / q.group : 1)) << nameOf(q);
    EXPECT_EQ(row.zeros.size(), row.scales.size());
    std::vector<float> back = restored(q, values);
    size_t group = size_t(q.groupColumns(300));
    for (size_t i = 0; i < values.size(); ++i) {
      EXPECT_GE(row.integers[i], q.lowest()) << nameOf(q);
      EXPECT_LE(row.integers[i], q.highest()) << nameOf(q);
      bool clipped = row.integers[i] == q.lowest() || row.integers[i] == q.highest();
      float step = std::fabs(halfToFloat(row.scales[i / group]));
      EXPECT_LE(std::fabs(values[i] - back[i]), step * (clipped ? 8 : 0.5001f)) << nameOf(q) << ", column " << i;
    }
  }
}

/// The last group is as if it were alone, however short it is.
TEST(Quantization, GroupsDoNotDependOnEachOther) {
  for (const WeightQuantization &q : allKinds()) {
    if (!q.group)
      continue;
    std::vector<float> values = randomValues(2 * size_t(q.group) + 5, 3, 0.1f), importance = values;
    for (float &weight : importance)
      weight *= weight;
    QuantizedRow row = quantized(q, values, importance);
    for (size_t g = 0; g < 3; ++g) {
      size_t begin = g * size_t(q.group), end = std::min(values.size(), begin + size_t(q.group));
      QuantizedRow alone = quantized(q, {values.begin() + long(begin), values.begin() + long(end)},
                                     {importance.begin() + long(begin), importance.begin() + long(end)});
      EXPECT_EQ(alone.scales, std::vector<uint16_t>{row.scales[g]}) << nameOf(q);
      EXPECT_EQ(alone.zeros, std::vector<int8_t>{row.zeros[g]}) << nameOf(q);
      EXPECT_TRUE(std::equal(alone.integers.begin(), alone.integers.end(), row.integers.begin() + long(begin)));
    }
  }
}

TEST(Quantization, ZerosStayZeros) {
  for (const WeightQuantization &q : allKinds()) {
    QuantizedRow row = quantized(q, std::vector<float>(128, 0.0f));
    for (uint16_t scale : row.scales)
      EXPECT_EQ(scale, 0);
    for (float value : restored(q, std::vector<float>(128, -0.0f)))
      EXPECT_EQ(value, 0);
    // Among other values too.
    std::vector<float> values = randomValues(128, 1, 1);
    values[77] = 0;
    EXPECT_EQ(restored(q, values)[77], 0) << nameOf(q);
  }
}

TEST(Quantization, SingleOutlierIsKept) {
  for (const WeightQuantization &q : allKinds()) {
    for (float outlier : {5.0f, -5.0f}) {
      std::vector<float> values(128, 0.0f);
      values[40] = outlier;
      std::vector<float> back = restored(q, values);
      EXPECT_NEAR(back[40], outlier, 5e-3) << nameOf(q); // half an ulp of the f16 scale
      back[40] = 0;
      EXPECT_EQ(back, std::vector<float>(128, 0.0f)) << nameOf(q);
    }
  }
}

TEST(Quantization, ImportanceMovesTheError) {
  for (WeightQuantization q : {WeightQuantization{4, 64, false}, {4, 64, true}, {8, 64, false}}) {
    double with = 0, without = 0; // errors of the columns that count
    for (unsigned seed = 0; seed < 8; ++seed) {
      std::vector<float> values = randomValues(64, seed, 1), importance(64, 1e-4f), counts(64, 0.0f);
      for (size_t i = 0; i < 64; i += 8)
        importance[i] = counts[i] = 1;
      with += errorBetween(values, restored(q, values, importance), counts);
      without += errorBetween(values, restored(q, values), counts);
    }
    EXPECT_LT(with, without * 0.7) << nameOf(q);
    for (float value : restored(q, randomValues(64, 5, 1), std::vector<float>(64, 0.0f)))
      EXPECT_TRUE(std::isfinite(value)) << nameOf(q);
  }
}

/// Scales are f16: from 2^-24 to 65504.
TEST(Quantization, ScalesBeyondF16) {
  for (const WeightQuantization &q : allKinds()) {
    for (float size : {1e-9f, 1e-7f, 3e-6f, 1e6f, 1e9f, 1e30f, 3e38f}) {
      std::vector<float> values = randomValues(128, 11, 1);
      for (float &value : values)
        value = std::clamp(value, -1.0f, 1.0f) * size;
      QuantizedRow row = quantized(q, values);
      for (uint16_t scale : row.scales)
        EXPECT_LE(scale & 0x7FFF, 0x7BFF) << nameOf(q) << ", " << size; // finite
      std::vector<float> back = restored(q, values);
      for (size_t i = 0; i < values.size(); ++i) {
        EXPECT_TRUE(std::isfinite(back[i])) << nameOf(q) << ", " << size;
        EXPECT_LE(std::fabs(back[i]), std::fabs(values[i]) * 2 + 0x1p-24f) << nameOf(q) << ", " << size;
      }
      if (size >= 1e9f) { // what is too large becomes the largest
        for (size_t i = 0; i < values.size(); ++i)
          if (std::fabs(values[i]) > 1e8f)
            EXPECT_GT(back[i] * std::copysign(1.0f, values[i]), 65504.0f * 5) << nameOf(q) << ", " << size;
      }
    }
  }
}

/// What is no number in the checkpoint is none afterwards, so that it is found.
TEST(Quantization, NonFiniteValuesStay) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  for (WeightQuantization q : {WeightQuantization{4, 32, false}, {4, 32, true}, {8, 32, false}}) {
    for (float bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity}) {
      std::vector<float> values = randomValues(96, 2, 1), good = restored(q, values);
      values[40] = bad;
      std::vector<float> back = restored(q, values);
      for (size_t i = 0; i < values.size(); ++i)
        if (i / 32 == 1)
          EXPECT_TRUE(std::isnan(back[i])) << nameOf(q);
        else
          EXPECT_EQ(back[i], good[i]) << nameOf(q);
    }
  }
}

/// Another run, and values of the other sign.
TEST(Quantization, IsAFunctionOfItsArguments) {
  for (const WeightQuantization &q : allKinds()) {
    std::vector<float> values = randomValues(512, 21, 0.3f);
    QuantizedRow first = quantized(q, values), reused = quantized(q, randomValues(700, 1, 1));
    quantizeRow(q, values, {}, reused);
    EXPECT_EQ(first.integers, reused.integers);
    EXPECT_EQ(first.scales, reused.scales);
    EXPECT_EQ(first.zeros, reused.zeros);
  }
}
