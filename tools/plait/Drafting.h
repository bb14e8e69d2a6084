//===- Drafting.h - How a command's text is drafted -------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_DRAFTING_H
#define PLAIT_TOOLS_PLAIT_DRAFTING_H

#include "runtime/core/Memory.h"
#include "runtime/decode/Scheduler.h"
#include "tools/plait/Session.h"

#include <memory>
#include <string>
#include <vector>

namespace plait {

/// The strategy of a session's model that `call` of --decode means.
Expected<const ManifestStrategy *> findStrategy(const Session &session, const std::string &call);

/// The strategy that --decode names, if it does, and the models that draft for it.
class Drafting {
public:
  /// Reads the strategy, and opens the draft models, of an artifact.
  static Expected<Drafting> open(const Session &session, const CompileOptions &compile, unsigned threads);

  static Expected<Drafting> open(const Session &session, const ManifestStrategy &strategy, bool quiet,
                                 unsigned threads);

  /// The strategy's call.
  const std::string &name() const { return call; }
  /// For requests; null without --decode.
  const std::shared_ptr<const RoundProgram> &strategy() const { return program; }
  /// Makes steps of `options` large enough for what is drafted, and pages of `demand` for
  /// all texts of the model.
  void enlarge(InstanceOptions &options, Demand &demand) const;
  /// An instance of each draft model for each replica, all in this process, with the
  /// `options` of the model but for the number of pages. One of the first replica computes
  /// with its threads.
  Expected<std::vector<std::vector<DraftModel>>> create(const InstanceOptions &options, const Demand &demand,
                                                        const std::vector<std::shared_ptr<StepRunner>> &replicas);
  /// Lines for --stats.
  std::string statisticsText(const std::vector<SequenceResult> &results) const;

private:
  struct Model {
    std::string name;
    std::shared_ptr<const plait::Model> model;
    RankMemory memory; ///< of all its instances
  };

  int64_t textsOf(const std::string &name) const;

  std::string call;
  std::shared_ptr<const RoundProgram> program;
  std::vector<Model> models;
};

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_DRAFTING_H
