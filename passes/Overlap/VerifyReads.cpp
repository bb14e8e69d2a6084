//===- VerifyReads.cpp - Who reads has waited -----------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/Analyses.h"

using namespace plait;

namespace {

/// Stores of one epoch into one slot of a rank.
using Place = std::tuple<unsigned, int64_t, int64_t, int64_t>;

class Reads {
public:
  Reads(const ProgramModel &model, const HappensBefore &order) : model(model), order(order) {
    for (auto [number, step] : llvm::enumerate(model.steps))
      if (step.isWrite())
        stores[placeOf(step)].push_back(unsigned(number));
  }

  LogicalResult verify(unsigned number) {
    const Step &load = model.steps[number];
    std::vector<bool> written(size_t(ShapedType::getNumElements(load.access.size)), false);
    for (unsigned other : stores[placeOf(load)]) {
      const Step &store = model.steps[other];
      if (!store.access.overlaps(load.access))
        continue;
      if (!order.areOrdered(other, number))
        return report(load, store, other);
      if (order.isBefore(other, number))
        mark(load.access, store.access, written);
    }
    auto first = llvm::find(written, false);
    if (first == written.end())
      return success();
    SmallVector<int64_t> element(load.access.size.size());
    int64_t flat = first - written.begin();
    for (size_t d = element.size(); d-- > 0; flat /= load.access.size[d])
      element[d] = load.access.begin[d] + flat % load.access.size[d];
    auto error = load.op->emitOpError("reads element [")
                 << element << "] of rank " << load.access.rank << ", which nothing has written in this epoch ("
                 << model.describe(load) << ")";
    error.attachNote(model.getBuffer(load).getLoc()) << "buffer is here";
    return error;
  }

private:
  static Place placeOf(const Step &step) {
    return {step.access.buffer, step.access.rank, step.access.slot, step.epoch};
  }

  static void mark(const Access &load, const Access &store, std::vector<bool> &written) {
    for (size_t i = 0; i < written.size(); ++i) {
      auto flat = int64_t(i);
      bool isIn = true;
      for (size_t d = load.size.size(); d-- > 0; flat /= load.size[d]) {
        int64_t at = load.begin[d] + flat % load.size[d];
        isIn &= store.begin[d] <= at && at < store.begin[d] + store.size[d];
      }
      written[i] = written[i] || isIn;
    }
  }

  LogicalResult report(const Step &load, const Step &store, unsigned number) {
    auto error = load.op->emitOpError("reads what rank ")
                 << store.rank << " writes, and nothing orders it behind (" << model.describe(load) << ")";
    error.attachNote(store.op->getLoc()) << "is written here";
    if (load.isTokenless)
      error.attachNote(load.op->getLoc()) << "it holds no token of a wait";
    else
      addReason(error, store, number);
    return error;
  }

  /// Why a wait says nothing of the store.
  void addReason(InFlightDiagnostic &error, const Step &store, unsigned number) {
    const Step *unreleased = nullptr;
    for (auto [i, step] : llvm::enumerate(model.steps)) {
      if (step.rank != store.rank || step.epoch != store.epoch || i <= number)
        continue;
      if (step.kind == StepKind::quiet && store.isAsync && !order.isBefore(number, unsigned(i))) {
        error.attachNote(step.op->getLoc()) << "this waits only until what is stored has been read; expected "
                                               "'overlap.quiet written'";
        return;
      }
      if (step.kind == StepKind::arrive && !unreleased && !order.isBefore(number, unsigned(i)))
        unreleased = &step;
    }
    if (unreleased)
      error.attachNote(unreleased->op->getLoc())
          << (unreleased->isRelaxed ? "this arrival is relaxed, and releases nothing"
              : store.isAsync       ? "the store goes on by itself, and this arrival does not wait for it; expected "
                                      "'overlap.quiet written' before"
                                    : "this arrival does not come after it");
  }

  const ProgramModel &model;
  const HappensBefore &order;
  std::map<Place, SmallVector<unsigned>> stores;
};

} // namespace

LogicalResult plait::verifyReads(const ProgramModel &model, const HappensBefore &order) {
  Reads reads(model, order);
  for (auto [number, step] : llvm::enumerate(model.steps))
    if (step.kind == StepKind::load && failed(reads.verify(unsigned(number))))
      return failure();
  return success();
}
