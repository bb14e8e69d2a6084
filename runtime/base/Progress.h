//===- Progress.h - How far a long task has come ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// On a terminal one line of standard error is drawn again and again and vanishes
// in the end; elsewhere a plain line comes every few seconds. A quick task shows
// nothing.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_PROGRESS_H
#define PLAIT_RUNTIME_BASE_PROGRESS_H

#include "runtime/base/Status.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace plait {

/// `automatic` is a bar on a terminal and plain lines elsewhere.
enum class ProgressMode { automatic, bar, plain, none };

/// "auto", "bar", "plain" or "none"; if `option` is empty, the value of the
/// environment's PLAIT_PROGRESS, and without that auto.
Expected<ProgressMode> parseProgressMode(const std::string &option);
const char *nameOf(ProgressMode mode);

/// One stage of a task at one moment.
struct ProgressState {
  std::string stage;
  uint64_t done = 0, total = 0; ///< bytes; total 0: nobody knows how far it is
  double seconds = 0;           ///< since the stage began
};

/// The line for a terminal of `width` columns: stage, bar, percent, rate and the
/// time that is left, as much of it as fits. Never as wide as the terminal, or the
/// cursor would go to the next line.
std::string renderBar(const ProgressState &state, unsigned width);
/// The same facts as words: "packing weights: 42%, 812 MB/s, 3 s left".
std::string renderPlain(const ProgressState &state);

/// Shows the stages of one program, one after the other.
class Progress {
public:
  /// `program` begins every plain line.
  Progress(std::string program, ProgressMode mode);
  ~Progress(); ///< ends the stage; leaves no trace of a bar
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Ends the stage before, if there is one, and begins another.
  void begin(std::string stage, uint64_t totalBytes = 0);
  /// Any thread may say that it has done some more.
  void advance(uint64_t bytes) { done.fetch_add(bytes, std::memory_order_relaxed); }
  void end();
  /// Removes a bar so that something else can be printed; it comes back.
  void clear();

private:
  using Clock = std::chrono::steady_clock;
  void watch();
  void show();
  void erase();
  ProgressState state() const;

  const std::string program;
  const ProgressMode mode; ///< never automatic
  std::mutex mutex;
  std::condition_variable changed;
  std::string stage;
  std::atomic<uint64_t> done{0};
  uint64_t total = 0;
  Clock::time_point begun, shown;
  bool lineShown = false; ///< a plain line of this stage
  bool barDrawn = false;
  bool ending = false;
  std::thread watcher;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_PROGRESS_H
