//===- InspectDrafts.cpp - What plait inspect shows of draft models -------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/InspectDrafts.h"

#include "runtime/base/File.h"
#include "tools/plait/InspectMesh.h"

#include <fmt/format.h>

using namespace plait;

Expected<std::vector<DraftPart>> plait::draftParts(const Model &main) {
  std::vector<DraftPart> parts;
  const Mesh &mesh = main.manifest().mesh();
  for (const auto &[name, folder] : main.manifest().models) {
    PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(main.path() + "/" + folder));
    PLAIT_ASSIGN_OR_RETURN(auto first, Model::open(source, {.threads = 1, .loadWeights = false}));
    parts.push_back({name, 0, first});
    int64_t ranks = first->manifest().mesh().ranks;
    for (int64_t rank = 1; rank < first->manifest().mesh().size(); ++rank) {
      Mesh::Place place = first->manifest().mesh().placeOf(rank);
      PLAIT_ASSIGN_OR_RETURN(
          auto part,
          Model::open(source,
                      {.threads = 1, .loadWeights = false, .rank = int(rank % ranks), .replica = int(place.replica)}));
      parts.push_back({name, mesh.leaderOf(place.replica) + place.rank, part});
    }
  }
  return parts;
}

std::string plait::draftPlaceText(const Mesh &draft, const Mesh &target) {
  if (target.size() == 1)
    return "";
  return draft.size() == 1 ? "whole on rank 0"
                           : fmt::format("divided among ranks 0 to {}{}", draft.ranks - 1,
                                         draft.replicas > 1 ? " of each replica" : "");
}

Json plait::draftMemoryJson(const std::vector<DraftPart> &parts) {
  Json drafts = Json::array();
  for (const DraftPart &part : parts) {
    Json row = rankMemoryJson(part.model->tables());
    row.update({{"model", part.name}, {"rank", part.rank}});
    drafts.push_back(std::move(row));
  }
  return drafts;
}

std::string plait::draftMemoryText(const Json &drafts) {
  if (drafts.empty())
    return "";
  std::string text = "\ndraft models, beside that\nrank " + rankMemoryHeader() + "  model\n";
  for (const Json &row : drafts)
    text += fmt::format("{:<5}{}  {}\n", row["rank"].get<int64_t>(), rankMemoryText(row),
                        printable(row["model"].get<std::string>(), 80));
  return text;
}
