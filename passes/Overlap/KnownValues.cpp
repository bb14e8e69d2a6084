//===- KnownValues.cpp - What is known of a program's values --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/KnownValues.h"

using namespace plait;

void KnownValues::setNumber(Value value, int64_t number, bool isUniform) {
  Known item;
  item.number = IntegerAttr::get(value.getType(), number);
  item.isUniform = isUniform;
  known[value] = item;
}

FailureOr<int64_t> KnownValues::getNumber(Operation *op, Value value) {
  if (IntegerAttr number = known[value].number)
    return number.getInt();
  return op->emitOpError("expected indices that follow from constants, the rank and indices");
}

LogicalResult KnownValues::fold(Operation *op) {
  SmallVector<Attribute> operands;
  bool isUniform = true, isKnown = true;
  for (Value operand : op->getOperands()) {
    const Known item = known[operand];
    operands.push_back(item.number);
    isKnown &= bool(item.number);
    isUniform &= item.isUniform;
  }
  SmallVector<OpFoldResult> results;
  if (isKnown && (failed(op->fold(operands, results)) || results.size() != op->getNumResults()))
    return op->emitOpError("expected index arithmetic that can be followed");
  for (auto [i, result] : llvm::enumerate(op->getResults())) {
    Known item;
    item.isUniform = isUniform;
    if (isKnown)
      item.number = isa<Attribute>(results[i]) ? dyn_cast<IntegerAttr>(cast<Attribute>(results[i]))
                                               : known[cast<Value>(results[i])].number;
    known[result] = item;
  }
  return success();
}
