//===- StepEvents.cpp - The events of a partitioned step ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Cost/StepEvents.h"

#include "plait/Cost/CollectiveTime.h"
#include "plait/Cost/StepTime.h"
#include "plait/Timeline/Schedules.h"

using namespace plait;

static timeline::Form toForm(const LinearForm &form, double factor = 1) {
  return {factor * double(form.constant), factor * double(form.tokens), factor * double(form.rows),
          factor * double(form.leaves), factor * double(form.tokenPositions)};
}

/// The part of the model that an op belongs to, or the op's own name.
static std::string getEventName(Operation *op) {
  std::string name;
  op->getLoc()->walk([&](Location inner) {
    auto named = dyn_cast<NameLoc>(inner);
    if (named)
      name = " " + named.getName().str();
    return named ? WalkResult::interrupt() : WalkResult::advance();
  });
  return op->getName().getStringRef().str() + name;
}

bool plait::sharesTokens(Operation *op, const timeline::Extents &extents) {
  auto step = op->getParentOfType<decode::StepOp>();
  return !step || extents.tokens >= double(step.getShareTokens());
}

timeline::Event plait::getComputeEvent(lm::CostOpInterface op, const timeline::Extents &extents) {
  Cost cost = op.getCost();
  timeline::Event event;
  event.name = getEventName(op);
  event.extents = extents;
  event.work = {toForm(cost.flops), toForm(cost.weightBytes), toForm(cost.activationBytes), getPeakName(op)};
  event.kind = classify(event.work);
  return event;
}

timeline::Event plait::getExchangeEvent(par::CollectiveOpInterface op, size_t ranks, const timeline::Extents &extents) {
  using timeline::EventKind;
  timeline::Event event;
  event.name = getEventName(op);
  event.extents = extents;
  for (size_t rank = 0; rank < ranks; ++rank)
    event.ranks.push_back(int(rank));
  // Of a fused sum what is gathered is sent as it is.
  event.bytes = toForm(lm::tensorBytes(op.getWholeType()), !op.isNarrow()                  ? 1
                                                           : isa<par::ReduceGatherOp>(*op) ? 0.75
                                                                                           : 0.5);
  if (par::AlgorithmsAttr said = op.getAlgorithmsAttr())
    for (auto [rows, algorithm] : llvm::zip_equal(said.getRows(), said.getAlgorithms()))
      event.algorithms.push_back({double(rows), timeline::SumAlgorithm(algorithm)});
  event.kind = EventKind::send;
  if (isa<par::AllReduceOp, par::ReduceGatherOp>(op))
    event.kind = EventKind::allReduce;
  else if (isa<par::ReduceScatterOp>(op))
    event.kind = EventKind::reduceScatter;
  else if (isa<par::AllGatherOp, par::AllToAllOp>(op))
    event.kind = EventKind::allGather;
  // Of n devices each gives and gets the n-th of a gathering.
  if (isa<par::AllToAllOp>(op))
    event.share = 1 / double(ranks);
  if (auto fused = dyn_cast<par::ReduceGatherOp>(*op))
    for (Operation &inner : fused.getBody().front())
      if (auto costed = dyn_cast<lm::CostOpInterface>(inner)) {
        timeline::Event rows = getComputeEvent(costed, extents);
        timeline::addWork(event.work, rows.work, 1 / double(ranks));
        event.name += " + " + rows.name;
      }
  return event;
}

namespace {

class EventBuilder {
public:
  EventBuilder(par::MeshOp mesh, const timeline::Extents &extents)
      : mesh(mesh), rank(int64_t(*mesh.getRank())), extents(extents) {}

  void addBlock(Block &block, int layer) {
    for (Operation &op : block) {
      await(op);
      if (auto layers = dyn_cast<lm::LayersOp>(op))
        addLayers(layers);
      else if (auto collective = dyn_cast<par::CollectiveOpInterface>(op))
        addExchange(collective, layer);
      else if (auto costed = dyn_cast<lm::CostOpInterface>(op))
        addCompute(costed, layer);
    }
  }

  std::vector<timeline::Event> events;

private:
  void addLayers(lm::LayersOp layers) {
    Block &body = layers.getBody().front();
    ValueRange carried = layers.getInits();
    for (int64_t i = 0; i < int64_t(layers.getCount()); ++i) {
      pass(carried, body.getArguments());
      addBlock(body, int(int64_t(layers.getBegin()) + i));
      carried = body.getTerminator()->getOperands();
    }
    pass(carried, layers.getResults());
  }

  /// Values that exchanges make go by other names from here on.
  void pass(ValueRange from, ValueRange to) {
    SmallVector<std::optional<size_t>> exchanges;
    for (Value value : from) {
      auto it = underWay.find(value);
      exchanges.push_back(it == underWay.end() ? std::nullopt : std::optional(it->second));
    }
    for (auto [exchange, value] : llvm::zip_equal(exchanges, to)) {
      underWay.erase(value);
      if (exchange)
        underWay[value] = *exchange;
    }
  }

  /// What `op` is the first to need has come, and what is exchanged before it with it.
  void await(Operation &op) {
    if (isa<lm::LayersOp>(op) || op.hasTrait<OpTrait::IsTerminator>())
      return; // they hand on
    std::optional<size_t> needed;
    for (Value operand : op.getOperands())
      if (auto it = underWay.find(operand); it != underWay.end())
        needed = std::max(needed.value_or(0), it->second);
    if (!needed)
      return;
    SmallVector<Value> come;
    for (auto [value, exchange] : underWay)
      if (exchange <= *needed) {
        events[exchange].beside = int(events.size() - exchange - 1);
        come.push_back(value);
      }
    for (Value value : come)
      underWay.erase(value);
  }

  timeline::Event &add(timeline::Event event, int layer) {
    event.layer = layer;
    return events.emplace_back(std::move(event));
  }

  void addCompute(lm::CostOpInterface op, int layer) {
    Cost cost = op.getCost();
    if (cost.flops == LinearForm() && cost.weightBytes == LinearForm() && cost.activationBytes == LinearForm())
      return;
    timeline::Event &event = add(getComputeEvent(op, extents), layer);
    event.ranks = {int(rank)};
    if (hasTokensPart(op) && sharesTokens(op, extents))
      event.share = 1 / double(par::getPlaceInReplica(mesh).second);
  }

  static bool hasTokensPart(Operation *op) {
    auto isPart = [](Type type) { return lm::getLeadingDim(type) == "tokens_part"; };
    return llvm::any_of(op->getResultTypes(), isPart) || llvm::any_of(op->getOperandTypes(), isPart);
  }

  void addExchange(par::CollectiveOpInterface op, int layer) {
    bool hasAllRows = (hasTokensPart(op) || isa<par::ReduceGatherOp>(op)) && !sharesTokens(op, extents);
    auto swap = dyn_cast<par::AllToAllOp>(*op);
    bool sendsNothing = isa<par::AllGatherOp>(op) || (swap && swap.getDim() == 1);
    if (isa<par::PartOp>(op) || (hasAllRows && sendsNothing))
      return;
    SmallVector<int64_t> group = mesh.getGroup(rank, op.getDeviceAxes());
    timeline::Event &event = add(getExchangeEvent(op, group.size(), extents), layer);
    for (Value result : op->getResults())
      underWay[result] = events.size() - 1;
    event.ranks.assign(group.begin(), group.end());
    if (hasAllRows && swap)
      event.share = 1; // columns are gathered
    if (hasAllRows && isa<par::ReduceScatterOp, par::ReduceGatherOp>(op)) {
      event.kind = timeline::EventKind::allReduce;
      event.name = getEventName(op);
      event.work = {};
      if (isa<par::ReduceGatherOp>(op))
        addBlock(op->getRegion(0).front(), layer);
      return;
    }
    if (isa<par::SendOp, par::RecvOp>(op)) {
      event.ranks = {int(rank), int(group[op.getOther()])};
      llvm::sort(event.ranks);
    }
  }

  par::MeshOp mesh;
  int64_t rank;
  const timeline::Extents &extents;
  DenseMap<Value, size_t> underWay; ///< results of exchanges that nobody has needed yet, and their events
};

} // namespace

std::vector<timeline::Event> plait::getStepEvents(decode::StepOp step, par::MeshOp mesh,
                                                  const timeline::Extents &extents) {
  assert(mesh.getRank() && "whole steps have no events");
  EventBuilder builder(mesh, extents);
  builder.addBlock(step.getBody().front(), /*layer=*/-1);
  return std::move(builder.events);
}

bool plait::leavesTime(decode::StepOp step, par::MeshOp mesh) {
  timeline::EventList list;
  list.events = getStepEvents(step, mesh, timeline::Extents::prefill(512));
  for (timeline::Event &event : list.events)
    event.ranks = {0};
  return timeline::leavesTime(list);
}

timeline::Machine plait::getTimelineMachine(par::MachineOp machine, ArrayRef<int64_t> devices) {
  timeline::Machine result;
  result.name = machine.getSymName().str();
  result.title = machine.getCalibration().value_or("par.machine without a calibration").str();
  for (int64_t number : devices) {
    par::DeviceAttr device = machine.getDevice(number);
    timeline::Device &own = result.devices.emplace_back();
    own.bandwidth = device.getBandwidth().getValueAsDouble();
    own.launch = device.getLaunch().getValueAsDouble();
    for (NamedAttribute peak : device.getPeak())
      own.peaks[peak.getName().str()] = cast<FloatAttr>(peak.getValue()).getValueAsDouble();
  }
  if (devices.size() > 1) {
    GroupLink link = getGroupLink(machine, devices);
    result.link.kind = timeline::LinkKind(link.kind);
    result.link.bandwidth = link.bandwidth;
    result.link.latency = link.latency;
    result.link.multicast = link.multicast;
  }
  result.step = machine.getHost().getStep().getValueAsDouble();
  result.sequence = machine.getHost().getSequence().getValueAsDouble();
  return result;
}

static_assert(int(par::LinkKind::shared_memory) == int(timeline::LinkKind::sharedMemory) &&
              int(par::LinkKind::crossbar) == int(timeline::LinkKind::crossbar) &&
              int(par::LinkKind::pcie) == int(timeline::LinkKind::pcie) &&
              int(par::LinkKind::network) == int(timeline::LinkKind::network));
static_assert(int(par::SumAlgorithm::one_shot) == int(timeline::SumAlgorithm::oneShot) &&
              int(par::SumAlgorithm::two_shot) == int(timeline::SumAlgorithm::twoShot) &&
              int(par::SumAlgorithm::ring) == int(timeline::SumAlgorithm::ring) &&
              int(par::SumAlgorithm::multimem) == int(timeline::SumAlgorithm::multimem) &&
              int(par::SumAlgorithm::lamport) == int(timeline::SumAlgorithm::lamport));
