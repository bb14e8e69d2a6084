//===- InspectMesh.cpp - What plait inspect shows of ranks ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/InspectMesh.h"

#include "runtime/core/Handover.h"
#include "runtime/core/Memory.h"
#include "runtime/core/Tables.h"
#include "runtime/core/WorldGroups.h"
#include "runtime/device/cpu/Executor.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

using namespace plait;

static constexpr int64_t kFullStep = 512;

std::string plait::meshLine(const Mesh &mesh) {
  if (mesh.hasPhases())
    return fmt::format("mesh       {}: world ranks 0 to {}, those of prefill first\n", meshText(mesh), mesh.size() - 1);
  // Rank t of replica d has number d * ranks + t.
  return mesh.replicas > 1 ? fmt::format("mesh       {}: world ranks 0 to {}, by replicas of {}\n", meshText(mesh),
                                         mesh.size() - 1, mesh.ranks)
                           : "";
}

std::string plait::handoverText(const Manifest &manifest) {
  if (!manifest.mesh().hasPhases())
    return "";
  std::string text = "\nhandover from prefill to decode, of a sequence\n";
  for (size_t i = 0; i < manifest.handover.states.size(); ++i) {
    const HandoverPlan::State &state = manifest.handover.states[i];
    text += fmt::format("  state {}: {} layers, {} bytes per page\n", i, state.layers, state.pageBytes());
    for (const HandoverPlan::Send &send : state.sends)
      text += fmt::format("    heads {} to {}: prefill rank {} to decode rank {}\n",
                          state.sourceHeads[size_t(send.source)].begin + send.sourceHead,
                          state.sourceHeads[size_t(send.source)].begin + send.sourceHead + send.count, send.source,
                          send.target);
  }
  return text;
}

Json plait::rankMemoryJson(const plait_model_v4_t &m) {
  StateBytes state = stateBytes(m);
  StepDims full = {kFullStep, 1, 1, 1, 1};
  return {{"weights", m.pack_bytes},
          {"state_per_position", state.perPosition},
          {"state_of_windows", state.windows},
          {"arena", m.plan_count ? arenaBytes(m.plans[0], full) : 0},
          {"largest_collective", m.plan_count ? collectiveBytes(m.plans[0], full) : 0}};
}

std::string plait::rankMemoryHeader() {
  return fmt::format("{:>16}{:>20}{:>14}{:>14}{:>20}", "weights", "state per position", "windows", "arena",
                     "largest collective");
}

std::string plait::rankMemoryText(const Json &row) {
  return fmt::format("{:>16}{:>20}{:>14}{:>14}{:>20}", row["weights"].get<int64_t>(),
                     row["state_per_position"].get<int64_t>(), row["state_of_windows"].get<int64_t>(),
                     row["arena"].get<int64_t>(), row["largest_collective"].get<int64_t>());
}

Json plait::memoryJson(const std::vector<std::shared_ptr<const Model>> &programs) {
  const Manifest &manifest = programs[0]->manifest();
  const Mesh &mesh = manifest.mesh();
  Json result = {{"step_tokens", kFullStep}, {"ranks", Json::array()}};
  for (int64_t rank = 0; rank < mesh.size(); ++rank) {
    result["ranks"].push_back(rankMemoryJson(programs[size_t(mesh.placeOf(rank).program)]->tables()));
    result["ranks"].back()["handover_buffer"] = mesh.hasPhases() ? HandoverLink::kBufferBytes : 0;
  }
  result["shared"] = communicationBytes(mesh, programs[0]->tables());
  if (mesh.hasPhases()) {
    result["handover_page_bytes"] = Json::array();
    for (const HandoverPlan::State &state : manifest.handover.states)
      result["handover_page_bytes"].push_back(state.pageBytes());
  }
  return result;
}

std::string plait::memoryText(const Manifest &manifest, const Json &memory) {
  const Mesh &mesh = manifest.mesh();
  size_t width = mesh.hasPhases() ? 28 : 5;
  std::string text = fmt::format("memory in bytes; a step of {} tokens\n{:<{}}{}{}\n", kFullStep, "rank", width,
                                 rankMemoryHeader(), mesh.hasPhases() ? " handover buffer" : "");
  int rank = 0;
  for (const Json &row : memory["ranks"]) {
    std::string name = mesh.hasPhases() ? fmt::format("{}  {}", rank, rankName(mesh, rank)) : std::to_string(rank);
    ++rank;
    text += fmt::format("{:<{}}{}", name, width, rankMemoryText(row));
    text += mesh.hasPhases() ? fmt::format("{:>16}\n", row["handover_buffer"].get<int64_t>()) : "\n";
  }
  if (int64_t shared = memory["shared"].get<int64_t>())
    text += fmt::format("shared by all ranks, for communication: {}\n", shared);
  return text + handoverText(manifest);
}
