//===- Rank.cpp - plait rank: one of the ranks of a model -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Nobody calls it but RankProcesses.cpp.
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Model.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/RankProcesses.h"

#include <fmt/format.h>

#include <csignal>

using namespace plait;

namespace {

struct RankTexts {
  std::string path;
  RankOptions options;
  int rank = 0, group = -1;
};

Status serve(const RankTexts &texts) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(texts.path));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  PLAIT_ASSIGN_OR_RETURN(LocalGroupOptions group, groupOptions(manifest, texts.options.emulatedLink));
  PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> communicator, LocalGroup::join(texts.group, texts.rank, group));
  ModelOptions options;
  options.threads = texts.options.threads;
  options.rank = texts.rank;
  options.target = texts.options.isa;
  options.group = std::make_shared<RankGroup>(std::move(communicator));
  // Rank 0 says what is wrong with the model.
  auto model = Model::open(std::move(source), options);
  return model ? serveRank(*model) : Status::success();
}

int rankAction(const RankTexts &texts) {
  // A terminal sends it to all ranks; rank 0 decides.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_DFL);
  Status status = serve(texts);
  // Of a rank that is lost rank 0 tells.
  if (!status && status.code() != StatusCode::resource)
    return fail(status.withContext(fmt::format("rank {}", texts.rank)));
  return status ? exitSuccess : exitFailure;
}

} // namespace

void plait::addRankCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<RankTexts>();
  CLI::App *rank = app.add_subcommand("rank", "One of the ranks of a model, started by rank 0");
  rank->group(""); // not in the help
  rank->add_option("PATH", texts->path)->required();
  rank->add_option("--rank", texts->rank)->required();
  rank->add_option("--group", texts->group)->required();
  rank->add_option("--threads", texts->options.threads);
  rank->add_option("--isa", texts->options.isa);
  rank->add_option("--emulate-link", texts->options.emulatedLink);
  rank->callback([texts, &action] { action = [texts] { return rankAction(*texts); }; });
}
