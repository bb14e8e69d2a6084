//===- ZipFuzz.cpp - Fuzzes the reader of archives behind programs --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The input is a list of changes to a valid archive: kind, offset, value. What is
// read must be what was written but for the program and the members' data, and
// what is not must be refused.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Zip.h"
#include "test/fuzz/Fuzz.h"

#include <cstring>

#include <sys/mman.h>
#include <unistd.h>

using namespace plait;
using namespace plait::fuzz;

namespace {

struct Archive {
  std::string bytes = "program";
  std::vector<ZipMember> members;

  Archive() {
    const std::string contents[] = {"digest", "{}", std::string(5000, 'x'), ""};
    for (const std::string &data : contents)
      members.push_back({"file" + std::to_string(members.size()), data.size(), crc32(data), 0});
    std::vector<std::string> frames = zipFrames(bytes.size(), members);
    for (size_t i = 0; i < members.size(); ++i)
      bytes += frames[i] + contents[i];
    bytes += frames.back();
  }
  /// `text` with all made equal that a reader of headers does not see.
  std::string withoutData(std::string text) const {
    text.replace(0, 7, 7, ' ');
    for (const ZipMember &member : members)
      text.replace(member.offset, member.bytes, member.bytes, ' ');
    return text;
  }
};

/// Applies one change: 1 byte of kind, 4 of offset, 8 of value.
void change(std::string &text, const uint8_t *input) {
  uint32_t offset;
  std::memcpy(&offset, input + 1, 4);
  size_t at = offset % (text.size() + 1);
  const char *value = reinterpret_cast<const char *>(input + 5);
  size_t count = size_t(1) << (input[0] >> 4 & 3);
  switch (input[0] & 3) {
  case 0: // integers of 1, 2, 4 or 8 bytes
  case 1:
    if (at + count <= text.size())
      text.replace(at, count, value, count);
    break;
  case 2:
    text.insert(at, value, count);
    break;
  default:
    text.resize(at);
  }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Archive whole;
  static const int fd = memfd_create("archive", MFD_CLOEXEC);
  std::string text = whole.bytes;
  for (constexpr size_t record = 13; size >= record; data += record, size -= record)
    change(text, data);
  require(ftruncate(fd, 0) == 0 && pwrite(fd, text.data(), text.size(), 0) == ssize_t(text.size()),
          "memory is written");
  FileRange file{"/proc/self/fd/" + std::to_string(fd), "archive", 0, text.size()};
  Expected<ZipArchive> archive = ZipArchive::read(file);
  bool isSame = text.size() == whole.bytes.size() && whole.withoutData(text) == whole.withoutData(whole.bytes);
  require(archive.ok() == isSame, "what was written is read, and nothing else");
  if (!archive) {
    checkRefusal(archive.status());
    return 0;
  }
  require(archive->begin() == 7 && archive->members().size() == whole.members.size(), "all members are there");
  for (const ZipMember &member : whole.members) {
    const ZipMember *found = archive->find(member.name);
    require(found && found->offset == member.offset && found->bytes == member.bytes, "members lie where they were put");
  }
  return 0;
}
