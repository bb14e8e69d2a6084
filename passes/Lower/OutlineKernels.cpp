//===- OutlineKernels.cpp - One kernel per compute op ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Lower/Passes.h"

#include "mlir/IR/IRMapping.h"

namespace plait {
#define GEN_PASS_DEF_OUTLINEKERNELSPASS
#include "passes/Lower/Passes.h.inc"
} // namespace plait

using namespace plait;

namespace {

struct OutlineKernelsPass : plait::impl::OutlineKernelsPassBase<OutlineKernelsPass> {
  using OutlineKernelsPassBase::OutlineKernelsPassBase;

  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    for (decode::StepOp step : getOperation().getOps<decode::StepOp>()) {
      SmallVector<Operation *> ops;
      step.walk([&](Operation *op) {
        if (isa<lm::CostOpInterface>(op))
          ops.push_back(op);
      });
      for (Operation *op : ops)
        outline(op, symbols);
      step.walk([](kernel::UnpackOp unpack) {
        if (unpack.use_empty())
          unpack.erase();
      });
    }
  }

  void outline(Operation *op, SymbolTable &symbols) {
    // A weight enters in its packed form and is unpacked inside.
    SmallVector<Value> inputs;
    for (Value operand : op->getOperands()) {
      auto unpack = operand.getDefiningOp<kernel::UnpackOp>();
      Value input = unpack ? unpack.getPacked() : operand;
      if (!llvm::is_contained(inputs, input))
        inputs.push_back(input);
    }
    OpBuilder b(op->getContext());
    auto type = b.getFunctionType(ValueRange(inputs).getTypes(), op->getResultTypes());
    bool inPlace = op->hasTrait<lm::InPlace>() && inputs.front() == op->getOperand(0);
    auto func = kernel::FuncOp::create(b, op->getLoc(), op->getName().stripDialect(), type,
                                       kernel::getCostAttr(op->getContext(), cast<lm::CostOpInterface>(op).getCost()),
                                       inPlace ? b.getDenseI64ArrayAttr({0, 0}) : DenseI64ArrayAttr(),
                                       /*host=*/false, ArrayAttr(), ArrayAttr());
    symbols.insert(func);

    Block *body =
        b.createBlock(&func.getBody(), {}, type.getInputs(), SmallVector<Location>(inputs.size(), op->getLoc()));
    IRMapping mapping;
    mapping.map(inputs, body->getArguments());
    for (Value operand : op->getOperands())
      if (auto unpack = operand.getDefiningOp<kernel::UnpackOp>(); unpack && !mapping.contains(operand))
        b.clone(*unpack, mapping);
    Operation *inside = b.clone(*op, mapping);
    kernel::ReturnOp::create(b, op->getLoc(), inside->getResults());

    b.setInsertionPoint(op);
    auto launch = kernel::LaunchOp::create(b, op->getLoc(), op->getResultTypes(), func.getSymName(),
                                           kernel::getSource(op), inputs);
    op->replaceAllUsesWith(launch.getResults());
    op->erase();
    ++numKernels;
  }
};
} // namespace
