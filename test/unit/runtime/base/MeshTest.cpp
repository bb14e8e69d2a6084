//===- MeshTest.cpp - Tests of meshes as text -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Mesh.h"

#include "gtest/gtest.h"

using namespace plait;

namespace {

TEST(MeshTest, Parse) {
  struct {
    const char *text;
    Mesh mesh;
    const char *canonical;
  } cases[] = {{"dp=2,tp=3", {2, 3}, "dp=2,tp=3"}, {"tp=3,dp=2", {2, 3}, "dp=2,tp=3"},
               {"dp=2", {2, 1}, "dp=2"},           {"tp=64", {1, 64}, "tp=64"},
               {"dp=1,tp=1", {1, 1}, "tp=1"},      {"dp=32,tp=2", {32, 2}, "dp=32,tp=2"}};
  for (const auto &c : cases) {
    auto mesh = parseMesh(c.text);
    ASSERT_TRUE(mesh) << c.text << mesh.status().message();
    EXPECT_EQ(*mesh, c.mesh) << c.text;
    EXPECT_EQ(meshText(*mesh), c.canonical);
  }
}

TEST(MeshTest, Errors) {
  const std::string expected = "; expected dp=REPLICAS,tp=RANKS or one of the two, such as dp=2,tp=2";
  std::pair<const char *, const char *> cases[] = {
      {"", ""},
      {"2", ""},
      {"dp=2,", ""},
      {"pp=2", ", in which \"pp\" is no axis"},
      {"dp=2,ep=2", ", in which \"ep\" is no axis"},
      {" dp=2", ", in which \" dp\" is no axis"},
      {"dp=2,dp=2", ", which has the axis dp twice"},
      {"dp=0", ", in which the size of dp is not from 1 to 64"},
      {"tp=65", ", in which the size of tp is not from 1 to 64"},
      {"tp=-1", ", in which the size of tp is not from 1 to 64"},
      {"tp=2x", ", in which the size of tp is not from 1 to 64"},
      {"tp=", ", in which the size of tp is not from 1 to 64"},
      {"tp=99999999999999999999", ", in which the size of tp is not from 1 to 64"}};
  for (auto [text, what] : cases)
    EXPECT_EQ(parseMesh(text).status().message(), "--mesh: found \"" + std::string(text) + "\"" + what + expected);
  EXPECT_EQ(parseMesh("dp=13,tp=5").status().message(),
            "--mesh: found \"dp=13,tp=5\", which is 65 ranks; expected at most 64");
}

} // namespace
