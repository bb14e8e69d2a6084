//===- Session.h - An artifact opened for generation -----------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_SESSION_H
#define PLAIT_TOOLS_PLAIT_SESSION_H

#include "runtime/base/ModelReader.h"
#include "runtime/base/Status.h"
#include "runtime/base/Tokenizer.h"
#include "runtime/core/Instance.h"
#include "runtime/core/MemoryCheck.h"
#include "tools/plait/Cache.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace plait {

/// What several subcommands begin with: find or compile, then load.
struct Session {
  ResolvedArtifact artifact;
  std::shared_ptr<const Model> model;
  double loadSeconds = 0;

  static Expected<Session> open(const std::string &path, const CompileOptions &compile, unsigned threads);
  /// Without finding or compiling.
  static Expected<Session> load(ArtifactSource source, const CompileOptions &compile, unsigned threads);
  /// The tokenizer, or nothing if the artifact holds none.
  Expected<std::optional<Tokenizer>> tokenizer() const;
  /// Reads the files that the manifest lists.
  ModelReader reader() const;
};

/// How a command opens its model: at a path of the command line, or always the
/// same. `compile` is what the command line says of compiling.
using OpenSession = std::function<Expected<Session>(const CompileOptions &compile, unsigned threads)>;

/// The pages of row `row` for `positions` positions where `rows` rows divide each
/// page table among them; those behind a window are used in turn.
std::vector<std::vector<int32_t>> dealPages(const StepLimits &limits, int64_t row, int64_t rows, int64_t positions);

/// Of the option --isa, which sets CompileOptions::isa.
inline constexpr const char *kIsaHelp = "run the code for this target (default: the best that this CPU can run)";

/// Of the option --pin, which sets InstanceOptions::pin.
inline constexpr const char *kPinHelp = "keep each thread but the first on a CPU of its own";

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_SESSION_H
