//===- Zip.cpp - Files stored at the end of another file ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Zip.h"

#include <algorithm>
#include <array>
#include <set>

using namespace plait;

namespace {

// Signatures and sizes of the records, APPNOTE 4.3.
constexpr uint32_t kLocalSignature = 0x04034b50, kCentralSignature = 0x02014b50;
constexpr uint32_t kEnd64Signature = 0x06064b50, kLocatorSignature = 0x07064b50, kEndSignature = 0x06054b50;
constexpr uint64_t kLocalBytes = 30, kCentralBytes = 46, kEnd64Bytes = 56, kLocatorBytes = 20, kEndBytes = 22;
constexpr uint64_t kTailBytes = kEnd64Bytes + kLocatorBytes + kEndBytes;
constexpr uint64_t kLocalSizesBytes = 20, kCentralSizesBytes = 28; // extra field 1, zip64
constexpr uint64_t kPaddingBytes = 6;                              // extra field 0xD935, less what pads
constexpr uint16_t kVersion = 45, kUnix = 3 << 8;                  // 45: zip64
constexpr uint16_t kDate = 1 << 5 | 1;                             // 1980-01-01
constexpr uint32_t kMode = 0100644u << 16;

// An artifact has about ten files.
constexpr uint64_t kMaxMembers = 256, kMaxNameBytes = 255;

class Record {
public:
  Record &u16(uint64_t value) { return put(value, 2); }
  Record &u32(uint64_t value) { return put(value, 4); }
  Record &u64(uint64_t value) { return put(value, 8); }
  Record &text(std::string_view value) {
    bytes += value;
    return *this;
  }
  std::string bytes;

private:
  Record &put(uint64_t value, int count) {
    for (int i = 0; i < count; ++i)
      bytes += char(value >> (8 * i));
    return *this;
  }
};

/// The little-endian integer of `count` bytes at `at`, which must be inside.
uint64_t readInteger(std::string_view text, size_t at, int count) {
  uint64_t value = 0;
  for (int i = 0; i < count; ++i)
    value |= uint64_t(static_cast<unsigned char>(text[at + i])) << (8 * i);
  return value;
}

/// The header before a member's data, which makes the data aligned.
std::string localHeader(uint64_t at, const ZipMember &member) {
  uint64_t unpadded = at + kLocalBytes + member.name.size() + kLocalSizesBytes + kPaddingBytes;
  uint64_t padding = (kZipAlignment - unpadded % kZipAlignment) % kZipAlignment;
  Record r;
  r.u32(kLocalSignature).u16(kVersion).u16(0).u16(0).u16(0).u16(kDate).u32(member.crc);
  r.u32(UINT32_MAX).u32(UINT32_MAX).u16(member.name.size()).u16(kLocalSizesBytes + kPaddingBytes + padding);
  r.text(member.name).u16(1).u16(16).u64(member.bytes).u64(member.bytes);
  r.u16(0xD935).u16(2 + padding).u16(kZipAlignment).text(std::string(padding, '\0'));
  return r.bytes;
}

std::string centralHeader(uint64_t headerOffset, const ZipMember &member) {
  Record r;
  r.u32(kCentralSignature).u16(kVersion | kUnix).u16(kVersion).u16(0).u16(0).u16(0).u16(kDate).u32(member.crc);
  r.u32(UINT32_MAX).u32(UINT32_MAX).u16(member.name.size()).u16(kCentralSizesBytes).u16(0).u16(0).u16(0);
  r.u32(kMode).u32(UINT32_MAX);
  r.text(member.name).u16(1).u16(24).u64(member.bytes).u64(member.bytes).u64(headerOffset);
  return r.bytes;
}

std::string endRecords(uint64_t members, uint64_t directoryOffset, uint64_t directoryBytes) {
  Record r;
  r.u32(kEnd64Signature).u64(kEnd64Bytes - 12).u16(kVersion | kUnix).u16(kVersion).u32(0).u32(0);
  r.u64(members).u64(members).u64(directoryBytes).u64(directoryOffset);
  r.u32(kLocatorSignature).u32(0).u64(directoryOffset + directoryBytes).u32(1);
  r.u32(kEndSignature).u16(0).u16(0).u16(UINT16_MAX).u16(UINT16_MAX).u32(UINT32_MAX).u32(UINT32_MAX).u16(0);
  return r.bytes;
}

Status damaged(const FileRange &file, const std::string &found, const std::string &expected) {
  return corrupt(printable(file.label) + ": found " + found + "; expected " + expected +
                 "; the file was damaged or changed, compile the model again");
}

/// The part of `file` from `offset` on, which must be inside.
Expected<std::string> readPart(const FileRange &file, uint64_t offset, uint64_t bytes) {
  return readFile(FileRange{file.path, file.label, file.offset + offset, bytes});
}

struct DirectoryEntry {
  ZipMember member;
  uint64_t headerOffset = 0;
};

/// Takes the first entry off `rest`.
Expected<DirectoryEntry> takeEntry(const FileRange &file, std::string_view &rest) {
  if (rest.size() < kCentralBytes || readInteger(rest, 0, 4) != kCentralSignature)
    return damaged(file, "no header where the archive's directory must have one", "one for each member");
  if (uint64_t method = readInteger(rest, 10, 2))
    return damaged(file, "compression method " + std::to_string(method), "members that are stored (0)");
  if (uint64_t flags = readInteger(rest, 8, 2))
    return damaged(file, "member flags " + std::to_string(flags), "0: neither encrypted nor streamed");
  uint64_t name = readInteger(rest, 28, 2), extra = readInteger(rest, 30, 2), comment = readInteger(rest, 32, 2);
  if (extra != kCentralSizesBytes || comment != 0 || rest.size() < kCentralBytes + name + extra)
    return damaged(file, "a directory header of another form", "zip64 sizes and no comment");
  DirectoryEntry entry;
  entry.member.name = rest.substr(kCentralBytes, name);
  if (!isPlainFileName(entry.member.name))
    return damaged(file, "a member named '" + printable(entry.member.name, 80) + "'", "the plain name of a file");
  entry.member.crc = uint32_t(readInteger(rest, 16, 4));
  entry.member.bytes = readInteger(rest, kCentralBytes + name + 4, 8);
  entry.headerOffset = readInteger(rest, kCentralBytes + name + 20, 8);
  rest.remove_prefix(kCentralBytes + name + extra);
  return entry;
}

} // namespace

uint32_t plait::crc32(std::string_view data, uint32_t crc) {
  // Eight tables, so that eight bytes take one step: table t holds the effect of
  // a byte that t more bytes follow.
  static const auto tables = [] {
    std::array<std::array<uint32_t, 256>, 8> t;
    for (uint32_t byte = 0; byte < 256; ++byte) {
      uint32_t value = byte;
      for (int bit = 0; bit < 8; ++bit)
        value = value >> 1 ^ (value & 1 ? 0xEDB88320u : 0);
      t[0][byte] = value;
    }
    for (size_t k = 1; k < t.size(); ++k)
      for (uint32_t byte = 0; byte < 256; ++byte)
        t[k][byte] = t[k - 1][byte] >> 8 ^ t[0][t[k - 1][byte] & 255];
    return t;
  }();
  crc = ~crc;
  for (; data.size() >= 8; data.remove_prefix(8)) {
    uint64_t word = readInteger(data, 0, 8) ^ crc;
    crc = 0;
    for (int i = 0; i < 8; ++i)
      crc ^= tables[7 - i][word >> (8 * i) & 255];
  }
  for (char byte : data)
    crc = crc >> 8 ^ tables[0][(crc ^ static_cast<unsigned char>(byte)) & 255];
  return ~crc;
}

std::vector<std::string> plait::zipFrames(uint64_t begin, std::span<ZipMember> members) {
  std::vector<std::string> frames;
  std::string directory;
  uint64_t at = begin;
  for (ZipMember &member : members) {
    frames.push_back(localHeader(at, member));
    directory += centralHeader(at, member);
    member.offset = at + frames.back().size();
    at = member.offset + member.bytes;
  }
  frames.push_back(directory + endRecords(members.size(), at, directory.size()));
  return frames;
}

bool ZipArchive::isAtEndOf(const FileRange &file) {
  if (file.bytes < kTailBytes)
    return false;
  Expected<std::string> end = readPart(file, file.bytes - kEndBytes, kEndBytes);
  return end && readInteger(*end, 0, 4) == kEndSignature;
}

Expected<ZipArchive> ZipArchive::read(const FileRange &file) {
  if (!isAtEndOf(file))
    return notFound(printable(file.label) +
                    ": found no archive at the end of the file; expected the files of a model there; the file was "
                    "truncated, extended or stripped, compile the model again");
  PLAIT_ASSIGN_OR_RETURN(std::string tail, readPart(file, file.bytes - kTailBytes, kTailBytes));
  uint64_t count = readInteger(tail, 32, 8), directoryBytes = readInteger(tail, 40, 8),
           directory = readInteger(tail, 48, 8);
  // Before anything is multiplied or allocated.
  if (count == 0 || count > kMaxMembers)
    return damaged(file, std::to_string(count) + " members", "1 to " + std::to_string(kMaxMembers));
  if (directoryBytes > kMaxMembers * (kCentralBytes + kMaxNameBytes + kCentralSizesBytes) ||
      directoryBytes > file.bytes - kTailBytes || directory != file.bytes - kTailBytes - directoryBytes)
    return damaged(file,
                   "a directory of " + std::to_string(directoryBytes) + " bytes at byte " + std::to_string(directory),
                   "one that ends " + std::to_string(kTailBytes) + " bytes before the end of the file");
  PLAIT_ASSIGN_OR_RETURN(std::string text, readPart(file, directory, directoryBytes));

  ZipArchive archive;
  std::set<std::string> names;
  std::string_view rest = text;
  uint64_t at = directory;
  for (uint64_t i = 0; i < count; ++i) {
    PLAIT_ASSIGN_OR_RETURN(DirectoryEntry entry, takeEntry(file, rest));
    if (!names.insert(entry.member.name).second)
      return damaged(file, "two members named '" + printable(entry.member.name) + "'", "different names");
    if (i == 0)
      archive.start = at = entry.headerOffset;
    // Members lie side by side, so that their sizes are bounded by the file's.
    if (entry.headerOffset != at || at >= directory || entry.member.bytes > directory - at)
      return damaged(file,
                     "member '" + printable(entry.member.name) + "' of " + std::to_string(entry.member.bytes) +
                         " bytes with a header at byte " + std::to_string(entry.headerOffset),
                     "members side by side, the first at byte " + std::to_string(archive.start));
    at += localHeader(at, entry.member).size() + entry.member.bytes;
    archive.list.push_back(std::move(entry.member));
  }
  if (!rest.empty() || at != directory)
    return damaged(file, "bytes in the archive that belong to no member", "none");

  // What is not data has to be, byte for byte, what is written for such members.
  std::vector<std::string> frames = zipFrames(archive.start, archive.list);
  for (size_t i = 0; i < frames.size(); ++i) {
    uint64_t begin = i < archive.list.size() ? archive.list[i].offset - frames[i].size() : directory;
    PLAIT_ASSIGN_OR_RETURN(std::string found, readPart(file, begin, frames[i].size()));
    if (found != frames[i])
      return damaged(file, "an archive header at byte " + std::to_string(begin) + " with other contents",
                     "what plait-compile writes");
  }
  return archive;
}

const ZipMember *ZipArchive::find(std::string_view name) const {
  auto found = std::find_if(list.begin(), list.end(), [&](const ZipMember &m) { return m.name == name; });
  return found == list.end() ? nullptr : &*found;
}
