//===- File.h - Files that are read by mapping ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_FILE_H
#define PLAIT_RUNTIME_BASE_FILE_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace plait {

/// A read-only mapping of a regular file. Directories, FIFOs, devices, symlink
/// loops and unreadable files are errors that name the path and the reason.
class MappedFile {
public:
  static Expected<std::shared_ptr<const MappedFile>> open(const std::string &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::span<const uint8_t> bytes() const { return {data, length}; }
  std::string_view text() const { return {reinterpret_cast<const char *>(data), length}; }
  const std::string &path() const { return filePath; }
  /// An error if the file has shrunk since it was opened (reading the mapping
  /// past the new end would raise SIGBUS). Call before long reads.
  Status checkUnchanged() const;

private:
  MappedFile() = default;
  std::string filePath;
  const uint8_t *data = nullptr;
  size_t length = 0;
  int fd = -1;
};

/// Reads a whole regular file of at most `maxBytes` bytes into memory.
Expected<std::string> readFile(const std::string &path, size_t maxBytes = size_t(1) << 30);

/// Hands the bytes of a regular file to `use` in order, a piece at a time, so
/// that a file of any size is read in bounded memory. Stops at the first error.
Status readFileInPieces(const std::string &path, const std::function<Status(std::string_view)> &use);

/// Writes `data` to `path` atomically: a temporary file beside it, fsync,
/// rename. On any error nothing of the target changes and no temporary stays.
/// A symbolic link is followed; a target that is no regular file is refused.
Status writeFileAtomic(const std::string &path, std::string_view data);
/// The same for the concatenation of `pieces`, without joining them in memory.
Status writeFileAtomic(const std::string &path, std::span<const std::string_view> pieces);

/// `text` made fit for a one-line message: control characters and bytes that
/// are not UTF-8 become \xNN, and what exceeds `maxBytes` becomes "...".
std::string printable(std::string_view text, size_t maxBytes = 4096);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_FILE_H
