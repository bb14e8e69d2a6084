//===- GgufTest.cpp - Tests of the GGUF format ----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "GgufBuilder.h"

#include "runtime/base/Checkpoint.h"

#include "gtest/gtest.h"

#include <cmath>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

using namespace plait;

namespace {

#define EXPECT_HAS(message, part) EXPECT_PRED2(contains, message, part)
bool contains(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }

constexpr uint32_t f32 = 0, f16 = 1, q4_0 = 2, q8_0 = 8, bf16 = 30;

class GgufTest : public testing::Test {
protected:
  void SetUp() override {
    folder = testing::TempDir() + "plait-gguf-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  std::string at(const std::string &name) const { return folder + "/" + name; }
  std::string write(const std::string &name, std::string_view bytes) const {
    std::ofstream file(at(name), std::ios::binary | std::ios::trunc);
    file.write(bytes.data(), std::streamsize(bytes.size()));
    EXPECT_TRUE(file.flush().good());
    return at(name);
  }
  Gguf open(const GgufBuilder &builder) const {
    Expected<Gguf> gguf = Gguf::open(write("model.gguf", builder.file()));
    EXPECT_TRUE(gguf.ok()) << gguf.status().message();
    return gguf.take();
  }
  std::string error(std::string_view bytes, StatusCode code = StatusCode::corrupt) const {
    return errorOf(Gguf::open(write("bad.gguf", bytes)).status(), code);
  }
  std::string error(const GgufBuilder &builder, StatusCode code = StatusCode::corrupt) const {
    return error(builder.file(), code);
  }
  std::string errorOf(const Status &status, StatusCode code) const {
    const std::string &message = status.message();
    EXPECT_EQ(status.code(), code) << message;
    EXPECT_TRUE(message.starts_with(folder)) << message;
    EXPECT_HAS(message, ": found ");
    EXPECT_HAS(message, "; expected ");
    EXPECT_EQ(message.find('\n'), std::string::npos);
    EXPECT_LT(message.size(), 2000u);
    return message;
  }
  std::string folder;
};

std::string floats(size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i)
    bytes += bytesOf(float(i) + 0.5f);
  return bytes;
}

//===----------------------------------------------------------------------===//
// What is right
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, ReadsEveryTypeOfValue) {
  GgufBuilder b;
  b.raw("u8", 0, bytesOf(uint8_t(200))).raw("i8", 1, bytesOf(int8_t(-3))).raw("u16", 2, bytesOf(uint16_t(60000)));
  b.raw("i16", 3, bytesOf(int16_t(-300))).key("u32", 4000000000u).raw("i32", 5, bytesOf(int32_t(-70000)));
  b.key("f32", 1e-5f).key("yes", true).key("text", "Æ").raw("u64", 10, bytesOf(UINT64_MAX));
  b.raw("i64", 11, bytesOf(INT64_MIN)).raw("f64", 12, bytesOf(0.1));
  b.strings("strings", {"a", "", "bc"}).numbers<int16_t>("ints", GgufType::i16, {-1, 2});
  b.numbers<float>("floats", GgufType::f32, {0.1f, -2}).array("none", GgufType::string, 0, "");
  Gguf gguf = open(b);
  auto integer = [&](const char *key) { return *gguf.getInt(key, INT64_MIN, INT64_MAX); };
  EXPECT_EQ(integer("u8"), 200);
  EXPECT_EQ(integer("i8"), -3);
  EXPECT_EQ(integer("u16"), 60000);
  EXPECT_EQ(integer("i16"), -300);
  EXPECT_EQ(integer("u32"), 4000000000);
  EXPECT_EQ(integer("i32"), -70000);
  EXPECT_EQ(integer("i64"), INT64_MIN);
  EXPECT_EQ(*gguf.getNumber("f32"), 1e-5) << "the decimal number, not its rounding to f32";
  EXPECT_EQ(*gguf.getNumber("f64"), 0.1);
  EXPECT_EQ(*gguf.getNumber("i8"), -3);
  EXPECT_TRUE(*gguf.getBool("yes", false));
  EXPECT_TRUE(*gguf.getBool("absent", true));
  EXPECT_EQ(*gguf.getString("text"), "Æ");
  EXPECT_EQ(*gguf.getStrings("strings"), (std::vector<std::string_view>{"a", "", "bc"}));
  EXPECT_EQ(*gguf.getInts("ints"), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(*gguf.getNumbers("floats"), (std::vector<double>{0.1, -2}));
  EXPECT_TRUE(gguf.getStrings("none")->empty());
  EXPECT_EQ(gguf.keysBelow("i"), (std::vector<std::string>{"i16", "i32", "i64", "i8", "ints"}));
}

TEST_F(GgufTest, NamesKeyAndTypeOfAnotherValue) {
  GgufBuilder b;
  b.key("u32", 7u).key("f32", 2.5f).key("text", "x").raw("u64", 10, bytesOf(UINT64_MAX)).strings("list", {"a", "b"});
  b.raw("bytes", 8, ggufString("\xff")).strings("words", {"ok", "\xc3"});
  Gguf gguf = open(b);
  auto message = [&](const Status &status) { return errorOf(status, StatusCode::invalidArgument); };
  EXPECT_HAS(message(gguf.getInt("u32", 0, 5).status()),
             "model.gguf: key 'u32': found 7 (u32); expected an integer from 0 to 5");
  EXPECT_HAS(message(gguf.getInt("f32", 0, 5).status()), "found 2.5 (f32)");
  EXPECT_HAS(message(gguf.getInt("u64", 0, INT64_MAX).status()),
             "found 18446744073709551615 (u64); expected an integer");
  EXPECT_HAS(message(gguf.getInt("absent", 0, 5).status()), "key 'absent': found no such key");
  EXPECT_HAS(message(gguf.getNumber("text").status()), "found 'x' (string); expected a number");
  EXPECT_HAS(message(gguf.getString("u32").status()), "found 7 (u32); expected a string");
  EXPECT_HAS(message(gguf.getString("bytes").status()), "expected a string in UTF-8");
  EXPECT_HAS(message(gguf.getBool("u32", true).status()), "expected true or false");
  EXPECT_HAS(message(gguf.getInts("list").status()), "found 2 values (array of string); expected an array of integers");
  EXPECT_HAS(message(gguf.getStrings("u32").status()), "expected an array of strings");
  EXPECT_HAS(message(gguf.getStrings("words").status()), "expected strings in UTF-8, but number 1 is not");
}

TEST_F(GgufTest, ReadsTensorsOfBothVersions) {
  for (uint32_t version : {2u, 3u}) {
    GgufBuilder b;
    b.version = version;
    b.tensor("a", {3, 2}, f32, floats(6)).tensor("b", {5}, f16, std::string(10, '\0'));
    b.tensor("c", {2, 1, 3, 1}, bf16, std::string(12, '\0')).tensor("d", {64, 2}, q8_0, std::string(136, '\1'));
    Gguf gguf = open(b);
    ASSERT_EQ(gguf.tensors().size(), 4u);
    const TensorView &a = gguf.tensors().at("a");
    EXPECT_EQ(a.shape, (std::vector<int64_t>{2, 3})) << "the file begins with the innermost extent";
    EXPECT_EQ(a.type, TensorType::f32);
    EXPECT_EQ(tensorElement(a, 4), 4.5);
    EXPECT_EQ(a.fileOffset % 32, 0u);
    EXPECT_EQ(gguf.tensors().at("b").shape, (std::vector<int64_t>{5}));
    EXPECT_EQ(gguf.tensors().at("c").shape, (std::vector<int64_t>{1, 3, 1, 2}));
    EXPECT_EQ(gguf.tensors().at("d").type, TensorType::q8_0);
    EXPECT_EQ(gguf.tensors().at("d").data.size(), 136u);
  }
}

TEST_F(GgufTest, HonoursTheAlignment) {
  for (uint32_t alignment : {1u, 8u, 64u, 4096u}) {
    GgufBuilder b;
    b.alignment = alignment;
    b.key("general.alignment", alignment).tensor("a", {1}, f32, bytesOf(1.5f)).tensor("b", {1}, f32, bytesOf(2.5f));
    EXPECT_EQ(tensorElement(open(b).tensors().at("b"), 0), 2.5);
  }
}

TEST_F(GgufTest, NeedsNoPaddingAtTheEnd) {
  GgufBuilder b;
  b.entry("a", {3}, f32, 0).data = {floats(3)};
  EXPECT_EQ(tensorElement(open(b).tensors().at("a"), 2), 2.5);
  b.data = {floats(3) + std::string(20, '\0')}; // up to the alignment
  EXPECT_EQ(open(b).tensors().size(), 1u);
}

TEST_F(GgufTest, IsKnownByNameOrMagic) {
  EXPECT_TRUE(looksLikeGguf(write("x.gguf", "")));
  EXPECT_TRUE(looksLikeGguf(write("weights", "GGUF....")));
  EXPECT_FALSE(looksLikeGguf(write("weights.bin", "GGU")));
  EXPECT_FALSE(looksLikeGguf(folder));
  EXPECT_FALSE(looksLikeGguf(at("absent.gguf")));
  ASSERT_EQ(::mkfifo(at("fifo.gguf").c_str(), 0600), 0);
  EXPECT_FALSE(looksLikeGguf(at("fifo.gguf"))) << "and it must not wait for a writer";
}

//===----------------------------------------------------------------------===//
// Damage: the header
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, RefusesBadMagicAndVersions) {
  GgufBuilder b;
  b.magic = "GGML";
  EXPECT_HAS(error(b), "found the magic 'GGML'; expected 'GGUF'; this is no GGUF file");
  b.magic = std::string("\0\1\2\n", 4);
  EXPECT_HAS(error(b), "found the magic '\\x00\\x01\\x02\\x0a'");
  b.magic = "FUGG";
  EXPECT_HAS(error(b, StatusCode::unsupported), "byte-swapped");
  b.magic = "GGUF";
  b.version = 0;
  EXPECT_HAS(error(b), "found version 0; expected version 2 or 3");
  b.version = 1;
  EXPECT_HAS(error(b, StatusCode::unsupported), "found version 1; expected version 2 or 3; convert the model again");
  b.version = 4;
  EXPECT_HAS(error(b, StatusCode::unsupported), "found version 4; expected version 2 or 3; a newer Plait");
  b.version = 3u << 24;
  EXPECT_HAS(error(b, StatusCode::unsupported), "found version 3 of a big-endian, byte-swapped file");
}

TEST_F(GgufTest, RefusesTruncatedFiles) {
  EXPECT_HAS(error(""), "found the end of the file at byte 0; expected 'GGUF'; the file may be truncated");
  GgufBuilder b;
  b.key("a", 1u).strings("b", {"x", "yz"}).key("c", "text").tensor("t", {4, 2}, f32, floats(8));
  b.tensor("u", {32}, q4_0, std::string(18, '\0'));
  std::string whole = b.file();
  ASSERT_TRUE(Gguf::open(write("whole.gguf", whole)).ok());
  size_t needed = whole.size() - (32 - 18); // the rest is padding
  for (size_t size = 0; size < needed; ++size)
    error(whole.substr(0, size));
  EXPECT_TRUE(Gguf::open(write("whole.gguf", whole.substr(0, needed))).ok());
}

TEST_F(GgufTest, RefusesHugeCounts) {
  for (uint64_t count : {uint64_t(2), uint64_t(1) << 40, uint64_t(1) << 63, UINT64_MAX, UINT64_MAX / 14}) {
    GgufBuilder keys;
    keys.key("a", 1u).keyCount = count;
    EXPECT_HAS(error(keys), "found " + std::to_string(count) + " keys; expected at most 1 in a file of");
    GgufBuilder tensors;
    tensors.tensor("a", {1}, f32, floats(1)).tensorCount = std::max<uint64_t>(count, 4);
    error(tensors);
  }
  GgufBuilder more;
  more.key("a", 1u).key("bbbbbbbbbbbbbbbbbbbbbbbbb", "x").keyCount = 3;
  EXPECT_HAS(error(more), "truncated");
}

//===----------------------------------------------------------------------===//
// Damage: metadata
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, RefusesBadKeys) {
  EXPECT_HAS(error(GgufBuilder().key("", 1u)), "found the key ''; expected UTF-8 text of 1 to 65535 bytes");
  EXPECT_HAS(error(GgufBuilder().key("a\xff", 1u)), "found the key 'a\\xff'");
  error(GgufBuilder().key(std::string(65536, 'a'), 1u));
  EXPECT_HAS(error(GgufBuilder().key("a", 1u).key("b", 1u).key("a", "x")),
             "found the key 'a' twice; expected every key once");
  GgufBuilder longer;
  longer.keys = {bytesOf(uint64_t(1) << 62) + "aaaaaaaaaaaaaaaaaaaaaa"};
  EXPECT_HAS(error(longer), "found a key of 4611686018427387904 bytes; expected at most 22, which remain");
  longer.keys = {bytesOf(UINT64_MAX) + "aaaaaaaaaaaaaaaaaaaaaa"};
  EXPECT_HAS(error(longer), "found a key of 18446744073709551615 bytes");
}

TEST_F(GgufTest, RefusesBadValues) {
  EXPECT_HAS(error(GgufBuilder().raw("a", 13, bytesOf(1ull))),
             "key 'a': found the unknown type 13; expected a type from 0 to 12");
  EXPECT_HAS(error(GgufBuilder().raw("a", UINT32_MAX, bytesOf(1ull))), "unknown type 4294967295");
  EXPECT_HAS(error(GgufBuilder().raw("a", 7, "\2")), "key 'a': found the byte 2 as a truth value; expected 0 or 1");
  EXPECT_HAS(error(GgufBuilder().array("a", GgufType::boolean, 3, std::string("\0\1\7", 3))), "found the byte 7");
  EXPECT_HAS(error(GgufBuilder().raw("a", 10, "1234")),
             "found 1 value of type u64; expected no more than fit the 4 bytes");
  EXPECT_HAS(error(GgufBuilder().raw("a", 8, bytesOf(uint64_t(5)) + "text")),
             "found a string of 5 bytes; expected at most 4");
  EXPECT_HAS(error(GgufBuilder().raw("a", 8, bytesOf(UINT64_MAX) + "text")),
             "found a string of 18446744073709551615 bytes");
}

TEST_F(GgufTest, RefusesBadArrays) {
  EXPECT_HAS(error(GgufBuilder().array("a", GgufType::array, 1, bytesOf(0u) + bytesOf(0ull)), StatusCode::unsupported),
             "key 'a': found an array of arrays");
  EXPECT_HAS(error(GgufBuilder().raw("a", 9, bytesOf(99u) + bytesOf(0ull))), "unknown type 99");
  for (uint64_t count : {uint64_t(5), uint64_t(1) << 30, uint64_t(1) << 62, UINT64_MAX})
    for (GgufType type : {GgufType::u32, GgufType::u8, GgufType::f64, GgufType::string, GgufType::boolean})
      EXPECT_HAS(error(GgufBuilder().array("a", type, count, "\1\1\1\1")),
                 "found " + std::to_string(count) + " elements of type ");
  EXPECT_HAS(error(GgufBuilder().array("a", GgufType::string, 2, ggufString("xxxxxxxxx"))), "key 'a': ");
}

TEST_F(GgufTest, RefusesBadAlignment) {
  for (uint32_t alignment : {0u, 3u, 24u, UINT32_MAX})
    EXPECT_HAS(error(GgufBuilder().key("general.alignment", alignment)),
               "key 'general.alignment': found " + std::to_string(alignment) + " (u32); expected a power of two (u32)");
  error(GgufBuilder().raw("general.alignment", 10, bytesOf(uint64_t(32))));
  error(GgufBuilder().key("general.alignment", "32"));
  error(GgufBuilder().numbers<uint32_t>("general.alignment", GgufType::u32, {32}));
  GgufBuilder wide; // wider than the whole file
  wide.key("general.alignment", 1u << 31).entry("a", {1}, f32, 0).data = {floats(1)};
  EXPECT_HAS(error(wide), "the tensors' data");
}

//===----------------------------------------------------------------------===//
// Damage: tensors
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, RefusesBadTensorNames) {
  std::string data = floats(1);
  EXPECT_HAS(error(GgufBuilder().tensor("", {1}, f32, data)), "found the tensor name ''");
  EXPECT_HAS(error(GgufBuilder().tensor("\x80", {1}, f32, data)), "found the tensor name '\\x80'");
  EXPECT_HAS(error(GgufBuilder().tensor(std::string(65, 'a'), {1}, f32, data)), "expected UTF-8 text of 1 to 64 bytes");
  EXPECT_EQ(open(GgufBuilder().tensor(std::string(64, 'a'), {1}, f32, data)).tensors().size(), 1u);
  EXPECT_HAS(error(GgufBuilder().tensor("a", {1}, f32, data).tensor("a", {1}, f32, data)),
             "found the tensor 'a' twice");
}

TEST_F(GgufTest, RefusesBadShapes) {
  EXPECT_HAS(error(GgufBuilder().tensor("a", {}, f32, "")), "tensor 'a': found 0 dimensions; expected 1 to 4");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {1, 1, 1, 1, 1}, f32, floats(1))), "found 5 dimensions");
  GgufBuilder many;
  many.directory = {ggufString("a") + bytesOf(UINT32_MAX) + std::string(40, '\1')};
  EXPECT_HAS(error(many), "found 4294967295 dimensions");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {2, 0}, f32, "")), "found a dimension of 0; expected at least 1");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {-1, 2}, f32, "")), "found a dimension of -1");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {INT64_MIN}, f32, "")), "found a dimension of -9223372036854775808");
  // Too many elements, then too many bytes of elements that can be counted.
  EXPECT_HAS(error(GgufBuilder().tensor("a", {int64_t(1) << 32, int64_t(1) << 31}, f32, "")), "whose size overflows");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {int64_t(1) << 61}, f32, "")), "of F32, whose size overflows");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {INT64_MAX / 32 * 32}, q8_0, "")), "of Q8_0, whose size overflows");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {int64_t(1) << 40}, f32, "")), "beyond the end of the file");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {33}, q8_0, std::string(68, '\0'))),
             "found the shape [33] of Q8_0; expected rows of whole blocks of 32 elements");
  // As many elements as a block, but in two rows.
  EXPECT_HAS(error(GgufBuilder().tensor("a", {16, 2}, q4_0, std::string(18, '\0'))), "found the shape [2, 16] of Q4_0");
}

TEST_F(GgufTest, RefusesTypesItCannotRead) {
  auto unsupported = StatusCode::unsupported;
  EXPECT_HAS(error(GgufBuilder().tensor("a", {256}, 14, std::string(210, '\0')), unsupported),
             "tensor 'a': found the ggml type Q6_K; expected one of F32, F16, Q4_0, Q8_0");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {1}, 4, floats(1)), unsupported), "found the unknown ggml type 4;");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {1}, 43, floats(1)), unsupported), "found the unknown ggml type 43;");
  EXPECT_HAS(error(GgufBuilder().tensor("a", {1}, UINT32_MAX, floats(1)), unsupported), "type 4294967295;");
}

TEST_F(GgufTest, RefusesBadOffsets) {
  auto two = [](uint64_t first, uint64_t second, size_t bytes = 64) {
    GgufBuilder b;
    b.entry("a", {8}, f32, first).entry("b", {8}, f32, second).data = {std::string(bytes, '\0')};
    return b;
  };
  EXPECT_EQ(open(two(0, 32)).tensors().size(), 2u);
  EXPECT_HAS(error(two(0, 36)), "tensor 'b': found the data offset 36; expected a multiple of the alignment 32");
  EXPECT_HAS(error(two(0, 0)), "tensor 'b': found the data offset 0; expected 32, as tensors follow each other");
  EXPECT_HAS(error(two(32, 0)), "tensor 'a': found the data offset 32; expected 0");
  EXPECT_HAS(error(two(0, 64, 96)), "found the data offset 64; expected 32");
  EXPECT_HAS(error(two(0, UINT64_MAX - 31)), "found the data offset 18446744073709551584");
  EXPECT_HAS(error(two(0, 32, 60)),
             "found the data offset 32 and 32 bytes, beyond the end of the file; expected an end of at most 60");
  EXPECT_HAS(error(two(0, 32, 20)), "tensor 'a': found the data offset 0 and 32 bytes, beyond");
  GgufBuilder more = two(0, 32);
  more.behind = "PK";
  EXPECT_HAS(error(more), "found 2 trailing bytes after the last tensor; expected the file to end there");
}

//===----------------------------------------------------------------------===//
// Several files
//===----------------------------------------------------------------------===//

class GgufSplitTest : public GgufTest {
protected:
  static GgufBuilder part(uint16_t index, uint16_t count, int32_t tensors, const std::string &tensor) {
    GgufBuilder b;
    b.raw("split.no", 2, bytesOf(index)).raw("split.count", 2, bytesOf(count));
    b.raw("split.tensors.count", 5, bytesOf(tensors));
    if (index == 0)
      b.key("general.architecture", "llama");
    return b.tensor(tensor, {2}, f32, bytesOf(float(index)) + bytesOf(0.0f));
  }
  std::string name(int index, int count = 3) const {
    char text[64];
    std::snprintf(text, sizeof(text), "m-%05d-of-%05d.gguf", index + 1, count);
    return text;
  }
  void writeAll() const {
    for (int i = 0; i < 3; ++i)
      write(name(i), part(uint16_t(i), 3, 3, std::string(1, char('a' + i))).file());
  }
  std::string splitError(StatusCode code = StatusCode::corrupt, int index = 0) const {
    return errorOf(Gguf::open(at(name(index))).status(), code);
  }
};

TEST_F(GgufSplitTest, ReadsAllFilesFromTheFirst) {
  writeAll();
  Expected<Gguf> gguf = Gguf::open(at(name(0)));
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  EXPECT_EQ(gguf->files().size(), 3u);
  ASSERT_EQ(gguf->tensors().size(), 3u);
  EXPECT_EQ(tensorElement(gguf->tensors().at("c"), 0), 2);
  EXPECT_TRUE(gguf->tensors().at("b").file.ends_with(name(1)));
  EXPECT_EQ(*gguf->getString("general.architecture"), "llama");
}

TEST_F(GgufSplitTest, RefusesIncompleteAndMixedFiles) {
  writeAll();
  EXPECT_HAS(splitError(StatusCode::invalidArgument, 1),
             "found file 2 of a model split into 3 files; expected the first, " + at(name(0)));
  std::filesystem::rename(at(name(0)), at("other.gguf"));
  EXPECT_HAS(errorOf(Gguf::open(at("other.gguf")).status(), StatusCode::invalidArgument),
             "under another name; expected a name that ends as it was split");
  std::filesystem::rename(at("other.gguf"), at(name(0)));

  std::filesystem::remove(at(name(2)));
  EXPECT_HAS(splitError(StatusCode::notFound),
             "found no file " + at(name(2)) + "; expected all 3 files beside each other");
  write(name(2), part(1, 3, 3, "c").file());
  EXPECT_HAS(splitError(), name(2) + ": key 'split.no': found 1 (u16); expected 2");
  write(name(2), part(2, 4, 3, "c").file());
  EXPECT_HAS(splitError(), "key 'split.count': found 4 (u16); expected 3");
  write(name(2), part(2, 3, 7, "c").file());
  EXPECT_HAS(splitError(), "key 'split.tensors.count': found 7 (i32); expected 3");
  write(name(2), GgufBuilder().tensor("c", {2}, f32, floats(2)).file());
  EXPECT_HAS(splitError(StatusCode::invalidArgument), "key 'split.count': found no such key");
  write(name(2), part(2, 3, 3, "a").file());
  EXPECT_HAS(splitError(), "found the tensor 'a' again; expected every tensor in one file");
  write(name(2), part(2, 3, 3, "c").tensor("d", {2}, f32, floats(2)).file());
  EXPECT_HAS(splitError(), "found 4 tensors in 3 files; expected 3");
  write(name(2), "GGUF");
  EXPECT_HAS(splitError(), name(2) + ": found the end of the file");
}

//===----------------------------------------------------------------------===//
// Elements
//===----------------------------------------------------------------------===//

TEST_F(GgufTest, DequantisesAsGgufPy) {
  const std::string golden = std::string(PLAIT_GOLDEN_DIR) + "/gguf/blocks";
  Expected<Gguf> gguf = Gguf::open(golden + ".gguf");
  ASSERT_TRUE(gguf.ok()) << gguf.status().message();
  Expected<Checkpoint> expected = Checkpoint::openFile(golden + ".safetensors");
  ASSERT_TRUE(expected.ok()) << expected.status().message();
  ASSERT_EQ(expected->tensors().size(), gguf->tensors().size());
  for (const auto &[name, values] : expected->tensors()) {
    const TensorView &blocks = gguf->tensors().at(name);
    EXPECT_EQ(tensorTypeName(blocks.type), name);
    ASSERT_EQ(blocks.shape, values.shape);
    std::vector<float> all(size_t(blocks.elements()));
    readTensorBlock(blocks, 0, blocks.rows(), 0, blocks.columns(), all.data());
    for (int64_t i = 0; i < blocks.elements(); ++i) {
      double want = tensorElement(values, i), element = tensorElement(blocks, i);
      EXPECT_EQ(all[size_t(i)], want) << name << " " << i;
      EXPECT_EQ(element, want) << name << " " << i;
      EXPECT_EQ(std::signbit(element), std::signbit(want)) << name << " " << i;
    }
  }
}

TEST(TensorTest, ReadsEveryHalf) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    uint16_t half = uint16_t(bits);
    TensorView tensor;
    tensor.type = TensorType::f16;
    tensor.shape = {1};
    tensor.data = {reinterpret_cast<const uint8_t *>(&half), 2};
    double got = tensorElement(tensor, 0);
    int exponent = (half >> 10) & 31;
    double fraction = (half & 1023) / 1024.0;
    double want = exponent == 31 ? (fraction != 0 ? NAN : INFINITY)
                                 : std::ldexp(exponent ? 1 + fraction : fraction, std::max(exponent, 1) - 15);
    EXPECT_TRUE(std::isnan(want) ? std::isnan(got) : std::abs(got) == want) << bits << ": " << got;
    EXPECT_EQ(std::signbit(got), half >> 15 != 0) << bits;
  }
}

/// Every block of every order of a matrix, against its elements one by one.
TEST(TensorTest, ReadsBlocksOfAnyOrder) {
  constexpr int64_t rows = 8, columns = 6;
  std::vector<float> stored(rows * columns);
  for (size_t i = 0; i < stored.size(); ++i)
    stored[i] = float(i * i);
  TensorView plain;
  plain.type = TensorType::f32;
  plain.shape = {rows, columns};
  plain.data = {reinterpret_cast<const uint8_t *>(stored.data()), stored.size() * 4};
  TensorView transposed = plain, paired = plain;
  transposed.transposed = true;
  paired.pairedRows = 4;
  // Rows 0 to 3 of a head lie as 0, 2, 1, 3: the first and second half in turn.
  const int64_t pairedOrder[] = {0, 2, 1, 3, 4, 6, 5, 7};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      EXPECT_EQ(tensorElement(plain, r * columns + c), stored[size_t(r * columns + c)]);
      EXPECT_EQ(tensorElement(transposed, r * columns + c), stored[size_t(c * rows + r)]);
      EXPECT_EQ(tensorElement(paired, r * columns + c), stored[size_t(pairedOrder[r] * columns + c)]);
    }
  for (const TensorView &tensor : {plain, transposed, paired})
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t height = 1; row + height <= rows; ++height)
          for (int64_t width = 1; column + width <= columns; ++width) {
            std::vector<float> block(size_t(height * width), -1);
            readTensorBlock(tensor, row, height, column, width, block.data());
            for (int64_t i = 0; i < height * width; ++i)
              ASSERT_EQ(block[size_t(i)], tensorElement(tensor, (row + i / width) * columns + column + i % width));
          }
}

} // namespace
