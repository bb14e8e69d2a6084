//===- ParPhaseOps.cpp - Phases with a mesh of their own ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Par/Par.h"

using namespace plait;
using namespace plait::par;

LogicalResult HeadsAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t source, int64_t sourceHead,
                                int64_t target, int64_t targetHead, int64_t count) {
  if (source >= 0 && sourceHead >= 0 && target >= 0 && targetHead >= 0 && count > 0)
    return success();
  return emitError() << "expected a positive count and other numbers that are not negative but got " << source << ", "
                     << sourceHead << ", " << target << ", " << targetHead << ", " << count;
}

SmallVector<HeadRange> par::getHeadRanges(MeshOp mesh, ShardAttr shard, lm::StateType state) {
  SmallVector<HeadRange> ranges;
  // Those of replica 0: all others have the same.
  for (int64_t rank = 0, ranks = getPlaceInReplica(mesh).second; rank < ranks; ++rank) {
    SmallVector<int64_t> begins, shape = getLocalShape(mesh, rank, shard, state, &begins);
    ranges.push_back({begins[0] / state.getHeadDim(), (begins[0] + shape[0]) / state.getHeadDim()});
  }
  return ranges;
}

SmallVector<HeadsAttr> par::planSends(MLIRContext *context, ArrayRef<HeadRange> sources, ArrayRef<HeadRange> targets) {
  SmallVector<int64_t> sent(sources.size(), 0); // heads, by each source
  SmallVector<HeadsAttr> sends;
  for (auto [target, range] : llvm::enumerate(targets))
    for (int64_t head = range.begin; head < range.end;) {
      std::optional<size_t> source;
      for (size_t i = 0; i < sources.size(); ++i)
        if (sources[i].has(head) && (!source || sent[i] < sent[*source]))
          source = i;
      if (!source) // a state of another shape
        return {};
      int64_t end = std::min(range.end, sources[*source].end);
      sends.push_back(
          HeadsAttr::get(context, *source, head - sources[*source].begin, target, head - range.begin, end - head));
      sent[*source] += end - head;
      head = end;
    }
  return sends;
}

/// That `shard` fits and leaves no device a part of a head.
static LogicalResult verifyHeads(Operation *op, SymbolTableCollection &symbols, ShardAttr shard, Type type) {
  auto state = dyn_cast<lm::StateType>(type);
  if (!state)
    return op->emitOpError("expected a state but got ") << type;
  if (failed(verifyShard(op, symbols, shard, type)))
    return failure();
  if (!shard.getUnreduced().empty() ||
      llvm::any_of(shard.getDims()[0].getBounds(), [&](int64_t bound) { return bound % state.getHeadDim(); }))
    return op->emitOpError("expected parts of whole heads, of ") << state.getHeadDim() << " columns, but got " << shard;
  return success();
}

LogicalResult PhaseOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getPhase() != kPrefillPhase && getPhase() != kDecodePhase)
    return emitOpError("expected the phase prefill or decode but got ") << getPhaseAttr();
  if (getStates().size() != getShards().size())
    return emitOpError("expected a sharding for each of ")
           << getStates().size() << " states but got " << getShards().size();
  for (auto [type, shard] :
       llvm::zip_equal(getStates().getAsValueRange<TypeAttr>(), getShards().getAsRange<ShardAttr>())) {
    if (shard.getMesh() != getMeshAttr())
      return emitOpError("expected shardings on ") << getMeshAttr() << " but got " << shard;
    if (failed(verifyHeads(*this, symbols, shard, type)))
      return failure();
  }
  return success();
}

LogicalResult HandoverOp::verifyRegions() {
  Block &body = getBody().front();
  if (llvm::range_size(body) != body.getNumArguments())
    return emitOpError("expected a 'par.kv_reshard' for each of ")
           << body.getNumArguments() << " states but got " << llvm::range_size(body) << " ops";
  for (auto [argument, op] : llvm::zip_equal(body.getArguments(), body))
    if (auto reshard = dyn_cast<KvReshardOp>(op); !reshard || reshard.getInput() != argument)
      return op.emitOpError("expected a 'par.kv_reshard' of argument ") << argument.getArgNumber();
  return success();
}

LogicalResult KvReshardOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (getSource().getMesh() == getTarget().getMesh())
    return emitOpError("expected two meshes but got ") << getSource().getMesh() << " twice";
  for (ShardAttr shard : {getSource(), getTarget()})
    if (failed(verifyHeads(*this, symbols, shard, getInput().getType())))
      return failure();
  auto state = cast<lm::StateType>(getInput().getType());
  auto rangesOf = [&](ShardAttr shard) {
    return getHeadRanges(symbols.lookupNearestSymbolFrom<MeshOp>(*this, shard.getMesh()), shard, state);
  };
  SmallVector<HeadRange> sources = rangesOf(getSource()), targets = rangesOf(getTarget());
  SmallVector<SmallVector<bool>> got;
  for (HeadRange range : targets)
    got.emplace_back(range.end - range.begin, false);
  for (auto heads : getSends().getAsRange<HeadsAttr>()) {
    if (heads.getSource() >= int64_t(sources.size()) || heads.getTarget() >= int64_t(targets.size()))
      return emitOpError("expected ranks below ")
             << sources.size() << " and " << targets.size() << " but got " << heads;
    HeadRange source = sources[heads.getSource()], target = targets[heads.getTarget()];
    if (heads.getCount() > source.end - source.begin - heads.getSourceHead() ||
        heads.getCount() > target.end - target.begin - heads.getTargetHead())
      return emitOpError("expected heads that both ranks have, ")
             << source.end - source.begin << " and " << target.end - target.begin << ", but got " << heads;
    if (source.begin + heads.getSourceHead() != target.begin + heads.getTargetHead())
      return emitOpError("expected the same heads of the state, but they begin at ")
             << source.begin + heads.getSourceHead() << " and " << target.begin + heads.getTargetHead() << " in "
             << heads;
    for (int64_t head = heads.getTargetHead(); head < heads.getTargetHead() + heads.getCount(); ++head)
      if (std::exchange(got[heads.getTarget()][head], true))
        return emitOpError("expected each head once but rank ")
               << heads.getTarget() << " gets its head " << head << " again";
  }
  for (auto [target, heads] : llvm::enumerate(got))
    if (auto missing = llvm::find(heads, false); missing != heads.end())
      return emitOpError("expected all heads of rank ")
             << target << " but nobody sends it its head " << missing - heads.begin();
  return success();
}
