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
    fmt::print(stderr, "{}: interrupted\n", programName());
    return exitInterrupted;
  }
  fmt::print(stderr, "{}: error: {}\n", programName(), status.message());
  return code;
}

void plait::note(std::string_view message) { fmt::print(stderr, "{}: {}\n", programName(), message); }

static ProgressMode chosenMode = ProgressMode::automatic;
void plait::setProgressMode(ProgressMode mode) { chosenMode = mode; }
ProgressMode plait::progressMode() { return chosenMode; }

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

/// A line longer than this is no message.
static constexpr size_t kMaxLine = size_t(64) << 20;

Expected<std::optional<std::string>> InputLines::next() {
  size_t searched = 0;
  while (true) {
    size_t end = buffer.find('\n', searched);
    if (end != std::string::npos || (ended && !buffer.empty())) {
      std::string line = buffer.substr(0, end);
      buffer.erase(0, end == std::string::npos ? end : end + 1);
      if (line.ends_with('\r'))
        line.pop_back();
      return std::optional<std::string>(std::move(line));
    }
    if (ended)
      return std::optional<std::string>();
    searched = buffer.size();
    if (searched > kMaxLine)
      return invalidArgument("standard input: found a line of more than 64 MiB; expected a message");
    char bytes[65536];
    ssize_t count = read(STDIN_FILENO, bytes, sizeof(bytes));
    if (count < 0 && interrupted())
      return Status::error(StatusCode::cancelled, "interrupted");
    if (count < 0 && errno != EINTR)
      return resourceError("standard input: " + std::error_code(errno, std::generic_category()).message());
    ended = count == 0;
    if (count > 0)
      buffer.append(bytes, size_t(count));
  }
}
