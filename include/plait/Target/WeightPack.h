//===- WeightPack.h - Writes the packed weights of an artifact --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_WEIGHTPACK_H
#define PLAIT_TARGET_WEIGHTPACK_H

#include "dialects/Rt/Rt.h"

#include "runtime/base/Checkpoint.h"
#include "runtime/base/Progress.h"
#include "runtime/base/QuantizedTensor.h"

#include <string>

namespace plait {

/// Writes the weights of `model` from `checkpoint` to `path` in the layouts that
/// the rt.weight ops give (plait_weight_v4_t), converting element types; of a tensor
/// that ranks share, the part of the model's rank. The
/// file is mapped and filled by `threads` threads; nothing else is held in
/// memory. What is rounded to integers is so with `importance`, if given.
/// `progress` is told of what is packed. The caller has checked names, shapes and
/// types (lib/Frontend).
Status writeWeightPack(rt::ModelOp model, const Checkpoint &checkpoint, const std::string &path, unsigned threads,
                       const WeightImportance *importance = nullptr, Progress *progress = nullptr);

} // namespace plait

#endif // PLAIT_TARGET_WEIGHTPACK_H
