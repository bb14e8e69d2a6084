//===- SchedulesTest.cpp - Rewrites of event lists ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Timeline/Schedules.h"

#include "test/unit/timeline/Programs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace plait;
using namespace plait::timeline;

namespace {

const Transformer kModel = {1024, 16, 4, 64, 4096, 3, 4};

/// A machine on which a rank can compute and exchange at the same time, at no cost.
Machine makeMachine() {
  Machine machine;
  machine.name = "test";
  machine.devices = {{1e12, {{"f32", 1e14}}, 0}};
  machine.link.kind = LinkKind::network;
  machine.link.bandwidth = 1e10;
  machine.error = 0;
  return machine;
}

double getSeconds(const EventList &list, const Machine &machine, const Extents &step) {
  auto prediction = predict(list, machine, step);
  EXPECT_TRUE(prediction) << prediction.status().message();
  return prediction ? prediction->seconds : 0;
}

double sumOf(const EventList &list, const Form Work::*form, double Form::*term) {
  double sum = 0;
  for (const Event &event : list.events)
    sum += event.work.*form.*term * double(event.ranks.size()) * event.share;
  return sum;
}

/// Operations and exchanged bytes, of all ranks.
std::pair<double, double> workOf(const EventList &list) {
  double flops = 0, bytes = 0;
  for (const Event &event : list.events) {
    flops += event.share * event.work.flops.at(event.extents) * double(event.ranks.size());
    bytes += event.share * event.bytes.at(event.extents);
  }
  return {flops, bytes};
}

int countOf(const EventList &list, EventKind kind) {
  return int(std::count_if(list.events.begin(), list.events.end(), [&](const Event &e) { return e.kind == kind; }));
}

void checkOrder(const EventList &list) {
  for (size_t i = 0; i < list.events.size(); ++i)
    for (int before : list.events[i].after)
      EXPECT_LT(before, int(i));
}

TEST(FuseEpilogues, SharesRowsOut) {
  Extents step = Extents::prefill(512);
  EventList list = makeTransformer(kModel, step), fused = fuseEpilogues(list);
  checkOrder(fused);
  // Of 3 layers: two sums of 4 ranks, behind each a norm on each rank.
  EXPECT_EQ(countOf(list, EventKind::allReduce), 6);
  EXPECT_EQ(countOf(fused, EventKind::allReduce), 6);
  EXPECT_EQ(list.events.size() - fused.events.size(), 6u * 4);
  // A norm is now computed once, not on each rank.
  double norms = 6 * 4 * 1024 * 4.0;
  EXPECT_NEAR(sumOf(list, &Work::flops, &Form::tokens) - sumOf(fused, &Work::flops, &Form::tokens), norms * 3 / 4,
              1e-3);
  EXPECT_EQ(workOf(list).second, workOf(fused).second);
  EXPECT_EQ(fuseEpilogues(fused).events.size(), fused.events.size()); // nothing is left
  for (const Event &event : fused.events)
    EXPECT_NE(event.name, "norm");
  Machine machine = makeMachine();
  EXPECT_LT(getSeconds(fused, machine, step), getSeconds(list, machine, step));
}

TEST(FuseEpilogues, LeavesOthers) {
  EventList silent = makeTransformer(kModel, Extents::prefill(8), /*hasExchanges=*/false);
  EXPECT_EQ(fuseEpilogues(silent).events.size(), silent.events.size());
  // A rank that computes something else behind the sum.
  EventList list = makeTransformer(kModel, Extents::prefill(8));
  std::vector<std::vector<int>> programs = list.getPrograms();
  for (int i : programs[2])
    if (list.events[size_t(i)].name == "norm")
      list.events[size_t(i)].kind = EventKind::other;
  EXPECT_EQ(fuseEpilogues(list).events.size(), list.events.size());
}

TEST(SplitExtents, AddUp) {
  for (Extents step : {Extents::prefill(100), Extents::decode(40, 7)}) {
    auto [a, b] = splitExtents(step, 30);
    EXPECT_EQ(a.tokens, 30);
    EXPECT_EQ(a.tokens + b.tokens, step.tokens);
    EXPECT_DOUBLE_EQ(a.positions + b.positions, step.positions);
    EXPECT_EQ(a.leaves + b.leaves, step.leaves);
  }
  EXPECT_EQ(splitExtents(Extents::prefill(100), 30).first.positions, 30 * 31 / 2);
  EXPECT_EQ(splitExtents(Extents::decode(40, 7), 30).first.positions, 30 * 8);
  // A chunk behind 1000 positions: its first tokens see those, too.
  EXPECT_EQ(splitExtents({100, 1, 1, 100 * 1000 + 100 * 101 / 2}, 30).first.positions, 30 * 1000 + 30 * 31 / 2);
}

TEST(SplitTokens, DoesTheSameWork) {
  Extents step = Extents::prefill(512);
  EventList list = makeTransformer(kModel, step), woven = splitTokens(list, step, 256);
  checkOrder(woven);
  EXPECT_EQ(woven.events.size(), 2 * list.events.size());
  EXPECT_DOUBLE_EQ(workOf(woven).first, workOf(list).first);
  EXPECT_DOUBLE_EQ(workOf(woven).second, workOf(list).second);
}

TEST(SplitTokens, AttentionOfTheSecondSeesTheFirst) {
  Extents step = Extents::prefill(512);
  EventList woven = splitTokens(makeTransformer(kModel, step), step, 256);
  Machine machine = makeMachine();
  auto prediction = predict(woven, machine, step);
  ASSERT_TRUE(prediction);
  std::map<std::pair<int, int>, std::array<double, 2>> ends, begins;
  for (size_t i = 0; i < woven.events.size(); ++i)
    if (woven.events[i].kind == EventKind::attention) {
      std::pair<int, int> at = {woven.events[i].layer, woven.events[i].ranks[0]};
      begins[at][size_t(woven.events[i].part)] = prediction->schedule.tasks[i].begin;
      ends[at][size_t(woven.events[i].part)] = prediction->schedule.tasks[i].end;
    }
  for (const auto &[at, times] : begins)
    EXPECT_GE(times[1], ends[at][0] - 1e-12);
}

/// By hand: pieces of each part, a and b, one behind the other on the units, exchanges on the link.
TEST(SplitTokens, AsByHand) {
  // Two products with a sum in between, of 2 ranks. At 8 tokens a product takes 8 s, a sum 4 s.
  std::vector<std::vector<Event>> programs;
  for (int rank = 0; rank < 2; ++rank) {
    Event product, sum;
    product.name = "p";
    product.kind = EventKind::product;
    product.ranks = {rank};
    product.work.flops.tokens = 1;
    sum.kind = EventKind::allReduce;
    sum.name = "x";
    sum.ranks = {0, 1};
    sum.bytes.tokens = 1e6;
    Event head = product;
    head.name = "head";
    head.kind = EventKind::other;
    head.work.flops = {0, 0, 0, 1, 0};
    product.extents = sum.extents = head.extents = Extents::prefill(8);
    programs.push_back({product, sum, product, sum, head});
  }
  EventList list = *joinRanks(programs);
  Machine machine = makeMachine();
  machine.devices[0].peaks["f32"] = 1;
  machine.link.bandwidth = 2e6;
  Extents step = Extents::prefill(8);
  EXPECT_DOUBLE_EQ(getSeconds(list, machine, step), 8 + 4 + 8 + 4 + 1);
  // a: 0-4, its sum 4-6; b: 4-8, its sum 8-10; a: 8-12, 12-14; b: 12-16, 16-18; head once: 19.
  EventList woven = splitTokens(list, step, 4);
  EXPECT_EQ(countOf(woven, EventKind::other), 2);
  EXPECT_DOUBLE_EQ(getSeconds(woven, machine, step), 19);
  // Sums that take longer than products: 0-4 | 4-12, 12-20 | second products beside them | 20-28, 28-36, head.
  machine.link.bandwidth = 5e5;
  EXPECT_DOUBLE_EQ(getSeconds(list, machine, step), 8 + 16 + 8 + 16 + 1);
  EXPECT_DOUBLE_EQ(getSeconds(woven, machine, step), 4 + 8 * 4 + 1);
  // With units of the devices taken for the exchange: half of them stand still for 2 s of each sum but the last two.
  machine.link.bandwidth = 2e6;
  machine.stall = 0.5;
  EXPECT_DOUBLE_EQ(getSeconds(woven, machine, step), 4 + (2 + 3) + (2 + 3) + (2 + 3) + 2 + 1);
}

/// Products of 8 s, sums of 4 s that the second product behind them is the first to wait for.
TEST(StartAhead, AsByHand) {
  std::vector<std::vector<Event>> programs;
  for (int rank = 0; rank < 2; ++rank) {
    Event product, sum;
    product.name = "p";
    product.kind = EventKind::product;
    product.ranks = {rank};
    product.work.flops.tokens = 1;
    sum.kind = EventKind::allReduce;
    sum.name = "x";
    sum.ranks = {0, 1};
    sum.bytes.tokens = 1e6;
    product.extents = sum.extents = Extents::prefill(8);
    sum.layer = 0;
    Event late = sum;
    late.beside = 2; // the product and the sum behind it
    programs.push_back({product, late, product, late, product, sum});
  }
  EventList list = *joinRanks(programs);
  EXPECT_TRUE(leavesTime(list));
  Machine machine = makeMachine();
  machine.devices[0].peaks["f32"] = 1;
  machine.link.bandwidth = 2e6;
  Extents step = Extents::prefill(8);
  EXPECT_DOUBLE_EQ(getSeconds(list, machine, step), 3 * (8 + 4));
  EventList ahead = startAhead(list);
  checkOrder(ahead);
  EXPECT_DOUBLE_EQ(getSeconds(ahead, machine, step), 3 * 8 + 4);
  // Sums of 16 s follow each other: 8, then three of them.
  machine.link.bandwidth = 5e5;
  EXPECT_DOUBLE_EQ(getSeconds(ahead, machine, step), 8 + 3 * 16);
  // A rank that waits earlier counts for all.
  programs[1][1].beside = programs[1][3].beside = 0;
  list = *joinRanks(programs);
  EXPECT_FALSE(leavesTime(list));
  EXPECT_EQ(startAhead(list).events.size(), list.events.size());
  EXPECT_DOUBLE_EQ(getSeconds(startAhead(list), machine, step), 3 * (8 + 16));
}

TEST(TileProducts, AsByHand) {
  // A product of 8 s, a scattering of 8 s, a gathering of 4 s: in 4 tiles 2 + 8 + 4.
  std::vector<std::vector<Event>> programs;
  for (int rank = 0; rank < 2; ++rank) {
    Event product, scatter;
    product.name = "p";
    product.kind = EventKind::product;
    product.ranks = {rank};
    product.work.flops.tokens = 1;
    scatter.name = "rs";
    scatter.kind = EventKind::reduceScatter;
    scatter.ranks = {0, 1};
    scatter.bytes.tokens = 2e6;
    product.extents = scatter.extents = Extents::prefill(8);
    Event gather = scatter;
    gather.kind = EventKind::allGather;
    gather.bytes.tokens = 1e6;
    programs.push_back({product, scatter, gather});
  }
  EventList list = *joinRanks(programs), tiled = tileProducts(list, 4);
  checkOrder(tiled);
  EXPECT_EQ(tiled.events.size(), 4u * 3 + 1);
  Machine machine = makeMachine();
  machine.devices[0].peaks["f32"] = 1;
  machine.link.bandwidth = 1e6;
  Extents step = Extents::prefill(8);
  EXPECT_DOUBLE_EQ(getSeconds(list, machine, step), 8 + 8 + 4);
  EXPECT_DOUBLE_EQ(getSeconds(tiled, machine, step), 2 + 8 + 4);
  EXPECT_EQ(workOf(tiled), workOf(list));
}

TEST(TileProducts, GatheredPartsAndTheProductThatFollows) {
  std::vector<std::vector<Event>> programs;
  for (int rank = 0; rank < 2; ++rank) {
    Event product, gather;
    product.name = "p";
    product.kind = EventKind::product;
    product.ranks = {rank};
    product.work.flops.tokens = 1;
    gather.kind = EventKind::allGather;
    gather.ranks = {0, 1};
    gather.bytes.tokens = 1e6;
    product.extents = gather.extents = Extents::prefill(8);
    programs.push_back({gather, product});
  }
  EventList list = *joinRanks(programs);
  Machine machine = makeMachine();
  machine.devices[0].peaks["f32"] = 1;
  machine.link.bandwidth = 1e6;
  EXPECT_DOUBLE_EQ(getSeconds(list, machine, Extents::prefill(8)), 4 + 8);
  EXPECT_DOUBLE_EQ(getSeconds(tileProducts(list, 4), machine, Extents::prefill(8)), 1 + 8);
}

/// Never sooner than one rank's work or the link's, whatever the rewrite.
TEST(Schedules, LowerBounds) {
  Machine machine = makeMachine();
  for (double tokens : {64, 256, 1024}) {
    Extents step = Extents::prefill(tokens);
    EventList list = makeTransformer(kModel, step);
    for (const EventList &changed :
         {splitTokens(list, step, tokens / 2), tileProducts(list, 8), fuseEpilogues(list),
          splitTokens(fuseEpilogues(list), step, tokens / 4), tileProducts(fuseEpilogues(list), 8)}) {
      double computing = 0, exchanging = 0, fused = 0;
      for (const Event &event : changed.events) {
        if (isExchange(event.kind))
          exchanging += machine.getExchange(event).transfer;
        else if (event.ranks[0] == 0)
          computing += machine.getComputeSeconds(event, 0);
        fused += isExchange(event.kind) ? machine.getExchange(event).latency : 0;
      }
      double seconds = getSeconds(changed, machine, step);
      EXPECT_GE(seconds, std::max(computing, exchanging) * (1 - 1e-9));
      EXPECT_LE(seconds, (computing + exchanging + fused) * (1 + 1e-9));
    }
  }
}

TEST(GuardFusion, NeedsThreePercentAndTwiceTheError) {
  Machine machine = makeMachine();
  machine.error = 0.01;
  EXPECT_TRUE(guardFusion(1.031, 1, machine).isApplied);
  Decision small = guardFusion(1.029, 1, machine);
  EXPECT_FALSE(small.isApplied);
  EXPECT_EQ(small.reason, "1.000 s instead of 1.029 s, a gain of 2.9 %: not above 3.0 %, the least that pays");
  machine.error = 0.04;
  EXPECT_FALSE(guardFusion(1.079, 1, machine).isApplied);
  Decision large = guardFusion(1.081, 1, machine);
  EXPECT_TRUE(large.isApplied);
  EXPECT_EQ(large.reason,
            "1.000 s instead of 1.081 s, a gain of 8.1 %: above 8.0 %, twice the error of predicted gains");
  EXPECT_FALSE(guardFusion(1, 1.2, machine).isApplied);
}

TEST(CompareSchedules, FreeCommunicationIsLeftAlone) {
  Machine machine = makeMachine();
  machine.link.bandwidth = 1e18;
  Extents step = Extents::prefill(512);
  EventList silent = makeTransformer(kModel, step);
  auto all = compareSchedules(silent, machine, step);
  ASSERT_TRUE(all) << all.status().message();
  for (const Alternative &one : *all)
    if (one.name.starts_with("woven") || one.name == "tiled") {
      EXPECT_FALSE(one.decision.isApplied) << one.name << ": " << one.decision.reason;
    }
  // What is chosen is never slower than what is there.
  const Alternative &chosen = (*all)[getChosen(*all)];
  EXPECT_LE(chosen.prediction.seconds, (*all)[0].prediction.seconds);
  // Nothing to exchange, nothing to rewrite.
  auto alone = compareSchedules(makeTransformer(kModel, step, false), machine, step);
  ASSERT_TRUE(alone);
  EXPECT_EQ(alone->size(), 1u);
}

TEST(CompareSchedules, FewTokensAreNotSplit) {
  Machine machine = *loadMachine("dgx-h100");
  Transformer model = {8192, 64, 8, 128, 28672, 2, 8};
  for (double tokens : {1, 64, 255}) {
    Extents step = Extents::prefill(tokens);
    auto all = compareSchedules(makeTransformer(model, step), machine, step);
    ASSERT_TRUE(all);
    for (const Alternative &one : *all)
      EXPECT_TRUE(one.name == "unfused" || one.name == "fused") << one.name << " of " << tokens;
  }
}

TEST(Predict, Errors) {
  EventList list = makeTransformer(kModel, Extents::prefill(8));
  Machine machine = makeMachine();
  machine.devices.push_back(machine.devices[0]);
  auto prediction = predict(list, machine, Extents::prefill(8));
  ASSERT_FALSE(prediction);
  EXPECT_EQ(prediction.status().message(), "machine test: found 2 devices; expected one for each of 4 ranks");
}

} // namespace
