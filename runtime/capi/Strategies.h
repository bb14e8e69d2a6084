//===- Strategies.h - The strategies of a session in the C API --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CAPI_STRATEGIES_H
#define PLAIT_RUNTIME_CAPI_STRATEGIES_H

#include "runtime/capi/Boundary.h"
#include "runtime/decode/Drafting.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace plait::capi {

/// What sequences have come to.
struct Tally {
  int64_t sequences = 0, tokens = 0;
  DraftCounts drafting;
};

/// One that requests may have, and what those that had it have come to.
struct Strategy {
  void begin();
  void add(const Tally &more);
  Tally total() const;

  std::string call;                            ///< "ar" for plain decoding
  std::shared_ptr<const RoundProgram> program; ///< null for plain decoding

private:
  mutable std::mutex mutex;
  Tally tally;
};

/// Those of a session: plain decoding, and what its options name.
class Strategies {
public:
  /// Reads what `options` name, and opens the models that draft for it.
  Status open(const Model &model, const plait_session_options &options);
  const Drafting &drafting() const { return own; }
  /// Makes the models that draft ready for a session of `instance`.
  Status createModels(const InstanceOptions &options, const Demand &demand, std::shared_ptr<StepRunner> instance);
  /// These models, once.
  std::vector<DraftModel> takeModels() { return std::move(models); }

  /// The one that a request means; NULL: that of requests which name none.
  Expected<std::shared_ptr<Strategy>> find(const char *name) const;
  const std::vector<std::shared_ptr<Strategy>> &all() const { return strategies; }

private:
  const Manifest *manifest = nullptr; ///< of the session's model
  Drafting own;
  std::vector<DraftModel> models;
  std::vector<std::shared_ptr<Strategy>> strategies; ///< plain decoding, then those of `own`
  std::shared_ptr<Strategy> standard;
};

} // namespace plait::capi

#endif // PLAIT_RUNTIME_CAPI_STRATEGIES_H
