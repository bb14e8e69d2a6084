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
  return dataOffset(header.size) + size_t(header.size) * (2 * header.stagingBytes + kMarkedBytes) +
         size_t(header.size * header.size) * kChannelBytes; // whole pages
}

Expected<int> SharedRegion::create(const RegionHeader &header) {
  int fd = ::memfd_create("plait-ranks", 0); // inherited by the ranks
  if (fd < 0)
    return systemError("create shared memory");
  if (Status status = createAt(fd, 0, header); !status) {
    ::close(fd);
    return status;
  }
  return fd;
}

Status SharedRegion::createAt(int fd, size_t offset, const RegionHeader &header) {
  size_t bytes = totalBytes(header), tables = dataOffset(header.size);
  // The tables are there at once; what ranks write, each of them takes itself.
  void *memory = MAP_FAILED;
  if (::ftruncate(fd, off_t(offset + bytes)) == 0) {
    errno = ::posix_fallocate(fd, off_t(offset), off_t(tables));
    if (errno == 0)
      memory = ::mmap(nullptr, tables, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off_t(offset));
  }
  if (memory == MAP_FAILED)
    return systemError(("allocate " + std::to_string(bytes) + " bytes of shared memory").c_str());
  SharedRegion region(static_cast<uint8_t *>(memory), tables, -1, offset);
  new (region.base) RegionHeader(header);
  for (int rank = 0; rank < header.size; ++rank)
    new (&region.place(rank)) RankPlace();
  for (int i = 0; i < header.size * header.size; ++i)
    new (&region.channels()[i]) Channel();
  return Status::success();
}

Expected<SharedRegion> SharedRegion::map(int fd, size_t offset) {
  struct stat info;
  if (::fstat(fd, &info) != 0)
    return systemError("find the shared memory of the group");
  size_t there = size_t(info.st_size);
  if (there < offset + sizeof(RegionHeader))
    return corrupt("ranks: found " + std::to_string(there) + " bytes of shared memory; expected a group's");
  RegionHeader header;
  if (::pread(fd, static_cast<void *>(&header), sizeof(header), off_t(offset)) != ssize_t(sizeof(header)))
    return systemError("read the shared memory of the group");
  if (header.magic != kRegionMagic || header.size < 1 || header.size > kMaxLocalRanks ||
      totalBytes(header) > there - offset)
    return corrupt("ranks: found shared memory of another kind or version; expected a group's; start all ranks from "
                   "one plait");
  size_t bytes = totalBytes(header);
  void *memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, off_t(offset));
  if (memory == MAP_FAILED)
    return systemError("map the shared memory of the group");
  SharedRegion region(static_cast<uint8_t *>(memory), bytes, ::fcntl(fd, F_DUPFD_CLOEXEC, 0), offset);
  if (region.fd < 0)
    return systemError("keep the shared memory of the group");
  return region;
}

Status SharedRegion::reserve(int rank) const {
  auto take = [&](const uint8_t *begin, size_t size) {
    return ::posix_fallocate(fd, off_t(offset) + (begin - base), off_t(size));
  };
  size_t size = size_t(header().size);
  int error = take(staging(rank, 0), 2 * header().stagingBytes);
  if (!error)
    error = take(channelData(rank, 0), size * kChannelBytes);
  if (!error)
    error = take(reinterpret_cast<const uint8_t *>(marked(rank, 0)), kMarkedBytes);
  if (!error)
    return Status::success();
  errno = error;
  return systemError(("allocate " + std::to_string(2 * header().stagingBytes + size * kChannelBytes + kMarkedBytes) +
                      " bytes of shared memory for rank " + std::to_string(rank))
                         .c_str());
}

SharedRegion::SharedRegion(SharedRegion &&other) noexcept
    : base(std::exchange(other.base, nullptr)), bytes(other.bytes), fd(std::exchange(other.fd, -1)),
      offset(other.offset) {}

SharedRegion::~SharedRegion() {
  if (base)
    ::munmap(base, bytes);
  if (fd >= 0)
    ::close(fd);
}
