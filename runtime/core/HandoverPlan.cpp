//===- HandoverPlan.cpp - What goes from prefill to decode ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/HandoverPlan.h"

#include <string>

using namespace plait;

namespace {

// Keep products of all of them in range.
constexpr int64_t kMostHeads = 1 << 12, kMostHeadBytes = 1 << 28, kMostLayers = 1 << 20, kMostPlanes = 4;
constexpr int64_t kMostBegin = int64_t(1) << 40;

Expected<std::vector<HandoverPlan::Heads>> readHeads(const JsonView &state, const char *key, int64_t ranks) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, state.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> rows, list.asArray());
  if (int64_t(rows.size()) != ranks)
    return list.error("the heads of each of " + std::to_string(ranks) + " ranks");
  std::vector<HandoverPlan::Heads> heads;
  for (const JsonView &row : rows) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> bounds, row.asArray());
    if (bounds.size() != 2)
      return row.error("the first head and the end of the heads");
    HandoverPlan::Heads &range = heads.emplace_back();
    PLAIT_ASSIGN_OR_RETURN(range.begin, bounds[0].asInt(0, kMostHeads - 1));
    PLAIT_ASSIGN_OR_RETURN(range.end, bounds[1].asInt(range.begin + 1, kMostHeads));
  }
  return heads;
}

Expected<std::vector<int64_t>> readBegins(const JsonView &plane, const char *key, int64_t ranks) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, plane.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> rows, list.asArray());
  if (int64_t(rows.size()) != ranks)
    return list.error("where it begins on each of " + std::to_string(ranks) + " ranks");
  std::vector<int64_t> begins;
  for (const JsonView &row : rows) {
    PLAIT_ASSIGN_OR_RETURN(int64_t begin, row.asInt(0, kMostBegin));
    begins.push_back(begin);
  }
  return begins;
}

Status readPlanes(const JsonView &view, const Mesh &mesh, HandoverPlan::State &state) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("planes"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> rows, list.asArray());
  if (rows.empty() || int64_t(rows.size()) > kMostPlanes)
    return list.error("one to " + std::to_string(kMostPlanes) + " planes");
  for (const JsonView &row : rows) {
    HandoverPlan::Plane &plane = state.planes.emplace_back();
    PLAIT_ASSIGN_OR_RETURN(plane.headBytes, row.getInt("head_bytes", 1, kMostHeadBytes));
    PLAIT_ASSIGN_OR_RETURN(plane.sourceBegins, readBegins(row, "source_begins", mesh.prefillRanks));
    PLAIT_ASSIGN_OR_RETURN(plane.targetBegins, readBegins(row, "target_begins", mesh.ranks));
  }
  return Status::success();
}

/// Heads that are sent are those that are wanted, and each rank gets all it wants once.
Status readSends(const JsonView &view, HandoverPlan::State &state) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("sends"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> rows, list.asArray());
  std::vector<std::vector<bool>> got;
  for (const HandoverPlan::Heads &heads : state.targetHeads)
    got.emplace_back(size_t(heads.end - heads.begin), false);
  for (const JsonView &row : rows) {
    PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> fields, row.asArray());
    if (fields.size() != 5)
      return row.error("five numbers: rank and head that send, rank and head that get, heads");
    HandoverPlan::Send send;
    PLAIT_ASSIGN_OR_RETURN(send.source, fields[0].asInt(0, int64_t(state.sourceHeads.size()) - 1));
    PLAIT_ASSIGN_OR_RETURN(send.target, fields[2].asInt(0, int64_t(state.targetHeads.size()) - 1));
    const HandoverPlan::Heads &source = state.sourceHeads[size_t(send.source)];
    const HandoverPlan::Heads &target = state.targetHeads[size_t(send.target)];
    PLAIT_ASSIGN_OR_RETURN(send.sourceHead, fields[1].asInt(0, source.end - source.begin - 1));
    PLAIT_ASSIGN_OR_RETURN(send.targetHead, fields[3].asInt(0, target.end - target.begin - 1));
    int64_t most = std::min(source.end - source.begin - send.sourceHead, target.end - target.begin - send.targetHead);
    PLAIT_ASSIGN_OR_RETURN(send.count, fields[4].asInt(1, most));
    if (source.begin + send.sourceHead != target.begin + send.targetHead)
      return row.error("the same heads of the state on both ranks");
    for (int64_t head = send.targetHead; head < send.targetHead + send.count; ++head) {
      if (got[size_t(send.target)][size_t(head)])
        return row.error("heads that the rank has not got yet");
      got[size_t(send.target)][size_t(head)] = true;
    }
    state.sends.push_back(send);
  }
  for (size_t target = 0; target < got.size(); ++target)
    for (bool has : got[target])
      if (!has)
        return list.error("all heads of rank " + std::to_string(target));
  return Status::success();
}

} // namespace

std::vector<HandoverPlan::Piece> HandoverPlan::State::pieces(int64_t source, int64_t target) const {
  std::vector<Piece> list;
  for (const Send &send : sends)
    if (send.source == source && send.target == target)
      for (const Plane &plane : planes)
        list.push_back({plane.sourceBegins[size_t(source)] + send.sourceHead * plane.headBytes,
                        plane.targetBegins[size_t(target)] + send.targetHead * plane.headBytes,
                        send.count * plane.headBytes});
  return list;
}

int64_t HandoverPlan::State::pageBytes() const {
  int64_t heads = 0, headBytes = 0;
  for (const Send &send : sends)
    heads += send.count;
  for (const Plane &plane : planes)
    headBytes += plane.headBytes;
  return heads * headBytes * layers;
}

int64_t HandoverPlan::bytes(const std::vector<int64_t> &pages) const {
  int64_t sum = 0;
  for (const State &state : states)
    sum += state.pageBytes() * pages[size_t(state.table)];
  return sum;
}

Expected<HandoverPlan> plait::readHandoverPlan(const JsonView &view, const Mesh &mesh) {
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("states"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> rows, list.asArray());
  HandoverPlan plan;
  for (const JsonView &row : rows) {
    HandoverPlan::State &state = plan.states.emplace_back();
    PLAIT_ASSIGN_OR_RETURN(state.layers, row.getInt("layers", 1, kMostLayers));
    PLAIT_ASSIGN_OR_RETURN(state.table, row.getInt("table", 0, int64_t(rows.size()) - 1));
    PLAIT_ASSIGN_OR_RETURN(state.sourceHeads, readHeads(row, "source_heads", mesh.prefillRanks));
    PLAIT_ASSIGN_OR_RETURN(state.targetHeads, readHeads(row, "target_heads", mesh.ranks));
    PLAIT_RETURN_IF_ERROR(readPlanes(row, mesh, state));
    PLAIT_RETURN_IF_ERROR(readSends(row, state));
  }
  return plan;
}

Status plait::checkHandoverPlan(const HandoverPlan &plan, const plait_model_v4_t &tables, bool isSource) {
  auto differ = [](const std::string &what, int64_t found, int64_t expected) {
    return corrupt("handover of manifest.json: found " + what + " " + std::to_string(found) + "; expected " +
                   std::to_string(expected) + " as in the binary; compile the model again");
  };
  if (int64_t(plan.states.size()) != tables.state_count)
    return differ("states", int64_t(plan.states.size()), tables.state_count);
  for (size_t i = 0; i < plan.states.size(); ++i) {
    const HandoverPlan::State &state = plan.states[i];
    const plait_state_v3_t &own = tables.states[i];
    std::string where = " of state " + std::to_string(i);
    if (state.layers != own.layers)
      return differ("layers" + where, state.layers, own.layers);
    if (state.table != own.table)
      return differ("the page table" + where, state.table, own.table);
    const HandoverPlan::Heads &heads = (isSource ? state.sourceHeads : state.targetHeads)[size_t(tables.rank)];
    for (const HandoverPlan::Plane &plane : state.planes) {
      int64_t end = (isSource ? plane.sourceBegins : plane.targetBegins)[size_t(tables.rank)] +
                    (heads.end - heads.begin) * plane.headBytes;
      if (end > int64_t(own.page_bytes))
        return corrupt("handover of manifest.json: found a plane" + where + " that ends at byte " +
                       std::to_string(end) + "; expected one inside a page of " + std::to_string(own.page_bytes) +
                       " bytes; compile the model again");
    }
  }
  return Status::success();
}
