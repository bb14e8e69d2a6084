//===- FileTest.cpp - Tests of file access --------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"

#include "gtest/gtest.h"

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

using namespace plait;

namespace {

#define EXPECT_HAS(message, part) EXPECT_PRED2(contains, message, part)
bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

class FileTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "plait-file-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string at(const std::string &name) const { return folder + "/" + name; }
  std::string write(const std::string &name, std::string_view data) const {
    Status status = writeFileAtomic(at(name), data);
    EXPECT_TRUE(status.ok()) << status.message();
    return at(name);
  }
  size_t entries() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(folder), {})); }
  /// Every way of reading refuses `path` alike.
  void expectRefused(const std::string &path, StatusCode code, const std::string &part) const {
    std::array<Status, 3> results = {MappedFile::open(path).status(), readFile(path).status(),
                                     readFileInPieces(path, [](std::string_view) {
                                       ADD_FAILURE() << "data of a file that is refused";
                                       return Status::success();
                                     })};
    for (const Status &status : results) {
      EXPECT_EQ(status.code(), code) << status.message();
      EXPECT_HAS(status.message(), part);
      EXPECT_HAS(status.message(), "; expected ");
    }
  }

  std::string folder;
};

TEST_F(FileTest, MapsAndReads) {
  std::string path = write("data", "some\nbytes");
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_EQ((*file)->text(), "some\nbytes");
  EXPECT_EQ((*file)->bytes().size(), 10u);
  EXPECT_EQ((*file)->path(), path);
  EXPECT_TRUE((*file)->checkUnchanged().ok());
  EXPECT_EQ(*readFile(path), "some\nbytes");
  // The mapping outlives the name.
  std::filesystem::remove(path);
  EXPECT_EQ((*file)->text(), "some\nbytes");
}

TEST_F(FileTest, EmptyFileHasNoBytes) {
  std::string path = write("empty", "");
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  EXPECT_TRUE((*file)->bytes().empty());
  EXPECT_TRUE((*file)->text().empty());
  EXPECT_TRUE((*file)->checkUnchanged().ok());
  EXPECT_EQ(*readFile(path, 0), "");
}

TEST_F(FileTest, ReadsThroughSymbolicLinks) {
  write("data", "x");
  std::filesystem::create_symlink("data", at("link"));
  EXPECT_EQ(*readFile(at("link")), "x");
}

TEST_F(FileTest, RefusesWhatIsNoRegularFile) {
  expectRefused(folder, StatusCode::invalidArgument, folder + ": found a directory");
  expectRefused("/dev/null", StatusCode::invalidArgument, "found a character device");
  expectRefused("", StatusCode::invalidArgument, "found an empty path");
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  expectRefused(at("fifo"), StatusCode::invalidArgument, "found a FIFO");

  int socketFd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (at("socket").size() < sizeof(address.sun_path)) {
    at("socket").copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socketFd, reinterpret_cast<sockaddr *>(&address), sizeof(address)), 0);
    expectRefused(at("socket"), StatusCode::invalidArgument, "found a socket");
  }
  ::close(socketFd);
}

TEST_F(FileTest, RefusesMissingFiles) {
  expectRefused(at("none"), StatusCode::notFound, "none: found nothing there (No such file");
  write("data", "x");
  expectRefused(at("data/inner"), StatusCode::notFound, "(Not a directory)");
  std::filesystem::create_symlink("none", at("dangling"));
  expectRefused(at("dangling"), StatusCode::notFound, "found nothing there");
}

TEST_F(FileTest, RefusesOddPaths) {
  std::filesystem::create_symlink("b", at("a"));
  std::filesystem::create_symlink("a", at("b"));
  expectRefused(at("a"), StatusCode::invalidArgument, "found a loop of symbolic links");
  expectRefused(at(std::string(300, 'x')), StatusCode::invalidArgument, "too long");
  write("data", "x");
  expectRefused(at("data") + std::string("\0x", 2), StatusCode::invalidArgument, "NUL byte");
  expectRefused(at("new\nline"), StatusCode::notFound, "new\\x0aline: found");
}

TEST_F(FileTest, RefusesUnreadableFiles) {
  std::string path = write("secret", "x");
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  // The superuser reads every file, so be somebody else meanwhile.
  bool isRoot = ::geteuid() == 0;
  if (isRoot && ::seteuid(65534) != 0)
    GTEST_SKIP() << "cannot give up the privileges of the superuser";
  Status inFolder = writeFileAtomic(at("new"), "x");
  expectRefused(path, StatusCode::resource, "found no permission to open it");
  if (isRoot) {
    ASSERT_EQ(::seteuid(0), 0);
    EXPECT_EQ(inFolder.code(), StatusCode::resource) << inFolder.message();
    EXPECT_HAS(inFolder.message(), "no permission to create a file beside it");
  }
}

TEST_F(FileTest, NoticesTruncation) {
  std::string path = write("data", std::string(10'000, 'x'));
  auto file = MappedFile::open(path);
  ASSERT_TRUE(file.ok());
  std::filesystem::resize_file(path, 20'000);
  EXPECT_TRUE((*file)->checkUnchanged().ok());
  std::filesystem::resize_file(path, 9'999);
  Status status = (*file)->checkUnchanged();
  EXPECT_EQ(status.code(), StatusCode::corrupt);
  EXPECT_HAS(status.message(), path + ": found 9999 bytes; expected 10000 bytes");
  EXPECT_HAS(status.message(), "truncated");
}

TEST_F(FileTest, ReadFileLimitsBytes) {
  std::string path = write("data", "12345");
  EXPECT_EQ(*readFile(path, 5), "12345");
  Status status = readFile(path, 4).status();
  EXPECT_EQ(status.code(), StatusCode::unsupported);
  EXPECT_HAS(status.message(), "found 5 bytes; expected at most 4 bytes");
  // A file that says it has no bytes and has some is read, and limited, too.
  if (std::filesystem::exists("/proc/self/status")) {
    EXPECT_GT(readFile("/proc/self/status")->size(), 10u);
    EXPECT_HAS(readFile("/proc/self/status", 10).status().message(), "found a larger file");
  }
}

TEST_F(FileTest, ReadsInPieces) {
  std::string data;
  for (int i = 0; data.size() < 2'500'000; ++i)
    data += std::to_string(i);
  std::string path = write("data", data), joined;
  EXPECT_TRUE(readFileInPieces(path, [&](std::string_view piece) {
                joined += piece;
                return Status::success();
              }).ok());
  EXPECT_EQ(joined, data);
  EXPECT_EQ(*readFile(path), data);
  int calls = 0;
  Status stopped = readFileInPieces(path, [&](std::string_view) {
    ++calls;
    return Status::error(StatusCode::cancelled, "stop");
  });
  EXPECT_EQ(stopped.code(), StatusCode::cancelled);
  EXPECT_EQ(calls, 1);
}

TEST_F(FileTest, WritesAndReplaces) {
  std::string path = write("data", "old and long");
  auto old = MappedFile::open(path);
  std::array<std::string_view, 3> pieces = {"new", "", " text"};
  ASSERT_TRUE(writeFileAtomic(path, pieces).ok());
  EXPECT_EQ(*readFile(path), "new text");
  // Who has the old file open keeps seeing it whole.
  EXPECT_EQ((*old)->text(), "old and long");
  EXPECT_TRUE((*old)->checkUnchanged().ok());
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, WritesBesideTheWorkingDirectory) {
  std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  EXPECT_TRUE(writeFileAtomic("plain", "x").ok());
  std::filesystem::current_path(before);
  EXPECT_EQ(*readFile(at("plain")), "x");
}

TEST_F(FileTest, NewFilesHonourTheUmaskAndOldOnesKeepTheirMode) {
  mode_t before = ::umask(027);
  std::string path = write("data", "x");
  ::umask(before);
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
  ASSERT_EQ(::chmod(path.c_str(), 0600), 0);
  write("data", "y");
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(FileTest, WritesThroughSymbolicLinks) {
  std::filesystem::create_directory(at("elsewhere"));
  write("elsewhere/data", "old");
  std::filesystem::create_symlink("elsewhere/data", at("link"));
  write("link", "new");
  EXPECT_TRUE(std::filesystem::is_symlink(at("link")));
  EXPECT_EQ(*readFile(at("elsewhere/data")), "new");
  std::filesystem::create_symlink("none", at("dangling"));
  Status status = writeFileAtomic(at("dangling"), "x");
  EXPECT_EQ(status.code(), StatusCode::invalidArgument);
  EXPECT_HAS(status.message(), "found a dangling symbolic link");
}

TEST_F(FileTest, RefusesTargetsThatAreNoFile) {
  std::filesystem::create_symlink("/dev/null", at("null"));
  for (const std::string &path : {folder, std::string("/dev/null"), at("null")}) {
    Status status = writeFileAtomic(path, "x");
    EXPECT_EQ(status.code(), StatusCode::invalidArgument);
    EXPECT_HAS(status.message(), "expected a regular file or nothing");
  }
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  EXPECT_EQ(writeFileAtomic(at("none/data"), "x").code(), StatusCode::notFound);
  EXPECT_EQ(writeFileAtomic("", "x").code(), StatusCode::invalidArgument);
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, FailedWritesLeaveNothingBehind) {
  std::string path = write("data", "old");
  // A limit on the size of files stands for a full disk.
  rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = before;
  small.rlim_cur = 4096;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  Status status = writeFileAtomic(path, std::string(100'000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(status.code(), StatusCode::resource);
  EXPECT_HAS(status.message(), "found the error 'File too large' on the attempt to write it");
  EXPECT_EQ(*readFile(path), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(FileTest, ConcurrentWritersEachWriteWholeFiles) {
  std::string path = at("data");
  std::vector<std::thread> writers;
  for (char c : {'a', 'b', 'c', 'd'})
    writers.emplace_back([&path, c] {
      for (int i = 0; i < 8; ++i)
        EXPECT_TRUE(writeFileAtomic(path, std::string(50'000, c)).ok());
    });
  for (std::thread &writer : writers)
    writer.join();
  std::string text = *readFile(path);
  EXPECT_EQ(text, std::string(50'000, text[0]));
  EXPECT_EQ(entries(), 1u);
}

TEST(PrintableTest, EscapesAndShortens) {
  EXPECT_EQ(printable("a é 語 😀"), "a é 語 😀");
  EXPECT_EQ(printable("a\n\x1B[1m\x7F"), "a\\x0a\\x1b[1m\\x7f");
  EXPECT_EQ(printable("\xC2\x9B\xFF"), "\\xc2\\x9b\\xff");
  EXPECT_EQ(printable("abcdef", 6), "abcdef");
  EXPECT_EQ(printable("abcdefg", 6), "abcdef...");
  EXPECT_EQ(printable("abcdeé", 6), "abcde...");
}

} // namespace
