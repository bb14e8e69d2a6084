//===- DecodeOption.cpp - What --decode asks for --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/DecodeOption.h"

#include "runtime/base/File.h"
#include "runtime/base/Progress.h"
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

Expected<const ManifestStrategy *> plait::chosenStrategy(const Session &session, const CompileOptions &compile) {
  if (compile.decode.empty() || isPlainDecoding(compile.decode.front()))
    return nullptr;
  const std::vector<ManifestStrategy> &strategies = session.model->manifest().strategies;
  if (session.artifact.fromModel && !strategies.empty()) // it was compiled for this
    return &strategies.front();
  return findStrategy(session, compile.decode.front());
}

Expected<const ManifestStrategy *> plait::strategyOfPrompt(const Session &session, const CompileOptions &compile,
                                                           const std::string &name) {
  const Manifest &manifest = session.model->manifest();
  std::vector<std::string> compiled = compile.decode; // in the order of the manifest
  std::erase_if(compiled, isPlainDecoding);
  auto spelled = std::find(compiled.begin(), compiled.end(), name);
  if (session.artifact.fromModel && spelled != compiled.end() && compiled.size() == manifest.strategies.size())
    return &manifest.strategies[size_t(spelled - compiled.begin())];
  return chooseStrategyOrPlain(manifest, name);
}

Expected<Drafting> plait::openDrafting(const Session &session, std::vector<const ManifestStrategy *> strategies,
                                       bool quiet, unsigned threads) {
  std::erase(strategies, nullptr);
  Progress progress(programName(), quiet ? ProgressMode::none : progressMode());
  ModelOptions options;
  options.threads = threads;
  options.progress = &progress;
  return Drafting::open(*session.model, strategies, options);
}

std::string plait::draftModelsText(const Drafting &drafting) {
  std::string text;
  for (const Drafting::Model &draft : drafting.models())
    text += fmt::format("draft      {}{}: at most {} more in this process ({})\n", draft.model->manifest().name,
                        draft.model->ranks() > 1 ? fmt::format(" on {} ranks", draft.model->ranks()) : "",
                        bytesText(int64_t(draft.memory.total())), ledgerText(draft.memory));
  return text;
}

std::string plait::strategyText(const std::string &call, const DraftCounts &counts) {
  std::string text = fmt::format("strategy   {}: {} rounds, {} tokens drafted, {} accepted", printable(call),
                                 counts.rounds, counts.draftedTokens, counts.acceptedTokens);
  if (counts.rounds)
    text += fmt::format(", {:.2f} tokens per round", counts.tokensPerRound());
  if (counts.movedTokens)
    text += fmt::format(", {} moved", counts.movedTokens);
  return text + "\n";
}
