//===- Console.h - Exit codes and streams of plait -------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_CONSOLE_H
#define PLAIT_TOOLS_PLAIT_CONSOLE_H

#include "runtime/base/Progress.h"
#include "runtime/base/Signals.h"
#include "runtime/base/Status.h"

#include <optional>
#include <string>
#include <string_view>

namespace plait {

enum ExitCode {
  exitSuccess = 0,
  exitFailure = 1,
  exitUsage = 2,
  exitInterrupted = 130, ///< as a shell reports SIGINT
  exitBrokenPipe = 141,  ///< as a shell reports SIGPIPE, but without a crash
};

/// Prints "NAME: error: MESSAGE" and returns `code`, or the code of an
/// interruption if that is what the status says.
int fail(const Status &status, int code = exitFailure);
void note(std::string_view message);

/// How the whole program shows progress.
void setProgressMode(ProgressMode mode);
ProgressMode progressMode();

/// Standard output, unbuffered so that tokens show at once.
class Output {
public:
  /// False once nothing more can be written; `status` and `exitCode` say why.
  bool write(std::string_view text);
  bool ok() const { return error == 0; }
  /// The reader has gone, which is no news to the user.
  bool readerGone() const;
  /// 0, or what plait exits with because of the error; reports it.
  int exitCode() const;

private:
  int error = 0;
};

/// Standard input, line by line.
class InputLines {
public:
  /// A line without its newline, or nothing at the end. A signal is an error.
  Expected<std::optional<std::string>> next();

private:
  std::string buffer;
  bool ended = false;
};

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_CONSOLE_H
