//===- EmulatedLink.h - A slower link than there is ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_COMM_EMULATEDLINK_H
#define PLAIT_RUNTIME_COMM_EMULATEDLINK_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>

namespace plait {

/// A slower link than shared memory, for tests: what a transfer of b bytes takes
/// is at least latency + b / bytesPerSecond.
struct EmulatedLink {
  double latencySeconds = 0;
  double bytesPerSecond = 0; ///< 0: without bound
};

/// "latency=2ms,bandwidth=1Gbit": units ns, us, ms, s and bit, Kbit, Mbit, Gbit, B, KB, MB, GB (per second).
Expected<EmulatedLink> parseEmulatedLink(const std::string &text);

/// Returns when a transfer of `bytes` that began now would have ended.
void holdUp(const EmulatedLink &link, size_t bytes);

/// The port of a rank to a link, for messages between two ranks: those that leave and those
/// that come follow one another, and their latencies overlap.
class LinkPort {
public:
  explicit LinkPort(const EmulatedLink &link) : link(link) {}
  /// When a message that is given to the port now will be there: nanoseconds of the
  /// machine's clock; 0 without a link.
  int64_t give(size_t bytes);
  /// Returns when a message that is there at `arrival` has been taken in.
  void take(int64_t arrival, size_t bytes);

private:
  EmulatedLink link;
  int64_t givenUntil = 0, takenUntil = 0;
};

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_EMULATEDLINK_H
