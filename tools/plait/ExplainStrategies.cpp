//===- ExplainStrategies.cpp - The strategies of a model ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/ExplainStrategies.h"

#include "runtime/base/File.h"
#include "runtime/decode/rounds/RoundProgram.h"

#include <fmt/format.h>

#include <algorithm>

using namespace plait;

static void addSteps(const std::vector<RoundInstruction> &ops, std::vector<std::string> &steps) {
  for (const RoundInstruction &op : ops) {
    if (op.body)
      addSteps(op.body->ops, steps);
    else if (!op.op && std::find(steps.begin(), steps.end(), op.step) == steps.end())
      steps.push_back(op.step);
  }
}

/// What plait-check-exactness has remarked: "@NAME is CLASS: REASON".
static std::string reasonOf(const Explanation &explanation, const RoundProgram &program) {
  std::string begin = "@" + program.name + " is ";
  for (const Explanation::Remark &remark : explanation.remarks)
    if (remark.name == "Exactness" && remark.text.starts_with(begin))
      if (size_t colon = remark.text.find(": "); colon != std::string::npos)
        return remark.text.substr(colon + 2);
  return "";
}

Expected<Json> plait::strategiesJson(const Manifest &manifest, const Explanation &explanation) {
  Json result = Json::array();
  JsonView root(manifest.raw, "manifest.json");
  if (!root.has("strategies"))
    return result;
  PLAIT_ASSIGN_OR_RETURN(JsonView list, root.get("strategies"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, list.asArray());
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(std::string call, entry.getString("call"));
    PLAIT_ASSIGN_OR_RETURN(JsonView view, entry.get("program"));
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const RoundProgram> program, RoundProgram::read(view));
    std::vector<std::string> steps;
    addSteps(program->round.ops, steps);
    result.push_back({{"call", std::move(call)},
                      {"exact", program->exact},
                      {"reason", reasonOf(explanation, *program)},
                      {"steps", steps}});
  }
  return result;
}

std::string plait::strategiesText(const Json &strategies) {
  std::string text = strategies.empty() ? "" : "\nstrategies\n";
  auto member = [](const Json &entry, const char *key) { return printable(entry[key].get<std::string>(), 200); };
  for (const Json &entry : strategies) {
    std::string reason = member(entry, "reason"), steps;
    for (const Json &step : entry["steps"])
      steps += (steps.empty() ? "" : ", ") + printable(step.get<std::string>(), 80);
    text += fmt::format("  {}: {}{}; runs {}\n", member(entry, "call"), member(entry, "exact"),
                        reason.empty() ? "" : ", as " + reason, steps);
  }
  return text;
}
