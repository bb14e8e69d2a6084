//===- StepEventsTest.cpp - The events of a partitioned step --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/StepEvents.h"
#include "plait/Cost/StepTime.h"
#include "plait/Timeline/Predict.h"
#include "plait/Timeline/Schedules.h"

#include "passes/Parallel/Passes.h"
#include "plait/Driver/Register.h"

#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"

#include <gtest/gtest.h>

using namespace plait;

namespace {

/// Two layers of an MLP on a slow network, over two ranks.
constexpr const char *kMlps = R"mlir(
par.machine @machine devices [
  <kind = "cpu", memory = 1000000, bandwidth = 1.0e9, peak = {f32 = 1.0e9, bf16 = 2.0e9}, launch = 1.0e-6>,
  <kind = "cpu", memory = 1000000, bandwidth = 0.5e9, peak = {f32 = 1.0e9, bf16 = 2.0e9}, launch = 1.0e-6>
] links [<members = [0, 1], kind = network, bandwidth = 1.0e8, latency = 2.0e-6>] host <step = 5.0e-6, sequence = 1.0e-6>
par.mesh @mesh axes ["tp"] sizes [2]
lm.model @m family "t" numerics row_invariant max_positions 4096 {
  lm.weight @gain from "gain.{layer}" layers 2 : !lm.weight<24, #lm.f32>
  lm.weight @up from "up.{layer}" layers 2 : !lm.weight<128x24, #lm.bf16>
  lm.weight @down from "down.{layer}" layers 2 : !lm.weight<24x128, #lm.bf16>
}
decode.step @s(%ids: tensor<?xi32, #lm.dims<tokens>>, %x: tensor<?x24xf32, #lm.dims<tokens>>) -> (tensor<?x24xf32, #lm.dims<tokens>>)
    attributes {input_roles = [#decode.role<tokens>, #decode.role<logits>], output_roles = [#decode.role<logits>]} {
  %r = lm.layers 0 to 2 iter(%h = %x) : tensor<?x24xf32, #lm.dims<tokens>> {
    %g = lm.get_weight @m::@gain : !lm.weight<24, #lm.f32>
    %wu = lm.get_weight @m::@up : !lm.weight<128x24, #lm.bf16>
    %wd = lm.get_weight @m::@down : !lm.weight<24x128, #lm.bf16>
    %n = lm.rms_norm %h, %g eps 1.0e-05 : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<24, #lm.f32>
    %u = lm.linear %n, %wu : tensor<?x24xf32, #lm.dims<tokens>>, !lm.weight<128x24, #lm.bf16>
    %d = lm.linear %u, %wd : tensor<?x128xf32, #lm.dims<tokens>>, !lm.weight<24x128, #lm.bf16>
    %y = lm.add %h, %d : tensor<?x24xf32, #lm.dims<tokens>>
    lm.yield %y : tensor<?x24xf32, #lm.dims<tokens>>
  }
  decode.return %r : tensor<?x24xf32, #lm.dims<tokens>>
}
)mlir";

class StepEvents : public testing::Test {
protected:
  StepEvents() {
    DialectRegistry registry;
    registerAllDialects(registry);
    context.appendDialectRegistry(registry);
    module = parseSourceString<ModuleOp>(kMlps, &context);
    EXPECT_TRUE(module);
  }

  OwningOpRef<ModuleOp> runOnCopy(llvm::function_ref<void(OpPassManager &)> build) {
    OwningOpRef<ModuleOp> copy(module->clone());
    PassManager pm(&context, ModuleOp::getOperationName());
    pm.addPass(createPropagateShardingPass());
    build(pm);
    EXPECT_TRUE(succeeded(pm.run(*copy)));
    return copy;
  }

  timeline::EventList getEvents(const timeline::Extents &extents) {
    std::vector<std::vector<timeline::Event>> programs;
    for (int64_t rank = 0; rank < 2; ++rank) {
      auto own = runOnCopy([&](OpPassManager &pm) { pm.addPass(createPartitionPass({rank})); });
      programs.push_back(
          getStepEvents(*own->getOps<decode::StepOp>().begin(), *own->getOps<par::MeshOp>().begin(), extents));
    }
    auto list = timeline::joinRanks(programs);
    EXPECT_TRUE(list) << list.status().message();
    return *list;
  }

  timeline::Machine getMachine() { return getTimelineMachine(*module->getOps<par::MachineOp>().begin(), {0, 1}); }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(StepEvents, TakeWhatTheCostLibraryPredicts) {
  auto whole = runOnCopy([](OpPassManager &pm) { pm.addPass(createInsertReshardsPass()); });
  decode::StepOp step = *whole->getOps<decode::StepOp>().begin();
  par::MeshOp mesh = *whole->getOps<par::MeshOp>().begin();
  par::MachineOp described = *whole->getOps<par::MachineOp>().begin();
  timeline::Machine machine = getMachine();
  for (int64_t tokens : {1, 7, 64, 1000}) {
    timeline::Extents extents = timeline::Extents::prefill(double(tokens));
    auto prediction = timeline::predict(getEvents(extents), machine, extents);
    ASSERT_TRUE(prediction) << prediction.status().message();
    StepTime expected = predictStep(step, mesh, described, StepExtents::prefill(tokens));
    EXPECT_GT(expected.exchangeSeconds, 0);
    EXPECT_NEAR(prediction->seconds / expected.seconds, 1, 1e-9) << tokens;
  }
}

TEST_F(StepEvents, MachineIsTheSameAsJson) {
  timeline::Machine machine = getMachine();
  EXPECT_EQ(machine.devices.size(), 2u);
  EXPECT_EQ(machine.devices[1].bandwidth, 0.5e9);
  EXPECT_EQ(machine.link.kind, timeline::LinkKind::network);
  auto read = timeline::parseMachine(timeline::writeMachine(machine, "par.machine @machine"), "explain.json");
  ASSERT_TRUE(read) << read.status().message();
  timeline::Extents extents = timeline::Extents::decode(3, 100);
  timeline::EventList list = getEvents(extents);
  EXPECT_EQ(timeline::predict(list, machine, extents)->seconds, timeline::predict(list, *read, extents)->seconds);
}

TEST_F(StepEvents, CanBeFusedAndSplit) {
  timeline::Extents extents = timeline::Extents::prefill(1000);
  timeline::EventList list = getEvents(extents), fused = timeline::fuseEpilogues(list);
  // Behind the first sum the residual sum and the norm of the next layer, behind the second the former.
  EXPECT_EQ(list.events.size() - fused.events.size(), 2u * 3);
  auto all = timeline::compareSchedules(list, getMachine(), extents);
  ASSERT_TRUE(all) << all.status().message();
  std::vector<std::string> names;
  for (const timeline::Alternative &one : *all)
    names.push_back(one.name.starts_with("woven") ? "woven" : one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"unfused", "fused", "tiled", "fused, tiled", "woven"}));
  EXPECT_LT((*all)[4].prediction.seconds, (*all)[0].prediction.seconds);
}

} // namespace
