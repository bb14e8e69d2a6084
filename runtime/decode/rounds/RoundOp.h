//===- RoundOp.h - An op of a round program ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDOP_H
#define PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDOP_H

#include "runtime/base/Json.h"
#include "runtime/decode/rounds/RoundValues.h"

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

  RoundText &text(const RoundValue &value) { return texts[size_t(std::get<TextHandle>(value).number)]; }
  /// Whether a node of `depth` has a position.
  bool hasRoom(const RoundText &text, int64_t depth) const {
    return text.root() + depth < maxPositions[size_t(text.model)];
  }
};

/// One op on host values. Kinds of operands and results are checked when a program is read.
class RoundOp {
public:
  virtual ~RoundOp() = default;
  virtual void run(RoundContext &context, std::span<const RoundValue *const> operands,
                   std::span<RoundValue> results) const = 0;
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
};

/// The kind that is called `name`, or null.
const RoundOpKind *findRoundOp(std::string_view name);

/// Ops by what they are about; `findRoundOp` looks in all.
std::span<const RoundOpKind> draftRoundOps();
std::span<const RoundOpKind> verifyRoundOps();
std::span<const RoundOpKind> sequenceRoundOps();

/// A kind of op without attributes that does `run`.
template <typename Run> class SimpleRoundOp : public RoundOp {
public:
  explicit SimpleRoundOp(Run function) : function(std::move(function)) {}
  void run(RoundContext &context, std::span<const RoundValue *const> operands,
           std::span<RoundValue> results) const override {
    function(context, operands, results);
  }

private:
  Run function;
};
template <typename Run> std::unique_ptr<RoundOp> makeRoundOp(Run function) {
  return std::make_unique<SimpleRoundOp<Run>>(std::move(function));
}

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_ROUNDS_ROUNDOP_H
