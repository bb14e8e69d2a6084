//===- RoundForwards.h - The forwards of a round ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDFORWARDS_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDFORWARDS_H

#include "runtime/decode/rounds/RoundProgram.h"

#include <algorithm>
#include <map>

namespace plait {

/// What is known of a forward, or of a head, before anything runs.
struct RoundForward {
  size_t model = 0; ///< of the program's texts: the first one with that model
  std::string step;
  int64_t nodes = 1;                    ///< of its block at most
  int64_t times = 1;                    ///< at most in a round
  bool perToken = false;                ///< once for each token to draft, as a `choose_length` says
  std::vector<int64_t> within;          ///< of a tree: nodes down to each depth
  bool isHead = false;                  ///< begins where a forward has ended, and so does what recurs
  std::vector<std::string> others = {}; ///< steps of variants 1, 2, ... of a forward that has some

  const std::string &stepOf(size_t variant) const {
    return variant && variant <= others.size() ? others[variant - 1] : step;
  }

  /// Times in a round that drafts `length` tokens, and tokens each time.
  int64_t timesFor(int64_t length) const { return perToken ? std::min(length, times) : times; }
  int64_t tokensFor(int64_t length) const {
    if (perToken)
      return nodes;
    return within.empty() ? std::min(length + 1, nodes) : within[std::min(size_t(length), within.size() - 1)];
  }
};

/// In the order of the program.
std::vector<RoundForward> forwardsOf(const RoundProgram &program);

/// The tokens that forwards of a round stage at most behind what was published before it, of each
/// model of the program. A fork stages where its text does, so the longer of both counts.
std::map<std::string, int64_t> stagedTokens(const RoundProgram &program);

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDFORWARDS_H
