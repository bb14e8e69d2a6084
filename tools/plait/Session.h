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

/// How many sequences of how many positions an instance is to hold at once.
struct Demand {
  int64_t sequences = 1;
  int64_t positions = 1;      ///< of each, at most
  int64_t totalPositions = 1; ///< of all together, each rounded up to pages
};

/// Pages of each page table for `demand` on an instance of `options`
/// (InstanceOptions::capacityPages), as far as they fit in memory, but enough for one
/// sequence of the demanded length.
int64_t pagesToReserve(const Model &model, const InstanceOptions &options, const Demand &demand);

/// The pages of row `row` for `positions` positions where `rows` rows divide each
/// page table among them; those behind a window are used in turn.
std::vector<std::vector<int32_t>> dealPages(const StepLimits &limits, int64_t row, int64_t rows, int64_t positions);

/// Of the option --isa, which sets CompileOptions::isa.
inline constexpr const char *kIsaHelp = "run the code for this target (default: the best that this CPU can run)";

/// Of the option --pin, which sets InstanceOptions::pin.
inline constexpr const char *kPinHelp = "keep each thread but the first on a CPU of its own";

/// `positions` rounded up to whole pages of the model.
int64_t wholePages(const Model &model, int64_t positions);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_SESSION_H
