//===- InsertKvReshard.cpp - Keys and values between phases ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/Passes.h"

#include "dialects/Kernel/Kernel.h"

#include "mlir/IR/Remarks.h"
#include "llvm/Support/FormatVariadic.h"

namespace plait {
#define GEN_PASS_DEF_INSERTKVRESHARDPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct InsertKvReshardPass : plait::impl::InsertKvReshardPassBase<InsertKvReshardPass> {
  void runOnOperation() override {
    par::PhaseOp prefill = findPhase(par::kPrefillPhase), decode = findPhase(par::kDecodePhase);
    if (!prefill || !decode) {
      getOperation().emitError("expected one 'par.phase' of prefill and one of decode");
      return signalPassFailure();
    }
    if (prefill.getStates() != decode.getStates()) {
      decode.emitOpError("expected the states of prefill, ")
          << prefill.getStates() << ", but got " << decode.getStates();
      return signalPassFailure();
    }
    OpBuilder b = OpBuilder::atBlockEnd(getOperation().getBody());
    Location loc = getOperation().getLoc();
    auto handover = par::HandoverOp::create(b, loc, par::kPrefillPhase, par::kDecodePhase);
    Block &body = handover.getBody().emplaceBlock();
    for (Type state : prefill.getStates().getAsValueRange<TypeAttr>())
      body.addArgument(state, loc);
    b.setInsertionPointToStart(&body);
    for (auto [i, argument] : llvm::enumerate(body.getArguments()))
      insert(b, argument, cast<par::ShardAttr>(prefill.getShards()[i]), cast<par::ShardAttr>(decode.getShards()[i]), i);
  }

private:
  /// Null if there is none, or several.
  par::PhaseOp findPhase(StringRef name) {
    auto isNamed = [&](par::PhaseOp phase) { return phase.getPhase() == name; };
    auto found = llvm::to_vector(llvm::make_filter_range(getOperation().getOps<par::PhaseOp>(), isNamed));
    return found.size() == 1 ? found.front() : par::PhaseOp();
  }

  SmallVector<par::HeadRange> getRanges(par::ShardAttr shard, lm::StateType state) {
    auto mesh = cast<par::MeshOp>(SymbolTable::lookupSymbolIn(getOperation(), shard.getMesh().getAttr()));
    return par::getHeadRanges(mesh, shard, state);
  }

  void insert(OpBuilder &b, Value value, par::ShardAttr source, par::ShardAttr target, size_t number) {
    auto state = cast<lm::StateType>(value.getType());
    SmallVector<par::HeadRange> sources = getRanges(source, state), targets = getRanges(target, state);
    SmallVector<par::HeadsAttr> sends = par::planSends(&getContext(), sources, targets);
    SmallVector<Attribute> attributes(sends.begin(), sends.end());
    par::KvReshardOp::create(b, value.getLoc(), state, value, source, target, b.getArrayAttr(attributes));
    numSends += sends.size();
    report(state, number, sources, targets, sends);
  }

  void report(lm::StateType state, size_t number, ArrayRef<par::HeadRange> sources, ArrayRef<par::HeadRange> targets,
              ArrayRef<par::HeadsAttr> sends) {
    kernel::PageLayout layout(state);
    int64_t headBytes = layout.getHeadBytes() / layout.tokens * state.getLayers(), heads = 0;
    for (par::HeadsAttr send : sends)
      heads += send.getCount();
    auto name = remark::RemarkOpts::name("KvReshard").category("plait-insert-kv-reshard");
    Location loc = getOperation().getLoc();
    remark::passed(loc, name) << llvm::formatv(
                                     "state {0}, {1} heads: {2} bytes per position go from {3} ranks to {4} in "
                                     "{5} runs of heads",
                                     number, state.getKvHeads(), heads * headBytes, sources.size(), targets.size(),
                                     sends.size())
                                     .str();
    for (par::HeadsAttr send : sends) {
      int64_t first = sources[send.getSource()].begin + send.getSourceHead(), end = first + send.getCount();
      auto hasAll = [&](par::HeadRange range) { return range.begin <= first && end <= range.end; };
      int64_t holders = llvm::count_if(sources, hasAll);
      std::string reason = holders > 1
                               ? llvm::formatv("of {0} ranks that have them it sends least so far", holders).str()
                               : "no other rank has them";
      remark::analysis(loc, name) << llvm::formatv("state {0}: heads {1} to {2}, {3} bytes per position, from rank {4} "
                                                   "to rank {5}: {6}",
                                                   number, first, end, send.getCount() * headBytes, send.getSource(),
                                                   send.getTarget(), reason)
                                         .str();
    }
  }
};
} // namespace
