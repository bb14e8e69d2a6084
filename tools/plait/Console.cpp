//===- Console.cpp - Exit codes and streams of plait ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Console.h"

#include <fmt/core.h>

#include <cerrno>
#include <system_error>

#include <unistd.h>

using namespace plait;

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
