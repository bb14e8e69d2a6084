//===- Replicas.h - The replicas of a model, to run steps on ----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_REPLICAS_H
#define PLAIT_RUNTIME_CORE_REPLICAS_H

#include "runtime/core/Instance.h"
#include "runtime/core/StepRunner.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace plait {

/// What runs steps on each replica of a model, or on the first `count` of them: an instance here
/// for replica 0, and for the others what sends their leaders the steps, in the order of their
/// numbers. All have the same options, so as many pages each, whatever their phase.
Expected<std::vector<std::shared_ptr<StepRunner>>>
createReplicas(const std::shared_ptr<const Model> &model, const InstanceOptions &options, size_t count = SIZE_MAX);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_REPLICAS_H
