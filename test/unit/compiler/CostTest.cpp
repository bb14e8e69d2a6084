//===- CostTest.cpp - What steps and exchanges take -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/CollectiveTime.h"
#include "plait/Cost/StepTime.h"

#include "plait/Driver/Register.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace plait;

namespace {

class CostTest : public testing::Test {
protected:
  CostTest() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
  }

  template <typename Op> Op parse(const char *text) {
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return *module->getOps<Op>().begin();
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

constexpr const char *kMachine = R"mlir(
par.machine @machine devices [
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>,
  <kind = "cpu", memory = 8, bandwidth = 1.0, peak = {f32 = 1.0}, launch = 0.0>
] links [
  <members = [0, 1], kind = shared_memory, bandwidth = 4.0, latency = 1.0>,
  <members = [1, 0], kind = pcie, bandwidth = 8.0, latency = 2.0>,
  <members = [1, 2], kind = network, bandwidth = 2.0, latency = 3.0>,
  <members = [0, 2], kind = switch, bandwidth = 6.0, latency = 0.5>
] host <step = 0.0, sequence = 0.0>
)mlir";

TEST_F(CostTest, LinkOfAGroup) {
  auto machine = parse<par::MachineOp>(kMachine);
  GroupLink fastest = getGroupLink(machine, {0, 1});
  EXPECT_EQ(fastest.kind, par::LinkKind::pcie);
  EXPECT_EQ(fastest.bandwidth, 8);
  EXPECT_EQ(fastest.latency, 2);
  // No link has all three: the slowest pair counts.
  GroupLink three = getGroupLink(machine, {0, 1, 2});
  EXPECT_NE(three.kind, par::LinkKind::shared_memory);
  EXPECT_EQ(three.bandwidth, 2);
  EXPECT_EQ(three.latency, 3);
}

TEST(CollectiveTimeTest, ClosedForms) {
  GroupLink link{par::LinkKind::network, 100, 7};
  // Each of 4 gets 3 times 1000 bytes at 100 per second.
  EXPECT_DOUBLE_EQ(getAllReduceSeconds(AllReduceAlgorithm::oneStep, link, 4, 1000), 7 + 30);
  // Twice 3 times 250 bytes.
  EXPECT_DOUBLE_EQ(getAllReduceSeconds(AllReduceAlgorithm::twoSteps, link, 4, 1000), 14 + 15);
  EXPECT_DOUBLE_EQ(getReduceScatterSeconds(link, 4, 1000), 7 + 7.5);
  // A sum is a scattering and a gathering of its shares.
  std::vector<double> shares(4, 250);
  EXPECT_DOUBLE_EQ(getReduceScatterSeconds(link, 4, 1000) + getAllGatherSeconds(link, shares),
                   getAllReduceSeconds(AllReduceAlgorithm::twoSteps, link, 4, 1000));
  // The device of the smallest part gets most.
  EXPECT_DOUBLE_EQ(getAllGatherSeconds(link, {500, 250, 250}), 7 + 7.5);
  // One device has nothing to wait for but the latency.
  EXPECT_DOUBLE_EQ(getAllReduceSeconds(AllReduceAlgorithm::oneStep, link, 1, 1000), 7);
}

TEST(CollectiveTimeTest, PiecesOfSharedMemory) {
  GroupLink link{par::LinkKind::shared_memory, 1e6, 1};
  double mebibyte = 1 << 20; // four pieces of two steps each
  EXPECT_DOUBLE_EQ(getAllReduceSeconds(AllReduceAlgorithm::twoSteps, link, 2, mebibyte), 8 + mebibyte / 1e6);
}

TEST(CollectiveTimeTest, WhereTheRuntimeChanges) {
  using par::LinkKind;
  EXPECT_EQ(chooseAllReduce(LinkKind::shared_memory, 2, 1 << 20), AllReduceAlgorithm::oneStep);
  EXPECT_EQ(chooseAllReduce(LinkKind::shared_memory, 2, (1 << 20) + 4), AllReduceAlgorithm::twoSteps);
  EXPECT_EQ(chooseAllReduce(LinkKind::shared_memory, 3, 128 << 10), AllReduceAlgorithm::oneStep);
  EXPECT_EQ(chooseAllReduce(LinkKind::shared_memory, 3, (128 << 10) + 4), AllReduceAlgorithm::twoSteps);
  EXPECT_EQ(chooseAllReduce(LinkKind::shared_memory, 5, 64 << 10), AllReduceAlgorithm::oneStep);
  EXPECT_EQ(chooseAllReduce(LinkKind::shared_memory, 6, 64 << 10), AllReduceAlgorithm::twoSteps);
  EXPECT_EQ(chooseAllReduce(LinkKind::network, 6, 8 << 10), AllReduceAlgorithm::oneStep);
  EXPECT_EQ(chooseAllReduce(LinkKind::network, 2, (8 << 10) + 4), AllReduceAlgorithm::twoSteps);
}

/// Three layers of two products, 4 and 12 of whose 16 columns the devices have.
constexpr const char *kStep = R"mlir(
!x = tensor<?x8xf32, #lm.dims<tokens>>
!u = tensor<?x16xf32, #lm.dims<tokens>>
!up = !lm.weight<16x8, #lm.f32>
!down = !lm.weight<8x16, #lm.f32>
par.machine @machine devices [
  <kind = "cpu", memory = 8, bandwidth = 1.0e6, peak = {f32 = 1.0e9}, launch = 1.0e-3>,
  <kind = "cpu", memory = 8, bandwidth = 1.0e6, peak = {f32 = 1.0e9}, launch = 1.0e-3>
] links [<members = [0, 1], kind = shared_memory, bandwidth = 1.0e6, latency = 1.0e-2>]
  host <step = 0.1, sequence = 0.01>
par.mesh @mesh axes ["tp"] sizes [2] on @machine
lm.model @m family "t" numerics row_invariant max_positions 8 {
  lm.weight @up from "up.{layer}" layers 3 : !up
  lm.weight @down from "down.{layer}" layers 3 : !down
}
decode.step @s(%x: !x) -> (!x)
    attributes {input_roles = [#decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %y = lm.layers 0 to 3 iter(%h = %x) : !x {
    %w0 = lm.get_weight @m::@up : !up
    %w1 = lm.get_weight @m::@down : !down
    %s0 = par.constraint %w0 as <@mesh, [{"tp" : 0 to 4, 4 to 16}, {}]> : !up
    %s1 = par.constraint %w1 as <@mesh, [{}, {"tp" : 0 to 4, 4 to 16}]> : !down
    %u = lm.linear %h, %s0 : !x, !up
    %us = par.constraint %u as <@mesh, [{}, {"tp" : 0 to 4, 4 to 16}]> : !u
    %d = lm.linear %us, %s1 : !u, !down
    %ds = par.constraint %d as <@mesh, [{}, {}], unreduced = {"tp"}> : !x
    %dr = par.reshard %ds from <@mesh, [{}, {}], unreduced = {"tp"}> to <@mesh, [{}, {}]> : !x
    %z = lm.add %h, %dr : !x
    lm.yield %z : !x
  }
  decode.return %y : !x
}
)mlir";

TEST_F(CostTest, StepByHand) {
  auto step = parse<decode::StepOp>(kStep);
  auto mesh = *module->getOps<par::MeshOp>().begin();
  auto machine = *module->getOps<par::MachineOp>().begin();
  StepTime time = predictStep(step, mesh, machine, StepExtents::decode(/*sequences=*/2, /*past=*/5));
  // Of 2 tokens: device 1 reads 384 of the 512 bytes of a weight, 64 of the narrow value and
  // 96 of the wide one, twice; both read and write 3 * 64 for the sum. Each exchange is one of
  // 64 bytes in one step.
  double exchange = 1e-2 + 64e-6, layer = 2 * (544e-6 + 1e-3) + exchange + (192e-6 + 1e-3);
  EXPECT_NEAR(time.seconds, 3 * layer + 0.1 + 2 * 0.01, 1e-12);
  EXPECT_NEAR(time.exchangeSeconds, 3 * exchange, 1e-12);
}

TEST_F(CostTest, ComputingTakesLonger) {
  std::string text = kStep;
  for (size_t at; (at = text.find("f32 = 1.0e9")) != std::string::npos;)
    text.replace(at, 11, "f32 = 1.0e3");
  auto step = parse<decode::StepOp>(text.c_str());
  auto mesh = *module->getOps<par::MeshOp>().begin();
  auto machine = *module->getOps<par::MachineOp>().begin();
  StepTime time = predictStep(step, mesh, machine, StepExtents::prefill(2));
  // 2 tokens * 12 columns * 8 multiply-adds for each product, 2 * 8 additions.
  double exchange = 1e-2 + 64e-6, layer = 2 * (0.384 + 1e-3) + exchange + (0.016 + 1e-3);
  EXPECT_NEAR(time.seconds, 3 * layer + 0.1 + 0.01, 1e-12);
}

TEST_F(CostTest, Memory) {
  auto step = parse<decode::StepOp>(kStep);
  auto mesh = *module->getOps<par::MeshOp>().begin();
  // Of each weight 4 or 12 of 16 times 8 numbers, in three layers.
  EXPECT_EQ(predictMemory(step, mesh, 100), (SmallVector<int64_t>{2 * 3 * 4 * 8 * 4, 2 * 3 * 12 * 8 * 4}));
}

TEST_F(CostTest, GroupsOfRanks) {
  auto mesh = parse<par::MeshOp>(R"(par.mesh @mesh axes ["dp", "tp"] sizes [2, 6])");
  auto axis = [&](const char *name, int64_t before = 1, int64_t size = 0) {
    return par::AxisAttr::get(&context, StringAttr::get(&context, name), before, size);
  };
  EXPECT_EQ(mesh.getGroup(7, axis("tp")), (SmallVector<int64_t>{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(mesh.getGroup(7, axis("dp")), (SmallVector<int64_t>{1, 7}));
  // 6 as [3, 2]: 7 is the second of the first two.
  EXPECT_EQ(mesh.getGroup(7, axis("tp", 3, 2)), (SmallVector<int64_t>{6, 7}));
  EXPECT_EQ(mesh.getGroup(7, axis("tp", 1, 3)), (SmallVector<int64_t>{7, 9, 11}));
  for (int64_t rank = 0; rank < 12; ++rank)
    for (auto axes : {SmallVector<par::AxisAttr>{axis("dp"), axis("tp", 1, 3)}, {axis("tp", 3, 2), axis("dp")}}) {
      SmallVector<int64_t> group = mesh.getGroup(rank, axes);
      ASSERT_EQ(int64_t(group.size()), mesh.getSize(axes));
      EXPECT_EQ(group[mesh.getIndex(rank, axes)], rank);
    }
  EXPECT_EQ(mesh.getSize(axis("tp", 1, 4)), 0);
  EXPECT_EQ(mesh.getSize(axis("tp", 3, 3)), 0);
  EXPECT_EQ(mesh.getSize(axis("tp", 1, 6)), 0);
}

} // namespace
