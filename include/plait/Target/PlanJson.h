//===- PlanJson.h - Launch plans as JSON ------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TARGET_PLANJSON_H
#define PLAIT_TARGET_PLANJSON_H

#include "dialects/Rt/Rt.h"
#include "plait/Support/Cost.h"
#include "runtime/base/Json.h"

namespace plait {

/// {"constant", "tokens", "rows", "leaves", "token_positions"}
Json toJson(const LinearForm &form);

/// Dictionaries, lists, numbers, texts and symbols; null for others.
Json toJson(mlir::Attribute attribute);

/// The tables of an rt.model: kernels, weights, states and plans with slots and
/// launches, under the names of include/plait-abi/Model.h; and its strategies, if any.
Json planToJson(rt::ModelOp model);

} // namespace plait

#endif // PLAIT_TARGET_PLANJSON_H
