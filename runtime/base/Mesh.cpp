//===- Mesh.cpp - How the ranks of a model are arranged -------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/Mesh.h"

#include "runtime/base/File.h"

#include <algorithm>
#include <charconv>

using namespace plait;

const char *plait::roleName(ReplicaRole role) {
  switch (role) {
  case ReplicaRole::all:
    return "";
  case ReplicaRole::prefill:
    return "prefill";
  case ReplicaRole::decode:
    return "decode";
  }
  return "";
}

Mesh::Place Mesh::placeOf(int64_t worldRank) const {
  int64_t replica = 0;
  while (replica + 1 < allReplicas() && leaderOf(replica + 1) <= worldRank)
    ++replica;
  int64_t rank = worldRank - leaderOf(replica);
  return {replica, rank, firstProgramOf(replica) + rank};
}

static Status wrongMesh(const std::string &text, const std::string &what) {
  return invalidArgument("--mesh: found \"" + printable(text, 80) + "\"" + what +
                         "; expected dp=REPLICAS,tp=RANKS or one of the two, such as dp=2,tp=2, or that for each "
                         "phase, such as prefill: tp=1; decode: tp=2");
}

/// The number that the whole of `text` is; -1 if it is none.
static int64_t numberOf(const std::string &text) {
  int64_t number = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

static std::string trimmed(const std::string &text) {
  size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? "" : text.substr(begin, text.find_last_not_of(' ') + 1 - begin);
}

/// Replicas and ranks of one phase, "dp=2,tp=2", which is all of `text` or a part of it.
static Status parseAxes(const std::string &text, const std::string &axes, int64_t &replicas, int64_t &ranks) {
  for (size_t at = 0; at <= axes.size();) {
    size_t end = std::min(axes.find(',', at), axes.size());
    std::string part = axes.substr(at, end - at);
    size_t equal = part.find('=');
    if (equal == std::string::npos)
      return wrongMesh(text, "");
    std::string axis = part.substr(0, equal);
    if (axis != "dp" && axis != "tp")
      return wrongMesh(text, ", in which \"" + printable(axis, 80) + "\" is no axis");
    int64_t &size = axis == "dp" ? replicas : ranks;
    if (size)
      return wrongMesh(text, ", which has the axis " + axis + " twice");
    size = numberOf(part.substr(equal + 1));
    if (size < 1 || size > kMostRanks)
      return wrongMesh(text, ", in which the size of " + axis + " is not from 1 to " + std::to_string(kMostRanks));
    at = end + 1;
  }
  replicas = std::max<int64_t>(replicas, 1);
  ranks = std::max<int64_t>(ranks, 1);
  return Status::success();
}

Expected<Mesh> plait::parseMesh(const std::string &text) {
  Mesh mesh{0, 0, 0, 0};
  if (text.find(':') == std::string::npos) {
    PLAIT_RETURN_IF_ERROR(parseAxes(text, text, mesh.replicas, mesh.ranks));
  } else {
    for (size_t at = 0; at <= text.size();) {
      size_t end = std::min(text.find(';', at), text.size()), colon = std::min(text.find(':', at), end);
      std::string phase = trimmed(text.substr(at, colon - at));
      if (phase != "prefill" && phase != "decode")
        return wrongMesh(text, ", in which \"" + printable(phase, 80) + "\" is no phase");
      bool isPrefill = phase == "prefill";
      int64_t &replicas = isPrefill ? mesh.prefillReplicas : mesh.replicas;
      if (replicas)
        return wrongMesh(text, ", which has the phase " + phase + " twice");
      std::string axes = trimmed(text.substr(std::min(colon + 1, end), end - std::min(colon + 1, end)));
      PLAIT_RETURN_IF_ERROR(parseAxes(text, axes, replicas, isPrefill ? mesh.prefillRanks : mesh.ranks));
      at = end + 1;
    }
    if (!mesh.prefillReplicas || !mesh.replicas)
      return wrongMesh(text, std::string(", which lacks the phase ") + (mesh.replicas ? "prefill" : "decode"));
  }
  if (mesh.size() > kMostRanks)
    return invalidArgument("--mesh: found \"" + text + "\", which is " + std::to_string(mesh.size()) +
                           " ranks; expected at most " + std::to_string(kMostRanks));
  return mesh;
}

static std::string axesText(int64_t replicas, int64_t ranks) {
  std::string text = replicas > 1 ? "dp=" + std::to_string(replicas) : "";
  if (ranks > 1 || text.empty())
    text += (text.empty() ? "" : ",") + ("tp=" + std::to_string(ranks));
  return text;
}

std::string plait::meshText(const Mesh &mesh) {
  std::string text = axesText(mesh.replicas, mesh.ranks);
  return mesh.hasPhases() ? "prefill: " + axesText(mesh.prefillReplicas, mesh.prefillRanks) + "; decode: " + text
                          : text;
}

std::string plait::replicaName(const Mesh &mesh, int64_t replica) {
  std::string role = roleName(mesh.roleOf(replica));
  bool isPrefill = mesh.roleOf(replica) == ReplicaRole::prefill;
  if ((isPrefill ? mesh.prefillReplicas : mesh.replicas) == 1)
    return role;
  int64_t number = isPrefill ? replica : replica - mesh.prefillReplicas;
  return role + (role.empty() ? "" : " ") + "replica " + std::to_string(number);
}
