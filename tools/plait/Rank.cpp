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
#include "tools/plait/Arguments.h"
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
  std::string groups; ///< descriptors
  int rank = 0;       ///< of the world
};

Status serve(const RankTexts &texts) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(texts.path));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  PLAIT_ASSIGN_OR_RETURN(std::vector<int64_t> fds, parseIntegerList("--groups", texts.groups, 0, INT32_MAX));
  Mesh mesh = manifest.mesh();
  if (fds.size() != groupsOf(mesh).size() || texts.rank < 1 || texts.rank >= mesh.size())
    return invalidArgument(fmt::format("--groups: found \"{}\" for rank {} of {}; expected as many as the model has, "
                                       "which rank 0 gives",
                                       printable(texts.groups, 80), texts.rank, mesh.size()));
  ModelOptions options;
  options.threads = texts.options.threads;
  options.target = texts.options.isa;
  Connect connect = connectLocally(manifest, texts.rank, {fds.begin(), fds.end()}, texts.options.emulatedLink);
  PLAIT_RETURN_IF_ERROR(joinWorld(mesh, texts.rank, connect, /*processes=*/nullptr, options));
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
    return fail(status.withContext(fmt::format("rank {} of the world", texts.rank)));
  return status ? exitSuccess : kLostOthersExit;
}

} // namespace

void plait::addRankCommand(CLI::App &app, Action &action) {
  auto texts = std::make_shared<RankTexts>();
  CLI::App *rank = app.add_subcommand("rank", "One of the ranks of a model, started by rank 0");
  rank->group(""); // not in the help
  rank->add_option("PATH", texts->path)->required();
  rank->add_option("--rank", texts->rank)->required();
  rank->add_option("--groups", texts->groups)->required();
  rank->add_option("--threads", texts->options.threads);
  rank->add_option("--isa", texts->options.isa);
  rank->add_option("--emulate-link", texts->options.emulatedLink);
  rank->callback([texts, &action] { action = [texts] { return rankAction(*texts); }; });
}
