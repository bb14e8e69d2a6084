//===- Evaluate.cpp - Reference evaluation of IR --------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "plait/Analysis/Evaluate.h"

#include "dialects/Lm/Lm.h"
#include "runtime/base/Tensor.h"

#include "llvm/ADT/ScopeExit.h"

using namespace plait;
using namespace plait::lm;

/// The values of a block that is running. Regions such as the one of lm.layers
/// see the values of the blocks around them.
struct ReferenceEvaluator::Frame {
  Frame *outer;
  DenseMap<Value, EvalValue> values{};

  const EvalValue *find(Value value) const {
    for (const Frame *frame = this; frame; frame = frame->outer)
      if (auto it = frame->values.find(value); it != frame->values.end())
        return &it->second;
    return nullptr;
  }
};

/// Checks a tensor argument against its type; `extents` gathers the values of
/// named extents over all arguments of the block.
static LogicalResult checkArgument(BlockArgument argument, const EvalValue &value,
                                   std::map<StringRef, int64_t> &extents) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  if (!type)
    return success();
  auto fail = [&]() -> InFlightDiagnostic {
    return mlir::emitError(argument.getLoc())
           << "expected a value of type " << type << " for argument " << argument.getArgNumber() << " but got ";
  };
  const auto *dense = std::any_cast<DenseValue>(&value);
  if (!dense)
    return fail() << "no tensor";
  bool fits = int64_t(dense->shape.size()) == type.getRank();
  for (int64_t d = 0; fits && d < type.getRank(); ++d)
    fits = type.isDynamicDim(d) || type.getDimSize(d) == dense->shape[d];
  if (!fits)
    return fail() << "one of shape " << shapeText(dense->shape);
  auto dims = dyn_cast_or_null<DimsAttr>(type.getEncoding());
  for (int64_t d = 0, dynamic = 0; dims && d < type.getRank(); ++d) {
    if (!type.isDynamicDim(d))
      continue;
    StringRef name = dims.getNames()[dynamic++].getValue();
    auto [known, fresh] = extents.insert({name, dense->shape[d]});
    if (!fresh && known->second != dense->shape[d])
      return fail() << "one of shape " << shapeText(dense->shape) << ", while '" << name << "' is " << known->second
                    << " in an argument before it";
  }
  return success();
}

FailureOr<std::vector<EvalValue>> ReferenceEvaluator::runBlock(Block &block, std::vector<EvalValue> arguments) {
  Operation *parent = block.getParentOp();
  if (arguments.size() != block.getNumArguments())
    return parent->emitOpError("expected ") << block.getNumArguments() << " arguments but got " << arguments.size();

  Frame frame{innermost};
  llvm::scope_exit restore([&] { innermost = frame.outer; });
  innermost = &frame;
  std::map<StringRef, int64_t> extents;
  for (auto [argument, value] : llvm::zip_equal(block.getArguments(), arguments)) {
    if (failed(checkArgument(argument, value, extents)))
      return failure();
    frame.values[argument] = std::move(value);
  }
  for (Operation &op : block.without_terminator())
    if (failed(runOp(op, frame)))
      return failure();
  std::vector<EvalValue> yielded;
  for (Value operand : block.getTerminator()->getOperands())
    yielded.push_back(*frame.find(operand));
  return yielded;
}

LogicalResult ReferenceEvaluator::runOp(Operation &op, Frame &frame) {
  auto evaluable = dyn_cast<EvaluableOpInterface>(op);
  if (!evaluable)
    return op.emitOpError("has no reference evaluation");
  std::vector<EvalValue> operands, results;
  for (Value operand : op.getOperands()) {
    const EvalValue *value = frame.find(operand);
    assert(value && "an operand is evaluated before its use");
    operands.push_back(*value);
  }
  if (failed(evaluable.evaluate(*this, operands, results)))
    return failure();
  assert(results.size() == op.getNumResults() && "one value per result");
  for (auto [result, value] : llvm::zip_equal(op.getResults(), results))
    frame.values[result] = std::move(value);
  return success();
}

FailureOr<std::vector<EvalValue>> ReferenceEvaluator::call(FunctionOpInterface function,
                                                           std::vector<EvalValue> arguments) {
  if (!function.getFunctionBody().hasOneBlock())
    return function.emitOpError("expected a body of one block");
  return runBlock(function.getFunctionBody().front(), std::move(arguments));
}
