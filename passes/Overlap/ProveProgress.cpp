//===- ProveProgress.cpp - Everything runs to its end ---------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"

using namespace plait;

namespace {

class Run {
public:
  explicit Run(const ProgramModel &model) : model(model), missing(model.steps.size(), 0) {
    std::vector<SmallVector<unsigned>> arrivals(model.cells.size());
    for (auto [number, step] : llvm::enumerate(model.steps))
      if (step.kind == StepKind::arrive)
        for (unsigned cell : step.cells)
          arrivals[cell].push_back(unsigned(number));
    std::vector<unsigned> published;
    for (auto [number, step] : llvm::enumerate(model.steps))
      if (step.isPublish())
        published.push_back(unsigned(number));
    before.resize(model.steps.size());
    followers.resize(model.steps.size());
    for (auto [number, step] : llvm::enumerate(model.steps)) {
      before[number] = step.after;
      if (step.kind == StepKind::wait)
        for (unsigned arrival : arrivals[step.cells[0]])
          if (model.steps[arrival].epoch <= step.epoch)
            before[number].push_back(arrival);
      if (step.isPoll())
        for (unsigned other : published)
          if (model.steps[other].epoch == step.epoch && model.steps[other].access.overlaps(step.access))
            before[number].push_back(other);
      missing[number] = unsigned(before[number].size());
      for (unsigned other : before[number])
        followers[other].push_back(unsigned(number));
    }
  }

  FailureOr<std::vector<unsigned>> run() {
    std::vector<unsigned> order;
    for (unsigned step = 0; step < model.steps.size(); ++step)
      if (!missing[step])
        order.push_back(step);
    for (size_t i = 0; i < order.size(); ++i)
      for (unsigned follower : followers[order[i]])
        if (--missing[follower] == 0)
          order.push_back(follower);
    if (order.size() == model.steps.size())
      return order;
    return report();
  }

private:
  static bool isWaiting(const Step &step) { return step.kind == StepKind::wait || step.isPoll(); }
  std::string describePlace(const Step &step) const {
    if (step.isPoll())
      return "what is published on rank " + std::to_string(step.access.rank);
    return "index " + model.describe(step.cells[0]);
  }

  /// Follows what steps wait for until it comes round.
  LogicalResult report() const {
    unsigned at = 0;
    while (!missing[at])
      ++at;
    SmallVector<unsigned> path;
    for (; !llvm::is_contained(path, at); at = next(at))
      path.push_back(at);
    path.erase(path.begin(), llvm::find(path, at));
    // Of the circle, what waits and what would end the waiting.
    SmallVector<unsigned> waits;
    for (auto [i, step] : llvm::enumerate(path))
      if (isWaiting(model.steps[step]))
        waits.push_back(unsigned(i));
    std::rotate(path.begin(), path.begin() + waits.front(), path.end());
    const Step &first = model.steps[path.front()];
    auto error = first.op->emitOpError("never ends: waits ")
                 << (first.isPoll() ? "for " : "at ") << describePlace(first) << ", for what comes only after it";
    for (size_t i = 1; i < path.size(); ++i) {
      const Step &step = model.steps[path[i]];
      if ((step.kind == StepKind::arrive || step.isPublish()) && isWaiting(model.steps[path[i - 1]]))
        error.attachNote(step.op->getLoc()) << "this " << (step.isPublish() ? "publishing" : "arrival") << ", of "
                                            << model.describe(step) << ", is missing";
      else if (isWaiting(step))
        error.attachNote(step.op->getLoc())
            << "behind this wait, of " << model.describe(step) << ", at " << describePlace(step);
    }
    error.attachNote(first.op->getLoc()) << "which is behind the first, of " << model.describe(first);
    return error;
  }

  /// Something that has not taken effect, without which `step` cannot. Arrivals that a wait
  /// lacks, and waits of others, say more than what is on the way to them.
  unsigned next(unsigned step) const {
    for (unsigned other : before[step])
      if (missing[other] && !isWaiting(model.steps[other]))
        return other;
    for (unsigned other : before[step])
      if (missing[other])
        return other;
    llvm_unreachable("a step that has not run waits for another");
  }

  const ProgramModel &model;
  std::vector<unsigned> missing; ///< steps that have to come before
  std::vector<SmallVector<unsigned>> before, followers;
};

} // namespace

FailureOr<std::vector<unsigned>> plait::proveProgress(const ProgramModel &model) { return Run(model).run(); }
