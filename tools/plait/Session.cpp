//===- Session.cpp - An artifact opened for generation --------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Session.h"

#include "runtime/base/Progress.h"
#include "runtime/core/Tables.h"
#include "runtime/device/cpu/Topology.h"
#include "tools/plait/Console.h"
#include "tools/plait/Launched.h"
#include "tools/plait/RankProcesses.h"

#include <algorithm>
#include <chrono>

using namespace plait;

Expected<Session> Session::open(const std::string &path, const CompileOptions &compile, unsigned threads) {
  PLAIT_ASSIGN_OR_RETURN(ResolvedArtifact artifact, resolveArtifact(path, compile));
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(artifact.path));
  PLAIT_ASSIGN_OR_RETURN(Session session, load(std::move(source), compile, threads));
  session.artifact = std::move(artifact);
  return session;
}

Expected<Session> Session::load(ArtifactSource source, const CompileOptions &compile, unsigned threads) {
  Session session;
  session.artifact.path = source.path();
  auto begin = std::chrono::steady_clock::now();
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  int64_t ranks = manifest.mesh().size();
  if (ranks == 1 && !compile.emulateLink.empty())
    return invalidArgument("--emulate-link: found a model of one process; expected one of several, see --mesh");
  PLAIT_RETURN_IF_ERROR(checkMemoryForWeights(manifest));
  ModelOptions options;
  options.threads = ranks > 1 ? std::max(1u, (threads ? threads : physicalCores()) / unsigned(ranks)) : threads;
  options.target = compile.isa;
  if (ranks == 1)
    PLAIT_RETURN_IF_ERROR(refuseLaunched(source.path()));
  if (ranks > 1) {
    RankOptions rankOptions{compile.isa, compile.emulateLink, options.threads};
    PLAIT_RETURN_IF_ERROR(startRanks(source.path(), manifest, rankOptions, options));
  }
  Progress progress(programName(), compile.quiet ? ProgressMode::none : progressMode());
  options.progress = &progress;
  PLAIT_ASSIGN_OR_RETURN(session.model, Model::open(std::move(source), options));
  session.loadSeconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return session;
}

Expected<std::optional<Tokenizer>> Session::tokenizer() const {
  PLAIT_ASSIGN_OR_RETURN(std::optional<FileRange> file, model->file("tokenizer.json"));
  if (!file)
    return std::optional<Tokenizer>();
  PLAIT_ASSIGN_OR_RETURN(Tokenizer tokenizer, Tokenizer::fromFile(*file));
  return std::optional<Tokenizer>(std::move(tokenizer));
}

ModelReader Session::reader() const {
  return [model = model](const std::string &name) -> Expected<std::optional<ModelText>> {
    PLAIT_ASSIGN_OR_RETURN(std::optional<FileRange> file, model->file(name));
    if (!file)
      return std::optional<ModelText>();
    PLAIT_ASSIGN_OR_RETURN(std::string text, readFile(*file));
    return std::optional<ModelText>({std::move(text), file->label});
  };
}

std::vector<std::vector<int32_t>> plait::dealPages(const StepLimits &limits, int64_t row, int64_t rows,
                                                   int64_t positions) {
  std::vector<std::vector<int32_t>> pages;
  for (const TableLimits &table : limits.tables) {
    int64_t share = table.capacityPages / rows;
    pages.emplace_back();
    for (int64_t i = 0; i < limits.wholePages(positions); ++i)
      pages.back().push_back(int32_t(row * share + i % share));
  }
  return pages;
}
