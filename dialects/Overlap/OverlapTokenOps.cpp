//===- OverlapTokenOps.cpp - Splitting the tokens of a step ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Overlap/Overlap.h"

using namespace plait;
using namespace plait::overlap;

/// That `parts` are `whole` but for the number of rows, which they share out.
static LogicalResult verifyParts(Operation *op, RankedTensorType whole, TypeRange parts) {
  if (parts.size() < 2)
    return op->emitOpError("expected at least two parts but got ") << parts.size();
  if (whole.getRank() == 0 || whole.isDynamicDim(0))
    return op->emitOpError("expected a known number of rows but got ") << whole;
  int64_t rows = 0;
  for (Type type : parts) {
    auto part = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(whole.getShape());
    if (part.getRank() != 0)
      shape[0] = part.getDimSize(0);
    if (part != whole.clone(shape) || part.isDynamicDim(0))
      return op->emitOpError("expected some rows of ") << whole << " but got " << part;
    rows += shape[0];
  }
  if (rows != whole.getDimSize(0))
    return op->emitOpError("expected parts of ") << whole.getDimSize(0) << " rows together but got " << rows;
  return success();
}

LogicalResult SplitTokensOp::verify() {
  if (failed(verifyParts(*this, getInput().getType(), getParts().getTypes())))
    return failure();
  int64_t align = getAlign();
  if (align < 1)
    return emitOpError("expected a positive alignment but got ") << align;
  if (getSizes().size() != getParts().size())
    return emitOpError("expected a size for each of ") << getParts().size() << " parts but got " << getSizes().size();
  for (auto [i, size, part] : llvm::enumerate(getSizes(), getParts())) {
    int64_t rows = cast<RankedTensorType>(part.getType()).getDimSize(0);
    if (size < 1 || size != rows)
      return emitOpError("expected parts of sizes ") << getSizes() << " but got one of " << rows << " rows";
    if (i + 1 < getSizes().size() && size % align)
      return emitOpError("expected parts but the last to be multiples of ") << align << " rows but got " << size;
  }
  return success();
}

LogicalResult JoinTokensOp::verify() { return verifyParts(*this, getResult().getType(), getParts().getTypes()); }

LogicalResult SplitTokensOp::evaluate(Evaluator &, ArrayRef<EvalValue> operands, std::vector<EvalValue> &results) {
  const auto &input = valueAs<DenseValue>(operands[0]);
  auto at = input.data.begin();
  for (int64_t size : getSizes()) {
    DenseValue part = input;
    part.shape[0] = size;
    auto end = at + size * input.rowSize();
    part.data.assign(at, end);
    at = end;
    results.push_back(std::move(part));
  }
  return success();
}

LogicalResult JoinTokensOp::evaluate(Evaluator &, ArrayRef<EvalValue> operands, std::vector<EvalValue> &results) {
  DenseValue whole = valueAs<DenseValue>(operands[0]);
  for (const EvalValue &operand : operands.drop_front()) {
    const auto &part = valueAs<DenseValue>(operand);
    whole.shape[0] += part.rows();
    whole.data.insert(whole.data.end(), part.data.begin(), part.data.end());
  }
  results.push_back(std::move(whole));
  return success();
}
