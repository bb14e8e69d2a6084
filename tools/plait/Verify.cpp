//===- Verify.cpp - plait verify: whether an artifact is intact -----------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Model.h"
#include "tools/plait/Commands.h"
#include "tools/plait/Console.h"

#include <fmt/format.h>

using namespace plait;

/// The files of an artifact and of the models that draft for it.
static Expected<std::vector<FileCheck>> checkFiles(const ArtifactSource &source) {
  PLAIT_ASSIGN_OR_RETURN(std::vector<FileCheck> checks, Model::verify(source));
  PLAIT_ASSIGN_OR_RETURN(Manifest manifest, readManifest(source));
  for (const auto &[name, folder] : manifest.models) {
    PLAIT_ASSIGN_OR_RETURN(ArtifactSource draft, ArtifactSource::open(source.path() + "/" + folder));
    PLAIT_ASSIGN_OR_RETURN(std::vector<FileCheck> own, Model::verify(draft));
    for (FileCheck &check : own) {
      check.file = folder + "/" + check.file;
      checks.push_back(std::move(check));
    }
  }
  return checks;
}

int plait::verifyArtifact(const Expected<ArtifactSource> &source, bool quiet) {
  if (!source)
    return fail(source.status());
  Expected<std::vector<FileCheck>> checks = checkFiles(*source);
  if (!checks)
    return fail(checks.status());
  Output out;
  int code = exitSuccess;
  for (const FileCheck &check : *checks) {
    if (!check.status)
      code = fail(check.status);
    if (!quiet)
      out.write(
          fmt::format("{:<8} {} ({} bytes)\n", check.status ? "ok" : "DAMAGED", printable(check.file), check.bytes));
  }
  // Intact files may still not fit together, or not this machine.
  if (code == exitSuccess)
    if (auto model = Model::open(*source, {.threads = 1, .loadWeights = false}); !model)
      code = fail(model.status());
  if (int broken = out.exitCode())
    return broken;
  return code;
}

void plait::addVerifyCommand(CLI::App &app, Action &action) {
  struct Texts {
    std::string path;
    bool quiet = false;
  };
  auto texts = std::make_shared<Texts>();
  CLI::App *verify = app.add_subcommand("verify", "Read every file of a compiled model and "
                                                  "compare it with its digest");
  verify->add_option("PATH", texts->path, "a compiled model")->required();
  verify->add_flag("-q,--quiet", texts->quiet, "print nothing but errors");
  verify->callback([texts, &action] {
    action = [texts] { return verifyArtifact(ArtifactSource::open(texts->path), texts->quiet); };
  });
}
