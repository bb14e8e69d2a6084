//===- OutlineProtocols.cpp - Sums over ranks as programs -----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/AlgorithmPrograms.h"
#include "passes/Overlap/Passes.h"

#include "dialects/Decode/Decode.h"

#include "mlir/IR/Remarks.h"

#include <set>

namespace plait {
#define GEN_PASS_DEF_OUTLINEPROTOCOLSPASS
#include "passes/Overlap/Passes.h.inc"
} // namespace plait

using namespace plait;
using par::SumAlgorithm;

/// An all-reduce of rows of tokens as a fused sum behind which nothing is computed; null if it is none.
static par::ReduceGatherOp fuseNothing(par::AllReduceOp sum) {
  RankedTensorType type = sum.getWholeType(), part = lm::getTokensPart(type);
  if (sum.getNodeEnds() || !part || type.getRank() != 2)
    return nullptr;
  OpBuilder b(sum);
  auto parts = par::DimShardAttr::get(sum.getContext(), sum.getDeviceAxes(), ArrayRef<int64_t>());
  auto fused = par::ReduceGatherOp::create(
      b, sum.getLoc(), type, TypeRange(), sum.getInput(), ValueRange(), parts, sum.getMeshAttr(), DenseI64ArrayAttr(),
      DenseI64ArrayAttr(), sum.getOrderAttr(), sum.getAccumulateAttr(), sum.getWireAttr(), sum.getAlgorithmsAttr());
  Block *block = b.createBlock(&fused.getBody(), {}, {part}, {sum.getLoc()});
  par::YieldOp::create(b, sum.getLoc(), block->getArguments());
  return fused;
}

namespace {
struct OutlineProtocolsPass : plait::impl::OutlineProtocolsPassBase<OutlineProtocolsPass> {
  using OutlineProtocolsPassBase::OutlineProtocolsPassBase;

  void runOnOperation() override {
    if (failed(checkOptions()))
      return signalPassFailure();
    if (sms)
      program = {overlap::Resource::sms, sms, commSms};
    SmallVector<par::ReduceGatherOp> sums, made;
    for (auto step : getOperation().getOps<decode::StepOp>())
      step.walk([&](Operation *op) {
        if (auto fused = dyn_cast<par::ReduceGatherOp>(op))
          sums.push_back(fused);
        if (auto plain = dyn_cast<par::AllReduceOp>(op)) {
          if (par::ReduceGatherOp fused = fuseNothing(plain))
            sums.push_back(made.emplace_back(fused));
          else
            report(op, "it is none of rows of tokens, or one of nodes");
        }
      });
    for (par::ReduceGatherOp sum : sums)
      outline(sum);
    for (par::ReduceGatherOp sum : made)
      sum.erase();
  }

private:
  LogicalResult checkOptions() {
    auto error = [&] { return mlir::emitError(getOperation().getLoc()); };
    if (rows < 1)
      return error() << "expected at least one row of each rank but got " << int64_t(rows);
    if (tokens < 0)
      return error() << "expected no negative number of tokens but got " << int64_t(tokens);
    if (commSms < 1 || (sms && sms <= commSms) || sms > 65536)
      return error() << "expected more workers in all than for communication, but got sms=" << int64_t(sms)
                     << " comm-sms=" << int64_t(commSms);
    if (!algorithm.empty() && !par::symbolizeSumAlgorithm(algorithm))
      return error() << "expected algorithm to be one_shot, two_shot, ring, multimem or lamport but got '"
                     << std::string(algorithm) << "'";
    return success();
  }

  static void report(Operation *op, const Twine &reason) {
    remark::missed(op->getLoc(), remark::RemarkOpts::name("NoProgram").category("plait-outline-protocols"))
        << ("there is no program for this sum: " + reason).str();
  }

  void outline(par::ReduceGatherOp sum) {
    auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(sum, sum.getMeshAttr());
    int64_t ranks = mesh.getSize(sum.getDeviceAxes()), all = tokens ? int64_t(tokens) : rows * ranks;
    SumAlgorithm chosen = SumAlgorithm::two_shot;
    if (!algorithm.empty())
      chosen = *par::symbolizeSumAlgorithm(algorithm);
    else if (par::AlgorithmsAttr algorithms = sum.getAlgorithmsAttr())
      chosen = algorithms.getAlgorithm(all);
    bool isWhole = computesAllRows(chosen);
    if (!isWhole && all % ranks)
      return report(sum, Twine(all) + " rows cannot be shared out evenly to " + Twine(ranks) + " ranks");
    FusedSite site(sum, isWhole ? all : all / ranks, /*withProduct=*/false, isWhole);
    if (const char *reason = site.whyNot())
      return report(sum, reason);
    if (int64_t workers = countWorkers(chosen, ranks, program); sms && workers > sms)
      return report(sum, "its steps take " + Twine(workers) + " workers, but there are " + Twine(int64_t(sms)));
    if (!seen.insert(par::stringifySumAlgorithm(chosen).str() + " " + site.getKey()).second)
      return;
    buildProgram(getOperation(), site, program, chosen);
    ++numPrograms;
  }

  ProtocolOptions program;
  std::set<std::string> seen;
};
} // namespace
