//===- CollectiveTrace.cpp - What ranks do with each other ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/CollectiveTrace.h"

#include "dialects/Decode/Decode.h"

#include "mlir/IR/Diagnostics.h"

using namespace plait;

//===----------------------------------------------------------------------===//
// Writing down
//===----------------------------------------------------------------------===//

static CollectiveEvent describe(par::CollectiveOpInterface op, par::MeshOp mesh) {
  SmallVector<par::AxisAttr> axes = op.getDeviceAxes();
  CollectiveEvent event = {op.getLoc(), op->getName().getStringRef().str(), "", mesh.getGroup(*mesh.getRank(), axes)};
  // The axes' names count as well: groups may be the same by chance.
  llvm::raw_string_ostream what(event.what);
  bool isSend = isa<par::SendOp>(*op), isReceive = isa<par::RecvOp>(*op);
  what << (isSend || isReceive ? "a message" : event.name) << " of " << op.getWholeType() << " over [";
  llvm::interleaveComma(axes, what, [&](par::AxisAttr axis) {
    what << axis.getAxis();
    if (!axis.isWhole())
      what << ":(" << axis.getBefore() << ")" << axis.getSize();
  });
  what << "]";
  if (auto [dim, parts] = op.getSourcePartition(); parts)
    what << " from dim " << dim << " " << parts;
  if (op.getPartition())
    what << " dim " << op.getPartDim() << " " << op.getPartition();
  if (auto [ends, bounds] = op.getNodes(); ends)
    what << " nodes " << ends << " of " << bounds;
  if (op.getSumOrder() != par::SumOrder::rank)
    what << " order " << par::stringifySumOrder(op.getSumOrder());
  if (op.isWide())
    what << " accumulate f64";
  if (op.isNarrow())
    what << " wire bf16";
  if (par::AlgorithmsAttr algorithms = op.getAlgorithmsAttr())
    what << " algorithms " << algorithms;
  if (isa<par::BroadcastOp>(*op))
    what << " root " << op.getOther();
  if (isSend)
    event.sendsTo = event.members[op.getOther()];
  if (isReceive)
    event.receivesFrom = event.members[op.getOther()];
  return event;
}

static void trace(Block &block, par::MeshOp mesh, CollectiveTrace &result) {
  for (Operation &op : block) {
    if (auto collective = dyn_cast<par::CollectiveOpInterface>(op); collective && !isa<par::PartOp>(op)) {
      result.order.push_back({result.events.size(), -1});
      result.events.push_back(describe(collective, mesh));
    }
    auto layers = dyn_cast<lm::LayersOp>(op);
    if (!layers)
      continue;
    size_t begin = result.order.size();
    trace(layers.getBody().front(), mesh, result);
    SmallVector<std::pair<size_t, int64_t>> body(result.order.begin() + begin, result.order.end());
    result.order.resize(begin);
    for (int64_t layer = layers.getBegin(); layer < int64_t(layers.getEnd()) && !body.empty(); ++layer)
      for (auto [event, inner] : body)
        result.order.push_back({event, layer});
  }
}

std::vector<CollectiveTrace> plait::traceCollectives(ModuleOp program) {
  std::vector<CollectiveTrace> traces;
  for (par::MeshOp mesh : program.getOps<par::MeshOp>())
    for (decode::StepOp step : program.getOps<decode::StepOp>()) {
      if (!mesh.getRank())
        continue;
      traces.push_back({int64_t(*mesh.getRank()), step.getSymName().str(), step.getLoc(), {}, {}});
      trace(step.getBody().front(), mesh, traces.back());
    }
  return traces;
}

//===----------------------------------------------------------------------===//
// Running them against each other
//===----------------------------------------------------------------------===//

namespace {

/// One step of all ranks.
class Proof {
public:
  explicit Proof(ArrayRef<const CollectiveTrace *> traces) : traces(traces), at(traces.size(), 0) {
    for (auto [i, trace] : llvm::enumerate(traces))
      numbers[trace->rank] = i;
  }

  LogicalResult run() {
    for (const CollectiveTrace *trace : traces)
      for (const CollectiveEvent &event : trace->events)
        for (int64_t member : event.members)
          if (!numbers.contains(member))
            return mlir::emitError(event.loc, "'") << event.name << "' of rank " << trace->rank << " meets rank "
                                                   << member << ", whose program is not among those compared";
    for (bool moved = true; moved;) {
      moved = false;
      for (size_t i = 0; i < traces.size(); ++i)
        while (true) {
          FailureOr<bool> step = advance(i);
          if (failed(step))
            return failure();
          if (!*step)
            break;
          moved = true;
        }
    }
    for (size_t i = 0; i < traces.size(); ++i)
      if (const CollectiveEvent *event = current(i))
        return report(i, *event);
    return success();
  }

private:
  const CollectiveEvent *current(size_t i) const {
    const CollectiveTrace &trace = *traces[i];
    return at[i] < trace.order.size() ? &trace.events[trace.order[at[i]].first] : nullptr;
  }
  std::string layerText(size_t i) const {
    int64_t layer = traces[i]->order[at[i]].second;
    return layer < 0 ? "" : " in layer " + std::to_string(layer);
  }

  /// Whether rank `i` has gone on, with those that it meets.
  FailureOr<bool> advance(size_t i) {
    const CollectiveEvent *event = current(i);
    if (!event || event->receivesFrom >= 0)
      return false; // the sender takes both on
    if (event->sendsTo >= 0) {
      size_t peer = numbers[event->sendsTo];
      const CollectiveEvent *other = current(peer);
      if (!other || other->receivesFrom != traces[i]->rank)
        return false;
      if (other->what != event->what)
        return differ(i, *event, peer, *other);
      ++at[i];
      ++at[peer];
      return true;
    }
    for (int64_t member : event->members) {
      const CollectiveEvent *other = current(numbers[member]);
      if (!other || other->members != event->members || other->sendsTo >= 0 || other->receivesFrom >= 0)
        return false;
    }
    for (int64_t member : event->members)
      if (const CollectiveEvent *other = current(numbers[member]); other->what != event->what)
        return differ(i, *event, numbers[member], *other);
    for (int64_t member : event->members)
      ++at[numbers[member]];
    return true;
  }

  LogicalResult differ(size_t i, const CollectiveEvent &event, size_t j, const CollectiveEvent &other) {
    auto error = mlir::emitError(event.loc, "'")
                 << event.name << "' of rank " << traces[i]->rank << layerText(i) << " meets '" << other.name
                 << "' of rank " << traces[j]->rank << layerText(j) << "; expected the same on all ranks";
    error.attachNote(event.loc) << "rank " << traces[i]->rank << ": " << event.what;
    error.attachNote(other.loc) << "rank " << traces[j]->rank << ": " << other.what;
    return error;
  }

  /// A rank that a stuck one waits for: the first that is not where it should be.
  std::optional<size_t> waitsFor(size_t i) const {
    const CollectiveEvent *event = current(i);
    if (!event)
      return std::nullopt;
    if (event->sendsTo >= 0)
      return numbers.lookup(event->sendsTo);
    if (event->receivesFrom >= 0)
      return numbers.lookup(event->receivesFrom);
    for (int64_t member : event->members) {
      const CollectiveEvent *other = current(numbers.lookup(member));
      if (!other || other->members != event->members || other->what != event->what)
        return numbers.lookup(member);
    }
    return std::nullopt;
  }

  LogicalResult report(size_t i, const CollectiveEvent &event) {
    size_t j = *waitsFor(i);
    const CollectiveEvent *other = current(j);
    auto error = mlir::emitError(event.loc, "'") << event.name << "' of rank " << traces[i]->rank << layerText(i);
    if (!other) {
      error << " meets nothing of rank " << traces[j]->rank << ", whose step '" << traces[j]->step
            << "' has come to its end; expected its partner there";
      error.attachNote(traces[j]->loc) << "rank " << traces[j]->rank << ": this step";
      return error;
    }
    error << " waits for rank " << traces[j]->rank << ", which is at '" << other->name << "'" << layerText(j);
    // Does that one wait for this one in the end?
    SmallVector<size_t> circle = {i};
    for (auto next = std::optional<size_t>(j); next && !llvm::is_contained(circle, *next);
         next = waitsFor(circle.back()))
      circle.push_back(*next);
    if (auto back = waitsFor(circle.back()); back && *back == i) {
      error << "; ranks ";
      llvm::interleaveComma(circle, error, [&](size_t k) { error << traces[k]->rank; });
      error << " wait for each other in a circle";
    }
    for (size_t k : llvm::ArrayRef(circle).drop_front())
      if (const CollectiveEvent *at = current(k))
        error.attachNote(at->loc) << "rank " << traces[k]->rank << ": " << at->name << ", " << at->what;
    return error;
  }

  ArrayRef<const CollectiveTrace *> traces;
  std::vector<size_t> at; ///< in each trace
  DenseMap<int64_t, size_t> numbers;
};

} // namespace

LogicalResult plait::proveCollectives(ArrayRef<std::vector<CollectiveTrace>> ranks) {
  for (size_t step = 0; !ranks.empty() && step < ranks.front().size(); ++step) {
    SmallVector<const CollectiveTrace *> traces;
    const CollectiveTrace &first = ranks.front()[step];
    for (const std::vector<CollectiveTrace> &rank : ranks) {
      if (step >= rank.size() || rank[step].step != first.step)
        return mlir::emitError(first.loc, "step '")
               << first.step << "' of rank " << first.rank << " is not among those of all other ranks";
      traces.push_back(&rank[step]);
    }
    if (failed(Proof(traces).run()))
      return failure();
  }
  return success();
}
