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

} // namespace plait

#endif // PLAIT_RUNTIME_COMM_EMULATEDLINK_H
