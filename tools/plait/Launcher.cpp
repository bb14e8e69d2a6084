//===- Launcher.cpp - A compiled model as a program -----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// `plait-compile --emit=exe` makes a copy of this program and appends the files
// of a model (runtime/core/ArtifactSource.h). The copy is `plait run` for that
// model.
//
//===----------------------------------------------------------------------===//

#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"

#include <fmt/core.h>

#include <cstring>
#include <exception>

using namespace plait;

static int launch(int argc, char **argv) {
  Expected<ArtifactSource> source = ArtifactSource::openSelf();
  if (!source)
    return fail(source.status());
  // Damaged code does not fail but runs; this finds damage anywhere but here.
  if (Status intact = source->checkProgram(); !intact)
    return fail(intact);
  Expected<Manifest> manifest = readManifest(*source);
  if (!manifest)
    return fail(manifest.status());

  CLI::App app(fmt::format("Generates text with the model {}", printable(manifest->name)), programName());
  app.set_version_flag("--version", fmt::format("{}, compiled by plait {}; runtime of plait {}",
                                                printable(manifest->name), manifest->compilerVersion, PLAIT_VERSION));
  Action action;
  addRunOptions(app, action, [&](const CompileOptions &compile, unsigned threads) {
    return Session::load(*source, compile, threads);
  });
  bool verify = false;
  app.add_flag("--verify", verify, "compare every file of the model and this program with its digest, and end");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success &help) { // --help, --version
    return app.exit(help);
  } catch (const CLI::ParseError &error) {
    fmt::print(stderr, "{}: error: {}; see `{} --help`\n", programName(), error.what(), programName());
    return exitUsage;
  }
  return verify ? verifyArtifact(source, /*quiet=*/false) : action();
}

int main(int argc, char **argv) {
  const char *path = argc > 0 ? argv[0] : "model", *slash = std::strrchr(path, '/');
  installSignalHandlers(slash ? slash + 1 : path);
  try {
    return launch(argc, argv);
  } catch (const std::exception &error) { // out of memory; everything else is a Status
    return fail(resourceError(error.what()));
  }
}
