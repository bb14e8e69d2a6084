//===- Drafting.h - The strategies of a session -----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_DRAFTING_H
#define PLAIT_RUNTIME_DECODE_DRAFTING_H

#include "runtime/core/Memory.h"
#include "runtime/core/MemoryCheck.h"
#include "runtime/decode/Scheduler.h"

#include <memory>
#include <string>
#include <vector>

namespace plait {

/// The strategies that sequences of one scheduler may have, and the models that draft for
/// them, which the artifact holds: what has to be known before an instance is made. Without
/// strategies it asks for nothing.
class Drafting {
public:
  struct Strategy {
    std::string call;
    std::shared_ptr<const RoundProgram> program; ///< for Request::strategy
  };
  struct Model {
    std::string name; ///< that strategies have for it
    std::shared_ptr<const plait::Model> model;
    RankMemory memory; ///< of all its instances in this process, once there are some
  };

  /// Reads `strategies` of the manifest of `model`, each once, and opens the draft models
  /// that they name with `options` (DraftModels.h). An error if a program or a draft model is
  /// missing, damaged, or of more ranks than `model`.
  static Expected<Drafting> open(const plait::Model &model, const std::vector<const ManifestStrategy *> &strategies,
                                 ModelOptions options = {});

  const std::vector<Strategy> &strategies() const { return known; }
  /// The one of these that `name` means, as for chooseStrategy; null: none, or several.
  const Strategy *find(const std::string &name) const;
  const std::vector<Model> &models() const { return drafts; }

  /// Makes steps of `options` large enough for what is drafted, and returns what the model's
  /// pages have to hold if its texts ask for `demand`.
  Demand enlarge(InstanceOptions &options, const Demand &demand) const;
  /// Instances of the draft models for each of `replicas`, with the `options` of the model but
  /// for the number of pages, which are for texts of `demand`: all in this process, or of a draft
  /// model of several ranks on those of the replica. One of as many ranks as the first replica
  /// computes with its threads.
  Expected<std::vector<std::vector<DraftModel>>> create(const InstanceOptions &options, const Demand &demand,
                                                        const std::vector<std::shared_ptr<StepRunner>> &replicas);

private:
  Status openModel(const plait::Model &model, const Strategy &strategy, const std::string &name,
                   const ModelOptions &options);
  Demand demandOn(const std::string &name, const Demand &demand) const;
  Expected<std::vector<std::shared_ptr<StepRunner>>> createRunners(Model &draft, InstanceOptions options,
                                                                   const Demand &demand, const Instance *first,
                                                                   size_t replicas) const;
  int64_t pagesOf(const Model &draft, const InstanceOptions &options, const Demand &demand) const;

  std::vector<Strategy> known;
  std::vector<Model> drafts;
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_DRAFTING_H
