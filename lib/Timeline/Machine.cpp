//===- Machine.cpp - What times of events are predicted from --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Machine.h"

#include "plait/Timeline/Algorithms.h"

#include "runtime/base/SumSteps.h"

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace plait::timeline;

double Curve::at(double x) const {
  if (points.empty())
    return 0;
  auto next = std::find_if(points.begin(), points.end(), [x](const auto &point) { return point.first >= x; });
  if (next == points.begin())
    return points.front().second;
  if (next == points.end())
    return points.back().second;
  auto [x1, y1] = *next;
  auto [x0, y0] = *(next - 1);
  return y0 + (y1 - y0) * (x - x0) / (x1 - x0);
}

double Device::getPeakOf(const std::string &element) const {
  auto peak = peaks.find(element);
  if (peak == peaks.end())
    peak = peaks.find("f32");
  return peak->second;
}

double Machine::getComputeSeconds(const Event &event, int rank) const {
  const Device &device = getDevice(rank);
  double flops = event.work.flops.at(event.extents);
  Form stored = event.work.storedBytes;
  double tokensPerRow = event.extents.rows > 0 ? event.extents.tokens / event.extents.rows : 1;
  stored.positions /= std::max(1.0, std::min<double>(attentionRows, tokensPerRow));
  double bytes = stored.at(event.extents) + activationScale * event.work.activationBytes.at(event.extents);
  double rate = device.getPeakOf(event.work.element);
  if (event.kind == EventKind::product && !productRate.points.empty()) {
    // Fewer rows than a tile has are computed by smaller tiles.
    double rows = event.extents.tokens, rounded = rows > rowTile ? std::ceil(rows / rowTile) * rowTile : rows;
    rate = productRate.at(rounded) * sustained * (rows > 0 ? rows / rounded : 1);
  } else if (event.kind == EventKind::attention && attentionRate > 0) {
    rate = attentionRate * sustained;
  }
  return event.share * std::max(flops / rate, bytes / device.bandwidth);
}

static const char *getRateName(const Event &event) {
  bool isFused = event.kind == EventKind::allReduce && event.work.activationBytes.tokens > 0;
  return isFused ? "fused" : getName(event.kind);
}

/// Of a matrix what crosses a device's link in its busier direction. A multicast sum reads all
/// of it and writes each device's part to all.
static double getTraffic(EventKind kind, double ranks) {
  switch (kind) {
  case EventKind::allReduce:
    return 1 + 1 / ranks;
  default:
    return 1;
  }
}

Machine::Exchange Machine::getExchange(const Event &event) const {
  double bytes = event.share * activationScale * event.bytes.at(event.extents), n = double(event.ranks.size());
  if (n < 2 || bytes <= 0)
    return {};
  Exchange exchange;
  auto rate = link.rates.find(getRateName(event));
  if (auto algorithm = event.getAlgorithm()) {
    SumSeconds seconds = predictSaidSum(*algorithm, *this, bytes / activationScale, int(n));
    exchange.latency = event.launches > 0 ? seconds.latency : 0;
    exchange.transfer = seconds.transfer;
    int own = rate != link.rates.end() ? rate->second.defaultUnits : link.kind == LinkKind::sharedMemory ? units : 0;
    exchange.units = event.units > 0 ? event.units : own;
  } else if (rate != link.rates.end()) {
    exchange.units = event.units > 0 ? event.units : rate->second.defaultUnits;
    double reached = rate->second.units.points.empty() ? 1 : rate->second.units.at(exchange.units);
    double traffic = getTraffic(event.kind, n) / getTraffic(event.kind, link.measuredRanks);
    exchange.latency = event.launches > 0 ? rate->second.latency : link.latency;
    exchange.transfer = traffic * bytes / (rate->second.bandwidth * reached);
  } else {
    bool isShared = link.kind == LinkKind::sharedMemory;
    double others = n - 1;
    double hops = link.kind == LinkKind::ring && event.kind != EventKind::send ? others : 1;
    exchange.latency = event.launches > 0 ? hops * link.latency : 0; // tiles follow each other in the link
    exchange.units = event.units > 0 ? event.units : isShared ? units : 0;
    if (event.kind == EventKind::allReduce) {
      bool isRing = link.kind == LinkKind::ring;
      // In shared memory rows are computed between two steps, however few there are.
      bool isFused = event.work.activationBytes.tokens > 0;
      bool isShort = isShared ? !isFused && bytes <= double(getOneStepBytes(event.ranks.size()))
                              : !isRing && bytes <= kOneStepMessageBytes;
      double pieces = isShared ? std::max(1.0, std::ceil(bytes / kSumPieceBytes)) : 1;
      exchange.latency *= isShort ? 1 : 2 * pieces;
      exchange.transfer = isShort ? others * bytes / link.bandwidth : 2 * others / n * bytes / link.bandwidth;
    } else if (event.kind == EventKind::send) {
      exchange.transfer = bytes / link.bandwidth;
    } else {
      exchange.transfer = others / n * bytes / link.bandwidth;
    }
  }
  // Rows are computed as they pass: the longer of the two counts.
  double epilogue = 0;
  for (int rank : event.ranks)
    epilogue = std::max(epilogue, getComputeSeconds(event, rank));
  exchange.transfer = std::max(exchange.transfer, epilogue);
  return exchange;
}
