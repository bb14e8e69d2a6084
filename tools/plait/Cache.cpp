//===- Cache.cpp - Compiled models, made when they are missing ------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Cache.h"

#include "runtime/base/Digest.h"
#include "runtime/base/File.h"
#include "runtime/base/Gguf.h"
#include "runtime/core/Model.h"
#include "runtime/device/cpu/Isa.h"
#include "tools/plait/Console.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace plait;
namespace fs = std::filesystem;

namespace {

/// Smaller files are keyed by content, larger ones by size and time.
constexpr uintmax_t kContentLimit = uintmax_t(16) << 20;

Status cancelled() { return Status::error(StatusCode::cancelled, "interrupted"); }

std::string errorText(int error) { return std::error_code(error, std::generic_category()).message(); }

/// Adds what can change the compiler's output of one file.
Status addFile(Digest &digest, const fs::path &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return notFound(fmt::format("{}: cannot be read ({})", printable(path.string()), errorText(errno)));
  digest.add(path.filename().string());
  digest.add(std::to_string(info.st_size));
  if (uintmax_t(info.st_size) < kContentLimit) {
    PLAIT_ASSIGN_OR_RETURN(std::string content, digestOfFile(path.string()));
    digest.add(content);
  } else {
    digest.add(fmt::format("{}.{:09}", info.st_mtim.tv_sec, info.st_mtim.tv_nsec));
  }
  return Status::success();
}

/// The files of a model folder, or of the GGUF file `path`.
Expected<std::vector<fs::path>> modelFiles(const std::string &path) {
  std::vector<fs::path> files;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    PLAIT_ASSIGN_OR_RETURN(Gguf gguf, Gguf::open(path));
    for (const std::shared_ptr<const MappedFile> &file : gguf.files())
      files.push_back(file->path());
    return files;
  }
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (std::error_code ignored; it->is_regular_file(ignored))
      files.push_back(it->path());
  if (error)
    return resourceError(fmt::format("{}: cannot be listed ({})", printable(path), error.message()));
  std::sort(files.begin(), files.end());
  return files;
}

/// Adds the call of a strategy and the files that it speaks of: its own, and draft models.
Status addStrategy(Digest &digest, const std::string &call) {
  digest.add(call);
  std::error_code ignored;
  if (size_t end = call.find(".mlir"); end != std::string::npos) {
    if (fs::path file = call.substr(0, end + 5); fs::is_regular_file(file, ignored))
      PLAIT_RETURN_IF_ERROR(addFile(digest, file));
  }
  for (size_t at = call.find('='); at != std::string::npos; at = call.find('=', at + 1)) {
    size_t begin = call.find_first_not_of(" \t", at + 1);
    size_t end = call.find_first_of(",)", at + 1);
    if (begin == std::string::npos || begin >= end)
      continue;
    std::string path = call.substr(begin, end == std::string::npos ? end : end - begin);
    path.erase(path.find_last_not_of(" \t") + 1);
    if (!fs::is_directory(path, ignored) && !looksLikeGguf(path))
      continue;
    PLAIT_ASSIGN_OR_RETURN(std::vector<fs::path> files, modelFiles(path));
    for (const fs::path &file : files)
      PLAIT_RETURN_IF_ERROR(addFile(digest, file));
  }
  return Status::success();
}

Expected<std::string> keyOf(const std::string &model, const std::string &compiler, const CompileOptions &options) {
  Digest digest;
  PLAIT_ASSIGN_OR_RETURN(std::string build, digestOfFile(compiler));
  digest.add(build);
  digest.add(options.weights.empty() ? "checkpoint" : options.weights);
  digest.add(options.dtype);
  digest.add(options.headDtype == "auto" ? "" : options.headDtype);
  digest.add(options.isa);
  digest.add(options.group);
  digest.add(options.zeroPoints ? "zero-points" : "");
  digest.add(options.kvDtype.empty() ? "f32" : options.kvDtype);
  digest.add(options.debugLogits ? "debug-logits" : "");
  digest.add(meshOf(options));
  digest.add(options.numerics == "row_invariant" ? "" : options.numerics);
  digest.add(options.sequenceParallel ? "sequence-parallel" : "");
  digest.add(options.overlap.empty() ? "auto" : options.overlap);
  digest.add(options.wireDtype.empty() ? "f32" : options.wireDtype);
  std::string machine;
  if (!options.machine.empty()) {
    PLAIT_ASSIGN_OR_RETURN(machine, digestOfFile(options.machine));
  }
  digest.add(machine);
  digest.add(std::to_string(options.shards.size()));
  for (const std::string &shard : options.shards)
    digest.add(shard);
  digest.add(std::to_string(options.decode.size()));
  for (const std::string &call : options.decode)
    PLAIT_RETURN_IF_ERROR(addStrategy(digest, call));
  digest.add(options.draftTp.empty() ? "1" : options.draftTp);
  digest.add(options.heads.empty() ? "" : "heads");
  if (!options.heads.empty()) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<fs::path> files, modelFiles(options.heads));
    for (const fs::path &file : files)
      PLAIT_RETURN_IF_ERROR(addFile(digest, file));
  }
  digest.add(cpuFeatures()); // the compiler's default target is this machine
  digest.add(cpuName());
  PLAIT_ASSIGN_OR_RETURN(std::vector<fs::path> files, modelFiles(model));
  for (const fs::path &file : files)
    PLAIT_RETURN_IF_ERROR(addFile(digest, file));
  return digest.hex();
}

/// An exclusive lock that ends with the process, however that ends.
class FileLock {
public:
  FileLock() = default;
  ~FileLock() {
    if (fd >= 0)
      close(fd);
  }
  FileLock(const FileLock &) = delete;
  FileLock &operator=(const FileLock &) = delete;

  Status acquire(const std::string &path, bool quiet) {
    fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
      return resourceError(fmt::format("{}: cannot be created ({}); set PLAIT_CACHE_DIR to a "
                                       "folder that can be written",
                                       printable(path), errorText(errno)));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
      return Status::success();
    if (!quiet && errno == EWOULDBLOCK)
      note("waiting for another process that compiles the same model");
    while (flock(fd, LOCK_EX) != 0) {
      if (interrupted())
        return cancelled();
      if (errno != EINTR)
        return resourceError(fmt::format("{}: cannot be locked ({})", printable(path), errorText(errno)));
    }
    return Status::success();
  }

private:
  int fd = -1;
};

/// Runs the compiler; its messages go to standard error, as does its output.
Status runCompiler(const std::vector<std::string> &arguments) {
  std::vector<char *> argv;
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  pid_t parent = getpid();
  pid_t child = fork();
  if (child < 0)
    return resourceError("plait-compile: cannot be started (" + errorText(errno) + ")");
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGTERM); // a killed plait leaves no compiler behind
    if (getppid() != parent)
      _exit(127);
    signal(SIGPIPE, SIG_DFL);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  int status = 0;
  bool told = false;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return internalError("plait-compile: cannot be waited for (" + errorText(errno) + ")");
    if (interrupted() && !told) {
      kill(child, SIGTERM);
      told = true;
    }
  }
  if (interrupted())
    return cancelled();
  if (WIFSIGNALED(status))
    return internalError(
        fmt::format("plait-compile: it was ended by signal {} ({})", WTERMSIG(status), strsignal(WTERMSIG(status))));
  if (WEXITSTATUS(status) == 127)
    return resourceError("plait-compile: cannot be executed");
  if (WEXITSTATUS(status) != 0)
    return invalidArgument(
        fmt::format("plait-compile: it failed with exit code {}; its messages are above", WEXITSTATUS(status)));
  return Status::success();
}

void removeTree(const fs::path &path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

/// An artifact that opens; a damaged one in the cache is made again.
bool isUsable(const std::string &artifact) {
  std::error_code ignored;
  return fs::exists(artifact + "/manifest.json", ignored) &&
         Model::open(artifact, {.threads = 1, .loadWeights = false}).ok();
}

Expected<ResolvedArtifact> compileModel(const std::string &model, const CompileOptions &options) {
  auto begin = std::chrono::steady_clock::now();
  ResolvedArtifact result;
  result.fromModel = true;
  PLAIT_ASSIGN_OR_RETURN(std::string compiler, compilerPath());
  PLAIT_ASSIGN_OR_RETURN(std::string key, keyOf(model, compiler, options));
  PLAIT_ASSIGN_OR_RETURN(std::string cache, cacheFolder());
  result.path = cache + "/" + key + ".plait";
  auto finish = [&] {
    result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return result;
  };
  std::error_code error;
  fs::create_directories(cache, error);
  if (error)
    return resourceError(fmt::format("{}: cannot be created ({}); set PLAIT_CACHE_DIR to a folder "
                                     "that can be written",
                                     printable(cache), error.message()));
  // What is there under its final name is complete, so a hit needs no lock.
  if (isUsable(result.path))
    return finish();
  FileLock lock;
  PLAIT_RETURN_IF_ERROR(lock.acquire(cache + "/" + key + ".lock", options.quiet));
  if (isUsable(result.path))
    return finish();

  std::string workPrefix = key + ".work-";
  for (fs::directory_iterator it(cache, error), end; !error && it != end; it.increment(error))
    if (it->path().filename().string().starts_with(workPrefix))
      removeTree(it->path()); // of a process that was killed
  std::string work = fmt::format("{}/{}{}.plait", cache, workPrefix, getpid());
  // Variants of a model (with logits, say) share one copy of its weights.
  std::vector<std::string> arguments = {compiler, model, "-o", work, "--pack-folder", cache + "/packs"};
  if (!options.weights.empty())
    arguments.insert(arguments.end(), {"--weights", options.weights});
  if (!options.dtype.empty())
    arguments.insert(arguments.end(), {"--dtype", options.dtype});
  if (!options.headDtype.empty())
    arguments.insert(arguments.end(), {"--head-dtype", options.headDtype});
  if (!options.group.empty())
    arguments.insert(arguments.end(), {"--group", options.group});
  if (options.zeroPoints)
    arguments.push_back("--zero-points");
  if (!options.isa.empty())
    arguments.insert(arguments.end(), {"--target", "cpu:" + options.isa});
  if (!options.kvDtype.empty())
    arguments.insert(arguments.end(), {"--kv-dtype", options.kvDtype});
  if (options.debugLogits)
    arguments.push_back("--debug-logits");
  if (!options.tp.empty() || !options.mesh.empty())
    arguments.insert(arguments.end(), {"--mesh", meshOf(options)});
  if (!options.machine.empty())
    arguments.insert(arguments.end(), {"--machine", options.machine});
  for (const std::string &shard : options.shards)
    arguments.insert(arguments.end(), {"--shard", shard});
  for (const std::string &call : options.decode)
    arguments.insert(arguments.end(), {"--decode", call});
  if (!options.draftTp.empty())
    arguments.insert(arguments.end(), {"--draft-tp", options.draftTp});
  if (!options.heads.empty())
    arguments.insert(arguments.end(), {"--heads", options.heads});
  if (!options.numerics.empty())
    arguments.insert(arguments.end(), {"--numerics", options.numerics});
  if (options.sequenceParallel)
    arguments.push_back("--sequence-parallel");
  if (!options.overlap.empty())
    arguments.insert(arguments.end(), {"--overlap", options.overlap});
  if (!options.wireDtype.empty())
    arguments.insert(arguments.end(), {"--wire-dtype", options.wireDtype});
  if (options.threads)
    arguments.insert(arguments.end(), {"--threads", std::to_string(options.threads)});
  arguments.insert(arguments.end(), {"--progress", options.quiet ? "none" : nameOf(progressMode())});
  if (!options.quiet)
    note(fmt::format("compiling {}", printable(model)));
  Status status = runCompiler(arguments);
  if (status && !fs::exists(work + "/manifest.json", error))
    status = internalError("plait-compile: it ended without an error but wrote no artifact");
  if (status) {
    removeTree(result.path);
    fs::rename(work, result.path, error);
    if (error)
      status = resourceError(fmt::format("{}: cannot be moved into the cache ({})", printable(work), error.message()));
  }
  if (!status) {
    removeTree(work);
    return status;
  }
  result.compiled = true;
  return finish();
}

} // namespace

Expected<std::string> plait::compilerPath() {
  std::error_code error;
  fs::path self = fs::read_symlink("/proc/self/exe", error);
  fs::path compiler = self.parent_path() / "plait-compile";
  if (error || access(compiler.c_str(), X_OK) != 0)
    return notFound(fmt::format("plait-compile: found no such program beside {}; expected it "
                                "there to compile a model folder; install it, or compile the "
                                "model elsewhere and give the .plait folder",
                                printable(self.string())));
  return compiler.string();
}

Expected<std::string> plait::cacheFolder() {
  if (const char *folder = std::getenv("PLAIT_CACHE_DIR"); folder && *folder)
    return std::string(folder);
  if (const char *folder = std::getenv("XDG_CACHE_HOME"); folder && *folder)
    return std::string(folder) + "/plait";
  if (const char *home = std::getenv("HOME"); home && *home)
    return std::string(home) + "/.cache/plait";
  return resourceError("cache: found neither PLAIT_CACHE_DIR, XDG_CACHE_HOME nor HOME; expected "
                       "one of them; set PLAIT_CACHE_DIR");
}

std::string plait::buildId() {
  Expected<std::string> digest = digestOfFile("/proc/self/exe");
  return digest ? digest->substr(0, 12) : "unknown";
}

Expected<ResolvedArtifact> plait::resolveArtifact(const std::string &path, const CompileOptions &options) {
  std::error_code error;
  fs::file_status info = fs::status(path, error);
  std::string expected = "expected a compiled model (a folder with manifest.json, or an executable of plait-compile), "
                         "a Hugging Face folder (with config.json) or a GGUF file";
  if (!fs::exists(info))
    return notFound(fmt::format("{}: found nothing there; {}; check the path", printable(path), expected));
  if (!fs::is_directory(info) && looksLikeGguf(path))
    return compileModel(path, options);
  bool isExecutable = ArtifactSource::isExecutable(path);
  if (!fs::is_directory(info) && !isExecutable)
    return invalidArgument(fmt::format("{}: found a file; {}", printable(path), expected));
  if (isExecutable || fs::exists(path + "/manifest.json", error)) {
    for (auto [option, given] :
         {std::pair("--weights", !options.weights.empty()), std::pair("--dtype", !options.dtype.empty()),
          std::pair("--head-dtype", !options.headDtype.empty()), std::pair("--group", !options.group.empty()),
          std::pair("--zero-points", options.zeroPoints), std::pair("--kv-dtype", !options.kvDtype.empty()),
          std::pair("--tp", !options.tp.empty()), std::pair("--mesh", !options.mesh.empty()),
          std::pair("--machine", !options.machine.empty()), std::pair("--shard", !options.shards.empty()),
          std::pair("--numerics", !options.numerics.empty()),
          std::pair("--sequence-parallel", options.sequenceParallel), std::pair("--overlap", !options.overlap.empty()),
          std::pair("--wire-dtype", !options.wireDtype.empty()), std::pair("--heads", !options.heads.empty()),
          std::pair("--draft-tp", !options.draftTp.empty())})
      if (given)
        return invalidArgument(fmt::format("{}: found it with {}, which is compiled already; expected a model to "
                                           "compile; compile that again instead",
                                           option, printable(path)));
    ResolvedArtifact result;
    result.path = path;
    return result;
  }
  if (fs::exists(path + "/config.json", error))
    return compileModel(path, options);
  return invalidArgument(fmt::format("{}: found a folder with neither file; {}", printable(path), expected));
}
