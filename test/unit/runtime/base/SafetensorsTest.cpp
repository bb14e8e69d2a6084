//===- SafetensorsTest.cpp - Tests of the checkpoint format ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Safetensors.h"

#include "runtime/base/Checkpoint.h"

#include "runtime/base/Json.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include <sys/stat.h>
#include <unistd.h>

using namespace plait;

namespace {

#define EXPECT_HAS(message, part) EXPECT_PRED2(contains, message, part)
bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

std::string lengthPrefix(uint64_t length) {
  std::string text(8, '\0');
  std::memcpy(text.data(), &length, 8);
  return text;
}

/// The bytes of a file with this header and `dataBytes` bytes of data.
std::string fileOf(const std::string &header, size_t dataBytes = 0) {
  std::string text = lengthPrefix(header.size()) + header;
  for (size_t i = 0; i < dataBytes; ++i)
    text += static_cast<char>(i + 1);
  return text;
}

std::string entry(const std::string &name, const std::string &dtype, const std::string &shape, const std::string &begin,
                  const std::string &end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + shape + "],\"data_offsets\":[" + begin + "," +
         end + "]}";
}

std::span<const uint8_t> bytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t *>(text.data()), text.size()};
}

class SafetensorsTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "plait-safetensors-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string at(const std::string &name) const { return folder + "/" + name; }
  /// Not writeFileAtomic, whose flushing would slow down the many small writes.
  std::string write(const std::string &name, std::string_view data) const {
    std::ofstream file(at(name), std::ios::binary | std::ios::trunc);
    file.write(data.data(), static_cast<std::streamsize>(data.size()));
    EXPECT_TRUE(file.flush().good());
    return at(name);
  }

  /// Writes U8 tensors of one byte each.
  void writeShard(const std::string &name, const std::vector<std::string> &tensors) const {
    std::vector<TensorToWrite> list;
    for (const std::string &tensor : tensors)
      list.push_back({tensor, TensorType::u8, {1}, bytesOf("x")});
    Status status = writeSafetensors(at(name), list);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  void writeIndex(const std::string &weightMap) const {
    write("model.safetensors.index.json", "{\"metadata\": {\"total_size\": 2}, \"weight_map\": " + weightMap + "}");
  }

  /// The message of the error that a file with these bytes gives.
  std::string fileError(std::string_view data, StatusCode code = StatusCode::corrupt) const {
    return errorOf(Checkpoint::openFile(write("bad.safetensors", data)), code, at("bad.safetensors"));
  }
  std::string headerError(const std::string &header, size_t dataBytes = 0,
                          StatusCode code = StatusCode::corrupt) const {
    return fileError(fileOf(header, dataBytes), code);
  }
  std::string folderError(StatusCode code) const { return errorOf(Checkpoint::openFolder(folder), code, folder); }
  static std::string errorOf(const Expected<Checkpoint> &result, StatusCode code, const std::string &path) {
    if (result.ok()) {
      ADD_FAILURE() << "accepted";
      return "";
    }
    const std::string &message = result.status().message();
    EXPECT_EQ(result.status().code(), code) << message;
    EXPECT_TRUE(message.starts_with(path)) << message;
    EXPECT_HAS(message, ": found ");
    EXPECT_HAS(message, "; expected ");
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), 4000u);
    return message;
  }

  std::string folder;
};

//===----------------------------------------------------------------------===//
// Well-formed files
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, WritesAndReads) {
  float weights[6] = {1, 2, 3, 4, 5, -6.5};
  uint8_t scalar[8] = {42};
  std::string path = at("a.safetensors");
  Status status =
      writeSafetensors(path,
                       {{"w/é", TensorType::f32, {2, 3}, {reinterpret_cast<const uint8_t *>(weights), sizeof(weights)}},
                        {"none", TensorType::bf16, {0, 4}, {}},
                        {"scalar", TensorType::i64, {}, scalar}},
                       {{"format", "pt"}, {"b", ""}});
  ASSERT_TRUE(status.ok()) << status.message();

  auto checkpoint = Checkpoint::openFile(path);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  EXPECT_EQ(checkpoint->metadata(), (std::map<std::string, std::string>{{"b", ""}, {"format", "pt"}}));
  EXPECT_EQ(checkpoint->files().size(), 1u);
  const TensorView *w = checkpoint->find("w/é");
  ASSERT_NE(w, nullptr);
  EXPECT_EQ(w->type, TensorType::f32);
  EXPECT_EQ(w->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(w->elements(), 6);
  EXPECT_EQ(w->file, path);
  EXPECT_EQ(w->fileOffset % 8, 0u);
  EXPECT_EQ(readFile(path)->substr(w->fileOffset, w->data.size()),
            std::string_view(reinterpret_cast<const char *>(weights), sizeof(weights)));
  for (int i = 0; i < 6; ++i)
    EXPECT_EQ(tensorElement(*w, i), weights[i]);
  EXPECT_EQ(checkpoint->find("none")->elements(), 0);
  EXPECT_EQ(checkpoint->find("scalar")->elements(), 1);
  EXPECT_EQ(tensorElement(*checkpoint->find("scalar"), 0), 42);
  EXPECT_EQ(checkpoint->find("absent"), nullptr);
}

TEST_F(SafetensorsTest, WritesTheDocumentedBytes) {
  std::string path = at("a.safetensors");
  ASSERT_TRUE(writeSafetensors(path,
                               {{"b", TensorType::u8, {2}, bytesOf("xy")}, {"a", TensorType::u8, {1}, bytesOf("z")}},
                               {{"k", "v"}})
                  .ok());
  std::string header = "{\"__metadata__\":{\"k\":\"v\"},"
                       "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
                       "\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]}}";
  header.append((8 - header.size() % 8) % 8, ' ');
  EXPECT_EQ(*readFile(path), lengthPrefix(header.size()) + header + "xyz");
}

TEST_F(SafetensorsTest, ReadsWithoutTensors) {
  ASSERT_TRUE(writeSafetensors(at("a"), {}).ok());
  EXPECT_EQ(readFile(at("a"))->substr(8, 2), "{}");
  EXPECT_TRUE(Checkpoint::openFile(at("a"))->tensors().empty());
  EXPECT_TRUE(Checkpoint::openFile(write("b", fileOf("{}  \n")))->tensors().empty());
}

TEST_F(SafetensorsTest, ReadsAnyOrderAndUnknownMembers) {
  std::string header = "{" + entry("a", "U8", "2", "1", "3") + "," +
                       "\"b\":{\"shape\":[1],\"data_offsets\":[0,1],\"dtype\":\"I8\",\"x\":[]}}";
  auto checkpoint = Checkpoint::openFile(write("a", fileOf(header, 3)));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(tensorElement(*checkpoint->find("a"), 1), 3);
  EXPECT_EQ(tensorElement(*checkpoint->find("b"), 0), 1);
}

TEST_F(SafetensorsTest, ReadsUnalignedData) {
  double value = -1.25;
  std::string header = "{" + entry("a", "U8", "1", "0", "1") + "," + entry("d", "F64", "1", "1", "9") + "}";
  while ((header.size() + 8) % 8 != 0)
    header += ' ';
  std::string data = fileOf(header) + "x" + std::string(reinterpret_cast<const char *>(&value), sizeof(value));
  auto checkpoint = Checkpoint::openFile(write("a", data));
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  const TensorView *tensor = checkpoint->find("d");
  EXPECT_NE(reinterpret_cast<uintptr_t>(tensor->data.data()) % alignof(double), 0u);
  EXPECT_EQ(tensorElement(*tensor, 0), value);
}

TEST_F(SafetensorsTest, EmptyTensorsLieAnywhereBetweenOthers) {
  std::string header = "{" + entry("z", "F32", "0", "2", "2") + "," + entry("y", "U8", "2", "0", "2") + "," +
                       entry("x", "F32", "3,0", "0", "0") + "," + entry("v", "U8", "1", "2", "3") + "," +
                       entry("u", "F32", "0", "3", "3") + "}";
  auto checkpoint = Checkpoint::openFile(write("a", fileOf(header, 3)));
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.status().message();
}

TEST_F(SafetensorsTest, ViewsOutliveTheMoveOfTheirCheckpoint) {
  writeShard("model.safetensors", {"a"});
  Checkpoint moved = Checkpoint::openFolder(folder).take();
  Checkpoint copy = moved;
  moved = Checkpoint();
  EXPECT_EQ(tensorElement(*copy.find("a"), 0), 'x');
}

TEST_F(SafetensorsTest, NamesAndSizesOfTypes) {
  EXPECT_STREQ(tensorTypeName(TensorType::bf16), "BF16");
  EXPECT_STREQ(tensorTypeName(TensorType::boolean), "BOOL");
  EXPECT_STREQ(tensorTypeName(TensorType::f8_e4m3), "F8_E4M3");
  EXPECT_EQ(tensorTypeName(static_cast<TensorType>(99)), nullptr);
  EXPECT_EQ(tensorBlockBytes(TensorType::f64), 8u);
  EXPECT_EQ(tensorBlockBytes(TensorType::f8_e5m2), 1u);
  EXPECT_EQ(tensorBlockBytes(static_cast<TensorType>(99)), 0u);
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

template <typename T> double decode(TensorType type, T bits) {
  TensorView view;
  view.type = type;
  view.data = {reinterpret_cast<const uint8_t *>(&bits), sizeof(T)};
  return tensorElement(view, 0);
}

TEST(TensorElementTest, Integers) {
  EXPECT_EQ(decode<uint8_t>(TensorType::boolean, 0), 0);
  EXPECT_EQ(decode<uint8_t>(TensorType::boolean, 2), 1);
  EXPECT_EQ(decode<uint8_t>(TensorType::u8, 255), 255);
  EXPECT_EQ(decode<uint8_t>(TensorType::i8, 255), -1);
  EXPECT_EQ(decode<uint16_t>(TensorType::u16, 0xFFFE), 65534);
  EXPECT_EQ(decode<uint16_t>(TensorType::i16, 0xFFFE), -2);
  EXPECT_EQ(decode<uint32_t>(TensorType::u32, 0xFFFFFFFF), 4294967295.0);
  EXPECT_EQ(decode<uint32_t>(TensorType::i32, 0xFFFFFFFF), -1);
  EXPECT_EQ(decode<uint64_t>(TensorType::u64, UINT64_MAX), 0x1p64);
  EXPECT_EQ(decode<int64_t>(TensorType::i64, INT64_MIN), -0x1p63);
}

TEST(TensorElementTest, Floats) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(decode<float>(TensorType::f32, 0.1f), double(0.1f));
  EXPECT_EQ(decode<double>(TensorType::f64, 0.1), 0.1);
  auto f16 = [](uint16_t bits) { return decode(TensorType::f16, bits); };
  EXPECT_EQ(f16(0x3C00), 1);
  EXPECT_EQ(f16(0xC500), -5);
  EXPECT_EQ(f16(0x7BFF), 65504);
  EXPECT_EQ(f16(0x0001), 0x1p-24);
  EXPECT_EQ(f16(0x0400), 0x1p-14);
  EXPECT_EQ(f16(0xFC00), -inf);
  EXPECT_TRUE(std::isnan(f16(0x7C01)));
  EXPECT_TRUE(std::signbit(f16(0x8000)));
  auto bf16 = [](uint16_t bits) { return decode(TensorType::bf16, bits); };
  EXPECT_EQ(bf16(0x3F80), 1);
  EXPECT_EQ(bf16(0xC0A0), -5);
  EXPECT_EQ(bf16(0x0001), 0x1p-133);
  EXPECT_EQ(bf16(0x7F7F), 255 * 0x1p120);
  EXPECT_EQ(bf16(0x7F80), inf);
  EXPECT_TRUE(std::isnan(bf16(0xFFC0)));
}

TEST(TensorElementTest, Floats8) {
  const double inf = std::numeric_limits<double>::infinity();
  auto e4m3 = [](uint8_t bits) { return decode(TensorType::f8_e4m3, bits); };
  EXPECT_EQ(e4m3(0x38), 1);
  EXPECT_EQ(e4m3(0xC2), -2.5);
  EXPECT_EQ(e4m3(0x01), 0x1p-9);
  EXPECT_EQ(e4m3(0x08), 0x1p-6);
  EXPECT_EQ(e4m3(0x78), 256);
  EXPECT_EQ(e4m3(0x7E), 448);
  EXPECT_EQ(e4m3(0xFE), -448);
  EXPECT_TRUE(std::isnan(e4m3(0x7F)));
  EXPECT_TRUE(std::isnan(e4m3(0xFF)));
  auto e5m2 = [](uint8_t bits) { return decode(TensorType::f8_e5m2, bits); };
  EXPECT_EQ(e5m2(0x3C), 1);
  EXPECT_EQ(e5m2(0xC1), -2.5);
  EXPECT_EQ(e5m2(0x01), 0x1p-16);
  EXPECT_EQ(e5m2(0x7B), 57344);
  EXPECT_EQ(e5m2(0xFC), -inf);
  EXPECT_TRUE(std::isnan(e5m2(0x7D)));
}

//===----------------------------------------------------------------------===//
// Broken files
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, RefusesFilesWithoutHeader) {
  EXPECT_HAS(fileError(""), "found a file of 0 bytes; expected at least 8");
  EXPECT_HAS(fileError("1234567"), "found a file of 7 bytes; expected at least 8");
  EXPECT_HAS(fileError(lengthPrefix(0)), "found an empty header");
  EXPECT_HAS(fileError(lengthPrefix(2)), "found a header length of 2 beyond the end");
  EXPECT_HAS(fileError(lengthPrefix(3) + "{}"), "header length of 3 beyond the end of the file; "
                                                "expected at most 2");
  EXPECT_HAS(fileError(lengthPrefix(100'000'000) + "{}"), "beyond the end of the file");
  EXPECT_HAS(fileError(lengthPrefix(100'000'001) + "{}"),
             "found a header length of 100000001; expected at most 100000000");
  // 8 plus these wraps to less than the size of the file.
  for (uint64_t wrap : {UINT64_MAX, UINT64_MAX - 7, UINT64_MAX - 6, uint64_t(1) << 63})
    EXPECT_HAS(fileError(lengthPrefix(wrap) + "{}"), "found a header length of " + std::to_string(wrap));
}

TEST_F(SafetensorsTest, RefusesHeaderOverTheLimitEvenIfItIsThere) {
  std::string path = write("big", lengthPrefix(100'000'001) + "{}");
  std::filesystem::resize_file(path, 100'000'100); // sparse
  EXPECT_HAS(errorOf(Checkpoint::openFile(path), StatusCode::corrupt, path),
             "found a header length of 100000001; expected at most 100000000");
}

TEST_F(SafetensorsTest, RefusesHeadersThatAreNoObject) {
  EXPECT_HAS(headerError("[]"), "found a header that starts with '['");
  EXPECT_HAS(headerError(" {}"), "found a header that starts with ' '");
  EXPECT_HAS(headerError("PK\x03\x04"), "found a header that starts with 'P'");
  EXPECT_HAS(headerError("{"), "header: found end of input");
  EXPECT_HAS(headerError("{\"a\":{\"dtype\":\"F32\","), "header: /a: found end of input");
  EXPECT_HAS(headerError("{}x"), "header: found the invalid word 'x'");
  EXPECT_HAS(headerError("{\"a\xFF\":{}}"), "a byte that is not UTF-8");
  EXPECT_HAS(headerError(std::string("{}\0\0", 4)), "found a NUL byte");
}

TEST_F(SafetensorsTest, RefusesDeepNesting) {
  std::string deep = "{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}";
  EXPECT_HAS(headerError(deep), "nesting deeper than 8 levels");
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"a\":";
  EXPECT_HAS(headerError(objects), "nesting deeper than 8 levels");
}

TEST_F(SafetensorsTest, RefusesDuplicateTensors) {
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "0", "1") + "," + entry("\\u0061", "U8", "1", "1", "2") + "}", 2),
             "header: /a: found the duplicate key \"a\"");
}

TEST_F(SafetensorsTest, RefusesOverlapsHolesAndTrailingBytes) {
  EXPECT_HAS(headerError("{" + entry("a", "U8", "2", "0", "2") + "," + entry("b", "U8", "2", "1", "3") + "}", 3),
             "found tensors 'a' and 'b' that overlap at data byte 1");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "2", "0", "2") + "," + entry("b", "U8", "2", "0", "2") + "}", 2),
             "that overlap at data byte 0");
  // An empty tensor inside another.
  EXPECT_HAS(headerError("{" + entry("a", "U8", "2", "0", "2") + "," + entry("b", "U8", "0", "1", "1") + "}", 2),
             "overlap at data byte 1");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "0", "1") + "," + entry("b", "U8", "1", "2", "3") + "}", 3),
             "found a hole of 1 bytes before tensor 'b'");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "1", "2") + "}", 2), "found a hole of 1 bytes before tensor 'a'");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "0", "1") + "}", 3),
             "found 2 trailing bytes after the last tensor");
  EXPECT_HAS(headerError("{}", 1), "found 1 trailing bytes");
}

TEST_F(SafetensorsTest, RefusesBadOffsets) {
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "2", "1") + "}", 2),
             "tensor 'a': found data_offsets [2, 1] with END before BEGIN");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "3", "0", "3") + "}", 2),
             "tensor 'a': found data_offsets [0, 3] beyond the end of the file; expected an END "
             "of at most 2; the file may be truncated");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "0", "9", "9") + "}", 2), "beyond the end");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "-1", "0") + "}"),
             "header: /a/data_offsets/0: found -1 (integer); expected an integer of at least 0");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "0", "18446744073709551615") + "}"),
             "/a/data_offsets/1: found 18446744073709551615");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "0", "1.0") + "}"), "/a/data_offsets/1: found 1.0 (number)");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "1", "0,1", "2") + "}"),
             "/a/data_offsets: found an array of 3 elements; expected the array [BEGIN, END]");
  EXPECT_HAS(headerError(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})"),
             "/a/data_offsets: found an array of 1 element; expected the array [BEGIN, END]");
}

TEST_F(SafetensorsTest, RefusesBadShapes) {
  EXPECT_HAS(headerError("{" + entry("a", "F32", "2", "0", "4") + "}", 4),
             "tensor 'a': found data_offsets [0, 4], which is 4 bytes; expected 8 bytes for the "
             "shape [2] of F32");
  EXPECT_HAS(headerError("{" + entry("a", "F32", "", "0", "8") + "}", 8), "expected 4 bytes");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "-1", "0", "0") + "}"),
             "header: /a/shape/0: found -1 (integer); expected an integer of at least 0");
  // 2^32 * 2^32 wraps to 0, and 2^61 * 8 bytes does as well.
  EXPECT_HAS(headerError("{" + entry("a", "U8", "4294967296,4294967296", "0", "0") + "}"),
             "tensor 'a': found the shape [4294967296, 4294967296] of U8, whose size overflows");
  EXPECT_HAS(headerError("{" + entry("a", "F64", "2305843009213693952", "0", "0") + "}"), "whose size overflows");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "0,4294967296,4294967296", "0", "0") + "}"), "whose size overflows");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "9223372036854775808", "0", "0") + "}"),
             "/a/shape/0: found 9223372036854775808");
  EXPECT_HAS(headerError("{" + entry("a", "U8", "\"1\"", "0", "1") + "}", 1), "/a/shape/0: found \"1\" (string)");
  std::string ones = "1";
  for (int i = 0; i < 64; ++i)
    ones += ",1";
  EXPECT_HAS(headerError("{" + entry("a", "U8", ones, "0", "1") + "}", 1),
             "/a/shape: found an array of 65 elements; expected an array of at most 64 sizes");
}

TEST_F(SafetensorsTest, RefusesTypesItDoesNotKnow) {
  EXPECT_HAS(headerError("{" + entry("a", "F128", "1", "0", "16") + "}", 16, StatusCode::unsupported),
             "tensor 'a': found the unknown dtype 'F128'; expected one of BOOL, U8,");
  EXPECT_HAS(headerError("{" + entry("a", "f32", "1", "0", "4") + "}", 4, StatusCode::unsupported),
             "unknown dtype 'f32'");
  for (const char *name : {"F4", "F6_E2M3", "F6_E3M2", "I4"})
    EXPECT_HAS(headerError("{" + entry("a", name, "8", "0", "4") + "}", 4, StatusCode::unsupported),
               "found the sub-byte dtype '" + std::string(name) + "'");
}

TEST_F(SafetensorsTest, RefusesBadEntries) {
  EXPECT_HAS(headerError(R"({"a":1})"), "header: /a: found 1 (integer); expected an object");
  EXPECT_HAS(headerError(R"({"a":{}})"), "header: /a/dtype: found nothing; expected");
  EXPECT_HAS(headerError(R"({"a":{"dtype":7}})"), "/a/dtype: found 7 (integer)");
  EXPECT_HAS(headerError(R"({"a":{"dtype":"U8"}})"), "/a/shape: found nothing");
  EXPECT_HAS(headerError(R"({"a":{"dtype":"U8","shape":[1]}})"), "/a/data_offsets: found nothing");
  EXPECT_HAS(headerError(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1),
             "/a/shape: found 1 (integer); expected an array");
  EXPECT_HAS(headerError(R"({"a/b~":{"dtype":7}})"), "header: /a~1b~0/dtype: found 7");
  EXPECT_HAS(headerError("{" + entry("x\\ny", "U8", "1", "2", "1") + "}", 2), "'x\\x0ay'");
}

TEST_F(SafetensorsTest, RefusesMetadataThatIsNotText) {
  EXPECT_HAS(headerError(R"({"__metadata__":[]})"),
             "header: /__metadata__: found an array of 0 elements; expected an object of strings");
  EXPECT_HAS(headerError(R"({"__metadata__":{"a":"b","c":1}})"),
             "header: /__metadata__/c: found 1 (integer); expected a string");
  EXPECT_HAS(headerError(R"({"__metadata__":{"c":null}})"), "/__metadata__/c: found null");
}

TEST_F(SafetensorsTest, NoticesTruncationAfterOpening) {
  std::string path = write("a", fileOf("{" + entry("a", "U8", "100", "0", "100") + "}", 100));
  auto checkpoint = Checkpoint::openFile(path);
  ASSERT_TRUE(checkpoint.ok());
  EXPECT_TRUE(checkpoint->files()[0]->checkUnchanged().ok());
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  Status status = checkpoint->files()[0]->checkUnchanged();
  EXPECT_EQ(status.code(), StatusCode::corrupt);
  EXPECT_HAS(status.message(), "truncated");
}

TEST_F(SafetensorsTest, RefusesEveryTruncationAndNoneCrashes) {
  std::string whole = fileOf("{\"__metadata__\":{\"format\":\"pt\"}," + entry("a", "F32", "2,2", "0", "16") + "," +
                                 entry("b", "BF16", "3", "16", "22") + "}",
                             22);
  ASSERT_TRUE(Checkpoint::openFile(write("whole", whole)).ok());
  for (size_t length = 0; length < whole.size(); ++length)
    fileError(std::string_view(whole).substr(0, length));
}

TEST_F(SafetensorsTest, NoSingleByteCrashesTheReader) {
  const std::string whole =
      fileOf("{" + entry("a", "F32", "2,2", "0", "16") + "," + entry("b", "I8", "3", "16", "19") + "}", 19);
  for (size_t i = 0; i < whole.size() - 19; ++i) {
    for (char replacement : {'\0', '"', '9', '{', '\xFF', '-'}) {
      std::string changed = whole;
      changed[i] = replacement;
      auto checkpoint = Checkpoint::openFile(write("changed", changed));
      if (!checkpoint.ok())
        continue;
      // What is accepted must be safe to read.
      for (const auto &[name, tensor] : checkpoint->tensors())
        for (int64_t e = 0; e < tensor.elements(); ++e)
          (void)tensorElement(tensor, e);
    }
  }
}

//===----------------------------------------------------------------------===//
// What is in the place of a file
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, RefusesWhatIsNoFile) {
  EXPECT_HAS(errorOf(Checkpoint::openFile(at("none")), StatusCode::notFound, at("none")), "found nothing there");
  EXPECT_HAS(errorOf(Checkpoint::openFile(folder), StatusCode::invalidArgument, folder), "found a directory");
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_HAS(errorOf(Checkpoint::openFile(at("fifo")), StatusCode::invalidArgument, at("fifo")), "found a FIFO");
  std::filesystem::create_symlink("b", at("a"));
  std::filesystem::create_symlink("a", at("b"));
  EXPECT_HAS(errorOf(Checkpoint::openFile(at("a")), StatusCode::invalidArgument, at("a")),
             "found a loop of symbolic links");
}

TEST_F(SafetensorsTest, RefusesUnreadableFiles) {
  writeShard("model.safetensors", {"a"});
  ASSERT_EQ(::chmod(folder.c_str(), 0755), 0);
  ASSERT_EQ(::chmod(at("model.safetensors").c_str(), 0), 0);
  // The superuser reads every file, so be somebody else meanwhile.
  bool isRoot = ::geteuid() == 0;
  if (isRoot && ::seteuid(65534) != 0)
    GTEST_SKIP() << "cannot give up the privileges of the superuser";
  auto result = Checkpoint::openFolder(folder);
  if (isRoot) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  EXPECT_HAS(errorOf(result, StatusCode::resource, at("model.safetensors")), "found no permission to open it");
}

TEST_F(SafetensorsTest, RefusesFifoInFolder) {
  ASSERT_EQ(::mkfifo(at("model.safetensors").c_str(), 0600), 0);
  EXPECT_HAS(folderError(StatusCode::invalidArgument), "found a FIFO");
  std::filesystem::remove(at("model.safetensors"));
  ASSERT_EQ(::mkfifo(at("model.safetensors.index.json").c_str(), 0600), 0);
  EXPECT_HAS(folderError(StatusCode::invalidArgument), "found a FIFO");
}

//===----------------------------------------------------------------------===//
// Folders
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, OpensFolderWithOneFile) {
  writeShard("model.safetensors", {"a", "b"});
  // As in a Hugging Face cache, the file may be a link.
  std::filesystem::create_directory(at("snapshot"));
  std::filesystem::create_symlink("../model.safetensors", at("snapshot/model.safetensors"));
  for (const std::string &path : {folder, folder + "/", at("snapshot")}) {
    auto checkpoint = Checkpoint::openFolder(path);
    ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
    EXPECT_EQ(checkpoint->tensors().size(), 2u);
  }
}

TEST_F(SafetensorsTest, OpensFolderWithShards) {
  writeShard("model-00002-of-00002.safetensors", {"c"});
  writeShard("model-00001-of-00002.safetensors", {"a", "b"});
  write("pytorch_model.bin", "ignored");
  writeIndex(R"({"c": "model-00002-of-00002.safetensors", "b": "model-00001-of-00002.safetensors",
                 "a": "model-00001-of-00002.safetensors"})");
  auto checkpoint = Checkpoint::openFolder(folder);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  ASSERT_EQ(checkpoint->files().size(), 2u);
  EXPECT_EQ(checkpoint->files()[0]->path(), at("model-00001-of-00002.safetensors"));
  EXPECT_EQ(checkpoint->find("c")->file, at("model-00002-of-00002.safetensors"));
  EXPECT_EQ(tensorElement(*checkpoint->find("c"), 0), 'x');
}

TEST_F(SafetensorsTest, RefusesFoldersWithoutCheckpoint) {
  EXPECT_HAS(folderError(StatusCode::notFound), "found no checkpoint; expected model.safetensors");
  writeShard("model-00001-of-00002.safetensors", {"a"});
  EXPECT_HAS(folderError(StatusCode::notFound), "found 'model-00001-of-00002.safetensors' but no index");
  EXPECT_HAS(errorOf(Checkpoint::openFolder(at("none")), StatusCode::notFound, at("none")), "found nothing there");
  std::string file = at("model-00001-of-00002.safetensors");
  EXPECT_HAS(errorOf(Checkpoint::openFolder(file), StatusCode::invalidArgument, file),
             "found a file that is no folder");
}

TEST_F(SafetensorsTest, RefusesPickleOnlyFolders) {
  for (const char *name : {"pytorch_model.bin", "model.pt", "consolidated.00.pth"}) {
    write(name, "x");
    write("config.json", "{}");
    std::string message = folderError(StatusCode::unsupported);
    EXPECT_HAS(message, "found only pickle files ('" + std::string(name) + "')");
    EXPECT_HAS(message, "can run any code");
    EXPECT_HAS(message, "convert to safetensors");
    std::filesystem::remove(at(name));
  }
  for (char c = 'a'; c <= 'f'; ++c)
    write(std::string(1, c) + ".bin", "x");
  EXPECT_HAS(folderError(StatusCode::unsupported), "('a.bin', 'b.bin', 'c.bin' and 3 more)");
}

TEST_F(SafetensorsTest, RefusesBrokenIndex) {
  write("model.safetensors.index.json", "{");
  EXPECT_HAS(folderError(StatusCode::corrupt), "model.safetensors.index.json: found end of input");
  write("model.safetensors.index.json", "{}");
  EXPECT_HAS(folderError(StatusCode::corrupt), "/weight_map: found nothing");
  write("model.safetensors.index.json", "[]");
  EXPECT_HAS(folderError(StatusCode::corrupt), "found an array of 0 elements");
  writeIndex("[]");
  EXPECT_HAS(folderError(StatusCode::corrupt), "/weight_map: found an array of 0 elements");
  writeIndex("{}");
  EXPECT_HAS(folderError(StatusCode::corrupt), "/weight_map: found an object of 0 members");
  writeIndex(R"({"a": 1})");
  EXPECT_HAS(folderError(StatusCode::corrupt), "/weight_map/a: found 1 (integer); expected the name");
  writeIndex(R"({"a": "x.safetensors", "a": "y.safetensors"})");
  EXPECT_HAS(folderError(StatusCode::corrupt), "/weight_map/a: found the duplicate key \"a\"");
}

TEST_F(SafetensorsTest, RefusesIndexThatLeadsOutOfTheFolder) {
  writeShard("s.safetensors", {"a"});
  std::filesystem::create_directory(at("inner"));
  for (const std::string &name :
       {std::string("../s.safetensors"), at("s.safetensors"), std::string("inner/s.safetensors"), std::string(".."),
        std::string("."), std::string(""), std::string("./s.safetensors"), std::string("s.safetensors\\u0000x"),
        std::string("..\\\\s.safetensors")}) {
    writeIndex("{\"a\": \"" + name + "\"}");
    EXPECT_HAS(folderError(StatusCode::corrupt),
               "for tensor 'a'; expected the plain name of a file in the same folder");
  }
}

TEST_F(SafetensorsTest, RefusesIndexThatContradictsTheFiles) {
  writeShard("1.safetensors", {"a", "b"});
  writeShard("2.safetensors", {"c"});
  writeIndex(R"({"a": "1.safetensors", "b": "1.safetensors", "c": "3.safetensors"})");
  EXPECT_HAS(folderError(StatusCode::notFound), "found the missing file '3.safetensors'");

  writeIndex(R"({"a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors",
                 "d": "2.safetensors"})");
  EXPECT_HAS(folderError(StatusCode::corrupt), "found tensor 'd' absent from its file '2.safetensors'; expected");

  writeIndex(R"({"a": "1.safetensors", "b": "2.safetensors", "c": "2.safetensors"})");
  EXPECT_HAS(folderError(StatusCode::corrupt),
             "tensor 'b' absent from its file '2.safetensors' and present in '1.safetensors'");

  writeIndex(R"({"a": "1.safetensors", "c": "2.safetensors"})");
  EXPECT_HAS(folderError(StatusCode::corrupt), "found tensor 'b' of '1.safetensors' not in weight_map");

  writeShard("2.safetensors", {"c", "a"});
  writeIndex(R"({"a": "1.safetensors", "b": "1.safetensors", "c": "2.safetensors"})");
  EXPECT_HAS(folderError(StatusCode::corrupt), "found tensor 'a' in both '1.safetensors' and '2.safetensors'");

  write("2.safetensors", "short");
  EXPECT_HAS(folderError(StatusCode::corrupt), "2.safetensors: found a file of 5 bytes");
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, FindsNearestNames) {
  writeShard("a", {"model.layers.0.attn.q", "model.layers.1.attn.q", "model.layers.0.mlp.up", "lm_head",
                   std::string(5000, 'x')});
  Checkpoint checkpoint = Checkpoint::openFile(at("a")).take();
  EXPECT_EQ(checkpoint.nearest("model.layers.0.attn.k", 2),
            (std::vector<std::string>{"model.layers.0.attn.q", "model.layers.1.attn.q"}));
  EXPECT_EQ(checkpoint.nearest("lm_haed", 1), std::vector<std::string>{"lm_head"});
  EXPECT_EQ(checkpoint.nearest("", 99).size(), 5u);
  EXPECT_TRUE(checkpoint.nearest("lm_head", 0).empty());
  EXPECT_TRUE(Checkpoint().nearest("a").empty());
}

//===----------------------------------------------------------------------===//
// Refused writes
//===----------------------------------------------------------------------===//

TEST_F(SafetensorsTest, RefusesToWriteWhatCouldNotBeRead) {
  auto error = [&](std::vector<TensorToWrite> tensors, const std::map<std::string, std::string> &metadata = {}) {
    Status status = writeSafetensors(at("out"), tensors, metadata);
    EXPECT_EQ(status.code(), StatusCode::invalidArgument) << status.message();
    EXPECT_FALSE(std::filesystem::exists(at("out")));
    return status.message();
  };
  std::span<const uint8_t> one = bytesOf("x");
  EXPECT_HAS(error({{"a", TensorType::u8, {1}, one}, {"a", TensorType::u8, {1}, one}}),
             "tensor 'a': found the duplicate name");
  EXPECT_HAS(error({{"__metadata__", TensorType::u8, {1}, one}}), "cannot be written");
  EXPECT_HAS(error({{"\xFF", TensorType::u8, {1}, one}}), "cannot be written");
  EXPECT_HAS(error({{"a", TensorType::f32, {1}, one}}), "found 1 bytes of data; expected 4");
  EXPECT_HAS(error({{"a", TensorType::u8, {-1}, one}}), "found the shape [-1]");
  EXPECT_HAS(error({{"a", TensorType::u8, {INT64_MAX, 2}, one}}), "size overflows");
  EXPECT_HAS(error({{"a", static_cast<TensorType>(99), {1}, one}}), "found a type that safetensors does not have");
  EXPECT_HAS(error({}, {{"k", "\xFF"}}), "metadata 'k' that is not UTF-8");
}

} // namespace
