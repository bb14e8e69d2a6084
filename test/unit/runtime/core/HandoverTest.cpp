//===- HandoverTest.cpp - Tests of keys and values that go over -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Ranks are threads whose pages hold a number for each state, layer, position of the page
// in the sequence, head, plane and byte. After a handover each rank of decode has those
// of its heads in its pages, and nothing else there has changed.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Handover.h"

#include "runtime/comm/LocalGroup.h"
#include "runtime/core/WorldGroups.h"
#include "test/unit/runtime/DemoModel.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <random>
#include <thread>

#include <unistd.h>

using namespace plait;

namespace {

using Heads = HandoverPlan::Heads;

struct Case {
  Mesh mesh;
  HandoverPlan plan;
  std::vector<std::vector<uint64_t>> pageBytes; ///< of each rank of a prefill replica, then of decode; of each state
  std::vector<int64_t> capacity;                ///< of each page table
};

/// Heads of `ranks` ranks, which overlap or not.
std::vector<Heads> randomHeads(std::mt19937 &random, int64_t ranks, int64_t heads) {
  std::vector<Heads> list;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int64_t begin = rank * heads / ranks;
    int64_t end = heads >= ranks ? (rank + 1) * heads / ranks : begin + 1;
    list.push_back({begin, end});
  }
  if (random() % 4 == 0)
    std::fill(list.begin(), list.end(), Heads{0, heads}); // whole everywhere
  return list;
}

Case randomCase(std::mt19937 &random) {
  Case c;
  c.mesh = {int64_t(1 + random() % 2), int64_t(1 + random() % 4), int64_t(1 + random() % 2), int64_t(1 + random() % 4)};
  c.capacity = {int64_t(3 + random() % 4), int64_t(3 + random() % 4)};
  c.pageBytes.resize(size_t(c.mesh.programs()));
  for (int64_t table : {0, 1, 0}) {
    HandoverPlan::State &state = c.plan.states.emplace_back();
    state.table = table;
    state.layers = 1 + int64_t(random() % 3);
    int64_t heads = 1 + int64_t(random() % 7);
    state.sourceHeads = randomHeads(random, c.mesh.prefillRanks, heads);
    state.targetHeads = randomHeads(random, c.mesh.ranks, heads);
    // Some planes are larger than what is sent at once.
    std::vector<int64_t> headBytes = {random() % 8 ? 24 : 20000, 40};
    for (int64_t bytes : headBytes)
      state.planes.push_back({bytes, {}, {}});
    for (int64_t program = 0; program < c.mesh.programs(); ++program) {
      bool isSource = program < c.mesh.prefillRanks;
      const Heads &own =
          isSource ? state.sourceHeads[size_t(program)] : state.targetHeads[size_t(program - c.mesh.prefillRanks)];
      int64_t at = 0;
      for (HandoverPlan::Plane &plane : state.planes) {
        at += int64_t(random() % 3) * 8; // a gap, whose bytes nobody moves
        (isSource ? plane.sourceBegins : plane.targetBegins).push_back(at);
        at += plane.headBytes * (own.end - own.begin);
      }
      c.pageBytes[size_t(program)].push_back(uint64_t(at + 63) / 64 * 64);
    }
    // Head by head, in any order, from any rank that has it.
    for (int64_t target = 0; target < c.mesh.ranks; ++target)
      for (int64_t head = state.targetHeads[size_t(target)].begin; head < state.targetHeads[size_t(target)].end;
           ++head) {
        int64_t source;
        do
          source = int64_t(random() % uint64_t(c.mesh.prefillRanks));
        while (head < state.sourceHeads[size_t(source)].begin || head >= state.sourceHeads[size_t(source)].end);
        state.sends.push_back({source, head - state.sourceHeads[size_t(source)].begin, target,
                               head - state.targetHeads[size_t(target)].begin, 1});
      }
    std::shuffle(state.sends.begin(), state.sends.end(), random);
  }
  return c;
}

uint8_t label(size_t state, int64_t layer, size_t entry, int64_t head, size_t plane, int64_t byte) {
  uint64_t z = 1 + state;
  for (uint64_t part : {uint64_t(layer), uint64_t(entry), uint64_t(head), uint64_t(plane), uint64_t(byte)})
    z = (z ^ part) * 0x9E3779B97F4A7C15u + 77;
  return uint8_t(z >> 40);
}

/// A rank's memory, and what each byte of it is.
struct Memory {
  std::vector<std::vector<uint8_t>> states;
  std::vector<StatePages> pages;
};

class HandoverTest : public testing::TestWithParam<int> {
protected:
  Memory memoryOf(const Case &c, size_t program, uint8_t fill) {
    Memory memory;
    for (size_t i = 0; i < c.plan.states.size(); ++i) {
      const HandoverPlan::State &state = c.plan.states[i];
      int64_t capacity = c.capacity[size_t(state.table)];
      memory.states.emplace_back(size_t(state.layers * capacity) * c.pageBytes[program][i], fill);
    }
    for (size_t i = 0; i < c.plan.states.size(); ++i)
      memory.pages.push_back(
          {memory.states[i].data(), c.pageBytes[program][i], c.capacity[size_t(c.plan.states[i].table)]});
    return memory;
  }
  /// Calls `visit` with each byte of the rank's heads in `pages`, and its label.
  template <typename Visit>
  void forEachByte(const Case &c, Memory &memory, bool isSource, size_t rank,
                   const std::vector<std::vector<int32_t>> &pages, Visit visit) {
    for (size_t i = 0; i < c.plan.states.size(); ++i) {
      const HandoverPlan::State &state = c.plan.states[i];
      const Heads &own = (isSource ? state.sourceHeads : state.targetHeads)[rank];
      const auto &list = pages[size_t(state.table)];
      for (int64_t layer = 0; layer < state.layers; ++layer)
        for (size_t entry = 0; entry < list.size(); ++entry)
          for (size_t plane = 0; plane < state.planes.size(); ++plane)
            for (int64_t head = own.begin; head < own.end; ++head)
              for (int64_t byte = 0; byte < state.planes[plane].headBytes; ++byte) {
                const HandoverPlan::Plane &p = state.planes[plane];
                int64_t begin = (isSource ? p.sourceBegins : p.targetBegins)[rank];
                const StatePages &at = memory.pages[i];
                size_t offset = size_t(layer * at.capacity + list[entry]) * at.pageBytes +
                                size_t(begin + (head - own.begin) * p.headBytes + byte);
                visit(at.base[offset], label(i, layer, entry, head, plane, byte));
              }
    }
  }
};

TEST_P(HandoverTest, EachRankGetsItsHeads) {
  std::mt19937 random(static_cast<unsigned>(GetParam()));
  Case c = randomCase(random);
  const Mesh &mesh = c.mesh;
  int64_t source = int64_t(random() % uint64_t(mesh.prefillReplicas));
  int64_t target = mesh.prefillReplicas + int64_t(random() % uint64_t(mesh.replicas));
  HandoverMessage sent{target, {}}, wanted{source, {}};
  std::vector<int64_t> counts;
  for (int64_t capacity : c.capacity) {
    std::vector<int32_t> all(static_cast<size_t>(capacity));
    std::iota(all.begin(), all.end(), 0);
    counts.push_back(int64_t(random() % uint64_t(capacity)));
    for (HandoverMessage *message : {&sent, &wanted}) {
      std::shuffle(all.begin(), all.end(), random);
      message->pages.emplace_back(all.begin(), all.begin() + counts.back());
    }
  }
  std::vector<Memory> memories;
  for (int rank = 0; rank < int(mesh.size()); ++rank) {
    Mesh::Place place = mesh.placeOf(rank);
    memories.push_back(memoryOf(c, size_t(place.program), uint8_t(rank + 1)));
    if (place.replica == source)
      forEachByte(c, memories.back(), true, size_t(place.rank), sent.pages,
                  [](uint8_t &byte, uint8_t value) { byte = value; });
  }
  std::vector<Memory> expected = memories; // whose pages point into `memories`
  for (size_t i = 0; i < expected.size(); ++i)
    for (size_t s = 0; s < expected[i].states.size(); ++s)
      expected[i].pages[s].base = expected[i].states[s].data();
  for (int rank = 0; rank < int(mesh.size()); ++rank)
    if (Mesh::Place place = mesh.placeOf(rank); place.replica == target)
      forEachByte(c, expected[size_t(rank)], false, size_t(place.rank), wanted.pages,
                  [](uint8_t &byte, uint8_t value) { byte = value; });

  LocalGroupOptions options;
  options.size = int(mesh.size());
  options.stagingBytes = 4096;
  Expected<int> fd = LocalGroup::create(options);
  ASSERT_TRUE(fd) << fd.status().message();
  auto region = std::make_shared<const SharedRegion>(SharedRegion::map(*fd).take());
  ::close(*fd);
  std::vector<std::thread> threads;
  std::vector<uint64_t> bytes(size_t(mesh.size()));
  for (int rank = 0; rank < int(mesh.size()); ++rank)
    threads.emplace_back([&, rank] {
      auto joined = LocalGroup::join(region, rank, options);
      ASSERT_TRUE(joined) << joined.status().message();
      HandoverLink link(joined.take(), nullptr, {});
      Mesh::Place place = mesh.placeOf(rank);
      if (place.replica != source && place.replica != target)
        return;
      auto moved =
          movePages(c.plan, link, mesh, place, memories[size_t(rank)].pages, place.replica == source ? sent : wanted);
      ASSERT_TRUE(moved) << moved.status().message();
      bytes[size_t(rank)] = *moved;
    });
  for (std::thread &thread : threads)
    thread.join();
  int64_t out = 0, in = 0;
  for (int rank = 0; rank < int(mesh.size()); ++rank) {
    EXPECT_TRUE(memories[size_t(rank)].states == expected[size_t(rank)].states) << rankName(mesh, rank);
    (mesh.roleOf(mesh.placeOf(rank).replica) == ReplicaRole::prefill ? out : in) += int64_t(bytes[size_t(rank)]);
  }
  EXPECT_EQ(out, c.plan.bytes(counts));
  EXPECT_EQ(in, c.plan.bytes(counts));
}

INSTANTIATE_TEST_SUITE_P(Random, HandoverTest, testing::Range(0, 60));

TEST(HandoverMessageTest, Read) {
  StepLimits limits;
  limits.tables = {{0, 5}, {6, 3}};
  HandoverMessage message{3, {{4, 0, 2}, {}}};
  std::vector<uint8_t> bytes = message.serialize();
  auto read = HandoverMessage::read(bytes, limits);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->peer, 3);
  EXPECT_EQ(read->pages, message.pages);
  // Whatever is cut off, or of other tables, or no page of them.
  for (size_t size = 0; size < bytes.size(); ++size)
    EXPECT_FALSE(HandoverMessage::read(std::span(bytes).first(size), limits)) << size;
  limits.tables[0].capacityPages = 4;
  EXPECT_FALSE(HandoverMessage::read(bytes, limits));
  limits.tables[0].capacityPages = 5;
  limits.tables.pop_back();
  EXPECT_FALSE(HandoverMessage::read(bytes, limits));
}

/// A plan of one state of three heads, from two ranks to one, with `change` made.
Status readChanged(const std::function<void(Json &)> &change) {
  Json json = {{"states", Json::array({{{"layers", 2},
                                        {"table", 0},
                                        {"source_heads", {{0, 2}, {2, 3}}},
                                        {"target_heads", Json::array({{0, 3}})},
                                        {"planes", Json::array({{{"head_bytes", 64},
                                                                 {"source_begins", {0, 0}},
                                                                 {"target_begins", Json::array({0})}}})},
                                        {"sends", {{0, 0, 0, 0, 2}, {1, 0, 0, 2, 1}}}}})}};
  change(json["states"][0]);
  return readHandoverPlan(JsonView(json, "plan"), {1, 1, 1, 2}).status();
}

TEST(HandoverPlanTest, Read) {
  EXPECT_EQ(readChanged([](Json &) {}).message(), "");
  std::pair<std::function<void(Json &)>, const char *> wrong[] = {
      {[](Json &s) { s["sends"].erase(1); }, "all heads of rank 0"},
      {[](Json &s) { s["sends"].push_back({1, 0, 0, 2, 1}); }, "heads that the rank has not got yet"},
      {[](Json &s) { s["sends"][1] = {0, 1, 0, 2, 1}; }, "the same heads of the state on both ranks"},
      {[](Json &s) { s["sends"][1][0] = 2; }, "in [0, 1]"},
      {[](Json &s) { s["sends"][1][2] = 1; }, "in [0, 0]"},
      {[](Json &s) { s["sends"][0][4] = 3; }, "in [1, 2]"},
      {[](Json &s) { s["sends"][0].erase(4); }, "five numbers"},
      {[](Json &s) { s["source_heads"].erase(1); }, "the heads of each of 2 ranks"},
      {[](Json &s) { s["target_heads"][0] = {0}; }, "the first head and the end of the heads"},
      {[](Json &s) { s["planes"] = Json::array(); }, "one to 4 planes"},
      {[](Json &s) { s["planes"][0]["source_begins"].erase(0); }, "where it begins on each of 2 ranks"},
      {[](Json &s) { s["layers"] = 0; }, "in [1, "},
      {[](Json &s) { s["table"] = 1; }, "in [0, 0]"}};
  for (const auto &[change, message] : wrong)
    EXPECT_NE(readChanged(change).message().find(message), std::string::npos)
        << message << ": " << readChanged(change).message();
}

TEST(HandoverModelTest, BelongsTogether) {
  demo::Artifact artifact(Mesh{1, 2, 1, 1});
  auto prefill = Model::open(artifact.path());
  ASSERT_TRUE(prefill) << prefill.status().message();
  EXPECT_EQ((*prefill)->mesh(), (Mesh{1, 1})); // alone, it does everything
  auto decode = Model::open(artifact.path(), {.rank = 1, .replica = 1});
  ASSERT_TRUE(decode) << decode.status().message();
  EXPECT_EQ((*decode)->place().program, 2);
  EXPECT_EQ((*decode)->ranks(), 2u);
  EXPECT_EQ((*decode)->mesh(), (Mesh{1, 2, 1, 1}));
  EXPECT_FALSE(Model::open(artifact.path(), {.rank = 1}));
  EXPECT_FALSE(Model::open(artifact.path(), {.rank = 0, .replica = 2}));

  std::pair<std::function<void(Json &)>, const char *> wrong[] = {
      {[](Json &m) { m["handover"]["states"][0]["layers"] = 2; }, "found layers of state 0 2; expected 3"},
      {[](Json &m) { m["handover"]["states"][1]["table"] = 0; }, "found the page table of state 1 0; expected 1"},
      {[](Json &m) { m["handover"]["states"][0]["planes"][0]["source_begins"][0] = 1; },
       "found a plane of state 0 that ends at byte 65; expected one inside a page of 64 bytes"},
      {[](Json &m) { m["phases"]["decode"]["ranks"] = 3; }, "phases of 3 programs, on at most 64 ranks"},
      {[](Json &m) { m["phases"]["prefill"]["replicas"] = 63; }, "phases of 3 programs, on at most 64 ranks"},
      {[](Json &m) { m.erase("handover"); }, "handover"},
      {[](Json &m) { m["phases"].erase("prefill"); }, "prefill"}};
  for (const auto &[change, message] : wrong) {
    demo::Artifact changed(Mesh{1, 2, 1, 1});
    changed.edit(change);
    std::string found = Model::open(changed.path()).status().message();
    EXPECT_NE(found.find(message), std::string::npos) << message << ": " << found;
  }
}

} // namespace
