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

/// Where bytes are: in a regular file, from `offset` on.
struct FileRange {
  std::string path;  ///< to open
  std::string label; ///< in messages
  uint64_t offset = 0, bytes = 0;
};

/// A read-only mapping of a regular file. Directories, FIFOs, devices, symlink
/// loops and unreadable files are errors that name the path and the reason.
class MappedFile {
public:
  static Expected<std::shared_ptr<const MappedFile>> open(const std::string &path);
  /// Only a part of the file, which may begin anywhere in it. `path` is then the
  /// label.
  static Expected<std::shared_ptr<const MappedFile>> open(const FileRange &range);
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
  uint64_t offset = 0; ///< of `data` in the file
  size_t slack = 0;    ///< bytes mapped before `data`: mappings begin at pages
  int fd = -1;
};

/// Reads a whole regular file of at most `maxBytes` bytes into memory.
Expected<std::string> readFile(const std::string &path, size_t maxBytes = size_t(1) << 30);
Expected<std::string> readFile(const FileRange &range, size_t maxBytes = size_t(1) << 30);
/// The range of a whole file as it is now.
Expected<FileRange> rangeOfFile(const std::string &path);

/// Hands the bytes of a regular file to `use` in order, a piece at a time, so
/// that a file of any size is read in bounded memory. Stops at the first error.
Status readFileInPieces(const std::string &path, const std::function<Status(std::string_view)> &use);
/// An error if the file ends before the range does.
Status readFileInPieces(const FileRange &range, const std::function<Status(std::string_view)> &use);

/// Writes `data` to `path` atomically: a temporary file beside it, fsync,
/// rename. On any error nothing of the target changes and no temporary stays.
/// A symbolic link is followed; a target that is no regular file is refused.
Status writeFileAtomic(const std::string &path, std::string_view data);
/// The same for the concatenation of `pieces`, without joining them in memory. A
/// new file gets `mode`, less the umask; one that is rewritten keeps its own.
Status writeFileAtomic(const std::string &path, std::span<const std::string_view> pieces, unsigned mode = 0666);

/// A name that leads to a file in its own folder and nowhere else: no folder, no
/// "..", no NUL byte, at most 255 bytes.
bool isPlainFileName(std::string_view name);

/// `text` made fit for a one-line message: control characters and bytes that
/// are not UTF-8 become \xNN, and what exceeds `maxBytes` becomes "...".
std::string printable(std::string_view text, size_t maxBytes = 4096);

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_FILE_H
