//===- StepBatch.h - What one step computes --------------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_STEPBATCH_H
#define PLAIT_RUNTIME_CORE_STEPBATCH_H

#include "plait-abi/Types.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

namespace plait {

/// How the next token is chosen. Plain values per sequence; what they mean is
/// compiled into the model.
struct Sampling {
  float temperature = 0; ///< 0 chooses greedily
  int32_t topK = 0;      ///< 0 keeps all
  float topP = 1;        ///< 1 keeps all
  float minP = 0;        ///< 0 keeps all
  uint64_t seed = 0;
  uint64_t sequence = 0; ///< number of the sequence under its seed
};

/// What happens to the logit l of one token before the choice, in this order:
/// l += bias; l = l > 0 ? l / scale : l * scale; l -= offset. The op
/// decode.edit_logits.
struct LogitEdit {
  /// The bias of a token that cannot be chosen, whatever the temperature.
  static constexpr float kMask = -std::numeric_limits<float>::infinity();

  int32_t token = 0;
  float bias = 0;
  float scale = 1; ///< positive
  float offset = 0;
};

/// The hidden state of one token.
using HiddenRow = std::shared_ptr<const std::vector<float>>;

/// A token of a row whose successor is to be chosen.
struct StepLeaf {
  int32_t token = 0; ///< index within the row
  Sampling sampling = {};
  std::vector<int32_t> stops = {};   ///< ids that end the sequence
  std::vector<LogitEdit> edits = {}; ///< in order
  int32_t topLogprobs = 0;           ///< how many of the most probable tokens to report
  HiddenRow hidden = nullptr;        ///< of a step that is a head, or recurs: what it begins with
  int32_t parent = -1;               ///< the leaf of the row that its token was drafted after; -1: none
};

/// What becomes of the keys and values of a row's tokens.
enum class WriteMode : uint8_t {
  stage, ///< they extend the sequence; the one mode up to ABI version 2
};

/// Consecutive tokens of one sequence, or a tree of them. Decoding is a row of one token
/// with a leaf; a chunk of a prompt is a longer row, mostly without one. A row of a step that
/// is a head has one leaf, and neither tokens nor pages; one of a step that recurs has a hidden
/// state, the token after it as its leaf, and pages if there is a state.
struct StepRow {
  std::vector<int32_t> tokens;
  int64_t firstPosition = 0;
  /// Of each page table: page i holds positions [i * P, (i+1) * P). Those that
  /// this row writes must be in no other row of the step. Entries of pages that
  /// lie before the window of the row's first token are not looked at.
  std::vector<std::vector<int32_t>> pages;
  std::vector<StepLeaf> leaves; ///< ascending by token
  WriteMode mode = WriteMode::stage;
  /// With it the row is a tree: the token of the row, one before it, that each continues; -1
  /// of the first one. A token's position is one more than that of the token it continues,
  /// and it sees what that sees. Token t lies where position `firstPosition` + t would, until
  /// its cell is moved.
  std::vector<int32_t> parents = {};
  /// With them each token sees more than what it continues: up to this token of the row, itself or
  /// one that continues it. What sees behind itself is continued by what it sees alone.
  std::vector<int32_t> ends = {};
  int32_t next = 0; ///< the token of the text after the row, where it is known
};

/// The cell of a position, its keys and values in every layer, that becomes that of another
/// one of a page table.
struct CellMove {
  int32_t table = 0;
  int32_t fromPage = 0, fromSlot = 0, toPage = 0, toSlot = 0; ///< slots: positions within a page

  bool operator==(const CellMove &) const = default;
};

struct StepBatch {
  std::vector<StepRow> rows;
  int32_t step = 0; ///< which of the instance's (StepLimits::steps)
};

/// Log probabilities are natural logarithms under the edited logits, before
/// temperature and all other warps.
struct TokenLogprob {
  int32_t token = 0;
  float logprob = 0;

  bool operator==(const TokenLogprob &) const = default;
};

struct LeafResult {
  int32_t token = -1; ///< -1 for PLAIT_LEAF_NONFINITE
  plait_leaf_status_t status = PLAIT_LEAF_OK;
  float logprob = 0;
  /// The most probable tokens in falling order, as many as were asked for and
  /// are not masked.
  std::vector<TokenLogprob> top = {};
  HiddenRow hidden = nullptr; ///< of a step that returns it
};

struct StepResult {
  std::vector<LeafResult> leaves; ///< row by row
  std::vector<float> logits;      ///< [leaves][vocabulary], not edited; debug variants only
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_STEPBATCH_H
