//===- EmulatedLink.cpp - A slower link than there is -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/EmulatedLink.h"

#include <algorithm>
#include <chrono>
#include <span>
#include <thread>

using namespace plait;

void plait::holdUp(const EmulatedLink &link, size_t bytes) {
  using Clock = std::chrono::steady_clock;
  if (link.latencySeconds <= 0 && link.bytesPerSecond <= 0)
    return;
  double seconds = link.latencySeconds + (link.bytesPerSecond > 0 ? double(bytes) / link.bytesPerSecond : 0);
  auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  std::this_thread::sleep_until(end - std::chrono::microseconds(100));
  while (Clock::now() < end)
    std::this_thread::yield();
}

static int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

int64_t LinkPort::give(size_t bytes) {
  if (link.latencySeconds <= 0 && link.bytesPerSecond <= 0)
    return 0;
  double wire = link.bytesPerSecond > 0 ? 1e9 * double(bytes) / link.bytesPerSecond : 0;
  givenUntil = std::max(now(), givenUntil) + int64_t(wire);
  return givenUntil + int64_t(1e9 * link.latencySeconds);
}

void LinkPort::take(int64_t arrival, size_t bytes) {
  if (!arrival)
    return;
  // The first byte came when the port was free for it.
  int64_t wire = link.bytesPerSecond > 0 ? int64_t(1e9 * double(bytes) / link.bytesPerSecond) : 0;
  takenUntil = std::max(arrival, takenUntil + wire);
  if (int64_t left = takenUntil - now(); left > 100'000)
    std::this_thread::sleep_for(std::chrono::nanoseconds(left - 100'000));
  while (now() < takenUntil)
    std::this_thread::yield();
}

Expected<EmulatedLink> plait::parseEmulatedLink(const std::string &text) {
  struct Unit {
    const char *name;
    double factor;
  };
  static constexpr Unit times[] = {{"ns", 1e-9}, {"us", 1e-6}, {"ms", 1e-3}, {"s", 1}};
  static constexpr Unit rates[] = {{"Gbit", 1e9 / 8}, {"Mbit", 1e6 / 8}, {"Kbit", 1e3 / 8}, {"bit", 1.0 / 8},
                                   {"GB", 1e9},       {"MB", 1e6},       {"KB", 1e3},       {"B", 1}};
  auto wrong = [&] {
    return invalidArgument("link: found \"" + text +
                           "\"; expected latency=TIME,bandwidth=RATE such as "
                           "latency=2ms,bandwidth=1Gbit");
  };
  EmulatedLink link;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find(',', at), text.size()), equal = text.find('=', at);
    if (equal == std::string::npos || equal > end)
      return wrong();
    std::string key = text.substr(at, equal - at), value = text.substr(equal + 1, end - equal - 1);
    size_t digits = 0;
    double number = 0;
    try {
      number = std::stod(value, &digits);
    } catch (const std::exception &) {
      return wrong();
    }
    std::string unit = value.substr(digits);
    auto scale = [&](std::span<const Unit> units) {
      auto it = std::find_if(units.begin(), units.end(), [&](const Unit &u) { return unit == u.name; });
      return it == units.end() ? 0.0 : it->factor;
    };
    double factor = key == "latency" ? scale(times) : key == "bandwidth" ? scale(rates) : 0.0;
    if (!(number > 0) || factor == 0 || number > 1e12)
      return wrong();
    (key == "latency" ? link.latencySeconds : link.bytesPerSecond) = number * factor;
    at = end + 1;
  }
  if (link.latencySeconds == 0 && link.bytesPerSecond == 0)
    return wrong();
  return link;
}
