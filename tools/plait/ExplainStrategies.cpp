//===- ExplainStrategies.cpp - The strategies of a model ------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/ExplainStrategies.h"

#include "runtime/base/File.h"
#include "runtime/decode/StepCosts.h"
#include "runtime/decode/StrategyChoice.h"
#include "runtime/decode/rounds/RoundProgram.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

using namespace plait;

static void addSteps(const std::vector<RoundInstruction> &ops, std::vector<std::string> &steps) {
  for (const RoundInstruction &op : ops) {
    if (op.body)
      addSteps(op.body->ops, steps);
    if (op.op || op.body)
      continue;
    std::vector<std::string> own = op.others;
    own.insert(own.begin(), op.step);
    for (const std::string &step : own)
      if (std::find(steps.begin(), steps.end(), step) == steps.end())
        steps.push_back(step);
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

//===----------------------------------------------------------------------===//
// Rounds
//===----------------------------------------------------------------------===//

namespace {

/// A model of a strategy's texts.
struct RoundModel {
  Manifest manifest;
  StepCosts costs;
  int64_t bytesPerToken = 0;
};

Expected<RoundModel> roundModelOf(Manifest manifest) {
  RoundModel model;
  JsonView root(manifest.raw, "manifest.json");
  PLAIT_ASSIGN_OR_RETURN(JsonView memory, root.get("memory"));
  PLAIT_ASSIGN_OR_RETURN(model.bytesPerToken, memory.getInt("state_per_token", 0, INT64_MAX));
  PLAIT_ASSIGN_OR_RETURN(auto predicted, predictedSteps(manifest, manifest.strategy));
  model.costs = StepCosts(std::move(predicted));
  model.manifest = std::move(manifest);
  return model;
}

Expected<std::map<std::string, RoundModel>> roundModelsOf(const Model &model, const RoundProgram &program) {
  std::map<std::string, RoundModel> models;
  for (const std::string &name : program.models) {
    if (models.contains(name))
      continue;
    const Manifest &own = model.manifest();
    auto folder = own.models.find(name);
    if (name != "main" && folder == own.models.end())
      return corrupt(fmt::format("{}: found no draft model \"{}\"; compile the model again", printable(model.path()),
                                 printable(name, 80)));
    Manifest manifest = own;
    if (name != "main") {
      PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(model.path() + "/" + folder->second));
      PLAIT_ASSIGN_OR_RETURN(manifest, readManifest(source));
    }
    PLAIT_ASSIGN_OR_RETURN(models[name], roundModelOf(std::move(manifest)));
  }
  return models;
}

/// The lengths that a program chooses from, wherever it does; else it drafts all that fits.
std::vector<int64_t> lengthsOf(const Json &program, int64_t most) {
  std::vector<int64_t> lengths;
  if (program.is_object() && program.value("op", Json()) == "choose_length")
    return program["lengths"].get<std::vector<int64_t>>();
  if (program.is_structured())
    for (const Json &part : program)
      if (lengths = lengthsOf(part, 0); !lengths.empty())
        return lengths;
  return most > 0 ? std::vector<int64_t>{most} : lengths;
}

/// How often drafts must be right for rounds of `length` of them to take no longer than
/// rounds without any, which take `relative` times less; above 1: they never pay.
double paysFrom(int64_t length, double relative) {
  auto tokens = [&](double rate) {
    double sum = 1, chance = 1;
    for (int64_t i = 0; i < length; ++i)
      sum += chance *= rate;
    return sum;
  };
  if (tokens(1) < relative)
    return 2;
  double low = 0, high = 1;
  for (int i = 0; i < 40; ++i)
    (tokens((low + high) / 2) < relative ? low : high) = (low + high) / 2;
  return high;
}

} // namespace

Status plait::explainRounds(const Model &model, Json &strategy) {
  PLAIT_ASSIGN_OR_RETURN(const ManifestStrategy *own,
                         chooseStrategy(model.manifest(), strategy["call"].get<std::string>()));
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const RoundProgram> program, readStrategy(*own));
  PLAIT_ASSIGN_OR_RETURN(auto models, roundModelsOf(model, *program));
  std::vector<RoundForward> forwards = forwardsOf(*program);
  std::vector<std::vector<StepCosts>> costs(program->variants); // of each forward
  strategy["plain_text"] = program->hasPlainText();
  strategy["forwards"] = Json::array();
  int64_t most = 0;
  for (const RoundForward &forward : forwards) {
    const std::string &name = program->models[forward.model];
    std::string steps = forward.step;
    for (const std::string &other : forward.others)
      steps += " or " + other;
    for (size_t variant = 0; variant < costs.size(); ++variant) {
      PLAIT_ASSIGN_OR_RETURN(StepCosts predicted, predictedCosts(models.at(name).manifest, forward.stepOf(variant)));
      costs[variant].push_back(std::move(predicted));
    }
    strategy["forwards"].push_back({{"model", name},
                                    {"ranks", models.at(name).manifest.mesh().ranks},
                                    {"step", steps},
                                    {"tokens", forward.nodes},
                                    {"times", forward.times},
                                    {"head", forward.isHead},
                                    {"per_drafted_token", forward.perToken}});
    if (forward.isHead)
      continue;
    most = std::max(most, forward.nodes - 1);
  }
  strategy["staged"] = Json::object();
  for (const auto &[name, tokens] : stagedTokens(*program))
    strategy["staged"][name] = {{"tokens", tokens}, {"bytes", tokens * models.at(name).bytesPerToken}};
  strategy["rounds"] = Json::array();
  double plain = models.at("main").costs.seconds(1);
  for (size_t variant = 0; variant < costs.size(); ++variant) {
    std::vector<const StepCosts *> pointers;
    for (const StepCosts &own : costs[variant])
      pointers.push_back(&own);
    for (int64_t length : lengthsOf(own->program, most)) {
      if (variant && !length)
        continue; // nothing drafts
      double seconds = roundSeconds(forwards, pointers, length, 1, 1);
      int64_t drafted = length; // of a tree the length is a depth
      for (const RoundForward &forward : forwards)
        if (!forward.within.empty())
          drafted = forward.tokensFor(length) - 1;
      strategy["rounds"].push_back({{"drafted", drafted}, {"seconds", seconds}, {"relative", seconds / plain}});
      if (length && costs.size() > 1)
        strategy["rounds"].back()["variant"] = int64_t(variant);
      if (length && !program->hasTrees) // what a tree is worth depends on which of its paths is right
        strategy["rounds"].back()["pays_from"] = paysFrom(length, seconds / plain);
    }
  }
  return Status::success();
}

std::string plait::roundsText(const Json &strategy) {
  auto member = [](const Json &entry, const char *key) { return printable(entry[key].get<std::string>(), 200); };
  std::string reason = member(strategy, "reason");
  std::string text =
      fmt::format("\n{}\n  exactness    {}{}; as compiled, {}\n  forwards of a round\n", member(strategy, "call"),
                  member(strategy, "exact"), reason.empty() ? "" : ", as " + reason,
                  strategy["plain_text"].get<bool>() ? "the tokens of plain decoding" : "a text of its own");
  bool isParallel = false;
  for (const Json &forward : strategy["forwards"])
    isParallel |= forward["ranks"].get<int64_t>() > 1;
  for (const Json &forward : strategy["forwards"]) {
    int64_t tokens = forward["tokens"].get<int64_t>(), times = forward["times"].get<int64_t>();
    int64_t ranks = forward["ranks"].get<int64_t>();
    text += fmt::format("    {} of {}{}, up to {} token{} each{}\n",
                        times == 1 ? "one" : fmt::format("up to {}", times), member(forward, "model"),
                        !isParallel  ? ""
                        : ranks == 1 ? " on one rank"
                                     : fmt::format(" on {} ranks", ranks),
                        tokens, tokens == 1 ? "" : "s",
                        fmt::format(", step {}{}", member(forward, "step"),
                                    !forward["per_drafted_token"].get<bool>() ? ""
                                    : forward["head"].get<bool>()             ? ", if it drafts"
                                                                              : ", one for each drafted token"));
  }
  text += "  staged in a round, per sequence\n";
  for (const auto &[name, staged] : strategy["staged"].items())
    text += fmt::format("    {}: at most {} tokens, {}\n", printable(name, 80), staged["tokens"].get<int64_t>(),
                        bytesText(staged["bytes"].get<int64_t>()));
  text += fmt::format("  predicted, one sequence\n    {:>7} {:>12} {:>8}   {}\n", "drafted", "round", "to ar",
                      "pays if drafts are right with");
  for (const Json &round : strategy["rounds"]) {
    double from = round.value("pays_from", 0.0);
    int64_t drafted = round["drafted"].get<int64_t>();
    text += fmt::format("    {:>7} {:>12} {:>8.2f}   {}{}\n", drafted, secondsText(round["seconds"].get<double>()),
                        round["relative"].get<double>(),
                        from == 0  ? ""
                        : from > 1 ? "never"
                                   : fmt::format("{:.2f}", from),
                        round.contains("variant")
                            ? fmt::format(" by step {} of those it chooses from", round["variant"].get<int64_t>() + 1)
                            : "");
  }
  return text;
}
