//===- Main.cpp - The plait command ---------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/base/File.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"
#include "tools/plait/Launched.h"

#include <fmt/core.h>

#include <exception>

using namespace plait;

static int command(int argc, char **argv) {
  CLI::App app("Plait: compiles language models and runs them", "plait");
  app.set_version_flag("--version", "plait " PLAIT_VERSION);
  app.require_subcommand(1);
  app.fallthrough(); // --progress may follow the subcommand
  std::string progress;
  app.add_option("--progress", progress, "auto, bar, plain or none, on stderr (default: $PLAIT_PROGRESS, else auto)");
  Action action;
  addRunCommand(app, action);
  addChatCommand(app, action);
  addBenchCommand(app, action);
  addPerplexityCommand(app, action);
  addInspectCommand(app, action);
  addTokenizeCommand(app, action);
  addVerifyCommand(app, action);
  addSelftestCommand(app, action);
  addExplainCommand(app, action);
  addDoctorCommand(app, action);
  addRankCommand(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &help) { // --help, --version
    return app.exit(help);
  } catch (const CLI::ParseError &error) {
    if (!app.get_subcommands().empty())
      fmt::print(stderr, "plait: error: {}; see `plait {} --help`\n", error.what(),
                 app.get_subcommands()[0]->get_name());
    else
      fmt::print(stderr, "plait: error: found {}; expected a subcommand; see `plait --help`\n",
                 argc > 1 ? "\"" + printable(argv[1], 80) + "\"" : "nothing");
    return exitUsage;
  }
  auto mode = parseProgressMode(progress);
  if (!mode)
    return fail(mode.status(), exitUsage);
  setProgressMode(*mode);
  try {
    return action();
  } catch (const std::exception &error) { // out of memory; everything else is a Status
    return fail(resourceError(error.what()));
  }
}

int main(int argc, char **argv) {
  installSignalHandlers("plait");
  return underLauncher(argc, argv, [&] { return command(argc, argv); });
}
