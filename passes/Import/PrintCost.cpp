//===- PrintCost.cpp - Prints the symbolic cost of functions --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Import/Passes.h"

#include "plait/Analysis/ModelCost.h"

#include "dialects/Lm/Lm.h"

namespace plait {
#define GEN_PASS_DEF_PRINTCOSTPASS
#include "passes/Import/Passes.h.inc"
} // namespace plait

using namespace plait;

/// Prints "12 + 34 T + 5 P": the terms that are not zero.
static void print(llvm::raw_ostream &os, const LinearForm &form) {
  std::pair<int64_t, StringRef> terms[] = {
      {form.constant, ""}, {form.tokens, " T"}, {form.rows, " R"}, {form.leaves, " L"}, {form.tokenPositions, " P"}};
  bool empty = true;
  for (auto [factor, extent] : terms) {
    if (factor == 0)
      continue;
    os << (empty ? "" : " + ") << factor << extent;
    empty = false;
  }
  os << (empty ? "0\n" : "\n");
}

namespace {

class PrintCostPass : public plait::impl::PrintCostPassBase<PrintCostPass> {
public:
  void runOnOperation() override {
    markAllAnalysesPreserved();
    for (auto model : getOperation().getOps<lm::ModelOp>()) {
      for (auto function : model.getOps<lm::FuncOp>()) {
        Cost cost = getTotalCost(function);
        std::string name = ("@" + model.getSymName() + "::@" + function.getSymName()).str();
        llvm::outs() << name << " flops: ";
        print(llvm::outs(), cost.flops);
        llvm::outs() << name << " weight bytes: ";
        print(llvm::outs(), cost.weightBytes);
        llvm::outs() << name << " activation bytes: ";
        print(llvm::outs(), cost.activationBytes);
      }
    }
  }
};

} // namespace
