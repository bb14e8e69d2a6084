//===- StepRunner.h - What runs steps of a model ---------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_STEPRUNNER_H
#define PLAIT_RUNTIME_CORE_STEPRUNNER_H

#include "runtime/base/Status.h"
#include "runtime/core/Model.h"
#include "runtime/core/StepBatch.h"
#include "runtime/core/StepInputs.h"

#include <span>

namespace plait {

struct HandoverMessage;
struct StepProfile;

/// One replica of a model with pages of its own: an instance in this process, or one
/// that another process leads.
class StepRunner {
public:
  virtual ~StepRunner() = default;

  /// Runs a step and returns when it is done. One thread at a time calls this,
  /// `copyPage` or `moveCells`. With `profile`, the times of a step in this process are left there.
  virtual Expected<StepResult> run(StepBatch batch, StepProfile *profile = nullptr) = 0;
  /// Copies a page of a page table in every layer of every state that uses it,
  /// after the steps before it.
  virtual Status copyPage(size_t table, int32_t from, int32_t to) = 0;
  /// Moves cells in every layer of every state that uses their page tables, in this order and
  /// after the steps before it.
  virtual Status moveCells(std::span<const CellMove> moves) = 0;

  /// Sends pages to a replica of decode, if this is one of prefill, or gets some from there.
  /// Another thread or process does the same with the other replica; both halves are called
  /// for both, one after the other. Returns how many bytes its ranks have sent or got.
  virtual Status beginHandover(const HandoverMessage &message) = 0;
  virtual Expected<uint64_t> finishHandover() = 0;

  /// The replica's number and what it does.
  virtual int64_t replica() const = 0;
  virtual ReplicaRole role() const = 0;
  virtual const Model &model() const = 0;
  virtual const StepLimits &limits() const = 0;
  virtual bool hasLogits() const = 0;
  /// Of each rank.
  virtual unsigned threads() const = 0;
};

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_STEPRUNNER_H
