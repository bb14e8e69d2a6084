//===- Link.h - The last phase: files -----------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_LIB_DRIVER_LINK_H
#define PLAIT_LIB_DRIVER_LINK_H

#include "Strategies.h"
#include "plait/Driver/Compile.h"
#include "plait/Target/CpuMachine.h"
#include "plait/Target/CudaMachine.h"
#include "runtime/base/QuantizedTensor.h"

#include "dialects/Rt/Rt.h"

namespace plait {

/// What `plait selftest` compares with: a prompt and its greedy continuation by
/// the reference evaluation, with the margins between the two largest logits.
struct Selftest {
  std::vector<int32_t> tokens, greedy;
  std::vector<float> margins;
  double largestLogit = 0; ///< max |logit|
};

/// Nothing if the model is so large that the reference evaluation would take
/// more than about a second, or if its weights are not at hand.
std::optional<Selftest> makeSelftest(const ImportedModel &imported, const CompileOptions &options, ModuleOp module,
                                     const WeightImportance *importance);

/// What the phases have made of one rank for one target.
struct TargetCode {
  CpuMachine machine;              ///< of a GPU: its host
  std::optional<CudaMachine> gpu;  ///< what kernels are for that have no `host`
  OwningOpRef<ModuleOp> module;    ///< llvm dialect only; of rank 0: the code of all ranks
  OwningOpRef<rt::ModelOp> tables; ///< those that are in it as constants
  std::string plan;                ///< the IR after lower, for people
  std::optional<Json> explanation;

  const std::string &name() const { return gpu ? gpu->name : machine.name; }
  bool roundsInputs() const { return gpu || machine.roundInputs; }
  /// Whether products of integers round many rows to bytes, in a program whose numerics is `fast`.
  bool hasByteProducts() const { return machine.bytes != ByteUnit::none && machine.tiles == TileUnit::none; }
};

/// That of one rank, for each target; at least one, the best first.
using RankCode = std::vector<TargetCode>;

/// What was made for the handover between phases.
struct HandoverCode {
  OwningOpRef<ModuleOp> phases; ///< null without phases
  std::string text;             ///< that as IR, for people
  Json table;                   ///< what the runtime follows
};

struct LinkInputs {
  const CompileOptions &options;
  const std::optional<ImportedModel> &imported;
  const std::optional<Selftest> &selftest;
  std::vector<RankCode> &ranks; ///< at least one
  const HandoverCode &handover;
  const WeightImportance *importance; ///< of columns, for rounding; may be null
  const DraftModels &draftModels;     ///< to compile by themselves
};

/// A binary for each target, weights of each rank, self-test and manifest, in one artifact.
Status link(LinkInputs &inputs);

} // namespace plait

#endif // PLAIT_LIB_DRIVER_LINK_H
