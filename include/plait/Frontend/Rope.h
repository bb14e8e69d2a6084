//===- Rope.h - Rotary embedding of a model ---------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_ROPE_H
#define PLAIT_FRONTEND_ROPE_H

#include "dialects/Lm/Lm.h"

namespace plait {

/// What an lm.rope is made of.
struct Rope {
  double theta = 0;
  int64_t rotaryDim = 0;            ///< rotated columns of a head
  lm::RopeScalingInterface scaling; ///< null: none
  bool interleaved = false;
};

} // namespace plait

#endif // PLAIT_FRONTEND_ROPE_H
