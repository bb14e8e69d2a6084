//===- RoundValues.h - What flows between the ops of a round ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The values of the decode dialect's types (dialects/Decode) as a runtime holds them: of
// one sequence, small, and on the host. Logits stay with the model; a round sees of them
// what a step returns for each leaf.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDVALUES_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDVALUES_H

#include "runtime/core/StepBatch.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

namespace plait {

/// A text and how much of it is in a model's state: the sequence that a user reads, one
/// of a draft model, or a fork.
struct RoundText {
  int model = 0; ///< which one of the program's
  std::vector<int32_t> tokens;
  int64_t published = 0;          ///< of `tokens`: their keys and values are in pages
  int base = -1;                  ///< of a fork: the text whose pages it uses
  bool dropped = false;           ///< a fork that has ended: its place is free
  bool ended = false;             ///< chose a stop id, spent its budget, or met NaN
  bool nonfinite = false;         ///< the last of these
  int64_t budget = INT64_MAX;     ///< tokens that may still be chosen
  int64_t slots = INT64_MAX;      ///< positions that there are pages for: nodes lie one behind the other
  std::vector<LeafResult> chosen; ///< since they were last taken, in order
  /// Since they were last taken: positions of published tokens that lie elsewhere, and where. They
  /// are to be moved in this order.
  std::vector<std::pair<int64_t, int64_t>> strays;

  /// Position of the last pending token.
  int64_t root() const { return int64_t(tokens.size()) - 1; }
};

/// !decode.sequence: which text. Affine, so ops change the text in place.
struct TextHandle {
  int number = -1;
};

/// !decode.block: node 0 is the last pending token.
struct DraftBlock {
  std::vector<int32_t> tokens;
  std::vector<int32_t> parents; ///< -1 for node 0
  int64_t deepest = INT64_MAX;  ///< that is of use: see RoundContext::deepest
  int32_t prompts = 0;          ///< of the last nodes: they stand for no token
  int32_t together = 1;         ///< prompts in a row that see each other

  int32_t size() const { return int32_t(tokens.size()); }
  /// Nodes that a path may go through.
  int32_t numTokens() const { return size() - prompts; }
  /// Leaves the first `count` nodes.
  void shorten(int32_t count) {
    prompts = std::max(0, prompts - (size() - count));
    tokens.resize(size_t(count));
    parents.resize(size_t(count));
  }
  /// Whether each node continues the one before it.
  bool isChain() const {
    for (int32_t node = 0; node < size(); ++node)
      if (parents[size_t(node)] != node - 1)
        return false;
    return true;
  }
  /// The last node that `node` sees: itself, or the last one of its group of prompts. These of a row lie behind each
  /// other.
  int32_t lastSeenBy(int32_t node) const {
    if (node < numTokens())
      return node;
    int32_t first = node;
    while (parents[size_t(first)] >= numTokens())
      --first;
    int32_t last = first + ((node - first) / together + 1) * together - 1;
    while (node < last && node + 1 < size() && parents[size_t(node) + 1] == node)
      ++node;
    return node;
  }
  int32_t depth(int32_t node) const { return node == 0 ? 0 : 1 + depth(parents[size_t(node)]); }
  void add(int32_t token, int32_t parent) {
    tokens.push_back(token);
    parents.push_back(parent);
  }
};

/// !decode.logits after the rule of the step: what it chose at each node.
struct NodeChoices {
  std::vector<LeafResult> nodes;
};

/// !decode.hidden: of each node, or of one. Null where the step did not compute it.
struct HiddenRows {
  std::vector<HiddenRow> rows;
  int64_t recurred = 0; ///< how often, since it was that of a leaf
};

/// !decode.path
struct DraftPath {
  std::vector<int32_t> nodes;     ///< accepted ones, the root first
  std::vector<LeafResult> chosen; ///< of each: the token of the next node, or what follows
};

/// !decode.guesses and !decode.candidates
struct TokenList {
  std::vector<int32_t> tokens;
};

/// !decode.successors
struct SuccessorTable {
  std::map<int32_t, std::vector<int32_t>> entries;
};

/// !decode.acceptance
struct AcceptanceRates {
  struct Rate {
    double accepted = 0, seen = 0;
  };
  std::vector<Rate> rates;              ///< of variant 0
  std::vector<AcceptanceRates> further; ///< of variants 1, 2, ..., as far as they have drafted

  /// Of one variant; nothing where it has not drafted.
  AcceptanceRates &of(size_t variant) {
    if (variant > further.size())
      further.resize(variant);
    return variant ? further[variant - 1] : *this;
  }
  std::vector<Rate> ratesOf(size_t variant) const {
    return variant == 0 ? rates : variant <= further.size() ? further[variant - 1].rates : std::vector<Rate>();
  }
};

using RoundValue = std::variant<std::monostate, TextHandle, DraftBlock, NodeChoices, DraftPath, TokenList,
                                std::shared_ptr<SuccessorTable>, AcceptanceRates, int64_t, bool, HiddenRows>;

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDVALUES_H
