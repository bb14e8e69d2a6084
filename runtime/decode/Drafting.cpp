//===- Drafting.cpp - The strategies of a session -------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/decode/Drafting.h"

#include "runtime/base/File.h"
#include "runtime/core/DraftModels.h"
#include "runtime/core/Replicas.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/StrategyChoice.h"

#include <algorithm>

using namespace plait;

static const char *const kMain = "main";

Expected<Drafting> Drafting::open(const plait::Model &model, const std::vector<const ManifestStrategy *> &strategies,
                                  ModelOptions options) {
  Drafting drafting;
  for (const ManifestStrategy *chosen : strategies) {
    auto isSame = [&](const Strategy &other) { return other.call == chosen->call; };
    if (std::any_of(drafting.known.begin(), drafting.known.end(), isSame))
      continue;
    Strategy strategy{chosen->call, nullptr};
    PLAIT_ASSIGN_OR_RETURN(strategy.program, readStrategy(*chosen));
    for (const std::string &name : strategy.program->models)
      PLAIT_RETURN_IF_ERROR(drafting.openModel(model, strategy, name, options));
    drafting.known.push_back(std::move(strategy));
  }
  return drafting;
}

Status Drafting::openModel(const plait::Model &model, const Strategy &strategy, const std::string &name,
                           const ModelOptions &options) {
  auto isSame = [&](const Model &other) { return other.name == name; };
  if (name == kMain || std::any_of(drafts.begin(), drafts.end(), isSame))
    return Status::success();
  const Manifest &manifest = model.manifest();
  auto folder = manifest.models.find(name);
  if (folder == manifest.models.end() || model.source().isExecutable())
    return corrupt(printable(model.path()) + ": strategy " + printable(strategy.call) + ": found no draft model \"" +
                   printable(name, 80) +
                   "\" in it; expected a folder of that name; compile the model again, as a folder");
  PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<const plait::Model> draft, openDraftModel(model, folder->second, options));
  drafts.push_back({name, std::move(draft), {}});
  return Status::success();
}

const Drafting::Strategy *Drafting::find(const std::string &name) const {
  std::vector<std::string> calls;
  for (const Strategy &strategy : known)
    calls.push_back(strategy.call);
  std::vector<size_t> found = matchingCalls(calls, name);
  return found.size() == 1 ? &known[found.front()] : nullptr;
}

/// Of the texts of one engine, for the strategy with the most of them; of the model also for
/// plain decoding.
Demand Drafting::demandOn(const std::string &name, const Demand &demand) const {
  Demand most{demand.sequences, 0, 0};
  if (name == kMain)
    most = demand;
  for (const Strategy &strategy : known) {
    const RoundProgram &program = *strategy.program;
    int64_t texts = std::count(program.models.begin(), program.models.end(), name);
    // Nodes may lie behind the text's positions: those of a tree, and those that a text follows from.
    int64_t beside = program.hasTrees || !program.hasPlainText() ? needsOf(&program).nodes : 0;
    most.positions = std::max(most.positions, texts * (demand.positions + beside));
    most.totalPositions = std::max(most.totalPositions, texts * (demand.totalPositions + demand.sequences * beside));
  }
  return most;
}

Demand Drafting::enlarge(InstanceOptions &options, const Demand &demand) const {
  if (known.empty())
    return demand;
  StrategyNeeds most;
  for (const Strategy &strategy : known) {
    StrategyNeeds needs = needsOf(strategy.program.get());
    most = {std::max(most.nodes, needs.nodes), std::max(most.ahead, needs.ahead)};
    options.maxTopLogprobs = std::max<int64_t>(options.maxTopLogprobs, strategy.program->mostTop);
  }
  options.maxLeaves = options.maxRows * most.nodes;
  options.maxTokens += options.maxRows * (most.nodes - 1) + most.ahead;
  return demandOn(kMain, demand);
}

/// As many positions as of the model's texts, but no more than the draft model has.
int64_t Drafting::pagesOf(const Model &draft, const InstanceOptions &options, const Demand &demand) const {
  const plait::Model &model = *draft.model;
  Demand wanted = demandOn(draft.name, demand);
  int64_t texts = 1, most = model.tables().max_positions;
  for (const Strategy &strategy : known)
    texts = std::max<int64_t>(texts,
                              std::count(strategy.program->models.begin(), strategy.program->models.end(), draft.name));
  wanted.positions = std::min(wanted.positions, texts * most);
  wanted.totalPositions =
      std::min(wanted.totalPositions, texts * demand.sequences * wholePages(model, most) * pageTokens(model.tables()));
  return pagesToReserve(model, options, wanted);
}

/// Two teams of threads would take the CPUs from each other: on the same ranks one waits while the other
/// computes. A model of fewer ranks has more threads on each.
Expected<std::vector<std::shared_ptr<StepRunner>>> Drafting::createRunners(Model &draft, InstanceOptions options,
                                                                           const Demand &demand, const Instance *first,
                                                                           size_t replicas) const {
  options.variant = "";
  options.capacityPages = pagesOf(draft, options, demand);
  options.team = first && first->model().ranks() == draft.model->ranks() ? first->team() : nullptr;
  PLAIT_ASSIGN_OR_RETURN(ModelLedger ledger, ledgerOf(*draft.model, options));
  draft.memory = ledger.ranks.front();
  draft.memory.program = 0; // that of the model's process
  if (draft.model->ranks() > 1)
    return createReplicas(draft.model, options, replicas);
  draft.memory.state *= double(replicas);
  draft.memory.arena *= double(replicas);
  std::vector<std::shared_ptr<StepRunner>> runners;
  for (size_t i = 0; i < replicas; ++i) {
    PLAIT_ASSIGN_OR_RETURN(std::shared_ptr<Instance> instance, Instance::create(draft.model, options));
    runners.push_back(std::move(instance));
    options.team = nullptr;
  }
  return runners;
}

Expected<std::vector<std::vector<DraftModel>>>
Drafting::create(const InstanceOptions &options, const Demand &demand,
                 const std::vector<std::shared_ptr<StepRunner>> &replicas) {
  std::vector<std::vector<DraftModel>> created(replicas.size());
  auto *first = dynamic_cast<Instance *>(replicas.front().get());
  for (Model &draft : drafts) {
    auto runners = createRunners(draft, options, demand, first, replicas.size());
    if (!runners)
      return runners.status().withContext("draft model");
    for (size_t i = 0; i < created.size(); ++i)
      created[i].push_back({draft.name, std::move((*runners)[i])});
  }
  return created;
}
