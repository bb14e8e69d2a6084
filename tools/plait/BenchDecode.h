//===- BenchDecode.h - How fast strategies decode ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_BENCHDECODE_H
#define PLAIT_TOOLS_PLAIT_BENCHDECODE_H

#include "tools/plait/Session.h"

#include <functional>
#include <string>
#include <vector>

namespace plait {

/// What `plait bench --decode` measures: each strategy beside plain decoding, on the same
/// prompts and in turns with it.
struct DecodeBench {
  std::vector<int64_t> batches;
  std::vector<double> oracles; ///< probabilities that a draft is right; none: as it drafts
  int64_t sequences = 0;       ///< in all; 0: as many as the batch
  int64_t prompt = 32;         ///< random tokens of each, without a file
  std::string promptFile;
  int64_t generate = 128, chunk = 512, repetitions = 5;
  unsigned threads = 0;
  bool pin = false, quiet = false;
  bool always = false; ///< draft as much as may be
};

/// One record for each strategy, batch and probability. Other tokens than those of plain
/// decoding are an error.
Status benchDecode(const Session &session, const DecodeBench &options, const std::vector<std::string> &calls,
                   const std::function<bool(Json)> &add);

/// A table for people.
std::string decodeRow(const Json &record, bool isFirst);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_BENCHDECODE_H
