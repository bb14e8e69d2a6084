//===- InspectStaged.cpp - What strategies stage --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/InspectStaged.h"

#include "runtime/base/File.h"
#include "runtime/core/StepInputs.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/StrategyChoice.h"
#include "runtime/decode/rounds/RoundForwards.h"

#include <fmt/format.h>

using namespace plait;

/// Of `tokens` behind a text, wherever in a page it ends.
static Json stagedOf(const plait_model_v4_t &model, int64_t tokens) {
  StepLimits limits;
  limits.pageTokens = pageTokens(model);
  // The first of them may be in a page of the text, in its last place.
  int64_t pages = tokens ? 1 + limits.wholePages(tokens - 1) : 0, cells = 0, bytes = 0;
  for (int32_t table = 0; table < model.table_count; ++table) {
    cells += tokens * tablePageBytes(model, table) / limits.pageTokens;
    bytes += pages * tablePageBytes(model, table);
  }
  return {{"tokens", tokens}, {"bytes", cells}, {"pages", pages * model.table_count}, {"page_bytes", bytes}};
}

Expected<Json> plait::stagedJson(const std::vector<std::shared_ptr<const Model>> &programs,
                                 const std::vector<DraftPart> &drafts) {
  const Model &main = *programs.front();
  const Mesh &mesh = main.manifest().mesh();
  Json result = Json::array();
  for (const ManifestStrategy &strategy : main.manifest().strategies) {
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const RoundProgram> program, readStrategy(strategy));
    for (const auto &[name, tokens] : stagedTokens(*program)) {
      auto add = [&](int64_t rank, const Model &model) {
        Json row = stagedOf(model.tables(), tokens);
        row.update({{"strategy", strategy.call}, {"rank", rank}, {"model", name}});
        result.push_back(std::move(row));
      };
      for (const DraftPart &part : drafts)
        if (part.name == name)
          add(part.rank, *part.model);
      if (main.manifest().models.contains(name))
        continue;
      for (int64_t rank = 0; rank < mesh.size(); ++rank)
        add(rank, *programs[size_t(mesh.placeOf(rank).program)]);
    }
  }
  return result;
}

std::string plait::stagedText(const Json &staged) {
  if (staged.empty())
    return "";
  std::string text = fmt::format("\nstaged in a round at most, behind the text of one sequence\n"
                                 "{:<5}{:<10}{:>8}{:>14}{:>8}{:>16}  strategy\n",
                                 "rank", "model", "tokens", "bytes", "pages", "bytes of pages");
  for (const Json &row : staged)
    text += fmt::format("{:<5}{:<10}{:>8}{:>14}{:>8}{:>16}  {}\n", row["rank"].get<int64_t>(),
                        printable(row["model"].get<std::string>(), 80), row["tokens"].get<int64_t>(),
                        row["bytes"].get<int64_t>(), row["pages"].get<int64_t>(), row["page_bytes"].get<int64_t>(),
                        printable(row["strategy"].get<std::string>()));
  return text;
}
