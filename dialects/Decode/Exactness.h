//===- Exactness.h - How a text relates to the model's own ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_EXACTNESS_H
#define PLAIT_DIALECTS_DECODE_EXACTNESS_H

#include "dialects/Decode/DecodeEnums.h.inc"

#include <string>

namespace plait::decode {

/// A class of exactness, and what keeps a better one from holding ("" if nothing).
struct ExactnessReason {
  Exactness exactness = Exactness::identical;
  std::string reason;

  /// The worse of the two; of equals this.
  ExactnessReason meet(const ExactnessReason &other) const { return exactness < other.exactness ? other : *this; }
};

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_EXACTNESS_H
