//===- Zip.h - Files stored at the end of another file ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A zip archive (PKWARE's APPNOTE.TXT 6.3.10) behind the bytes of a program, so
// that the program carries files which any zip tool can list and unpack, and
// which can be mapped where they lie. Of all that zip allows, one form is
// written and read:
//
//   bytes of the program
//   per member  local header, an extra field that pads the data to a multiple of
//               4096 bytes of the file (id 0xD935, as Android's zipalign), data
//   central directory, zip64 end record, its locator, end record
//
// Members are stored, never compressed or encrypted; sizes and offsets are the
// 64 bits of zip64, always; times are 1980-01-01 0:00; there are no comments and
// no folders. So names, data and the length of the program determine every byte,
// and the reader accepts no other: no gap, no overlap, nothing before, between
// or after that a second reader might take for something else.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_ZIP_H
#define PLAIT_RUNTIME_BASE_ZIP_H

#include "runtime/base/File.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

inline constexpr uint64_t kZipAlignment = 4096; ///< of the data of each member

/// CRC-32 (ISO 3309, polynomial 0xEDB88320) of `data`, going on from `crc`.
uint32_t crc32(std::string_view data, uint32_t crc = 0);

struct ZipMember {
  std::string name;
  uint64_t bytes = 0;
  uint32_t crc = 0;
  uint64_t offset = 0; ///< of the data, in the file
};

/// What stands around the data of `members` in an archive that begins at byte
/// `begin`: piece i goes before the data of member i, the last one ends the file.
/// Fills in the offsets of the members.
std::vector<std::string> zipFrames(uint64_t begin, std::span<ZipMember> members);

/// The archive at the end of a file.
class ZipArchive {
public:
  /// Whether the last bytes of the file are those of an archive; says nothing of
  /// the rest.
  static bool isAtEndOf(const FileRange &file);
  /// Reads and checks everything but the data of the members. notFound if there
  /// is no archive at all, corrupt if it is not exactly as described above.
  static Expected<ZipArchive> read(const FileRange &file);

  uint64_t begin() const { return start; } ///< bytes before the archive
  const std::vector<ZipMember> &members() const { return list; }
  const ZipMember *find(std::string_view name) const;

private:
  uint64_t start = 0;
  std::vector<ZipMember> list;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_ZIP_H
