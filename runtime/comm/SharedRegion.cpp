//===- SharedRegion.cpp - The memory that ranks of one machine share ------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/comm/SharedRegion.h"

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace plait;

static Status systemError(const char *what) {
  return resourceError(std::string("ranks: cannot ") + what + ": " + std::strerror(errno));
}

size_t SharedRegion::dataOffset(int64_t size) {
  size_t tables = 1024 + size_t(size) * sizeof(RankPlace) + size_t(size * size) * sizeof(Channel);
  return (tables + 4095) & ~size_t(4095);
}

size_t SharedRegion::totalBytes(const RegionHeader &header) {
  return dataOffset(header.size) + size_t(header.size) * 2 * header.stagingBytes +
         size_t(header.size * header.size) * kChannelBytes;
}

Expected<int> SharedRegion::create(const RegionHeader &header) {
  int fd = ::memfd_create("plait-ranks", 0); // inherited by the ranks
  if (fd < 0)
    return systemError("create shared memory");
  size_t bytes = totalBytes(header), tables = dataOffset(header.size);
  int error = ::ftruncate(fd, off_t(bytes)) == 0 ? ::posix_fallocate(fd, 0, off_t(tables)) : errno;
  void *memory = MAP_FAILED;
  if (error)
    errno = error;
  else
    memory = ::mmap(nullptr, tables, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED) {
    Status status = systemError(("allocate " + std::to_string(bytes) + " bytes of shared memory").c_str());
    ::close(fd);
    return status;
  }
  SharedRegion region(static_cast<uint8_t *>(memory), tables, -1);
  new (region.base) RegionHeader(header);
  for (int rank = 0; rank < header.size; ++rank)
    new (&region.place(rank)) RankPlace();
  for (int i = 0; i < header.size * header.size; ++i)
    new (&region.channels()[i]) Channel();
  return fd;
}

Expected<SharedRegion> SharedRegion::map(int fd) {
  struct stat info;
  if (::fstat(fd, &info) != 0)
    return systemError("find the shared memory of the group");
  if (size_t(info.st_size) < sizeof(RegionHeader))
    return corrupt("ranks: found " + std::to_string(info.st_size) + " bytes of shared memory; expected a group's");
  void *memory = ::mmap(nullptr, size_t(info.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (memory == MAP_FAILED)
    return systemError("map the shared memory of the group");
  SharedRegion region(static_cast<uint8_t *>(memory), size_t(info.st_size), ::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (region.fd < 0)
    return systemError("keep the shared memory of the group");
  const RegionHeader &header = region.header();
  if (header.magic != kRegionMagic || header.size < 1 || header.size > kMaxLocalRanks ||
      totalBytes(header) != size_t(info.st_size))
    return corrupt("ranks: found shared memory of another kind or version; expected a group's; start all ranks from "
                   "one plait");
  return region;
}

Status SharedRegion::reserve(int rank) const {
  auto take = [&](const uint8_t *begin, size_t size) { return ::posix_fallocate(fd, begin - base, off_t(size)); };
  size_t size = size_t(header().size);
  int error = take(staging(rank, 0), 2 * header().stagingBytes);
  if (!error)
    error = take(channelData(rank, 0), size * kChannelBytes);
  if (!error)
    return Status::success();
  errno = error;
  return systemError(("allocate " + std::to_string(2 * header().stagingBytes + size * kChannelBytes) +
                      " bytes of shared memory for rank " + std::to_string(rank))
                         .c_str());
}

SharedRegion::SharedRegion(SharedRegion &&other) noexcept
    : base(std::exchange(other.base, nullptr)), bytes(other.bytes), fd(std::exchange(other.fd, -1)) {}

SharedRegion::~SharedRegion() {
  if (base)
    ::munmap(base, bytes);
  if (fd >= 0)
    ::close(fd);
}
