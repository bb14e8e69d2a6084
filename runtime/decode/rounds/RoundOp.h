//===- RoundOp.h - An op of a round program ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDOP_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDOP_H

#include "runtime/base/Json.h"
#include "runtime/decode/rounds/Pace.h"
#include "runtime/decode/rounds/RoundValues.h"

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace plait {

/// What ops may know besides their operands.
struct RoundContext {
  std::vector<RoundText> texts;
  std::vector<int64_t> maxPositions; ///< of each model
  int64_t vocabulary = 0;
  uint64_t seed = 0, sequence = 0; ///< of the text's random numbers
  std::vector<int32_t> stops;      ///< ids that end the text
  std::shared_ptr<Pace> pace;      ///< null: nothing is known beyond the sequence
  bool hasPlainText = true;        ///< else what is chosen at a node may depend on the nodes that continue it

  RoundText &text(const RoundValue &value) { return texts[size_t(std::get<TextHandle>(value).number)]; }
  /// The depth of the last node that has a position and whose successor may still be chosen, or
  /// is part of what the node before it chooses from; negative if there is none. So no block of a
  /// strategy with the text of plain decoding needs a position that the text alone would not.
  int64_t deepest(const RoundText &text) const {
    int64_t chosen = hasPlainText || text.budget <= 0 ? text.budget : text.budget + 1;
    return std::min(maxPositions[size_t(text.model)] - text.root(), chosen) - 1;
  }
};

/// One op on host values. Kinds of operands and results are checked when a program is read.
class RoundOp {
public:
  virtual ~RoundOp() = default;
  virtual void run(RoundContext &context, std::span<const RoundValue *const> operands,
                   std::span<RoundValue> results) const = 0;
  /// Of an op that makes blocks: how many nodes they have at most, and whether a node may
  /// have several children.
  virtual int64_t mostNodes() const { return 0; }
  virtual bool makesTrees() const { return false; }
  /// Of one that makes blocks of one shape: how many nodes they have down to each depth.
  virtual std::vector<int64_t> nodesWithin() const { return {}; }
};

/// Index of a type in RoundValue.
template <typename T, size_t index = 0> consteval size_t findKind() {
  if constexpr (std::is_same_v<std::variant_alternative_t<index, RoundValue>, T>)
    return index;
  else
    return findKind<T, index + 1>();
}
template <typename T> constexpr size_t kindOf = findKind<T>();

/// How an op of some name is read.
struct RoundOpKind {
  std::string_view name;
  std::vector<size_t> operands; ///< kinds
  bool repeats = false;         ///< the last operand any number of times
  std::vector<size_t> results;
  std::function<Expected<std::unique_ptr<RoundOp>>(const JsonView &)> read;
  bool manyResults = false; ///< the last result any number of times, from one on
  size_t optional = 0;      ///< kind of an operand that may come last; 0: of none
};

/// The kind that is called `name`, or null.
const RoundOpKind *findRoundOp(std::string_view name);

/// Ops by what they are about; `findRoundOp` looks in all.
std::span<const RoundOpKind> draftRoundOps();
std::span<const RoundOpKind> lengthRoundOps();
std::span<const RoundOpKind> verifyRoundOps();
std::span<const RoundOpKind> sequenceRoundOps();

/// An op that does `run`.
template <typename Run> class SimpleRoundOp : public RoundOp {
public:
  SimpleRoundOp(Run function, int64_t nodes, bool trees, std::vector<int64_t> within)
      : function(std::move(function)), nodes(nodes), trees(trees), within(std::move(within)) {}
  void run(RoundContext &context, std::span<const RoundValue *const> operands,
           std::span<RoundValue> results) const override {
    function(context, operands, results);
  }
  int64_t mostNodes() const override { return nodes; }
  bool makesTrees() const override { return trees; }
  std::vector<int64_t> nodesWithin() const override { return within; }

private:
  Run function;
  int64_t nodes;
  bool trees;
  std::vector<int64_t> within;
};
template <typename Run>
std::unique_ptr<RoundOp> makeRoundOp(Run function, int64_t mostNodes = 0, bool trees = false,
                                     std::vector<int64_t> within = {}) {
  return std::make_unique<SimpleRoundOp<Run>>(std::move(function), mostNodes, trees, std::move(within));
}

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDOP_H
