//===- Strategies.cpp - The strategies of a session in the C API ----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/capi/Strategies.h"

#include "runtime/base/File.h"
#include "runtime/decode/StrategyChoice.h"

using namespace plait;
using namespace plait::capi;

void Strategy::begin() { add({1, 0, {}}); }

void Strategy::add(const Tally &more) {
  std::lock_guard<std::mutex> lock(mutex);
  tally.sequences += more.sequences;
  tally.tokens += more.tokens;
  tally.drafting += more.drafting;
}

Tally Strategy::total() const {
  std::lock_guard<std::mutex> lock(mutex);
  return tally;
}

Status Strategies::open(const Model &model, const plait_session_options &options) {
  manifest = &model.manifest();
  std::vector<const ManifestStrategy *> wanted;
  auto want = [&](const char *name) -> Expected<const ManifestStrategy *> {
    Expected<const ManifestStrategy *> chosen = chooseStrategyOrPlain(*manifest, name);
    if (!chosen)
      return chosen.status().withContext("options");
    if (*chosen)
      wanted.push_back(*chosen);
    return chosen;
  };
  PLAIT_ASSIGN_OR_RETURN(const ManifestStrategy *first, want(options.strategy ? options.strategy : kPlainDecoding));
  for (size_t i = 0; i < options.strategy_count; ++i)
    if (std::string_view(options.strategies[i]) == "all")
      for (const ManifestStrategy &strategy : manifest->strategies)
        wanted.push_back(&strategy);
    else
      PLAIT_RETURN_IF_ERROR(want(options.strategies[i]).status());
  ModelOptions modelOptions;
  modelOptions.threads = options.threads;
  PLAIT_ASSIGN_OR_RETURN(own, Drafting::open(model, wanted, modelOptions));
  auto add = [&](const std::string &call, std::shared_ptr<const RoundProgram> program) {
    strategies.push_back(std::make_shared<Strategy>());
    strategies.back()->call = call;
    strategies.back()->program = std::move(program);
  };
  add(kPlainDecoding, nullptr);
  for (const Drafting::Strategy &strategy : own.strategies())
    add(strategy.call, strategy.program);
  standard = strategies[first ? 1 : 0]; // the first that was wanted
  return Status::success();
}

Status Strategies::createModels(const InstanceOptions &options, const Demand &demand,
                                std::shared_ptr<StepRunner> instance) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<std::vector<DraftModel>> created,
                         own.create(options, demand, {std::move(instance)}));
  models = std::move(created.front());
  return Status::success();
}

Expected<std::shared_ptr<Strategy>> Strategies::find(const char *name) const {
  if (!name)
    return standard;
  if (isPlainDecoding(name))
    return strategies.front();
  if (const Drafting::Strategy *found = own.find(name))
    return strategies[size_t(found - own.strategies().data()) + 1];
  // Perhaps one that the model has, and the session has not.
  Expected<const ManifestStrategy *> compiled = chooseStrategyOrPlain(*manifest, name);
  if (!compiled)
    return compiled.status();
  std::vector<std::string> calls;
  for (const std::shared_ptr<Strategy> &strategy : strategies)
    calls.push_back(strategy->call);
  return notFound("strategy: found \"" + printable(name) +
                  "\", which the model has and the session has not; expected " + (calls.size() > 1 ? "one of " : "") +
                  listOfCalls(calls) + "; name it among the strategies of plait_session_options");
}
