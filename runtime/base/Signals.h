//===- Signals.h - Signals that a command answers ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_SIGNALS_H
#define PLAIT_RUNTIME_BASE_SIGNALS_H

#include "runtime/base/Status.h"

namespace plait {

/// For main() of a command called `program`:
/// SIGINT, SIGTERM  set a flag, so that work ends in order; a second one kills;
/// SIGPIPE, SIGXFSZ are ignored: write(2) reports the error;
/// SIGBUS           on a mapped file that has shrunk: one line and exit code 1.
void installSignalHandlers(const char *program);

/// That name, with which messages begin.
const char *programName();

/// Whether SIGINT or SIGTERM came. Long work asks now and then.
bool interrupted();
/// After SIGINT: forgets it and listens for the next. False after SIGTERM.
bool resumeAfterInterrupt();
/// An error of code `cancelled` if so.
Status checkInterrupted();

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_SIGNALS_H
