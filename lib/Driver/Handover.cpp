//===- Handover.cpp - What goes from prefill to decode --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Handover.h"

#include "dialects/Kernel/Kernel.h"
#include "dialects/Par/Par.h"

using namespace plait;
using namespace mlir;

void plait::addPhase(ModuleOp phases, ModuleOp program) {
  OpBuilder b = OpBuilder::atBlockEnd(phases.getBody());
  for (par::MeshOp mesh : program.getOps<par::MeshOp>())
    cast<par::MeshOp>(b.clone(*mesh)).removeRankAttr();
  for (par::PhaseOp phase : program.getOps<par::PhaseOp>())
    b.clone(*phase);
}

/// Of each rank the part of `state` that it has.
static SmallVector<par::HeadRange> getRanges(ModuleOp phases, par::ShardAttr shard, lm::StateType state) {
  auto mesh = cast<par::MeshOp>(SymbolTable::lookupSymbolIn(phases, shard.getMesh().getAttr()));
  return par::getHeadRanges(mesh, shard, state);
}

static Json describeRanges(ArrayRef<par::HeadRange> ranges) {
  Json list = Json::array();
  for (par::HeadRange range : ranges)
    list.push_back({range.begin, range.end});
  return list;
}

/// Where plane `plane` begins in a page of each rank.
static Json describeBegins(ArrayRef<par::HeadRange> ranges, lm::StateType state, size_t plane) {
  Json list = Json::array();
  for (par::HeadRange range : ranges) {
    auto part = cast<lm::StateType>(lm::getPartType(state, {(range.end - range.begin) * state.getHeadDim()}));
    list.push_back(kernel::PageLayout(part).planes()[plane].begin);
  }
  return list;
}

Json plait::describeHandover(ModuleOp phases) {
  par::HandoverOp handover = *phases.getOps<par::HandoverOp>().begin();
  SmallVector<lm::StateType> states;
  for (BlockArgument argument : handover.getBody().getArguments())
    states.push_back(cast<lm::StateType>(argument.getType()));
  SmallVector<int64_t> tables = kernel::getPageTables(states);
  Json list = Json::array();
  for (auto [i, reshard] : llvm::enumerate(handover.getBody().front().getOps<par::KvReshardOp>())) {
    SmallVector<par::HeadRange> sources = getRanges(phases, reshard.getSource(), states[i]);
    SmallVector<par::HeadRange> targets = getRanges(phases, reshard.getTarget(), states[i]);
    Json planes = Json::array(), sends = Json::array();
    for (auto [number, plane] : llvm::enumerate(kernel::PageLayout(states[i]).planes()))
      planes.push_back({{"head_bytes", plane.headBytes},
                        {"source_begins", describeBegins(sources, states[i], number)},
                        {"target_begins", describeBegins(targets, states[i], number)}});
    for (auto send : reshard.getSends().getAsRange<par::HeadsAttr>())
      sends.push_back(
          {send.getSource(), send.getSourceHead(), send.getTarget(), send.getTargetHead(), send.getCount()});
    list.push_back({{"layers", states[i].getLayers()},
                    {"table", tables[i]},
                    {"source_heads", describeRanges(sources)},
                    {"target_heads", describeRanges(targets)},
                    {"planes", planes},
                    {"sends", sends}});
  }
  return {{"states", list}};
}
