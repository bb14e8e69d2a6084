//===- Library.cpp - A shared object in this process ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Library.h"

#include <cerrno>
#include <string>
#include <system_error>
#include <utility>

#include <dlfcn.h>
#include <sys/mman.h>
#include <unistd.h>

using namespace plait;

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U // since Linux 6.3
#endif

static Status noMemoryFile(const FileRange &file, const std::string &reason) {
  return resourceError(printable(file.label) + ": found that code cannot be loaded from memory here (" + reason +
                       "); expected a system with /proc and memory files that may be executed; unpack the file with "
                       "`unzip FILE -d model.plait` and give that folder to `plait run`");
}

/// An anonymous file with the bytes of `file`.
static Expected<int> copyToMemory(const FileRange &file) {
  int fd = memfd_create("plait-model", MFD_CLOEXEC | MFD_EXEC);
  if (fd < 0 && errno == EINVAL) // a kernel that knows no MFD_EXEC
    fd = memfd_create("plait-model", MFD_CLOEXEC);
  if (fd < 0)
    return noMemoryFile(file, std::error_code(errno, std::generic_category()).message());
  Status status = readFileInPieces(file, [&](std::string_view piece) {
    while (!piece.empty()) {
      ssize_t count = ::write(fd, piece.data(), piece.size());
      if (count < 0 && errno != EINTR)
        return noMemoryFile(file, std::error_code(errno, std::generic_category()).message());
      piece.remove_prefix(count < 0 ? 0 : size_t(count));
    }
    return Status::success();
  });
  if (!status) {
    ::close(fd);
    return status;
  }
  return fd;
}

Expected<Library> Library::load(const FileRange &file) {
  Library library;
  std::string path = file.path;
  if (file.offset != 0) {
    PLAIT_ASSIGN_OR_RETURN(library.memory, copyToMemory(file));
    path = "/proc/self/fd/" + std::to_string(library.memory);
    if (access(path.c_str(), R_OK) != 0)
      return noMemoryFile(file, path + ": " + std::error_code(errno, std::generic_category()).message());
  } else if (path.find('/') != 0) {
    path = "./" + path; // a name with a slash keeps dlopen from searching the library path
  }
  library.handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library.handle) {
    const char *reason = dlerror();
    return corrupt(printable(file.label) + ": found no loadable model binary (" +
                   std::string(reason ? reason : "unknown reason") +
                   "); the artifact is damaged, compile the model again");
  }
  return library;
}

Library::Library(Library &&other) noexcept
    : handle(std::exchange(other.handle, nullptr)), memory(std::exchange(other.memory, -1)) {}

Library &Library::operator=(Library &&other) noexcept {
  std::swap(handle, other.handle);
  std::swap(memory, other.memory);
  return *this;
}

Library::~Library() {
  if (handle)
    dlclose(handle);
  if (memory >= 0)
    ::close(memory);
}

void *Library::symbol(const char *name) const { return dlsym(handle, name); }
