//===- DigestTest.cpp - Tests of content digests --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Digest.h"

#include "runtime/base/File.h"

#include "gtest/gtest.h"

#include <cstdlib>
#include <filesystem>

using namespace plait;

namespace {

TEST(DigestTest, MatchesPublishedValues) {
  // `printf '' | xxhsum -H2`, and likewise "a" and "abc".
  EXPECT_EQ(digestOf(""), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(digestOf("a"), "a96faf705af16834e6c632b61e964e1f");
  EXPECT_EQ(digestOf("abc"), "06b05ab6733a618578af5f94892f3950");
}

TEST(DigestTest, FileAndBytesAgree) {
  std::string folder = testing::TempDir() + "plait-digest-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  std::string path = folder + "/data";
  // Over one piece of reading, at its border, and empty.
  for (size_t size : {size_t(3) << 20, (size_t(1) << 20) + 1, size_t(17), size_t(0)}) {
    std::string data(size, '\0');
    for (size_t i = 0; i < size; ++i)
      data[i] = static_cast<char>(i * 7 + i / 251);
    ASSERT_TRUE(writeFileAtomic(path, data).ok());
    Expected<std::string> digest = digestOfFile(path);
    ASSERT_TRUE(digest.ok()) << digest.status().message();
    EXPECT_EQ(*digest, digestOf(data));
  }
  EXPECT_EQ(digestOfFile(folder + "/none").status().code(), StatusCode::notFound);
  EXPECT_EQ(digestOfFile(folder).status().code(), StatusCode::invalidArgument);
  std::filesystem::remove_all(folder);
}

TEST(DigestTest, PiecesAreKeptApart) {
  auto of = [](std::initializer_list<std::string_view> pieces) {
    Digest digest;
    for (std::string_view piece : pieces)
      digest.add(piece);
    return digest.hex();
  };
  EXPECT_EQ(of({"ab", "c"}), of({"ab", "c"}));
  EXPECT_NE(of({"ab", "c"}), of({"a", "bc"}));
  EXPECT_NE(of({"abc"}), of({"abc", ""}));
  EXPECT_NE(of({}), of({""}));
  EXPECT_EQ(of({}), digestOf(""));
  using namespace std::string_view_literals;
  EXPECT_EQ(of({"abc"}), digestOf("\3\0\0\0\0\0\0\0abc"sv));
}

TEST(DigestTest, HexDoesNotEndTheDigest) {
  Digest digest;
  digest.add("a");
  std::string first = digest.hex();
  EXPECT_EQ(digest.hex(), first);
  EXPECT_EQ(first.size(), 32u);
  digest.add("b");
  EXPECT_NE(digest.hex(), first);
}

TEST(DigestTest, ASealShowsEveryChange) {
  std::string sealed = sealJson("{\n  \"a\": 1\n}\n");
  EXPECT_EQ(sealed, "{\n  \"a\": 1,\n  \"digest\": \"" + digestOf("{\n  \"a\": 1") + "\"\n}\n");
  EXPECT_TRUE(checkSeal(sealed, "m")) << checkSeal(sealed, "m").message();
  for (size_t i = 0; i < sealed.size(); ++i)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = sealed;
      changed[i] = char(changed[i] ^ (1 << bit));
      EXPECT_EQ(checkSeal(changed, "m").code(), StatusCode::corrupt) << i << " " << bit;
    }
  for (size_t length = 0; length < sealed.size(); ++length)
    EXPECT_FALSE(checkSeal(sealed.substr(0, length), "m")) << length;
  EXPECT_FALSE(checkSeal(sealed + "\n", "m"));
  EXPECT_FALSE(checkSeal("{}\n", "m"));
}

} // namespace
