//===- MachineTest.cpp - Machine tables and single events -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Machine.h"

#include <gtest/gtest.h>

using namespace plait;
using namespace plait::timeline;

namespace {

constexpr const char *kSmall = R"json({
  "schema": 1, "name": "small", "title": "t",
  "devices": [{"bandwidth": {"value": 10, "source": "s"}, "launch": {"value": 1, "source": "s"},
               "peaks": {"f32": {"value": 100, "source": "s"}, "bf16": {"value": 200, "source": "s"}}}],
  "link": {"kind": "network", "bandwidth": {"value": 4, "source": "s"}, "latency": {"value": 3, "source": "s"}}
})json";

Expected<Machine> parse(std::string text, const std::string &from = "", const std::string &to = "") {
  if (!from.empty())
    text.replace(text.find(from), from.size(), to);
  auto json = parseJson(text, "m.json");
  EXPECT_TRUE(json) << json.status().message();
  return parseMachine(*json, "m.json");
}

std::string errorOf(const std::string &from, const std::string &to) {
  auto machine = parse(kSmall, from, to);
  return machine ? "" : machine.status().message();
}

Event product(double flops, double bytes, const char *element = "f32") {
  Event event;
  event.kind = EventKind::product;
  event.ranks = {0};
  event.extents = Extents::prefill(2);
  event.work.flops.tokens = flops;
  event.work.storedBytes.constant = bytes;
  event.work.element = element;
  return event;
}

TEST(MachineTable, Errors) {
  EXPECT_EQ(errorOf("\"schema\": 1", "\"schema\": 2"),
            "m.json: /schema: found 2 (integer); expected 1, the one that this version reads");
  EXPECT_EQ(errorOf(", \"source\": \"s\"", ""),
            "m.json: /devices/0/bandwidth/source: found nothing; expected the required member \"source\"");
  EXPECT_EQ(errorOf("\"source\": \"s\"", "\"source\": \"\""),
            "m.json: /devices/0/bandwidth/source: found \"\" (string); expected where the number comes from");
  EXPECT_EQ(errorOf("10", "-10"),
            "m.json: /devices/0/bandwidth/value: found -10 (integer); expected a positive number");
  EXPECT_EQ(errorOf("network", "string"),
            "m.json: /link/kind: found \"string\" (string); expected shared_memory, switch, pcie, network or ring");
  EXPECT_NE(errorOf("f32", "f16"), "");
  EXPECT_NE(errorOf("\"devices\"", "\"row_tile\": {\"value\": 1.5, \"source\": \"s\"}, \"devices\""), "");
  EXPECT_NE(errorOf("\"devices\"", "\"product_rate\": {\"points\": [[2, 1], [1, 1]], \"source\": \"s\"}, \"devices\""),
            "");
  EXPECT_NE(errorOf("\"devices\"", "\"stall\": {\"value\": 1, \"source\": \"s\"}, \"devices\""), "");
  EXPECT_NE(errorOf("\"latency\": {\"value\": 3, \"source\": \"s\"}",
                    "\"latency\": {\"value\": 3, \"source\": \"s\"}, \"measured_ranks\": 2, \"rates\": {\"sum\": {}}"),
            "");
  auto errorOfAlgorithms = [&](const std::string &text) {
    return errorOf("\"latency\": {\"value\": 3, \"source\": \"s\"}",
                   "\"latency\": {\"value\": 3, \"source\": \"s\"}, " + text);
  };
  EXPECT_NE(errorOfAlgorithms("\"algorithms\": {}"), ""); // of how many ranks?
  EXPECT_NE(errorOfAlgorithms("\"measured_ranks\": 2, \"algorithms\": {\"tree\": {}}").find("lamport"),
            std::string::npos);
  EXPECT_NE(errorOfAlgorithms("\"measured_ranks\": 2, \"algorithms\": {\"ring\": {}}").find("most_bytes"),
            std::string::npos);
  EXPECT_NE(errorOfAlgorithms("\"multicast\": 1"), "");
  auto missing = loadMachine("abacus");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.status().message(),
            "found no machine \"abacus\"; expected one of dgx-h100, t3-mca, t3, or a file NAME.json");
}

TEST(MachineTable, RowsWithinASumOfSharedMemoryTakeTwoSteps) {
  Machine machine;
  machine.devices = {{1e12, {{"f32", 1e12}}, 0}};
  machine.link.bandwidth = 1e9;
  machine.link.latency = 1e-6;
  Event sum;
  sum.kind = EventKind::allReduce;
  sum.ranks = {0, 1};
  sum.extents = Extents::prefill(1);
  sum.bytes.tokens = 4096;
  EXPECT_DOUBLE_EQ(machine.getExchange(sum).latency, 1e-6);
  sum.work.activationBytes.tokens = 4096;
  EXPECT_DOUBLE_EQ(machine.getExchange(sum).latency, 2e-6);
  machine.link.kind = LinkKind::crossbar;
  EXPECT_DOUBLE_EQ(machine.getExchange(sum).latency, 1e-6);
}

/// As the runtime has it, whose table says more of two ranks.
TEST(MachineTable, LargeSumsOfSharedMemoryTakeTwoSteps) {
  Machine machine;
  machine.devices = {{1e12, {{"f32", 1e12}}, 0}};
  machine.link.bandwidth = 1e9;
  machine.link.latency = 1e-6;
  Event sum;
  sum.kind = EventKind::allReduce;
  sum.extents = Extents::prefill(1);
  auto latencyOf = [&](std::vector<int> ranks, double bytes) {
    sum.ranks = ranks;
    sum.bytes.tokens = bytes;
    return machine.getExchange(sum).latency;
  };
  EXPECT_DOUBLE_EQ(latencyOf({0, 1}, 1 << 20), 1e-6);
  EXPECT_DOUBLE_EQ(latencyOf({0, 1}, (1 << 20) + 4), 10e-6); // of five pieces
  EXPECT_DOUBLE_EQ(latencyOf({0, 1, 2}, 128 << 10), 1e-6);
  EXPECT_DOUBLE_EQ(latencyOf({0, 1, 2}, (128 << 10) + 4), 2e-6);
  machine.link.kind = LinkKind::network;
  EXPECT_DOUBLE_EQ(latencyOf({0, 1}, 8 << 10), 1e-6);
  EXPECT_DOUBLE_EQ(latencyOf({0, 1}, (8 << 10) + 4), 2e-6);
}

TEST(MachineTable, AllThatAreEmbeddedReadAndWriteTheSame) {
  for (const EmbeddedMachine &one : embeddedMachines()) {
    auto machine = loadMachine(std::string(one.name));
    ASSERT_TRUE(machine) << machine.status().message();
    EXPECT_EQ(machine->name, one.name);
    Json written = writeMachine(*machine, "s");
    auto again = parseMachine(written, "written");
    ASSERT_TRUE(again) << again.status().message();
    EXPECT_EQ(writeMachine(*again, "s"), written);
    Json read = *parseJson(one.text, "text");
    EXPECT_EQ(written["devices"][0]["bandwidth"]["value"], read["devices"][0]["bandwidth"]["value"]);
    EXPECT_EQ(written.contains("product_rate"), read.contains("product_rate"));
    EXPECT_EQ(written["link"].contains("rates"), read["link"].contains("rates"));
    EXPECT_EQ(written["link"].contains("algorithms"), read["link"].contains("algorithms"));
  }
}

TEST(Machine, ComputeIsTheLongerOfTwo) {
  Machine machine = *parse(kSmall);
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(product(1000, 10), 0), 20);         // 2000 operations
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(product(1000, 10, "bf16"), 0), 10); // another peak
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(product(1000, 10, "i8"), 0), 20);   // none: that of f32
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(product(1000, 500), 0), 50);        // bytes
  Event tile = product(1000, 10);
  tile.share = 0.25;
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(tile, 0), 5);
}

TEST(Machine, RowsAreRoundedUpToTiles) {
  Machine machine = *parse(kSmall);
  machine.rowTile = 4;
  machine.productRate.points = {{4, 100}, {8, 200}};
  machine.sustained = 0.5;
  auto secondsOf = [&](double rows) {
    Event event = product(100, 0);
    event.extents = Extents::prefill(rows);
    return machine.getComputeSeconds(event, 0);
  };
  EXPECT_DOUBLE_EQ(secondsOf(4), 400 / 50.0);
  EXPECT_DOUBLE_EQ(secondsOf(5), 800 / 100.0); // as 8 rows
  EXPECT_DOUBLE_EQ(secondsOf(8), 800 / 100.0);
  EXPECT_DOUBLE_EQ(secondsOf(2), 200 / 50.0); // smaller tiles
}

TEST(Machine, TokensOfASequenceShareReads) {
  Machine machine = *parse(kSmall);
  Event event = product(0, 0);
  event.work.storedBytes.positions = 10;
  event.extents = Extents::prefill(4);
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(event, 0), 10);
  machine.attentionRows = 2;
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(event, 0), 5);
  machine.attentionRows = 128;
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(event, 0), 2.5);
  event.extents = Extents::decode(4, 9); // each another one's
  EXPECT_DOUBLE_EQ(machine.getComputeSeconds(event, 0), 40);
}

TEST(Machine, ExchangesAsInTheCostLibrary) {
  Machine machine = *parse(kSmall);
  Event event;
  event.ranks = {0, 1, 2, 3};
  auto secondsOf = [&](EventKind kind, double bytes) {
    event.kind = kind;
    event.bytes.constant = bytes;
    Machine::Exchange exchange = machine.getExchange(event);
    return exchange.latency + exchange.transfer;
  };
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::allReduce, 8192), 3 + 3 * 8192 / 4.0);               // one step
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::allReduce, 16384), 2 * 3 + 2 * 3 / 4.0 * 16384 / 4); // two
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::reduceScatter, 64), 3 + 0.75 * 64 / 4);
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::allGather, 64), 3 + 0.75 * 64 / 4);
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::send, 64), 3 + 64 / 4);
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::allReduce, 0), 0);
  machine.link.kind = LinkKind::sharedMemory;
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::allReduce, 1 << 20), 2 * 4 * 3 + 1.5 * (1 << 20) / 4);
  EXPECT_EQ(machine.getExchange(event).units, machine.units); // it is copied by whoever computes
  machine.link.kind = LinkKind::ring;
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::reduceScatter, 64), 3 * 3 + 0.75 * 64 / 4);
  event.ranks = {0};
  EXPECT_DOUBLE_EQ(secondsOf(EventKind::allReduce, 64), 0);
}

TEST(Machine, MeasuredRatesAndUnits) {
  Machine machine = *loadMachine("dgx-h100");
  Event event;
  event.kind = EventKind::allReduce;
  event.ranks = {0, 1, 2, 3, 4, 5, 6, 7};
  event.bytes.constant = 2 * 67108864.0; // f32 of 4096 rows of 8192
  double full = machine.getExchange(event).transfer;
  event.units = 2;
  EXPECT_NEAR(machine.getExchange(event).transfer / full, 1 / 0.652, 1e-9);
  EXPECT_EQ(machine.getExchange(event).units, 2);
  // With fewer ranks more of a matrix is each one's part, which it writes to all.
  event.units = 8;
  event.ranks = {0, 1};
  EXPECT_NEAR(machine.getExchange(event).transfer / full, 1.5 / 1.125, 1e-9);
}

} // namespace
