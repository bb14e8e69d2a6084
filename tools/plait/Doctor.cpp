//===- Doctor.cpp - plait doctor: is this machine ready? ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "runtime/core/Manifest.h"
#include "runtime/core/Memory.h"
#include "runtime/device/cpu/Isa.h"
#include "runtime/device/cpu/Topology.h"
#include "runtime/device/cuda/Nccl.h"
#include "tools/plait/Cache.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Session.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <signal.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace plait;
namespace fs = std::filesystem;

namespace {

/// One thing that was looked at. `fail` means that something does not work, `warn`
/// that it is slower or scarcer than it could be.
struct Check {
  enum Level { ok, warn, fail } level;
  std::string what, found;
  std::string expected, remedy; ///< empty if all is well
};

const char *nameOf(Check::Level level) { return level == Check::ok ? "ok" : level == Check::warn ? "warn" : "fail"; }

Check good(std::string what, std::string found) { return {Check::ok, std::move(what), std::move(found), "", ""}; }

/// The first line of a file of the kernel; empty if there is none.
std::string firstLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

//===----------------------------------------------------------------------===//
// Machine
//===----------------------------------------------------------------------===//

Check checkCpu() {
  // The targets of plait-compile, with what each adds to the one before.
  constexpr std::pair<const char *, const char *> targets[] = {
      {"x86-64", "sse2"},
      {"x86-64-v3", "avx2 bmi bmi2 f16c fma"},
      {"x86-64-v4", "avx512f avx512bw avx512cd avx512dq avx512vl"},
      {"vnni", "avx512vnni"},
      {"avx512-bf16", "avx512bf16"},
      {"amx-int8", "amx-tile amx-int8"},
      {"amx", "amx-bf16"},
  };
  std::string best, next;
  for (auto [target, isa] : targets) {
    if (std::string shortage = cpuShortage(isa); !shortage.empty()) {
      next = fmt::format("; for cpu:{} it {}", target, shortage);
      break;
    }
    best = target;
  }
  std::string found = fmt::format("{}, runs code up to cpu:{}{}", cpuName(), best, next);
  if (best != "x86-64")
    return good("cpu", found);
  return {Check::warn, "cpu", found, "AVX2 and FMA (x86-64-v3)", "models run, but slowly"};
}

Check checkCores() {
  size_t allowed = allowedCpus().size();
  unsigned cores = physicalCores();
  std::string found = fmt::format("{} physical cores, {} processors allowed", cores, allowed);
  double quota = cpuQuota();
  if (quota >= cores)
    return good("cores", found);
  return {Check::warn, "cores", fmt::format("{}, but a cgroup limit of {:.1f} processors", found, quota),
          "a limit of at least the cores",
          fmt::format("raise the limit, or run with --threads {}", std::max(1, int(quota)))};
}

Check checkMemory() {
  auto [available, limit] = availableMemory(); // and what sets it
  std::string found = bytesText(available) + " available" + (limit == "MemAvailable" ? "" : ", by " + limit);
  if (available >= int64_t(1) << 30)
    return good("memory", found);
  return {Check::warn, "memory", found, "at least 1 GiB", "end other programs, or raise the limit"};
}

Check checkHugePages() {
  std::string modes = firstLine("/sys/kernel/mm/transparent_hugepage/enabled");
  if (modes.find("[always]") != std::string::npos || modes.find("[madvise]") != std::string::npos)
    return good("huge pages", modes);
  return {Check::warn, "huge pages", modes.empty() ? "no transparent huge pages" : modes, "[always] or [madvise]",
          "as root: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"};
}

Check checkSharedMemory() {
  struct statvfs info;
  if (statvfs("/dev/shm", &info) != 0)
    return {Check::warn, "/dev/shm", "none", "a file system in memory", "mount a tmpfs at /dev/shm"};
  int64_t bytes = int64_t(info.f_blocks) * int64_t(info.f_frsize);
  if (bytes >= int64_t(64) << 20)
    return good("/dev/shm", bytesText(bytes));
  return {Check::warn, "/dev/shm", bytesText(bytes), "at least 64 MiB", "give the container more, as with --shm-size"};
}

/// A soft limit that is high enough, or can be raised by the user.
Check checkLimit(const char *what, int resource, rlim_t wanted, const char *option) {
  rlimit limit;
  getrlimit(resource, &limit);
  auto text = [](rlim_t value) { return value == RLIM_INFINITY ? std::string("unlimited") : std::to_string(value); };
  std::string found = fmt::format("{} (hard limit {})", text(limit.rlim_cur), text(limit.rlim_max));
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted)
    return good(what, found);
  return {Check::warn, what, found, fmt::format("at least {}", wanted), fmt::format("ulimit {} {}", option, wanted)};
}

/// An error such as "CUDA: found no GPU; expected one; use another machine".
Check warnAbout(std::string what, const Status &status) {
  const std::string &message = status.message();
  size_t begin = message.find("found "), middle = message.find("; expected "), end = message.find("; ", middle + 1);
  if (begin == std::string::npos || end == std::string::npos)
    return {Check::warn, std::move(what), message, "success", "see what the message says"};
  begin += 6;
  return {Check::warn, std::move(what), message.substr(begin, middle - begin),
          message.substr(middle + 11, end - middle - 11), message.substr(end + 2)};
}

/// `count`: how many GPUs the driver shows.
Check checkGpus(int &count) {
  auto driver = cuda::Driver::load();
  Status status = driver.status();
  if (status)
    status = (*driver)->check((**driver)->deviceGetCount(&count), "cuDeviceGetCount", "GPUs");
  if (!status && access("/proc/driver/nvidia/version", F_OK) != 0 && environment("PLAIT_CUDA_DRIVER").empty())
    return good("gpu", "no driver; models run on CPUs");
  if (!status)
    return warnAbout("gpu", status);
  char name[256] = {};
  cuda::DeviceNumber first = 0;
  if ((**driver)->deviceGet(&first, 0) == cuda::kSuccess)
    (void)(**driver)->deviceGetName(name, sizeof(name) - 1, first);
  return good("gpu", printable(name, 80) + (count > 1 ? fmt::format(" and {} more", count - 1) : ""));
}

/// By which ranks on `gpus` GPUs exchange.
Check checkNccl(int gpus) {
  auto nccl = cuda::Nccl::load();
  if (nccl)
    return good("nccl", "NCCL " + cuda::Nccl::nameOf((*nccl)->version()));
  Check missing = warnAbout("nccl", nccl.status());
  if (gpus < 2)
    return good("nccl", missing.found + "; only ranks on several GPUs need it");
  missing.remedy += "; until then ranks on several GPUs exchange through their hosts";
  return missing;
}

Check checkLocale() {
  std::string name = environment("LC_ALL");
  for (const char *next : {"LC_CTYPE", "LANG"})
    if (name.empty())
      name = environment(next);
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return char(std::toupper(c)); });
  if (upper.ends_with("UTF-8") || upper.ends_with("UTF8"))
    return good("locale", name);
  return {Check::warn, "locale", name.empty() ? "none" : printable(name, 80), "one of UTF-8, as models write",
          "export LC_ALL=C.UTF-8"};
}

//===----------------------------------------------------------------------===//
// Installation
//===----------------------------------------------------------------------===//

struct Answer {
  std::string text;
  int code = -1;
};

/// Standard output of a program that says little, and how it ended.
Answer ask(const std::string &program, const char *argument) {
  Answer answer;
  int ends[2];
  if (pipe(ends) != 0)
    return answer;
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    close(ends[0]);
    close(STDIN_FILENO);
    alarm(20);
    signal(SIGPIPE, SIG_DFL);
    execl(program.c_str(), program.c_str(), argument, static_cast<char *>(nullptr));
    _exit(127);
  }
  close(ends[1]);
  char piece[256];
  for (ssize_t bytes; child > 0 && (bytes = read(ends[0], piece, sizeof(piece))) > 0 && answer.text.size() < 4096;)
    answer.text.append(piece, size_t(bytes));
  close(ends[0]);
  int status = 0;
  if (child > 0 && waitpid(child, &status, 0) == child)
    answer.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return answer;
}

Check checkCompiler() {
  const std::string expected = "plait-compile " PLAIT_VERSION " beside plait";
  const std::string remedy = "install it there; until then only compiled models run";
  auto path = compilerPath();
  if (!path)
    return {Check::fail, "compiler", "none beside plait", expected, remedy};
  Answer answer = ask(*path, "--version");
  std::string line = answer.text.substr(0, answer.text.find('\n'));
  if (answer.code != 0)
    return {Check::fail, "compiler", fmt::format("{}, which ends with code {}", printable(*path), answer.code),
            expected, "install the libraries of LLVM 22 that it needs"};
  if (line != "plait-compile " PLAIT_VERSION)
    return {Check::fail, "compiler", line.empty() ? "one that names no version" : printable(line, 80), expected,
            "install both programs from one build"};
  return good("compiler", line + " at " + printable(*path));
}

Check checkLinker() {
  for (const char *name : {"ld.lld-22", "ld.lld"}) {
    std::istringstream folders(environment("PATH"));
    for (std::string folder; std::getline(folders, folder, ':');)
      if (access((folder + "/" + name).c_str(), X_OK) == 0)
        return good("linker", folder + "/" + name);
    std::string own = std::string("/usr/lib/llvm-22/bin/") + name;
    if (access(own.c_str(), X_OK) == 0)
      return good("linker", own);
  }
  return {Check::fail, "linker", "no ld.lld-22 on PATH", "LLVM's lld 22, to compile models", "install lld-22"};
}

/// What a compiler of another version made, or one that was killed left.
bool isStale(const fs::path &entry) {
  std::string name = entry.filename().string();
  if (size_t at = name.find(".work-"); at != std::string::npos) {
    int process = std::atoi(name.c_str() + at + 6);
    return process <= 0 || (kill(process, 0) != 0 && errno == ESRCH); // not another user's
  }
  if (!name.ends_with(".plait"))
    return false;
  auto source = ArtifactSource::open(entry.string());
  Expected<Manifest> manifest = source ? readManifest(*source) : source.status();
  return !manifest || manifest->compilerVersion != PLAIT_VERSION;
}

Check checkCache() {
  auto folder = cacheFolder();
  const std::string remedy = "set PLAIT_CACHE_DIR to a folder that can be written";
  if (!folder)
    return {Check::fail, "cache", "neither PLAIT_CACHE_DIR, XDG_CACHE_HOME nor HOME", "one of them", remedy};
  std::error_code error;
  fs::create_directories(*folder, error);
  std::string probe = fmt::format("{}/doctor-{}", *folder, getpid());
  if (error || !writeFileAtomic(probe, ""))
    return {Check::fail, "cache", printable(*folder) + ", which cannot be written", "a folder that can", remedy};
  fs::remove(probe, error);
  int64_t bytes = 0;
  size_t models = 0, stale = 0;
  for (fs::directory_iterator it(*folder, error), end; !error && it != end; it.increment(error)) {
    bool isModel = it->path().extension() == ".plait";
    bool isOld = isStale(it->path());
    stale += isOld;
    models += isModel && !isOld;
  }
  for (fs::recursive_directory_iterator it(*folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    // A pack that artifacts share counts once.
    if (it->is_regular_file(ignored) && !(it->hard_link_count(ignored) > 1 && it->path().filename() == "weights.pack"))
      bytes += int64_t(it->file_size(ignored));
  }
  std::string found = fmt::format("{}: {} models, {}", printable(*folder), models, bytesText(bytes));
  if (!stale)
    return good("cache", found);
  return {Check::warn, "cache", fmt::format("{}, {} stale entries", found, stale),
          "none of older versions or dead processes",
          fmt::format("rm -r {}; models are compiled again when they are used", printable(*folder))};
}

//===----------------------------------------------------------------------===//
// The command
//===----------------------------------------------------------------------===//

std::string lineOf(const Check &check) {
  std::string line = fmt::format("{:<4}  {}: found {}", nameOf(check.level), check.what, check.found);
  if (check.level != Check::ok)
    line += fmt::format("; expected {}; {}", check.expected, check.remedy);
  return line + "\n";
}

int doctorAction(bool json) {
  int gpus = 0;
  const Check checks[] = {
      checkCpu(),
      checkCores(),
      checkMemory(),
      checkHugePages(),
      checkSharedMemory(),
      checkLimit("open files", RLIMIT_NOFILE, 1024, "-n"),
      checkLimit("locked memory", RLIMIT_MEMLOCK, 64 << 10, "-l"),
      checkGpus(gpus),
      checkNccl(gpus),
      checkLocale(),
      checkCompiler(),
      checkLinker(),
      checkCache(),
  };
  bool healthy = true;
  std::string text;
  Json list = Json::array();
  for (const Check &check : checks) {
    healthy &= check.level != Check::fail;
    text += lineOf(check);
    list.push_back({{"level", nameOf(check.level)},
                    {"what", check.what},
                    {"found", check.found},
                    {"expected", check.expected},
                    {"remedy", check.remedy}});
  }
  if (json)
    text = Json{{"version", PLAIT_VERSION}, {"healthy", healthy}, {"checks", list}}.dump(
               2, ' ', false, Json::error_handler_t::replace) +
           "\n";
  Output out;
  out.write(text);
  if (int code = out.exitCode())
    return code;
  return healthy ? exitSuccess : exitFailure;
}

} // namespace

void plait::addDoctorCommand(CLI::App &app, Action &action) {
  auto json = std::make_shared<bool>(false);
  CLI::App *doctor = app.add_subcommand("doctor", "Look whether the machine and the installation are in order");
  doctor->add_flag("--json", *json, "as JSON");
  doctor->footer("A line per thing: ok, warn (slower or scarcer than it could be) or fail (something\n"
                 "does not work). The exit code is 1 if anything fails.");
  doctor->callback([json, &action] { action = [json] { return doctorAction(*json); }; });
}
