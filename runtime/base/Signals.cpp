//===- Signals.cpp - Signals that a command answers -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Signals.h"

#include <csignal>
#include <cstring>

#include <unistd.h>

using namespace plait;

static volatile std::sig_atomic_t interruptFlag = 0;
static const char *nameOfProgram = "plait";

static void onInterrupt(int signal) { interruptFlag = signal; }

static void say(const char *text) { (void)!::write(STDERR_FILENO, text, std::strlen(text)); }

/// Only what is safe in a signal handler.
static void onBusError(int signal, siginfo_t *info, void *) {
  if (info->si_code == BUS_ADRERR) {
    say(nameOfProgram);
    say(": error: a mapped file: found it truncated while it was in use, or its device failed; expected it to stay "
        "as it was; restore the file and run again\n");
    ::_exit(1);
  }
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

static void listenFor(int signal) {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  // No SA_RESTART: waiting for a lock or a compiler must end.
  action.sa_flags = int(SA_RESETHAND);
  sigaction(signal, &action, nullptr);
}

void plait::installSignalHandlers(const char *program) {
  nameOfProgram = program;
  listenFor(SIGINT);
  listenFor(SIGTERM);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  struct sigaction action = {};
  action.sa_sigaction = onBusError;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

const char *plait::programName() { return nameOfProgram; }

bool plait::interrupted() { return interruptFlag != 0; }

bool plait::resumeAfterInterrupt() {
  if (interruptFlag == SIGTERM)
    return false;
  interruptFlag = 0;
  listenFor(SIGINT);
  return true;
}

Status plait::checkInterrupted() {
  return interrupted() ? Status::error(StatusCode::cancelled, "interrupted") : Status::success();
}
