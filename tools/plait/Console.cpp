//===- Console.cpp - Exit codes, signals and streams of plait -------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Console.h"

#include <fmt/core.h>

#include <cerrno>
#include <csignal>
#include <system_error>

#include <unistd.h>

using namespace plait;

static volatile std::sig_atomic_t interruptFlag = 0;

static void onInterrupt(int) { interruptFlag = 1; }

void plait::installSignalHandlers() {
  struct sigaction action = {};
  action.sa_handler = onInterrupt;
  // No SA_RESTART: waiting for a lock or a compiler must end.
  action.sa_flags = int(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
}

bool plait::interrupted() { return interruptFlag != 0; }

int plait::fail(const Status &status, int code) {
  if (status.code() == StatusCode::cancelled) {
    fmt::print(stderr, "plait: interrupted\n");
    return exitInterrupted;
  }
  fmt::print(stderr, "plait: error: {}\n", status.message());
  return code;
}

void plait::note(std::string_view message) { fmt::print(stderr, "plait: {}\n", message); }

bool Output::write(std::string_view text) {
  while (!error && !text.empty()) {
    ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written >= 0)
      text.remove_prefix(size_t(written));
    else if (errno != EINTR)
      error = errno;
  }
  return !error;
}

bool Output::readerGone() const { return error == EPIPE; }

int Output::exitCode() const {
  if (!error)
    return exitSuccess;
  if (error == EPIPE)
    return exitBrokenPipe;
  return fail(resourceError("standard output: " + std::error_code(error, std::generic_category()).message()));
}
