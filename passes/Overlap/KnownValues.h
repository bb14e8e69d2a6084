//===- KnownValues.h - What is known of a program's values ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_OVERLAP_KNOWNVALUES_H
#define PLAIT_PASSES_OVERLAP_KNOWNVALUES_H

#include "dialects/Overlap/Overlap.h"

namespace plait {

/// What is known of a value.
struct Known {
  IntegerAttr number;           ///< of an index or integer that is known
  bool isUniform = true;        ///< of one: follows from what all ranks have alike
  std::optional<unsigned> tile; ///< its name in the model
  SmallVector<unsigned> waits;  ///< of a token
  unsigned buffer = 0, counter = 0;
  int64_t peer = 0;
};

/// Values of one rank, while its program is followed.
class KnownValues {
protected:
  void setNumber(Value value, int64_t number, bool isUniform);
  /// The number that `value` is, or an error at `op`.
  FailureOr<int64_t> getNumber(Operation *op, Value value);
  /// Of an op on numbers its results: known if its operands are, uniform if they are.
  LogicalResult fold(Operation *op);

  DenseMap<Value, Known> known;
};

} // namespace plait

#endif // PLAIT_PASSES_OVERLAP_KNOWNVALUES_H
