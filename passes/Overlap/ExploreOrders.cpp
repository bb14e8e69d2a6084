//===- ExploreOrders.cpp - Runs of a program in many orders ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ExploreOrders.h"

#include "llvm/Support/xxhash.h"

#include <random>
#include <set>

using namespace plait;

namespace {

class Explorer {
public:
  Explorer(const ProgramModel &model, const RunValues &values, int64_t maxStates, bool reduce)
      : model(model), execution(model, values), maxStates(maxStates), reduce(reduce) {
    if (!reduce)
      return;
    conflicts.resize(model.steps.size());
    for (auto [i, a] : llvm::enumerate(model.steps))
      for (auto [j, b] : llvm::enumerate(model.steps))
        if (i != j && a.isAccess() && b.isAccess() && (a.isWrite() || b.isWrite()) && a.access.overlaps(b.access))
          conflicts[i].push_back(unsigned(j));
  }

  FailureOr<ExploredOrders> run() {
    if (model.steps.size() > kMaxSteps)
      return model.getProgram().emitOpError("expected at most ")
             << kMaxSteps << " steps to go through all orders but got " << model.steps.size()
             << "; run fewer tiles or epochs, or random schedules";
    auto state = execution.begin();
    if (failed(state) || failed(explore(std::move(*state))))
      return failure();
    return explored;
  }

private:
  /// Whether no step to come can tell when `step` takes effect: it meets none of them in
  /// memory, and an arrival or the end of a wait takes nothing from others.
  bool commutes(const Execution::State &state, unsigned step) const {
    return reduce && (!model.steps[step].isAccess() ||
                      llvm::all_of(conflicts[step], [&](unsigned other) { return execution.isDone(state, other); }));
  }

  LogicalResult explore(Execution::State state) {
    SmallVector<unsigned> enabled;
    for (bool moved = true; moved;) {
      moved = false;
      enabled.clear();
      for (unsigned step = 0; step < model.steps.size(); ++step) {
        if (!execution.isEnabled(state, step))
          continue;
        if (!commutes(state, step)) {
          enabled.push_back(step);
          continue;
        }
        if (failed(execution.execute(state, step)))
          return failure();
        moved = true;
      }
    }
    auto bytes = ArrayRef(reinterpret_cast<const uint8_t *>(state.data()), state.size() * sizeof(uint32_t));
    llvm::XXH128_hash_t hash = llvm::xxh3_128bits(bytes);
    if (!seen.insert({hash.low64, hash.high64}).second)
      return success();
    if (++explored.states > maxStates)
      return model.getProgram().emitOpError("has more than ")
             << maxStates << " states; run fewer tiles or epochs, or random schedules";
    if (enabled.empty()) {
      ++explored.runs;
      return execution.finish(state);
    }
    for (unsigned step : enabled) {
      Execution::State next = state;
      if (failed(execution.execute(next, step)) || failed(explore(std::move(next))))
        return failure();
    }
    return success();
  }

  static constexpr size_t kMaxSteps = 2000; // it recurs once for each

  const ProgramModel &model;
  Execution execution;
  int64_t maxStates;
  bool reduce;
  std::vector<SmallVector<unsigned>> conflicts;
  std::set<std::pair<uint64_t, uint64_t>> seen;
  ExploredOrders explored;
};

} // namespace

FailureOr<ExploredOrders> plait::exploreAllOrders(const ProgramModel &model, const RunValues &values, int64_t maxStates,
                                                  bool reduce) {
  return Explorer(model, values, maxStates, reduce).run();
}

LogicalResult plait::runInRandomOrder(const ProgramModel &model, const RunValues &values, uint64_t seed) {
  Execution execution(model, values);
  auto state = execution.begin();
  if (failed(state))
    return failure();
  std::mt19937_64 random(seed);
  while (true) {
    SmallVector<unsigned> enabled;
    for (unsigned step = 0; step < model.steps.size(); ++step)
      if (execution.isEnabled(*state, step))
        enabled.push_back(step);
    if (enabled.empty())
      return execution.finish(*state);
    if (failed(execution.execute(*state, enabled[random() % enabled.size()])))
      return failure();
  }
}
