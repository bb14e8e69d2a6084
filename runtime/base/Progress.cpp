//===- Progress.cpp - How far a long task has come ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Progress.h"

#include "runtime/base/File.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/ioctl.h>
#include <unistd.h>

using namespace plait;

namespace {

constexpr auto kBarInterval = std::chrono::milliseconds(100);
constexpr auto kPlainInterval = std::chrono::seconds(5);
/// A stage that took less is not worth a plain line.
constexpr double kPlainSeconds = 2;
constexpr std::string_view kEraseLine = "\r\x1b[K";

void writeError(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0)
      return; // progress is not worth an error
    text.remove_prefix(size_t(written));
  }
}

template <typename... Values> std::string format(const char *pattern, Values... values) {
  char text[64];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

std::string durationText(double seconds) {
  auto whole = uint64_t(seconds + 0.5);
  if (whole >= 3600)
    return format("%llu h %02llu min", (unsigned long long)(whole / 3600), (unsigned long long)(whole / 60 % 60));
  if (whole >= 60)
    return format("%llu min %02llu s", (unsigned long long)(whole / 60), (unsigned long long)(whole % 60));
  return format("%llu s", (unsigned long long)whole);
}

bool isMeasured(const ProgressState &state) { return state.total > 0; }
double fractionOf(const ProgressState &state) {
  return std::min(1.0, double(state.done) / double(std::max<uint64_t>(state.total, 1)));
}
std::string percentText(const ProgressState &state) { return format("%3d%%", int(100 * fractionOf(state))); }
/// Nothing while it is too early to tell.
std::string rateText(const ProgressState &state) {
  if (state.done == 0 || state.seconds < 0.2)
    return "";
  return format("%.0f MB/s", double(state.done) / state.seconds * 1e-6);
}
std::string leftText(const ProgressState &state) {
  double fraction = fractionOf(state);
  if (fraction <= 0 || fraction >= 1 || state.seconds < 0.5)
    return "";
  return durationText(state.seconds * (1 - fraction) / fraction) + " left";
}

unsigned terminalWidth() {
  winsize size;
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
    return size.ws_col;
  return 80;
}

ProgressMode resolve(ProgressMode mode) {
  if (mode != ProgressMode::automatic)
    return mode;
  const char *terminal = std::getenv("TERM");
  bool canErase = ::isatty(STDERR_FILENO) && terminal && std::strcmp(terminal, "dumb") != 0;
  return canErase ? ProgressMode::bar : ProgressMode::plain;
}

} // namespace

Expected<ProgressMode> plait::parseProgressMode(const std::string &option) {
  const char *environment = std::getenv("PLAIT_PROGRESS");
  std::string text = !option.empty() ? option : environment ? environment : "";
  if (text.empty() || text == "auto")
    return ProgressMode::automatic;
  if (text == "bar")
    return ProgressMode::bar;
  if (text == "plain")
    return ProgressMode::plain;
  if (text == "none")
    return ProgressMode::none;
  return invalidArgument(std::string(option.empty() ? "PLAIT_PROGRESS" : "--progress") + ": found \"" + printable(text, 80) +
                         "\"; expected auto, bar, plain or none");
}

const char *plait::nameOf(ProgressMode mode) {
  switch (mode) {
  case ProgressMode::automatic:
    return "auto";
  case ProgressMode::bar:
    return "bar";
  case ProgressMode::plain:
    return "plain";
  case ProgressMode::none:
    return "none";
  }
  return "";
}

std::string plait::renderBar(const ProgressState &state, unsigned width) {
  const size_t room = width > 1 ? width - 1 : 0;
  std::string line = state.stage;
  if (isMeasured(state)) {
    std::string facts = " " + percentText(state);
    for (const std::string &fact : {rateText(state), leftText(state)})
      if (!fact.empty() && line.size() + facts.size() + 2 + fact.size() <= room)
        facts += "  " + fact;
    constexpr size_t kSmallestBar = 8, kLargestBar = 40;
    size_t used = line.size() + facts.size() + 3; // a blank and two brackets
    if (used + kSmallestBar <= room) {
      size_t cells = std::min(kLargestBar, room - used);
      auto full = size_t(fractionOf(state) * double(cells));
      line += " [" + std::string(full, '#') + std::string(cells - full, '-') + "]";
    }
    line += facts;
  } else if (state.seconds >= 1) {
    line += "  " + durationText(state.seconds);
  }
  return line.substr(0, room);
}

std::string plait::renderPlain(const ProgressState &state) {
  std::string line = state.stage + ":";
  if (!isMeasured(state))
    return line + " " + durationText(state.seconds) + " so far";
  line += " " + std::to_string(int(100 * fractionOf(state))) + "%";
  for (const std::string &fact : {rateText(state), leftText(state)})
    if (!fact.empty())
      line += ", " + fact;
  return line;
}

Progress::Progress(std::string program, ProgressMode wanted) : program(std::move(program)), mode(resolve(wanted)) {}

Progress::~Progress() {
  end();
  if (!watcher.joinable())
    return;
  {
    std::lock_guard lock(mutex);
    ending = true;
  }
  changed.notify_one();
  watcher.join();
}

void Progress::begin(std::string name, uint64_t totalBytes) {
  if (mode == ProgressMode::none)
    return;
  end();
  std::lock_guard lock(mutex);
  stage = std::move(name);
  total = totalBytes;
  done = 0;
  begun = shown = Clock::now();
  lineShown = false;
  if (!watcher.joinable())
    watcher = std::thread([this] { watch(); });
  changed.notify_one();
}

void Progress::end() {
  std::lock_guard lock(mutex);
  if (stage.empty())
    return;
  ProgressState last = state();
  if (mode == ProgressMode::plain && (lineShown || last.seconds >= kPlainSeconds))
    writeError(program + ": " + stage + ": done in " + durationText(last.seconds) + "\n");
  erase();
  stage.clear();
}

void Progress::clear() {
  std::lock_guard lock(mutex);
  erase();
}

void Progress::erase() {
  if (barDrawn)
    writeError(kEraseLine);
  barDrawn = false;
}

/// Draws until the end; sleeps while there is no stage.
void Progress::watch() {
  std::unique_lock lock(mutex);
  while (!ending) {
    if (stage.empty())
      changed.wait(lock);
    else
      changed.wait_for(lock, kBarInterval);
    if (!ending && !stage.empty())
      show();
  }
}

void Progress::show() {
  auto now = Clock::now();
  if (now - shown < (mode == ProgressMode::bar ? Clock::duration(kBarInterval) : Clock::duration(kPlainInterval)))
    return;
  shown = now;
  if (mode == ProgressMode::plain) {
    lineShown = true;
    writeError(program + ": " + renderPlain(state()) + "\n");
    return;
  }
  barDrawn = true;
  writeError(std::string(kEraseLine) + renderBar(state(), terminalWidth()));
}

ProgressState Progress::state() const {
  return {stage, done, total, std::chrono::duration<double>(Clock::now() - begun).count()};
}
