//===- ZipTest.cpp - Tests of the archive behind a program ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// That other programs read what is written is tested with Python's zipfile
// (test/tools/emit-exe.test); here, that nothing else is read.
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Zip.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace plait;

namespace {

/// A file in a temporary place, removed with the object.
class TemporaryFile {
public:
  explicit TemporaryFile(const std::string &bytes)
      : path(::testing::TempDir() + "plait-zip-" + std::to_string(::getpid())) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::filesystem::remove(path); }
  Expected<ZipArchive> read() const { return ZipArchive::read(*rangeOfFile(path)); }
  std::string path;
};

using Contents = std::vector<std::pair<std::string, std::string>>;
const Contents kContents = {{"one", "1"}, {"empty", ""}, {"long.bin", std::string(9001, 'x')}};
const std::string kProgram(5000, 'p');

/// An archive behind `program`.
std::string makeZip(const Contents &contents = kContents, const std::string &program = kProgram) {
  std::vector<ZipMember> members;
  for (const auto &[name, data] : contents)
    members.push_back({name, data.size(), crc32(data), 0});
  std::vector<std::string> frames = zipFrames(program.size(), members);
  std::string bytes = program;
  for (size_t i = 0; i < contents.size(); ++i)
    bytes += frames[i] + contents[i].second;
  return bytes + frames.back();
}

/// Reading must fail with this code and a message that has `part` in it.
void expectRefused(const std::string &bytes, StatusCode code, const std::string &part) {
  auto archive = TemporaryFile(bytes).read();
  ASSERT_FALSE(archive) << part;
  EXPECT_EQ(archive.status().code(), code) << archive.status().message();
  EXPECT_NE(archive.status().message().find(part), std::string::npos) << archive.status().message();
}

void put(std::string &bytes, size_t at, uint64_t value, int count) {
  for (int i = 0; i < count; ++i)
    bytes[at + size_t(i)] = char(value >> (8 * i));
}

/// Offset of the directory's first header, and of the header of member `index`.
size_t directoryOf(const std::string &bytes) { return bytes.find("PK\1\2"); }
size_t entryOf(const std::string &bytes, int index) {
  size_t at = directoryOf(bytes);
  for (; index > 0; --index)
    at = bytes.find("PK\1\2", at + 1);
  return at;
}

TEST(ZipTest, Crc32OfTheStandardsExample) {
  EXPECT_EQ(crc32("123456789"), 0xCBF43926u); // the check value that catalogues of CRCs give
  EXPECT_EQ(crc32(""), 0u);
  EXPECT_EQ(crc32("6789", crc32("12345")), 0xCBF43926u);
  EXPECT_EQ(crc32("The quick brown fox jumps over the lazy dog"), 0x414FA339u);
}

TEST(ZipTest, FindsMembersWhereTheyAre) {
  for (size_t program : {size_t(0), size_t(1), size_t(4096), size_t(5000), size_t(12288)}) {
    std::string bytes = makeZip(kContents, std::string(program, 'p'));
    auto archive = TemporaryFile(bytes).read();
    ASSERT_TRUE(archive) << archive.status().message();
    EXPECT_EQ(archive->begin(), program);
    ASSERT_EQ(archive->members().size(), kContents.size());
    for (const auto &[name, data] : kContents) {
      const ZipMember *member = archive->find(name);
      ASSERT_TRUE(member);
      EXPECT_EQ(member->offset % kZipAlignment, 0u);
      EXPECT_EQ(bytes.substr(member->offset, member->bytes), data);
      EXPECT_EQ(member->crc, crc32(data));
    }
    EXPECT_EQ(archive->find("none"), nullptr);
  }
}

TEST(ZipTest, EveryTruncationIsFound) {
  std::string bytes = makeZip({{"one", "1"}, {"two", "22"}}, "program");
  size_t step = 1; // all of the end, a sample of the rest
  for (size_t length = bytes.size() - 1; length > 0; length -= std::min(length, step)) {
    EXPECT_FALSE(TemporaryFile(bytes.substr(0, length)).read()) << length;
    step = bytes.size() - length < 700 ? 1 : 97;
  }
  expectRefused("", StatusCode::notFound, "no archive");
  expectRefused(bytes.substr(0, bytes.size() - 1), StatusCode::notFound, "no archive");
}

TEST(ZipTest, BytesBehindOrBetweenAreFound) {
  std::string bytes = makeZip();
  expectRefused(bytes + "x", StatusCode::notFound, "no archive");
  expectRefused(bytes + bytes.substr(bytes.size() - 22), StatusCode::corrupt, "members"); // two ends
  std::string between = bytes;
  between.insert(directoryOf(bytes), "x");
  expectRefused(between, StatusCode::corrupt, "directory");
  // As if a byte had been added before the archive: offsets count from the file's begin.
  expectRefused("x" + bytes, StatusCode::corrupt, "directory");
}

TEST(ZipTest, EveryFlippedBitOutsideTheDataIsFound) {
  std::string bytes = makeZip({{"a", "data"}, {"b", "more"}}, "program");
  auto archive = TemporaryFile(bytes).read();
  ASSERT_TRUE(archive);
  auto isData = [&](size_t at) {
    for (const ZipMember &member : archive->members())
      if (at >= member.offset && at < member.offset + member.bytes)
        return true;
    return at < archive->begin();
  };
  int flipped = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    bool padding = bytes[at] == 0 && at + 64 < directoryOf(bytes);
    if (isData(at) || (padding && at % 61 != 0)) // of the zeros that align, a sample
      continue;
    std::string damaged = bytes;
    damaged[at] = char(damaged[at] ^ (1 << (at % 8)));
    EXPECT_FALSE(TemporaryFile(damaged).read()) << "byte " << at;
    ++flipped;
  }
  EXPECT_GT(flipped, 500);
}

TEST(ZipTest, NamesThatLeadElsewhere) {
  for (const char *name : {"../one", "/etc/passwd", "a/b", "a\\b", "..", ".", ""})
    expectRefused(makeZip({{name, "1"}}), StatusCode::corrupt, "plain name");
  expectRefused(makeZip({{std::string("a\0b", 3), "1"}}), StatusCode::corrupt, "plain name");
  expectRefused(makeZip({{std::string(256, 'n'), "1"}}), StatusCode::corrupt, "plain name");
  expectRefused(makeZip({{"one", "1"}, {"one", "2"}}), StatusCode::corrupt, "two members named 'one'");
}

TEST(ZipTest, WhatOtherToolsWrite) {
  struct {
    size_t offset;
    uint64_t value;
    const char *part;
  } cases[] = {
      {10, 8, "compression method 8"}, {8, 1, "member flags 1"}, // encrypted
      {8, 8, "member flags 8"},                                  // sizes behind the data
      {30, 0, "another form"},                                   // no extra field
      {32, 5, "another form"},                                   // a comment
      {28, 60000, "another form"},
  };
  for (const auto &c : cases) {
    std::string bytes = makeZip();
    put(bytes, entryOf(bytes, 1) + c.offset, c.value, 2);
    expectRefused(bytes, StatusCode::corrupt, c.part);
  }
}

TEST(ZipTest, SizesAndOffsetsThatLie) {
  // In a directory header, behind the name: id, size, bytes, stored bytes, offset.
  const size_t nameBytes = 3, sizes = 46 + nameBytes + 4;
  for (uint64_t value : {uint64_t(0), uint64_t(2), uint64_t(5001), uint64_t(1) << 40, UINT64_MAX, UINT64_MAX - 4096}) {
    std::string bytes = makeZip();
    put(bytes, entryOf(bytes, 0) + sizes, value, 8);
    expectRefused(bytes, StatusCode::corrupt, "");
    put(bytes, entryOf(bytes, 0) + sizes + 8, value, 8); // both alike
    expectRefused(bytes, StatusCode::corrupt, "");
    bytes = makeZip();
    put(bytes, entryOf(bytes, 0) + sizes + 16, value, 8);
    expectRefused(bytes, StatusCode::corrupt, "");
  }
  // Two members over the same data.
  std::string overlap = makeZip({{"one", "1"}, {"two", "1"}});
  std::string first = overlap.substr(entryOf(overlap, 0) + sizes + 16, 8);
  overlap.replace(entryOf(overlap, 1) + sizes + 16, 8, first);
  expectRefused(overlap, StatusCode::corrupt, "side by side");
}

TEST(ZipTest, EndRecordsThatLie) {
  // From the end: 22 bytes of the end record, 20 of the locator, 56 of zip64.
  const size_t count = 98 - 32, size = 98 - 40, offset = 98 - 48;
  struct {
    size_t fromEnd;
    uint64_t value;
    const char *part;
  } cases[] = {
      {count, 0, "0 members"},
      {count, 1, "belong to no member"},
      {count, 4, "no header"},
      {count, 257, "257 members"},
      {count, UINT64_MAX, "members"},
      {size, 0, "a directory of 0 bytes"},
      {size, UINT64_MAX, "a directory of"},
      {offset, 0, "at byte 0"},
      {offset, UINT64_MAX, "at byte 18446744073709551615"},
  };
  for (const auto &c : cases) {
    std::string bytes = makeZip();
    put(bytes, bytes.size() - c.fromEnd, c.value, 8);
    expectRefused(bytes, StatusCode::corrupt, c.part);
  }
  // Many members with little room each: bounded before anything is allocated.
  Contents many;
  for (int i = 0; i < 257; ++i)
    many.push_back({"n" + std::to_string(i), ""});
  expectRefused(makeZip(many, ""), StatusCode::corrupt, "257 members");
  many.pop_back();
  EXPECT_TRUE(TemporaryFile(makeZip(many, "")).read());
}

TEST(ZipTest, TheLocalHeaderMustAgree) {
  // Name, checksum and sizes again: a reader that goes by them must find the same.
  for (size_t at : {size_t(4), size_t(8), size_t(14), size_t(26), size_t(30), size_t(37), size_t(60)}) {
    std::string bytes = makeZip();
    bytes[kProgram.size() + at] = char(bytes[kProgram.size() + at] ^ 1);
    expectRefused(bytes, StatusCode::corrupt, "archive header at byte 5000");
  }
}

TEST(ZipTest, MoreThanFourGigabytes) {
  // Sizes as they are for large weights; the data itself is not needed for that.
  std::vector<ZipMember> members = {{"manifest.json", 10, 1, 0}, {"weights.pack", uint64_t(5) << 30, 2, 0}};
  std::vector<std::string> frames = zipFrames(100, members);
  EXPECT_EQ(members[1].offset % kZipAlignment, 0u);
  std::string directoryOffset = frames[2].substr(frames[2].size() - 98 + 48, 8);
  uint64_t expected = members[1].offset + (uint64_t(5) << 30);
  EXPECT_EQ(std::memcmp(directoryOffset.data(), &expected, 8), 0);
}

} // namespace
