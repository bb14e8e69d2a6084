//===- Drafting.cpp - How a command's text is drafted ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Drafting.h"

#include "runtime/base/File.h"
#include "runtime/base/Progress.h"
#include "runtime/core/Tables.h"
#include "runtime/decode/StrategyChoice.h"
#include "tools/plait/Console.h"
#include "tools/plait/TableText.h"

#include <fmt/format.h>

#include <algorithm>

using namespace plait;

Expected<const ManifestStrategy *> plait::findStrategy(const Session &session, const std::string &call) {
  const Manifest &manifest = session.model->manifest();
  Expected<const ManifestStrategy *> chosen = chooseStrategy(manifest, call);
  // A call that has another spelling in the model that was compiled for it.
  if (!chosen && session.artifact.fromModel && manifest.strategies.size() == 1)
    return &manifest.strategies.front();
  return chosen;
}

Expected<Drafting> Drafting::open(const Session &session, const CompileOptions &compile, unsigned threads) {
  if (compile.decode.empty() || strategyName(compile.decode.front()) == "ar") // which needs no program
    return Drafting();
  const std::vector<ManifestStrategy> &strategies = session.model->manifest().strategies;
  if (session.artifact.fromModel && !strategies.empty()) // it was compiled for this
    return open(session, strategies.front(), compile.quiet, threads);
  PLAIT_ASSIGN_OR_RETURN(const ManifestStrategy *chosen, findStrategy(session, compile.decode.front()));
  return open(session, *chosen, compile.quiet, threads);
}

Expected<Drafting> Drafting::open(const Session &session, const ManifestStrategy &strategy, bool quiet,
                                  unsigned threads) {
  Drafting drafting;
  const Manifest &manifest = session.model->manifest();
  PLAIT_ASSIGN_OR_RETURN(drafting.program, readStrategy(strategy));
  drafting.call = strategy.call;
  for (const std::string &name : drafting.program->models) {
    auto known = [&](const Model &model) { return model.name == name; };
    if (name == "main" || std::any_of(drafting.models.begin(), drafting.models.end(), known))
      continue;
    auto folder = manifest.models.find(name);
    if (folder == manifest.models.end() || session.model->source().isExecutable())
      return corrupt(fmt::format("{}: strategy {}: found no draft model \"{}\" in it; expected a folder of that name; "
                                 "compile the model again, as a folder",
                                 printable(session.model->path()), printable(drafting.call), printable(name, 80)));
    PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(session.model->path() + "/" + folder->second));
    Progress progress(programName(), quiet ? ProgressMode::none : progressMode());
    ModelOptions options;
    options.threads = threads;
    options.target = session.model->binary().target;
    options.progress = &progress;
    Expected<std::shared_ptr<const plait::Model>> model = plait::Model::open(std::move(source), options);
    if (!model)
      return model.status().withContext("draft model");
    if ((*model)->manifest().mesh().size() > 1)
      return unsupported(fmt::format("draft model: found one of {} processes; expected one of one process, compile the "
                                     "model again",
                                     (*model)->manifest().mesh().size()));
    drafting.models.push_back({name, *model, {}});
  }
  return drafting;
}

int64_t Drafting::textsOf(const std::string &name) const {
  return std::count(program->models.begin(), program->models.end(), name);
}

void Drafting::enlarge(InstanceOptions &options, Demand &demand) const {
  if (!program)
    return;
  StrategyNeeds needs = needsOf(program.get());
  options.maxLeaves = options.maxRows * needs.nodes;
  options.maxTokens += options.maxRows * (needs.nodes - 1) + needs.ahead;
  options.maxTopLogprobs = std::max<int64_t>(options.maxTopLogprobs, program->mostTop);
  if (program->hasTrees) { // whose nodes lie behind each other
    demand.positions += needs.nodes;
    demand.totalPositions += demand.sequences * needs.nodes;
  }
  demand.positions *= textsOf("main");
  demand.totalPositions *= textsOf("main");
}

Expected<std::vector<std::vector<DraftModel>>>
Drafting::create(const InstanceOptions &options, const Demand &demand,
                 const std::vector<std::shared_ptr<StepRunner>> &replicas) {
  std::vector<std::vector<DraftModel>> drafts(replicas.size());
  // Two teams would take the CPUs from each other. Of several ranks each has some of them.
  auto *first = dynamic_cast<Instance *>(replicas.front().get());
  std::shared_ptr<ThreadPool> team = first && first->model().ranks() == 1 ? first->team() : nullptr;
  for (Model &model : models) {
    InstanceOptions own = options;
    own.variant = "";
    Demand positions = demand;
    // As many as in the model, of each text, but no more than the draft model has.
    int64_t texts = textsOf(model.name), most = model.model->tables().max_positions;
    positions.positions = texts * std::min(demand.positions / textsOf("main"), most);
    positions.totalPositions =
        std::min(texts * demand.totalPositions / textsOf("main"),
                 texts * demand.sequences * wholePages(*model.model, most) * pageTokens(model.model->tables()));
    own.capacityPages = pagesToReserve(*model.model, own, positions);
    PLAIT_ASSIGN_OR_RETURN(ModelLedger ledger, ledgerOf(*model.model, own));
    model.memory = ledger.ranks.front();
    model.memory.program = 0; // that of the model's process
    model.memory.state *= double(replicas.size());
    model.memory.arena *= double(replicas.size());
    for (std::vector<DraftModel> &of : drafts) {
      own.team = &of == &drafts.front() ? team : nullptr;
      Expected<std::unique_ptr<Instance>> instance = Instance::create(model.model, own);
      if (!instance)
        return instance.status().withContext("draft model");
      of.push_back({model.name, std::shared_ptr<Instance>(instance.take())});
    }
  }
  return drafts;
}

std::string Drafting::statisticsText(const std::vector<SequenceResult> &results) const {
  if (!program)
    return "";
  std::string text;
  for (const Model &model : models)
    text += fmt::format("draft      {}: at most {} more in this process ({})\n", model.model->manifest().name,
                        bytesText(int64_t(model.memory.total())), ledgerText(model.memory));
  int64_t rounds = 0, drafted = 0, accepted = 0, moved = 0;
  for (const SequenceResult &result : results) {
    rounds += result.rounds;
    drafted += result.draftedTokens;
    accepted += result.acceptedTokens;
    moved += result.movedTokens;
  }
  text += fmt::format("strategy   {}: {} rounds, {} tokens drafted, {} accepted", printable(call), rounds, drafted,
                      accepted);
  if (rounds)
    text += fmt::format(", {:.2f} tokens per round", double(rounds + accepted) / double(rounds));
  if (moved)
    text += fmt::format(", {} moved", moved);
  return text + "\n";
}
