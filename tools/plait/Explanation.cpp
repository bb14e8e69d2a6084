//===- Explanation.cpp - What a step costs and why ------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Explanation.h"

#include "runtime/base/File.h"
#include "runtime/base/ModelGroups.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Executor.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>

using namespace plait;

namespace {

struct Term {
  const char *name, *symbol;
  int64_t CostForm::*factor;
};
constexpr Term kTerms[] = {{"constant", "", &CostForm::constant},
                           {"tokens", " T", &CostForm::tokens},
                           {"rows", " R", &CostForm::rows},
                           {"leaves", " L", &CostForm::leaves},
                           {"token_positions", " P", &CostForm::positions}};

Expected<CostForm> readForm(const JsonView &launch, const char *key) {
  PLAIT_ASSIGN_OR_RETURN(JsonView view, launch.get(key));
  CostForm form;
  for (const Term &term : kTerms) {
    PLAIT_ASSIGN_OR_RETURN(form.*term.factor, view.getInt(term.name, 0, INT64_MAX, 0));
  }
  return form;
}

Expected<LaunchCost> readLaunch(const JsonView &view) {
  LaunchCost cost;
  PLAIT_ASSIGN_OR_RETURN(cost.op, view.getString("op"));
  PLAIT_ASSIGN_OR_RETURN(cost.element, view.getString("element", "f32"));
  PLAIT_ASSIGN_OR_RETURN(cost.flops, readForm(view, "flops"));
  PLAIT_ASSIGN_OR_RETURN(cost.weightBytes, readForm(view, "weight_bytes"));
  PLAIT_ASSIGN_OR_RETURN(cost.activationBytes, readForm(view, "activation_bytes"));
  return cost;
}

Expected<Explanation::Variant> readVariant(const JsonView &view) {
  Explanation::Variant variant;
  PLAIT_ASSIGN_OR_RETURN(variant.name, view.getString("name"));
  PLAIT_ASSIGN_OR_RETURN(JsonView list, view.get("launches"));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> launches, list.asArray());
  for (const JsonView &launch : launches) {
    PLAIT_ASSIGN_OR_RETURN(LaunchCost cost, readLaunch(launch));
    variant.launches.push_back(std::move(cost));
  }
  return variant;
}

Expected<Explanation::Pass> readPass(const JsonView &view) {
  Explanation::Pass pass;
  PLAIT_ASSIGN_OR_RETURN(pass.phase, view.getString("phase"));
  PLAIT_ASSIGN_OR_RETURN(pass.name, view.getString("pass"));
  return pass;
}

Expected<Explanation::Remark> readRemark(const JsonView &view) {
  Explanation::Remark remark;
  PLAIT_ASSIGN_OR_RETURN(remark.pass, view.getString("pass"));
  PLAIT_ASSIGN_OR_RETURN(remark.name, view.getString("name"));
  PLAIT_ASSIGN_OR_RETURN(remark.kind, view.getString("kind"));
  PLAIT_ASSIGN_OR_RETURN(remark.at, view.getString("at"));
  PLAIT_ASSIGN_OR_RETURN(remark.text, view.getString("text"));
  return remark;
}

template <typename T, typename Read>
Status readList(const JsonView &root, const char *key, std::vector<T> &list, Read read) {
  PLAIT_ASSIGN_OR_RETURN(JsonView view, root.get(key));
  PLAIT_ASSIGN_OR_RETURN(std::vector<JsonView> entries, view.asArray());
  for (const JsonView &entry : entries) {
    PLAIT_ASSIGN_OR_RETURN(T value, read(entry));
    list.push_back(std::move(value));
  }
  return Status::success();
}

} // namespace

double CostForm::at(const StepLoad &load) const {
  return double(constant) + double(tokens) * double(load.tokens) + double(rows) * double(load.rows) +
         double(leaves) * double(load.leaves) + double(positions) * double(load.positions);
}

std::string CostForm::text() const {
  std::string text;
  for (const Term &term : kTerms)
    if (this->*term.factor)
      text += (text.empty() ? "" : " + ") + countText(double(this->*term.factor)) + term.symbol;
  return text.empty() ? "-" : text;
}

Json CostForm::json() const {
  Json json = Json::object();
  for (const Term &term : kTerms)
    if (this->*term.factor)
      json[term.name] = this->*term.factor;
  return json;
}

Expected<Explanation> Explanation::read(const Model &model) {
  PLAIT_ASSIGN_OR_RETURN(std::optional<FileRange> file, model.file(model.binary().explain));
  if (!file)
    return notFound(printable(model.path()) + ": found no explain.json; expected an artifact that tells how it was "
                                              "compiled; compile the model again, without --no-explain");
  const std::string &path = file->label;
  PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(*file, JsonLimits().maxBytes));
  PLAIT_ASSIGN_OR_RETURN(Json json, parseJson(text, path));
  JsonView root(json, path);
  PLAIT_ASSIGN_OR_RETURN(int64_t schema, root.getInt("schema"));
  if (schema != 1)
    return unsupported(root.get("schema")->error("1, the one that this version reads").message());
  Explanation result;
  PLAIT_RETURN_IF_ERROR(readList(root, "passes", result.passes, readPass));
  PLAIT_RETURN_IF_ERROR(readList(root, "remarks", result.remarks, readRemark));
  PLAIT_RETURN_IF_ERROR(readList(root, "variants", result.variants, readVariant));
  if (root.has("machine")) {
    PLAIT_ASSIGN_OR_RETURN(result.machine, timeline::parseMachine(json["machine"], path + ": /machine"));
  }
  for (const Variant &variant : result.variants) {
    const plait_plan_v2_t *plan = findPlan(model.tables(), variant.name);
    if (!plan || size_t(plan->launch_count) != variant.launches.size())
      return corrupt(fmt::format("{}: found variant '{}' with {} launches; expected those of the model binary; the "
                                 "files of the artifact do not belong together",
                                 printable(path), printable(variant.name, 80), variant.launches.size()));
  }
  return result;
}

Expected<std::vector<LaunchCost>> Explanation::costsOf(const Model &model, const plait_plan_v2_t &plan) const {
  for (const Variant &variant : variants)
    if (variant.name == plan.name)
      return variant.launches;
  return corrupt(fmt::format("{}/{}: found no variant '{}'; expected those of the model binary",
                             printable(model.path()), printable(model.binary().explain), plan.name));
}

Roofline plait::rooflineOf(const LaunchCost &cost, int64_t layers, const StepLoad &load, const MachinePeak &peak) {
  Roofline roofline;
  roofline.flops = cost.flops.at(load) * double(layers);
  roofline.bytes = cost.weightBytes.at(load) * double(layers);
  double computing = roofline.flops / peak.flopsPerSecond, reading = roofline.bytes / peak.readBytesPerSecond;
  roofline.seconds = std::max(computing, reading);
  roofline.memoryBound = reading > computing;
  return roofline;
}

MemoryLedger plait::ledgerOf(const plait_model_v4_t &model, const plait_plan_v2_t &plan, int64_t context,
                             int64_t tokens, int64_t available, int64_t shareTokens) {
  MemoryLedger ledger;
  int64_t page = pageTokens(model), pages = (context + page - 1) / page;
  StateBytes state = stateBytes(model);
  ledger.weights = int64_t(model.pack_bytes);
  ledger.statePerPosition = state.perPosition;
  ledger.stateOfWindows = state.windows;
  ledger.stateOfContext = pages * page * state.perPosition + state.windows;
  auto arenaOf = [&](int64_t tokens, int64_t pages) {
    StepDims dims{tokens, 1, 1, pages, 1};
    dims[PLAIT_DIM_TOKENS_PART] = mostTokensOfRank(placeIn(model, model.token_group).size, tokens, shareTokens);
    dims[PLAIT_DIM_SPANS] = mostSpans(tokens, pages, page);
    return arenaBytes(plan, dims);
  };
  ledger.decodeArena = arenaOf(1, pages);
  ledger.prefillArena = arenaOf(tokens, (tokens + page - 1) / page);
  int64_t arena = std::max(ledger.decodeArena, ledger.prefillArena);
  ledger.total = ledger.weights + ledger.stateOfContext + arena;
  ledger.available = available;
  int64_t left = std::max<int64_t>(0, available - ledger.weights - arena);
  ledger.maxSequences = ledger.stateOfContext ? left / ledger.stateOfContext : INT64_MAX;
  int64_t growing = std::max<int64_t>(0, left - state.windows);
  ledger.maxContext = std::min(model.max_positions,
                               state.perPosition ? growing / state.perPosition / page * page : model.max_positions);
  return ledger;
}

std::string plait::countText(double count) {
  struct {
    double size;
    const char *suffix;
  } units[] = {{1e15, "P"}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e4, "K"}};
  for (auto [size, suffix] : units)
    if (count >= size) {
      double value = count / (suffix[0] == 'K' ? 1e3 : size);
      return fmt::format("{:.{}f}{}", value, value < 10 ? 2 : value < 100 ? 1 : 0, suffix);
    }
  return fmt::format("{:.0f}", count);
}

std::string plait::secondsText(double seconds) {
  if (seconds >= 1)
    return fmt::format("{:.2f} s", seconds);
  if (seconds >= 1e-3)
    return fmt::format("{:.2f} ms", seconds * 1e3);
  return fmt::format("{:.2f} us", seconds * 1e6);
}
