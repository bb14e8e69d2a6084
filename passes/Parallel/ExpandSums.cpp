//===- ExpandSums.cpp - Sums over ranks as exchanges and additions --------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Lm/Lm.h"
#include "dialects/Par/Par.h"
#include "passes/Parallel/Passes.h"

#include "mlir/IR/Remarks.h"

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/bit.h"

namespace plait {
#define GEN_PASS_DEF_EXPANDSUMSPASS
#include "passes/Parallel/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {
struct ExpandSumsPass : plait::impl::ExpandSumsPassBase<ExpandSumsPass> {
  void runOnOperation() override {
    SmallVector<par::CollectiveOpInterface> sums;
    getOperation().walk([&](Operation *op) {
      if (isa<par::AllReduceOp, par::ReduceScatterOp, par::ReduceGatherOp>(op))
        sums.push_back(cast<par::CollectiveOpInterface>(op));
    });
    for (par::CollectiveOpInterface sum : sums) {
      if (StringRef reason = whyWhole(sum); !reason.empty())
        remark::missed(sum.getLoc(), remark::RemarkOpts::name("Whole").category("plait-expand-sums")) << reason.str();
      else
        expand(sum);
    }
  }

private:
  /// Why a sum stays; empty if it does not.
  static StringRef whyWhole(par::CollectiveOpInterface sum) {
    if (isa<par::ReduceGatherOp>(*sum))
      return "what follows it is computed within it";
    if (sum.getNodes().first)
      return "it is one of nodes of a tree";
    if (sum.isWide())
      return "its summands are added in f64";
    if (sum.isNarrow())
      return "its summands are sent as bf16";
    if (sum.getAlgorithmsAttr())
      return "how it is carried out is decided";
    RankedTensorType type = sum.getInput().getType();
    if (type.getRank() != 2 || type.isDynamicDim(1) || lm::getLeadingDim(type) != "tokens")
      return "it is not one of rows of tokens";
    if (auto scatter = dyn_cast<par::ReduceScatterOp>(*sum); scatter && !scatter.getParts().isEven())
      return "its parts are of columns";
    return "";
  }

  void expand(par::CollectiveOpInterface sum) {
    OpBuilder b(sum);
    Location loc = sum.getLoc();
    TypedValue<RankedTensorType> input = sum.getInput();
    SmallVector<par::AxisAttr> axes = sum.getDeviceAxes();
    auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(sum, sum.getMeshAttr());
    int64_t devices = mesh.getSize(axes), columns = input.getType().getDimSize(1);
    // Those of all devices side by side.
    SmallVector<int64_t> bounds;
    for (int64_t device = 0; device < devices; ++device)
      bounds.append({device * columns, (device + 1) * columns});
    auto parts = par::DimShardAttr::get(&getContext(), axes, bounds);
    auto whole =
        cast<RankedTensorType>(lm::getPartType(input.getType(), {input.getType().getDimSize(0), devices * columns}));
    Value all;
    if (auto scatter = dyn_cast<par::ReduceScatterOp>(*sum))
      all = par::AllToAllOp::create(b, loc, lm::getTokensPart(whole), input, /*source_dim=*/1, parts, /*dim=*/0,
                                    scatter.getParts(), mesh.getSymName());
    else
      all = par::AllGatherOp::create(b, loc, whole, input, /*dim=*/1, parts, mesh.getSymName());
    auto summand = [&](int64_t device) -> Value {
      return lm::SliceColumnsOp::create(b, loc, all, device * columns, columns);
    };
    bool isTree = sum.getSumOrder() == par::SumOrder::tree;
    Value result = isTree ? addTree(b, loc, 0, devices, summand) : addInOrder(b, loc, devices, summand);
    sum.getResult().replaceAllUsesWith(result);
    sum.erase();
    ++numExpanded;
  }

  static Value addInOrder(OpBuilder &b, Location loc, int64_t devices, llvm::function_ref<Value(int64_t)> summand) {
    Value sum = summand(0);
    for (int64_t device = 1; device < devices; ++device)
      sum = lm::AddOp::create(b, loc, sum, summand(device));
    return sum;
  }

  /// That of [begin, end), as par.all_reduce has it.
  static Value addTree(OpBuilder &b, Location loc, int64_t begin, int64_t end,
                       llvm::function_ref<Value(int64_t)> summand) {
    if (end - begin == 1)
      return summand(begin);
    int64_t middle = begin + int64_t(llvm::bit_floor(uint64_t(end - begin - 1)));
    Value left = addTree(b, loc, begin, middle, summand), right = addTree(b, loc, middle, end, summand);
    return lm::AddOp::create(b, loc, left, right);
  }
};
} // namespace
