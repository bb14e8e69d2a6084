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
  } cases[] = {{"dp=2,tp=3", {2, 3}, "dp=2,tp=3"},
               {"tp=3,dp=2", {2, 3}, "dp=2,tp=3"},
               {"dp=2", {2, 1}, "dp=2"},
               {"tp=64", {1, 64}, "tp=64"},
               {"dp=1,tp=1", {1, 1}, "tp=1"},
               {"dp=32,tp=2", {32, 2}, "dp=32,tp=2"},
               {"prefill: tp=1; decode: tp=2", {1, 2, 1, 1}, "prefill: tp=1; decode: tp=2"},
               {"decode:dp=3;prefill:tp=4,dp=2", {3, 1, 2, 4}, "prefill: dp=2,tp=4; decode: dp=3"}};
  for (const auto &c : cases) {
    auto mesh = parseMesh(c.text);
    ASSERT_TRUE(mesh) << c.text << mesh.status().message();
    EXPECT_EQ(*mesh, c.mesh) << c.text;
    EXPECT_EQ(meshText(*mesh), c.canonical);
  }
}

TEST(MeshTest, Errors) {
  const std::string expected = "; expected dp=REPLICAS,tp=RANKS or one of the two, such as dp=2,tp=2, or that for each "
                               "phase, such as prefill: tp=1; decode: tp=2";
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
      {"tp=99999999999999999999", ", in which the size of tp is not from 1 to 64"},
      {"prefill: tp=1", ", which lacks the phase decode"},
      {"decode: tp=1;", ", in which \"\" is no phase"},
      {"decode: tp=1", ", which lacks the phase prefill"},
      {"prefill: tp=1; prefill: tp=2", ", which has the phase prefill twice"},
      {"train: tp=1; decode: tp=2", ", in which \"train\" is no phase"},
      {"prefill: tp=1; decode", ""},
      {"prefill: ; decode: tp=1", ""},
      {"prefill: tp=0; decode: tp=1", ", in which the size of tp is not from 1 to 64"}};
  for (auto [text, what] : cases)
    EXPECT_EQ(parseMesh(text).status().message(), "--mesh: found \"" + std::string(text) + "\"" + what + expected);
  EXPECT_EQ(parseMesh("dp=13,tp=5").status().message(),
            "--mesh: found \"dp=13,tp=5\", which is 65 ranks; expected at most 64");
  EXPECT_EQ(parseMesh("prefill: tp=1; decode: tp=64").status().message(),
            "--mesh: found \"prefill: tp=1; decode: tp=64\", which is 65 ranks; expected at most 64");
}

TEST(MeshTest, Places) {
  Mesh mesh = {2, 3, 2, 1}; // prefill 0, prefill 1, decode 2 to 4, decode 5 to 7
  EXPECT_EQ(mesh.size(), 8);
  EXPECT_EQ(mesh.programs(), 4);
  int64_t expected[][3] = {{0, 0, 0}, {1, 0, 0}, {2, 0, 1}, {2, 1, 2}, {2, 2, 3}, {3, 0, 1}, {3, 1, 2}, {3, 2, 3}};
  for (int64_t rank = 0; rank < 8; ++rank) {
    Mesh::Place place = mesh.placeOf(rank);
    EXPECT_EQ(place.replica, expected[rank][0]) << rank;
    EXPECT_EQ(place.rank, expected[rank][1]) << rank;
    EXPECT_EQ(place.program, expected[rank][2]) << rank;
    EXPECT_EQ(mesh.leaderOf(place.replica) + place.rank, rank);
    EXPECT_EQ(mesh.roleOf(place.replica), rank < 2 ? ReplicaRole::prefill : ReplicaRole::decode);
  }
  EXPECT_EQ(replicaName(mesh, 1), "prefill replica 1");
  EXPECT_EQ(replicaName(mesh, 2), "decode replica 0");
  EXPECT_EQ(replicaName({1, 2, 1, 1}, 1), "decode");
  EXPECT_EQ(replicaName({2, 2}, 1), "replica 1");
  EXPECT_EQ(replicaName({1, 2}, 0), "");
}

} // namespace
