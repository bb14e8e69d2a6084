//===- EvaluatedKernel.cpp - A kernel's op by its definition --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "EvaluatedKernel.h"

#include "dialects/Kernel/Kernel.h"
#include "plait/Driver/Register.h"

#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"

using namespace plait;

namespace {
struct OpEvaluator : Evaluator, WeightSource {
  FailureOr<std::vector<EvalValue>> runBlock(Block &, std::vector<EvalValue>) override { return failure(); }
  WeightSource &weights() override { return *this; }
  std::optional<WeightValue> load(Operation *, const std::string &, int64_t, int64_t, bool,
                                  const WeightQuantization *) override {
    return {};
  }
};
} // namespace

/// The numbers in `buffer`, which holds a tensor of `type`.
static DenseValue read(RankedTensorType type, const void *buffer, int64_t rows) {
  DenseValue value = DenseValue::zeros(type.getRank() == 1 ? std::vector<int64_t>{rows}
                                                           : std::vector<int64_t>{rows, type.getDimSize(1)});
  for (auto [i, number] : llvm::enumerate(value.data)) {
    if (type.getElementType().isF32())
      number = static_cast<const float *>(buffer)[i];
    else if (type.getElementType().isInteger(64))
      number = double(static_cast<const int64_t *>(buffer)[i]);
    else
      number = static_cast<const int32_t *>(buffer)[i];
  }
  return value;
}

void plait::evaluateKernel(const std::string &text, const std::vector<void *> &buffers,
                           const std::function<int64_t(const std::string &)> &rows) {
  DialectRegistry registry;
  registerAllDialects(registry);
  MLIRContext context(registry, MLIRContext::Threading::DISABLED);
  std::string types;
  for (auto [name, element] : {std::pair("i", "i32"), {"l", "i64"}, {"f", "f32"}})
    types += std::string("!") + name + " = tensor<?x" + element + ", #lm.dims<leaves>>\n";
  auto module = parseSourceString<ModuleOp>(types + text, &context);
  if (!module)
    llvm::report_fatal_error("the kernel does not parse; see the message above");
  kernel::FuncOp function = *module->getOps<kernel::FuncOp>().begin();
  Operation *op = function.getComputeOps().front();
  OpEvaluator evaluator;
  std::vector<EvalValue> operands, results;
  for (Value operand : op->getOperands()) {
    auto type = cast<RankedTensorType>(operand.getType());
    operands.push_back(
        read(type, buffers[cast<BlockArgument>(operand).getArgNumber()], rows(lm::getLeadingDim(type).str())));
  }
  if (failed(cast<lm::EvaluableOpInterface>(op).evaluate(evaluator, operands, results)))
    llvm::report_fatal_error("the kernel cannot be evaluated; see the message above");
  for (auto [i, result] : llvm::enumerate(results)) {
    void *to = buffers[function.getArguments().size() + i];
    bool isFloat = cast<RankedTensorType>(op->getResult(unsigned(i)).getType()).getElementType().isF32();
    for (auto [at, number] : llvm::enumerate(valueAs<DenseValue>(result).data)) {
      if (isFloat)
        static_cast<float *>(to)[at] = float(number);
      else
        static_cast<int32_t *>(to)[at] = int32_t(number);
    }
  }
}
