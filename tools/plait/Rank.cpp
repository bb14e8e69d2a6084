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
#include "tools/plait/Launched.h"

#include <fmt/format.h>

#include <csignal>
#include <cstdio>
#include <cstring>

#include <sys/prctl.h>
#include <unistd.h>

using namespace plait;

namespace {

struct RankTexts {
  std::string path;
  RankOptions options;
  std::string groups; ///< descriptors
  int rank = 0;       ///< of the world
};

pid_t rankZero = 0;
char rankZeroName[64] = "rank 0";

/// Joins the groups that rank 0 has made; then `model` has them.
Status serve(const RankTexts &texts, ModelOptions &model) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(texts.path));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  PLAIT_ASSIGN_OR_RETURN(std::vector<int64_t> fds, parseIntegerList("--groups", texts.groups, 0, INT32_MAX));
  Mesh mesh = manifest.mesh();
  if (fds.size() != groupsOf(mesh).size() || texts.rank < 1 || texts.rank >= mesh.size())
    return invalidArgument(fmt::format("--groups: found \"{}\" for rank {} of {}; expected as many as the model has, "
                                       "which rank 0 gives",
                                       printable(texts.groups, 80), texts.rank, mesh.size()));
  if (mesh.hasPhases()) // of replicas, it is not said which one leads
    std::snprintf(rankZeroName, sizeof(rankZeroName), "%s", rankName(mesh, 0).c_str());
  Connect connect = connectLocally(manifest, texts.rank, {fds.begin(), fds.end()}, texts.options.emulatedLink);
  return serveModel(std::move(source), mesh, texts.rank, texts.options, connect, model);
}

/// Only what is safe in a signal handler.
void onTerminate(int signal, siginfo_t *info, void *) {
  // While rank 0 dies, threads of it may still be this process's parent.
  if (info->si_pid != rankZero && getppid() == rankZero) { // meant for this rank
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  for (const char *text : {programName(), ": error: ", static_cast<const char *>(rankZeroName),
                           " has ended without a word, as one that was killed; the other ranks end as well\n"})
    (void)!write(STDERR_FILENO, text, std::strlen(text));
  _exit(exitFailure);
}

/// Lets this rank say that rank 0 was killed, where the others just end with it.
void watchRankZero() {
  rankZero = getppid();
  struct sigaction action = {};
  action.sa_sigaction = onTerminate;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGTERM, &action, nullptr);
  prctl(PR_SET_PDEATHSIG, SIGTERM); // until now it was SIGKILL
}

int rankAction(const RankTexts &texts) {
  // A terminal sends it to all ranks; rank 0 decides.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_DFL);
  if (texts.rank == 1)
    watchRankZero();
  ModelOptions model;
  Status status = serve(texts, model);
  // Of a rank that is lost rank 0 tells.
  if (tellsOfRankZero(status, texts.rank, model))
    return fail(status);
  if (!status && status.code() != StatusCode::resource)
    return fail(status.withContext(fmt::format("rank {} of the world", texts.rank)));
  return status ? exitSuccess : lostRankOf(model) >= 0 ? kLostOthersExit : exitFailure;
}

} // namespace

Status plait::serveModel(ArtifactSource source, const Mesh &mesh, int worldRank, const RankOptions &texts,
                         const Connect &connect, ModelOptions &options) {
  options.threads = texts.threads;
  options.target = texts.isa;
  PLAIT_RETURN_IF_ERROR(joinWorld(mesh, worldRank, connect, /*processes=*/nullptr, options));
  auto model = Model::open(std::move(source), options);
  // Rank 0 says what is wrong with the model, unless it is rank 0 that is lost.
  if (!model) {
    bool lost = lostRankOf(options) >= 0 && model.status().code() == StatusCode::resource;
    return lost ? model.status() : Status::success();
  }
  return serveRank(*model);
}

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
