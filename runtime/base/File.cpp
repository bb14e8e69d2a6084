//===- File.cpp - Files that are read by mapping --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"

#include "runtime/base/Utf8.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdlib>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace plait;

namespace {

/// Bytes moved by one read(2) or write(2).
constexpr size_t pieceBytes = size_t(1) << 20;

std::string errorText(int error) { return std::error_code(error, std::generic_category()).message(); }

/// "PATH: found F; expected E".
std::string foundExpected(const std::string &path, const std::string &found, const std::string &expected) {
  return printable(path) + ": found " + found + "; expected " + expected;
}

/// The error for a failed system call `action` on `path`.
Status systemError(const std::string &path, const std::string &action, int error, const std::string &expected) {
  std::string message;
  switch (error) {
  case ENOENT:
  case ENOTDIR:
    return notFound(foundExpected(path, "nothing there (" + errorText(error) + ")", expected + "; check the path"));
  case ELOOP:
    return invalidArgument(foundExpected(path, "a loop of symbolic links", expected));
  case EISDIR:
    return invalidArgument(foundExpected(path, "a directory", expected));
  case ENXIO: // what opening a socket, or a device without a driver, gives
    return invalidArgument(foundExpected(path, "a socket or a device", expected));
  case ENAMETOOLONG:
    return invalidArgument(foundExpected(path, "a path that is too long", expected));
  case EACCES:
  case EPERM:
  case EROFS:
    return resourceError(foundExpected(path, "no permission to " + action + " (" + errorText(error) + ")",
                                       expected + "; check owner and mode"));
  default:
    return resourceError(
        foundExpected(path, "the error '" + errorText(error) + "' on the attempt to " + action, expected));
  }
}

const char *kindOf(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a regular file";
  case S_IFDIR:
    return "a directory";
  case S_IFIFO:
    return "a FIFO";
  case S_IFSOCK:
    return "a socket";
  case S_IFCHR:
    return "a character device";
  case S_IFBLK:
    return "a block device";
  case S_IFLNK:
    return "a symbolic link";
  default:
    return "a file of unknown kind";
  }
}

/// C strings end at the first NUL, so such a path would name another file.
Status checkPath(const std::string &path) {
  if (path.empty())
    return invalidArgument("file: found an empty path; expected the path of a file");
  if (path.find('\0') != std::string::npos)
    return invalidArgument(foundExpected(path, "a path with a NUL byte", "the path of a file"));
  return Status::success();
}

class FileDescriptor {
public:
  explicit FileDescriptor(int fd) : fd(fd) {}
  FileDescriptor(FileDescriptor &&other) noexcept : fd(std::exchange(other.fd, -1)) {}
  FileDescriptor(const FileDescriptor &) = delete;
  FileDescriptor &operator=(const FileDescriptor &) = delete;
  ~FileDescriptor() {
    if (fd >= 0)
      ::close(fd);
  }
  int get() const { return fd; }
  int release() { return std::exchange(fd, -1); }

private:
  int fd;
};

struct OpenedFile {
  FileDescriptor fd;
  uint64_t size;
};

Expected<OpenedFile> openRegularFile(const std::string &path) {
  const std::string expected = "a readable regular file";
  PLAIT_RETURN_IF_ERROR(checkPath(path));
  // Without O_NONBLOCK, open(2) waits for the writer of a FIFO for ever.
  int raw;
  do {
    raw = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  } while (raw < 0 && errno == EINTR);
  if (raw < 0)
    return systemError(path, "open it", errno, expected);
  FileDescriptor fd(raw);
  struct stat info;
  if (::fstat(fd.get(), &info) != 0)
    return systemError(path, "inspect it", errno, expected);
  if (!S_ISREG(info.st_mode))
    return invalidArgument(foundExpected(path, kindOf(info.st_mode), expected));
  return OpenedFile{std::move(fd), static_cast<uint64_t>(info.st_size)};
}

/// The file may have changed since the range was determined.
Status checkInside(const OpenedFile &file, const FileRange &range) {
  if (range.bytes <= file.size && range.offset <= file.size - range.bytes)
    return Status::success();
  return corrupt(foundExpected(range.label, "a file of " + std::to_string(file.size) + " bytes",
                               std::to_string(range.bytes) + " bytes from byte " + std::to_string(range.offset) +
                                   " on; the file was truncated"));
}

/// Reads `file` to its end; its size may change meanwhile.
Status readPieces(const OpenedFile &file, const std::string &path, const std::function<Status(std::string_view)> &use) {
  std::string buffer(static_cast<size_t>(std::clamp<uint64_t>(file.size, 4096, pieceBytes)), '\0');
  while (true) {
    ssize_t count = ::read(file.fd.get(), buffer.data(), buffer.size());
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return systemError(path, "read it", errno, "a readable regular file");
    }
    if (count == 0)
      return Status::success();
    PLAIT_RETURN_IF_ERROR(use(std::string_view(buffer.data(), static_cast<size_t>(count))));
  }
}

Status writeAll(int fd, const std::string &path, std::string_view data) {
  while (!data.empty()) {
    ssize_t count = ::write(fd, data.data(), std::min(data.size(), pieceBytes));
    if (count < 0) {
      if (errno == EINTR)
        continue;
      return systemError(path, "write it", errno, "room for the whole file");
    }
    data.remove_prefix(static_cast<size_t>(count));
  }
  return Status::success();
}

/// Removes the temporary file unless it was renamed.
class TemporaryFile {
public:
  explicit TemporaryFile(std::string path) : path(std::move(path)) {}
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  ~TemporaryFile() {
    if (!kept)
      ::unlink(path.c_str());
  }
  void keep() { kept = true; }

private:
  std::string path;
  bool kept = false;
};

/// Creates a new file with a name that no other thread or process uses. Unlike
/// mkstemp(3), which forces mode 0600, this honours the umask.
int createUnique(const std::string &folder, std::string &path, mode_t mode) {
  static std::atomic<unsigned> counter{0};
  int fd = -1;
  for (int attempt = 0; attempt < 128 && fd < 0; ++attempt) {
    auto ticks = std::chrono::steady_clock::now().time_since_epoch().count();
    path = folder + ".plait-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)) + "-" +
           std::to_string(ticks) + ".tmp";
    fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno != EEXIST && errno != EINTR)
      break;
  }
  return fd;
}

} // namespace

Expected<std::shared_ptr<const MappedFile>> MappedFile::open(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(FileRange range, rangeOfFile(path));
  return open(range);
}

Expected<std::shared_ptr<const MappedFile>> MappedFile::open(const FileRange &range) {
  PLAIT_ASSIGN_OR_RETURN(OpenedFile file, openRegularFile(range.path));
  PLAIT_RETURN_IF_ERROR(checkInside(file, range));
  uint64_t slack = range.offset % static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  if (range.bytes > SIZE_MAX - slack)
    return resourceError(
        foundExpected(range.label, std::to_string(range.bytes) + " bytes", "a file that fits the address space"));
  std::shared_ptr<MappedFile> mapping(new MappedFile());
  mapping->filePath = range.label;
  mapping->offset = range.offset;
  // mmap(2) refuses a length of zero; an empty file simply has no bytes.
  if (range.bytes > 0) {
    void *address = ::mmap(nullptr, static_cast<size_t>(range.bytes + slack), PROT_READ, MAP_PRIVATE, file.fd.get(),
                           static_cast<off_t>(range.offset - slack));
    if (address == MAP_FAILED)
      return systemError(range.label, "map it", errno, "a file that can be mapped");
    mapping->data = static_cast<const uint8_t *>(address) + slack;
    mapping->length = static_cast<size_t>(range.bytes);
    mapping->slack = static_cast<size_t>(slack);
  }
  mapping->fd = file.fd.release();
  return std::shared_ptr<const MappedFile>(std::move(mapping));
}

MappedFile::~MappedFile() {
  if (data)
    ::munmap(const_cast<uint8_t *>(data) - slack, length + slack);
  if (fd >= 0)
    ::close(fd);
}

Status MappedFile::checkUnchanged() const {
  struct stat info;
  if (::fstat(fd, &info) != 0)
    return systemError(filePath, "inspect it", errno, "the file that was opened");
  if (static_cast<uint64_t>(info.st_size) < offset + length)
    return corrupt(foundExpected(filePath, std::to_string(info.st_size) + " bytes",
                                 std::to_string(offset + length) +
                                     " bytes as when it was opened; the file was truncated "
                                     "while in use, restore it and start again"));
  return Status::success();
}

Expected<FileRange> plait::rangeOfFile(const std::string &path) {
  PLAIT_ASSIGN_OR_RETURN(OpenedFile file, openRegularFile(path));
  return FileRange{path, path, 0, file.size};
}

Expected<std::string> plait::readFile(const FileRange &range, size_t maxBytes) {
  if (range.bytes > maxBytes)
    return unsupported(foundExpected(range.label, std::to_string(range.bytes) + " bytes",
                                     "at most " + std::to_string(maxBytes) + " bytes"));
  std::string text;
  text.reserve(static_cast<size_t>(range.bytes));
  PLAIT_RETURN_IF_ERROR(readFileInPieces(range, [&](std::string_view piece) {
    text.append(piece);
    return Status::success();
  }));
  return text;
}

Expected<std::string> plait::readFile(const std::string &path, size_t maxBytes) {
  auto tooLarge = [&](const std::string &found) {
    return unsupported(foundExpected(path, found, "at most " + std::to_string(maxBytes) + " bytes"));
  };
  PLAIT_ASSIGN_OR_RETURN(OpenedFile file, openRegularFile(path));
  if (file.size > maxBytes)
    return tooLarge(std::to_string(file.size) + " bytes");
  std::string text;
  text.reserve(static_cast<size_t>(file.size));
  PLAIT_RETURN_IF_ERROR(readPieces(file, path, [&](std::string_view piece) {
    if (piece.size() > maxBytes - text.size())
      return tooLarge("a larger file");
    text.append(piece);
    return Status::success();
  }));
  return text;
}

Status plait::readFileInPieces(const std::string &path, const std::function<Status(std::string_view)> &use) {
  PLAIT_ASSIGN_OR_RETURN(OpenedFile file, openRegularFile(path));
  return readPieces(file, path, use);
}

Status plait::readFileInPieces(const FileRange &range, const std::function<Status(std::string_view)> &use) {
  PLAIT_ASSIGN_OR_RETURN(OpenedFile file, openRegularFile(range.path));
  PLAIT_RETURN_IF_ERROR(checkInside(file, range));
  std::string buffer(static_cast<size_t>(std::min<uint64_t>(range.bytes, pieceBytes)), '\0');
  for (uint64_t done = 0; done < range.bytes;) {
    size_t wanted = static_cast<size_t>(std::min<uint64_t>(buffer.size(), range.bytes - done));
    ssize_t count = ::pread(file.fd.get(), buffer.data(), wanted, static_cast<off_t>(range.offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return systemError(range.label, "read it", errno, "a readable regular file");
    if (count == 0)
      return corrupt(foundExpected(range.label, "its end after " + std::to_string(done) + " bytes",
                                   std::to_string(range.bytes) + " bytes; the file was truncated while in use"));
    PLAIT_RETURN_IF_ERROR(use(std::string_view(buffer.data(), static_cast<size_t>(count))));
    done += static_cast<uint64_t>(count);
  }
  return Status::success();
}

Status plait::writeFileAtomic(const std::string &path, std::string_view data) {
  return writeFileAtomic(path, std::span<const std::string_view>(&data, 1));
}

Status plait::writeFileAtomic(const std::string &path, std::span<const std::string_view> pieces, unsigned mode) {
  const std::string expected = "a file that can be written";
  PLAIT_RETURN_IF_ERROR(checkPath(path));

  // rename(2) would put a regular file in the place of /dev/null or of a link
  // to it, so look at what is there first.
  std::string target = path;
  struct stat old, link;
  bool exists = ::stat(path.c_str(), &old) == 0;
  if (!exists && errno != ENOENT)
    return systemError(path, "inspect it", errno, expected);
  if (exists && !S_ISREG(old.st_mode))
    return invalidArgument(foundExpected(path, kindOf(old.st_mode), "a regular file or nothing"));
  if (::lstat(path.c_str(), &link) == 0 && S_ISLNK(link.st_mode)) {
    char *resolved = exists ? ::realpath(path.c_str(), nullptr) : nullptr;
    if (!resolved)
      return invalidArgument(foundExpected(path, "a dangling symbolic link", "a regular file or nothing"));
    target = resolved;
    std::free(resolved);
  }

  size_t slash = target.rfind('/');
  std::string folder = slash == std::string::npos ? "./" : target.substr(0, slash + 1);
  std::string temporaryPath;
  FileDescriptor fd(createUnique(folder, temporaryPath, mode));
  if (fd.get() < 0)
    return systemError(path, "create a file beside it", errno, "a folder that can be written");
  TemporaryFile temporary(temporaryPath);

  // A rewritten file keeps its mode: one that was private must stay private.
  if (exists && ::fchmod(fd.get(), old.st_mode & 07777) != 0)
    return systemError(path, "set its mode", errno, expected);
  for (std::string_view piece : pieces)
    PLAIT_RETURN_IF_ERROR(writeAll(fd.get(), path, piece));
  if (::fsync(fd.get()) != 0)
    return systemError(path, "flush it", errno, "room for the whole file");
  // Network file systems may report a failed write only here.
  if (::close(fd.release()) != 0 && errno != EINTR)
    return systemError(path, "close it", errno, "room for the whole file");
  if (::rename(temporaryPath.c_str(), target.c_str()) != 0)
    return systemError(path, "replace it", errno, expected);
  temporary.keep();

  // The target is whole from here on. Flushing the folder makes the rename
  // itself survive a power failure; where that is impossible, nothing is wrong
  // with the file, so it is no error.
  FileDescriptor folderFd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folderFd.get() >= 0)
    (void)::fsync(folderFd.get());
  return Status::success();
}

bool plait::isPlainFileName(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
         name.find_first_of(std::string_view("/\\\0", 3)) == std::string_view::npos;
}

std::string plait::printable(std::string_view text, size_t maxBytes) {
  static const char digits[] = "0123456789abcdef";
  std::string result;
  while (!text.empty()) {
    Utf8Step step = decodeUtf8(text, 0);
    // U+0080..U+009F are control characters too, and terminals obey them.
    bool isControl = step.value < 0x20 || (step.value >= 0x7F && step.value < 0xA0);
    size_t bytes = 1;
    std::string piece;
    if (step.kind == Utf8Step::complete && !isControl) {
      bytes = step.length;
      piece = text.substr(0, bytes);
    } else {
      unsigned char byte = static_cast<unsigned char>(text[0]);
      piece = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
    }
    if (result.size() + piece.size() > maxBytes)
      return result + "...";
    result += piece;
    text.remove_prefix(bytes);
  }
  return result;
}
