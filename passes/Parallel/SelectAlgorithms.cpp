//===- SelectAlgorithms.cpp - How sums over ranks are carried out ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Parallel/FuseEpilogue.h"
#include "passes/Parallel/Passes.h"

#include "dialects/Kernel/Kernel.h"
#include "plait/Timeline/Algorithms.h"

#include "mlir/IR/Remarks.h"

namespace plait {
#define GEN_PASS_DEF_SELECTALGORITHMSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;
using timeline::SumAlgorithm;

namespace {

/// A sum, and what is predicted of it by its number of rows.
class Sum {
public:
  Sum(par::CollectiveOpInterface op, const timeline::Machine &machine, int64_t ranks, bool isFree)
      : machine(machine), ranks(ranks), isFree(isFree), bytes(lm::tensorBytes(op.getWholeType())),
        isFused(isa<par::ReduceGatherOp>(*op)),
        shareTokens(int64_t(op->getParentOfType<decode::StepOp>().getShareTokens())) {}

  /// Nothing if the link has no algorithm for it.
  std::optional<timeline::SumChoice> choose(int64_t rows) const {
    SmallVector<SumAlgorithm> candidates;
    for (SumAlgorithm algorithm : {SumAlgorithm::oneShot, SumAlgorithm::lamport, SumAlgorithm::twoShot,
                                   SumAlgorithm::multimem, SumAlgorithm::ring}) {
      bool isWhole = algorithm == SumAlgorithm::oneShot || algorithm == SumAlgorithm::lamport;
      bool hasRows = !isFused || isWhole == (rows < shareTokens);
      if (hasRows && (isFree || par::keepsOrder(par::SumAlgorithm(algorithm))))
        candidates.push_back(algorithm);
    }
    double perRow = double(bytes.tokens + bytes.rows + bytes.leaves);
    return timeline::chooseSum({candidates.begin(), candidates.end()}, machine,
                               double(bytes.constant) + perRow * double(rows), int(ranks));
  }

  struct Range {
    int64_t rows;
    timeline::SumChoice choice; ///< of so many rows
  };
  /// From how many rows on which: looked at are powers of two and where rows begin to be shared out, and what lies
  /// between two that differ.
  SmallVector<Range> chooseAll(int64_t most) const {
    SmallVector<int64_t> looked;
    for (int64_t rows = 1; rows <= most; rows *= 2)
      looked.push_back(rows);
    if (isFused && shareTokens > 1 && shareTokens <= most)
      looked.append({shareTokens - 1, shareTokens});
    llvm::sort(looked);
    looked.erase(llvm::unique(looked), looked.end());
    SmallVector<Range> ranges;
    for (size_t i = 0; i < looked.size(); ++i) {
      auto choice = choose(looked[i]);
      if (!choice)
        return {};
      if (!ranges.empty() && choice->algorithm == ranges.back().choice.algorithm)
        continue;
      int64_t first = looked[i];
      if (!ranges.empty()) // the first of those between that is not as the one before
        for (int64_t low = looked[i - 1]; first - low > 1;) {
          int64_t middle = (low + first) / 2;
          (choose(middle)->algorithm == ranges.back().choice.algorithm ? low : first) = middle;
        }
      ranges.push_back({first, *choose(first)});
    }
    return ranges;
  }

private:
  const timeline::Machine &machine;
  int64_t ranks;
  bool isFree; ///< any order is right
  LinearForm bytes;
  bool isFused;
  int64_t shareTokens;
};

struct SelectAlgorithmsPass : plait::impl::SelectAlgorithmsPassBase<SelectAlgorithmsPass> {
  using SelectAlgorithmsPassBase::SelectAlgorithmsPassBase;

  void runOnOperation() override {
    if (mostRows < 1 || mostRows > int64_t(1) << 32) {
      mlir::emitError(getOperation().getLoc(), "expected most-rows from 1 to 2^32 but got ") << int64_t(mostRows);
      return signalPassFailure();
    }
    std::optional<timeline::Machine> given;
    if (!table.empty()) {
      auto loaded = timeline::loadMachine(table);
      if (!loaded) {
        mlir::emitError(getOperation().getLoc(), "table: ") << loaded.status().message();
        return signalPassFailure();
      }
      given = loaded.take();
    }
    bool isFree = llvm::any_of(getOperation().getOps<lm::ModelOp>(),
                               [](lm::ModelOp model) { return model.getNumerics() == lm::Numerics::fast; });
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>())
      step.walk([&](par::CollectiveOpInterface op) {
        if (!isa<par::AllReduceOp, par::ReduceGatherOp>(*op))
          return;
        auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(op, op.getMeshAttr());
        int64_t ranks = mesh.getSize(op.getDeviceAxes());
        std::optional<timeline::Machine> machine = given ? given : getMachineOf(mesh, op.getDeviceAxes());
        if (machine && ranks > 1)
          select(op, *machine, ranks, isFree);
      });
  }

private:
  void report(par::CollectiveOpInterface op, const Twine &reason) {
    remark::missed(op.getLoc(), remark::RemarkOpts::name("NoAlgorithm").category("plait-select-algorithms"))
        << (kernel::getSource(op) + ": how it is carried out is not decided: " + reason).str();
  }

  void select(par::CollectiveOpInterface op, const timeline::Machine &machine, int64_t ranks, bool isFree) {
    if (op.getNodes().first || op.getSumOrder() != par::SumOrder::rank || op.isWide())
      return report(op, "its sum is not taken in the order of ranks, in f32");
    if (op.isNarrow())
      return report(op, "it is sent as bf16, and programs of sums send f32");
    SmallVector<Sum::Range> ranges = Sum(op, machine, ranks, isFree).chooseAll(mostRows);
    if (ranges.empty())
      return report(op, isFree ? "the link has no algorithm for it"
                               : "the link has no algorithm that adds in the order of ranks");
    SmallVector<int64_t> rows;
    SmallVector<par::SumAlgorithm> algorithms;
    std::string text;
    for (const Sum::Range &range : ranges) {
      rows.push_back(range.rows);
      algorithms.push_back(par::SumAlgorithm(range.choice.algorithm));
      text += (text.empty() ? "" : "; ") + std::string(timeline::getName(range.choice.algorithm)) + " from " +
              std::to_string(range.rows) + (range.rows == 1 ? " row on (" : " rows on (") + range.choice.reason + ")";
    }
    auto attr = par::AlgorithmsAttr::get(&getContext(), rows, algorithms);
    if (auto sum = dyn_cast<par::AllReduceOp>(*op))
      sum.setAlgorithmsAttr(attr);
    else
      cast<par::ReduceGatherOp>(*op).setAlgorithmsAttr(attr);
    ++numSums;
    remark::passed(op.getLoc(), remark::RemarkOpts::name("Algorithms").category("plait-select-algorithms"))
        << kernel::getSource(op) + ": over " + std::to_string(ranks) + " ranks by " + text +
               (isFree ? "" : "; others would change bits");
  }
};

} // namespace
