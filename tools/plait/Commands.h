//===- Commands.h - The subcommands of plait -------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_COMMANDS_H
#define PLAIT_TOOLS_PLAIT_COMMANDS_H

#include "tools/plait/Session.h"

#include <CLI/CLI.hpp>

#include <functional>

namespace plait {

/// What the chosen subcommand does; returns the exit code.
using Action = std::function<int()>;

/// Adds the options of `run` to `app`, for a model that `open` gives, and sets
/// `action` when `app` is parsed. `open` is called once, by the action.
void addRunOptions(CLI::App &app, Action &action, OpenSession open);
/// What `plait verify` does; `source` may be the error of opening it.
int verifyArtifact(const Expected<ArtifactSource> &source, bool quiet);

// Each adds its subcommand to `app` and sets `action` when it is chosen.
void addRunCommand(CLI::App &app, Action &action);
void addChatCommand(CLI::App &app, Action &action);
void addBenchCommand(CLI::App &app, Action &action);
void addInspectCommand(CLI::App &app, Action &action);
void addTokenizeCommand(CLI::App &app, Action &action);
void addVerifyCommand(CLI::App &app, Action &action);
void addSelftestCommand(CLI::App &app, Action &action);
void addExplainCommand(CLI::App &app, Action &action);
void addDoctorCommand(CLI::App &app, Action &action);
void addPerplexityCommand(CLI::App &app, Action &action);
void addRankCommand(CLI::App &app, Action &action);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_COMMANDS_H
