//===- RankProcesses.cpp - The other ranks of a model as processes --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/RankProcesses.h"

#include "runtime/base/Signals.h"
#include "tools/plait/Launched.h"
#include "runtime/core/Memory.h"
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
  explicit LocalProcesses(const Mesh &mesh) : mesh(mesh), groups(groupsOf(mesh)) {}
  ~LocalProcesses() override {
    {
      std::lock_guard<std::mutex> lock(mutex);
      leaving = true;
    }
    if (watcher.joinable())
      watcher.join();
    for (int fd : fds)
      close(fd);
  }

  /// Makes the memory of each group.
  Status createGroups(const Manifest &manifest, const std::string &emulatedLink) {
    for (const WorldGroup &group : groups) {
      PLAIT_ASSIGN_OR_RETURN(LocalGroupOptions options, groupOptions(manifest, group, emulatedLink));
      PLAIT_ASSIGN_OR_RETURN(int fd, LocalGroup::create(options));
      fds.push_back(fd);
    }
    return Status::success();
  }
  const std::vector<int> &descriptors() const { return fds; }

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
  int64_t peakMemory(int worldRank) override {
    size_t index = size_t(worldRank) - 1; // in the order in which they were started
    return worldRank >= 1 && index < pids.size() ? plait::peakMemory(pids[index]) : -1;
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

  const Mesh mesh;
  const std::vector<WorldGroup> groups;
  std::vector<int> fds; ///< of each group
  std::vector<Process> running;
  std::vector<pid_t> pids; ///< of all that were started
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
    return resourceError(fmt::format("{}: cannot be started ({})", rankName(mesh, rank), std::strerror(errno)));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL); // a killed rank 0 leaves no others behind
    if (getppid() != parent)
      _exit(127);
    dup2(STDERR_FILENO, STDOUT_FILENO); // the output is rank 0's
    execv("/proc/self/exe", argv.data());
    _exit(127);
  }
  running.push_back({rank, child});
  pids.push_back(child);
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
  if (pid == process.pid && WIFEXITED(status) && WEXITSTATUS(status) == kLostOthersExit && grace.count())
    return true;
  std::string what = pid < 0 ? "was lost"
                     : WIFSIGNALED(status)
                         ? fmt::format("was killed by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status)))
                         : fmt::format("ended with exit code {}", WEXITSTATUS(status));
  if (ended.empty())
    ended = fmt::format("{} {}", rankName(mesh, process.rank), what);
  for (size_t i = 0; i < groups.size(); ++i)
    if (int index = groups[i].indexOf(process.rank); index >= 0)
      LocalGroup::markLost(fds[i], index);
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

std::string plait::identityOf(const Manifest &manifest) {
  auto digest = manifest.raw.find("digest");
  return fmt::format("plait {} with the model {}", PLAIT_VERSION,
                     digest != manifest.raw.end() && digest->is_string() ? digest->get<std::string>() : manifest.name);
}

Expected<LocalGroupOptions> plait::groupOptions(const Manifest &manifest, const WorldGroup &group,
                                                const std::string &emulatedLink) {
  LocalGroupOptions options;
  options.size = int(group.members.size());
  options.stagingBytes = group.stagingBytes();
  options.identity = identityOf(manifest);
  if (!emulatedLink.empty()) {
    Expected<EmulatedLink> link = parseEmulatedLink(emulatedLink);
    if (!link)
      return link.status().withContext("--emulate-link");
    options.link = *link;
  }
  return options;
}

Connect plait::connectLocally(const Manifest &manifest, int worldRank, std::vector<int> fds,
                              const std::string &emulatedLink, std::function<Status()> whileJoining) {
  return [=, &manifest](size_t index, const WorldGroup &group) -> Expected<std::unique_ptr<Communicator>> {
    int rank = group.indexOf(worldRank);
    if (rank < 0)
      return std::unique_ptr<Communicator>();
    PLAIT_ASSIGN_OR_RETURN(LocalGroupOptions options, groupOptions(manifest, group, emulatedLink));
    options.whileJoining = whileJoining;
    return LocalGroup::join(fds[index], rank, options);
  };
}

Status plait::startRanks(const std::string &path, const Manifest &manifest, const RankOptions &options,
                         ModelOptions &model) {
  if (leadsLaunched())
    return joinLaunched(path, manifest, options, model);
  Mesh mesh = manifest.mesh();
  auto processes = std::make_shared<LocalProcesses>(mesh);
  PLAIT_RETURN_IF_ERROR(processes->createGroups(manifest, options.emulatedLink));
  for (int rank = 1; rank < int(mesh.size()); ++rank) {
    std::vector<std::string> arguments = {programName(),
                                          "rank",
                                          path,
                                          "--rank",
                                          std::to_string(rank),
                                          "--groups",
                                          fmt::format("{}", fmt::join(processes->descriptors(), ",")),
                                          "--threads",
                                          std::to_string(options.threads)};
    if (!options.isa.empty())
      arguments.insert(arguments.end(), {"--isa", options.isa});
    if (!options.emulatedLink.empty())
      arguments.insert(arguments.end(), {"--emulate-link", options.emulatedLink});
    PLAIT_RETURN_IF_ERROR(processes->start(arguments, rank));
  }
  processes->watch();
  PLAIT_RETURN_IF_ERROR(joinWorld(
      mesh, 0,
      connectLocally(manifest, 0, processes->descriptors(), options.emulatedLink, [&] { return processes->check(); }),
      processes, model));
  processes->grant(std::chrono::milliseconds(2000));
  return Status::success();
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
