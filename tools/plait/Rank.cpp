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
#include "tools/plait/Launched.h"

#include <fmt/format.h>

#include <csignal>
#include <cstring>

#include <sys/prctl.h>
#include <unistd.h>

using namespace plait;

namespace {

struct RankTexts {
  std::string path;
  RankOptions options;
  int rank = 0, group = -1;
};

/// Joins the group that rank 0 has made; then `group` tells of it.
Status serve(const RankTexts &texts, std::shared_ptr<RankGroup> &group) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(texts.path));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  PLAIT_ASSIGN_OR_RETURN(LocalGroupOptions options, groupOptions(manifest, texts.options.emulatedLink));
  PLAIT_ASSIGN_OR_RETURN(std::unique_ptr<Communicator> communicator,
                         LocalGroup::join(texts.group, texts.rank, options));
  group = std::make_shared<RankGroup>(std::move(communicator));
  return serveModel(texts.path, texts.rank, texts.options, group);
}

pid_t rankZero = 0;

/// Only what is safe in a signal handler.
void onTerminate(int signal, siginfo_t *info, void *) {
  // While rank 0 dies, threads of it may still be this process's parent.
  if (info->si_pid != rankZero && getppid() == rankZero) { // meant for this rank
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  constexpr char text[] =
      ": error: rank 0 has ended without a word, as one that was killed; the other ranks end as well\n";
  (void)!write(STDERR_FILENO, programName(), std::strlen(programName()));
  (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
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
  std::shared_ptr<RankGroup> group;
  Status status = serve(texts, group);
  // Of a rank that is lost rank 0 tells.
  if (group && tellsOfRankZero(status, group->communicator()))
    return fail(status);
  if (!status && status.code() != StatusCode::resource)
    return fail(status.withContext(fmt::format("rank {}", texts.rank)));
  return status ? exitSuccess : group && group->communicator().lostRank() >= 0 ? kExitLostOther : exitFailure;
}

} // namespace

Status plait::serveModel(const std::string &path, int rank, const RankOptions &texts,
                         std::shared_ptr<RankGroup> group) {
  PLAIT_ASSIGN_OR_RETURN(ArtifactSource source, ArtifactSource::open(path));
  ModelOptions options;
  options.threads = texts.threads;
  options.rank = rank;
  options.target = texts.isa;
  options.group = group;
  auto model = Model::open(std::move(source), options);
  // Rank 0 says what is wrong with the model.
  if (!model)
    return group->communicator().lostRank() >= 0 ? model.status() : Status::success();
  return serveRank(*model);
}

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
