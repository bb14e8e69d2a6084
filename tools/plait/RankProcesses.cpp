//===- RankProcesses.cpp - The other ranks of a model as processes --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/RankProcesses.h"

#include "runtime/base/Signals.h"
#include "tools/plait/Launched.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace plait;

namespace {

using Clock = std::chrono::steady_clock;

/// Waits for the processes in a thread of its own, so that one that dies is known,
/// and told to the others, at once.
class LocalProcesses final : public RankGroup::Processes {
public:
  explicit LocalProcesses(int fd) : fd(fd) {}
  ~LocalProcesses() override {
    {
      std::lock_guard<std::mutex> lock(mutex);
      leaving = true;
    }
    if (watcher.joinable())
      watcher.join();
    close(fd);
  }

  Status start(const std::vector<std::string> &arguments, int rank);
  void watch() { watcher = std::thread(&LocalProcesses::loop, this); }
  /// From now on the others hear of the end and have time for it.
  void grant(std::chrono::milliseconds time) {
    std::lock_guard<std::mutex> lock(mutex);
    grace = time;
  }

  std::string whatEnded() override {
    std::unique_lock<std::mutex> lock(mutex);
    // Its death may be known here a little later than its silence.
    changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return !ended.empty(); });
    grace = std::min(grace, std::chrono::milliseconds(200)); // who can end does so by itself
    return ended;
  }
  Status check() {
    std::lock_guard<std::mutex> lock(mutex);
    if (interrupted())
      return checkInterrupted();
    return ended.empty() ? Status::success() : resourceError(ended + " before it had joined the others");
  }

private:
  struct Process {
    int rank;
    pid_t pid;
  };
  void loop();
  bool reap(Process &process);

  const int fd;
  std::vector<Process> running;
  std::thread watcher;
  std::mutex mutex;
  std::condition_variable changed;
  std::string ended; ///< what became of the first that has ended before its time
  bool leaving = false;
  std::chrono::milliseconds grace{0};
};

Status LocalProcesses::start(const std::vector<std::string> &arguments, int rank) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t parent = getpid(), child = fork();
  if (child < 0)
    return resourceError(fmt::format("rank {}: cannot be started ({})", rank, std::strerror(errno)));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a killed rank 0 leaves no others behind
    if (getppid() != parent)
      _exit(127);
    dup2(STDERR_FILENO, STDOUT_FILENO); // the output is rank 0's
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  running.push_back({rank, child});
  return Status::success();
}

/// Whether the process has ended.
bool LocalProcesses::reap(Process &process) {
  int status = 0;
  pid_t pid = waitpid(process.pid, &status, WNOHANG);
  if (pid == 0 || (pid < 0 && errno == EINTR))
    return false;
  std::lock_guard<std::mutex> lock(mutex);
  if (leaving && pid == process.pid && WIFEXITED(status))
    return true;
  // That one has ended because another is lost.
  if (pid == process.pid && WIFEXITED(status) && WEXITSTATUS(status) == kExitLostOther)
    return true;
  std::string what = pid < 0 ? "was lost"
                     : WIFSIGNALED(status)
                         ? fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                         : fmt::format("ended with exit code {}", WEXITSTATUS(status));
  if (ended.empty())
    ended = fmt::format("rank {} {}", process.rank, what);
  LocalGroup::markLost(fd, process.rank);
  changed.notify_all();
  return true;
}

void LocalProcesses::loop() {
  constexpr std::chrono::milliseconds interval{20};
  std::optional<Clock::time_point> patience; // with those that are to end
  while (!running.empty()) {
    std::erase_if(running, [&](Process &process) { return reap(process); });
    bool isLeaving;
    {
      std::lock_guard<std::mutex> lock(mutex);
      isLeaving = leaving;
      if (isLeaving && !patience)
        patience = Clock::now() + grace;
    }
    if (patience && Clock::now() >= *patience)
      for (Process &process : running)
        kill(process.pid, SIGKILL);
    if (!running.empty())
      std::this_thread::sleep_for(isLeaving ? std::chrono::milliseconds(1) : interval);
  }
}

} // namespace

Expected<LocalGroupOptions> plait::groupOptions(const Manifest &manifest, const std::string &emulatedLink) {
  LocalGroupOptions options;
  options.size = int(manifest.ranks.size());
  auto digest = manifest.raw.find("digest");
  options.identity =
      fmt::format("plait {} with the model {}", PLAIT_VERSION,
                  digest != manifest.raw.end() && digest->is_string() ? digest->get<std::string>() : manifest.name);
  if (!emulatedLink.empty()) {
    Expected<EmulatedLink> link = parseEmulatedLink(emulatedLink);
    if (!link)
      return link.status().withContext("--emulate-link");
    options.link = *link;
  }
  return options;
}

Expected<std::shared_ptr<RankGroup>> plait::startRanks(const std::string &path, const Manifest &manifest,
                                                       const RankOptions &options) {
  if (leadsLaunched())
    return joinLaunched(path, manifest, options);
  PLAIT_ASSIGN_OR_RETURN(LocalGroupOptions group, groupOptions(manifest, options.emulatedLink));
  PLAIT_ASSIGN_OR_RETURN(int fd, LocalGroup::create(group));
  auto processes = std::make_shared<LocalProcesses>(fd);
  for (int rank = 1; rank < group.size; ++rank) {
    std::vector<std::string> arguments = {programName(),
                                          "rank",
                                          path,
                                          "--rank",
                                          std::to_string(rank),
                                          "--group",
                                          std::to_string(fd),
                                          "--threads",
                                          std::to_string(options.threads)};
    if (!options.isa.empty())
      arguments.insert(arguments.end(), {"--isa", options.isa});
    if (!options.emulatedLink.empty())
      arguments.insert(arguments.end(), {"--emulate-link", options.emulatedLink});
    PLAIT_RETURN_IF_ERROR(processes->start(arguments, rank));
  }
  processes->watch();
  group.whileJoining = [&] { return processes->check(); };
  PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> communicator, LocalGroup::join(fd, 0, group));
  processes->grant(std::chrono::milliseconds(2000));
  return std::make_shared<RankGroup>(std::move(communicator), std::move(processes));
}

std::string plait::trafficText(const Communicator &communicator) {
  std::string text = fmt::format("{}, of which each asked for", communicator.size());
  for (size_t kind = 0; kind < kCollectiveKinds; ++kind)
    if (Communicator::Count count = communicator.count(CollectiveKind(kind)); count.calls)
      text += fmt::format(" {} x {} ({}),", count.calls, collectiveName(CollectiveKind(kind)),
                          bytesText(int64_t(count.bytes)));
  text.pop_back();
  return text;
}
