//===- ModelCost.cpp - Symbolic cost of a piece of a model ----------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/ModelCost.h"

#include "dialects/Lm/Lm.h"

using namespace plait;

Cost plait::getTotalCost(Region &region) {
  Cost total;
  for (Operation &op : region.getOps())
    total = total + getTotalCost(&op);
  return total;
}

Cost plait::getTotalCost(Operation *op) {
  Cost total;
  if (auto costed = dyn_cast<lm::CostOpInterface>(op))
    total = costed.getCost();
  for (Region &region : op->getRegions())
    total = total + getTotalCost(region);
  if (auto layers = dyn_cast<lm::LayersOp>(op))
    total = total * layers.getCount();
  if (auto call = dyn_cast<lm::CallOp>(op))
    if (auto callee = SymbolTable::lookupNearestSymbolFrom<lm::FuncOp>(op, call.getCallee()))
      total = total + getTotalCost(callee.getBody());
  return total;
}
