//===- MeteredRunner.h - What a runner is asked to do -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_METEREDRUNNER_H
#define PLAIT_TOOLS_PLAIT_METEREDRUNNER_H

#include "runtime/core/StepRunner.h"

#include <chrono>
#include <memory>

namespace plait {

/// Passes everything on to another runner, and counts.
class MeteredRunner final : public StepRunner {
public:
  explicit MeteredRunner(std::shared_ptr<StepRunner> runner) : runner(std::move(runner)) {}

  double seconds = 0; ///< in steps
  int64_t steps = 0, copiedBytes = 0;

  Expected<StepResult> run(StepBatch batch, StepProfile *profile = nullptr) override {
    auto begin = std::chrono::steady_clock::now();
    Expected<StepResult> result = runner->run(std::move(batch), profile);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    ++steps;
    return result;
  }
  Status copyPage(size_t table, int32_t from, int32_t to) override {
    const plait_model_v4_t &tables = model().tables();
    for (int64_t i = 0; i < tables.state_count; ++i)
      if (size_t(tables.states[i].table) == table)
        copiedBytes += int64_t(tables.states[i].page_bytes) * tables.states[i].layers;
    return runner->copyPage(table, from, to);
  }
  Status moveCells(std::span<const CellMove> moves) override {
    const plait_model_v4_t &tables = model().tables();
    for (const CellMove &move : moves)
      for (int64_t i = 0; i < tables.state_count; ++i)
        if (const plait_state_v3_t &state = tables.states[i]; size_t(state.table) == size_t(move.table))
          for (const plait_cells_v1_t &cell : std::span(state.cells, size_t(state.cell_count)))
            copiedBytes += cell.parts * cell.pieces * cell.piece_bytes * state.layers;
    return runner->moveCells(moves);
  }
  Status beginHandover(const HandoverMessage &message) override { return runner->beginHandover(message); }
  Expected<uint64_t> finishHandover() override { return runner->finishHandover(); }
  int64_t replica() const override { return runner->replica(); }
  ReplicaRole role() const override { return runner->role(); }
  const Model &model() const override { return runner->model(); }
  const StepLimits &limits() const override { return runner->limits(); }
  bool hasLogits() const override { return runner->hasLogits(); }
  unsigned threads() const override { return runner->threads(); }

private:
  std::shared_ptr<StepRunner> runner;
};

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_METEREDRUNNER_H
