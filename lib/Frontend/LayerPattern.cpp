//===- LayerPattern.cpp - Layers of several kinds as loops ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Frontend/LayerPattern.h"

#include <algorithm>

using namespace plait;

static constexpr size_t kLongestPeriod = 8;

static LayerPattern fromPeriod(llvm::ArrayRef<LayerKind> kinds, size_t period) {
  LayerPattern pattern;
  int64_t whole = int64_t(kinds.size() / period), rest = int64_t(kinds.size() % period);
  for (size_t j = 0; j < period; ++j)
    pattern.sublayers.push_back({kinds[j], int64_t(j), int64_t(period), whole + (int64_t(j) < rest)});
  pattern.loops.push_back({0, whole, 0, period});
  if (rest)
    pattern.loops.push_back({whole, whole + 1, 0, size_t(rest)});
  return pattern;
}

static LayerPattern fromRuns(llvm::ArrayRef<LayerKind> kinds) {
  LayerPattern pattern;
  for (size_t begin = 0, end; begin < kinds.size(); begin = end) {
    for (end = begin + 1; end < kinds.size() && kinds[end] == kinds[begin];)
      ++end;
    int64_t count = int64_t(end - begin);
    pattern.loops.push_back({0, count, pattern.sublayers.size(), 1});
    pattern.sublayers.push_back({kinds[begin], int64_t(begin), 1, count});
  }
  return pattern;
}

LayerPattern plait::findLayerPattern(llvm::ArrayRef<LayerKind> kinds) {
  LayerPattern runs = fromRuns(kinds);
  size_t longest = std::min({kLongestPeriod, kinds.size(), runs.sublayers.size()});
  for (size_t period = 1; period <= longest; ++period)
    if (std::equal(kinds.begin() + period, kinds.end(), kinds.begin()))
      return fromPeriod(kinds, period);
  return runs;
}
