//===- Execution.h - One run of an overlap program --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The reference semantics of overlap programs: memory, counters and tiles of all ranks, and
// steps that take effect one at a time. Which one is next is for the caller to say. Nothing
// of the proofs is used here: waits count, loads take what is there.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_EXECUTION_H
#define PLAIT_PASSES_OVERLAP_EXECUTION_H

#include "passes/Overlap/ProgramModel.h"

#include "plait/Analysis/Evaluate.h"

#include <functional>

namespace plait {

/// Values by number, equal ones by the same, so that a state is a list of numbers.
class ValueTable {
public:
  unsigned nameElement(double element);
  double getElement(unsigned name) const { return elements[name]; }
  /// A tile that is loaded, by its elements.
  unsigned nameTile(ArrayRef<int64_t> shape, std::vector<unsigned> elements);
  unsigned add(EvalValue value);
  const EvalValue &get(unsigned name) const { return values[name]; }
  /// What `op` computes of `operands`.
  FailureOr<SmallVector<unsigned>> compute(Operation *op, ArrayRef<unsigned> operands);

private:
  std::vector<double> elements;
  std::map<uint64_t, unsigned> elementNames; ///< by their bits
  std::vector<EvalValue> values;
  std::map<std::pair<std::vector<int64_t>, std::vector<unsigned>>, unsigned> tiles;
  std::map<std::pair<Operation *, std::vector<unsigned>>, SmallVector<unsigned>> computed;
};

/// Arguments and what is expected of results, [epoch][rank][number].
struct RunValues {
  std::vector<std::vector<std::vector<EvalValue>>> arguments, results; ///< results may be empty
};

class Execution {
public:
  /// All numbers of a state: what has taken effect, counters, memory and its writers, tiles.
  using State = std::vector<uint32_t>;

  Execution(const ProgramModel &model, const RunValues &values);
  /// Fails if constants cannot be taken over.
  FailureOr<State> begin();

  bool isDone(const State &state, unsigned step) const { return state[step / 32] >> (step % 32) & 1; }
  /// Whether `step` can take effect now.
  bool isEnabled(const State &state, unsigned step) const;
  /// Lets it take effect. Fails, with a diagnostic, if a load gets what it should not, or a
  /// result is wrong.
  LogicalResult execute(State &state, unsigned step);
  /// That nothing is left over, once no step is enabled; or a diagnostic at what waits.
  LogicalResult finish(const State &state) const;

private:
  size_t placeOf(const Access &access, size_t element) const;
  LogicalResult load(State &state, const Step &step, unsigned number);
  void store(State &state, const Step &step, unsigned number);
  LogicalResult compareResults(const State &state, const Step &step);
  unsigned &tileOf(State &state, unsigned value) const { return state[tiles + value]; }

  /// Whether an element has not been stored; a name that no number has.
  static constexpr unsigned kMark = ~0u;

  const ProgramModel &model;
  const RunValues &values;
  ValueTable table;
  std::vector<size_t> memory; ///< of each buffer
  size_t counters, tiles, size;
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_EXECUTION_H
