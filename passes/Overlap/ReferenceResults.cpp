//===- ReferenceResults.cpp - What an overlap program should give ---------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/Overlap/ReferenceResults.h"

#include "plait/Analysis/EvaluateRanks.h"

#include "mlir/IR/OwningOpRef.h"

#include <random>

using namespace plait;

namespace {

struct NoWeights : WeightSource {
  std::optional<WeightValue> load(Operation *op, const std::string &, int64_t, int64_t, bool,
                                  const WeightQuantization *) override {
    op->emitOpError("expected weights to be arguments of the function");
    return std::nullopt;
  }
};

/// Small integers but 0, whose sums are exact in any order.
FailureOr<EvalValue> makeValue(BlockArgument argument, std::mt19937_64 &random) {
  auto draw = [&](int64_t count) {
    std::vector<double> data;
    for (int64_t i = 0; i < count; ++i)
      data.push_back(double(1 + int(random() % 9)) * (random() % 2 ? 1 : -1));
    return data;
  };
  if (auto weight = dyn_cast<lm::WeightType>(argument.getType()))
    return EvalValue(
        WeightValue{weight.getRows(), weight.getCols(),
                    std::make_shared<const std::vector<double>>(draw(weight.getRows() * weight.getCols()))});
  auto tensor = dyn_cast<RankedTensorType>(argument.getType());
  if (tensor && tensor.hasStaticShape())
    return EvalValue(DenseValue{tensor.getShape().vec(), draw(tensor.getNumElements())});
  if (argument.getType().isIntOrIndex())
    return EvalValue(DenseValue{{}, {0}}); // its program makes choices instead
  return mlir::emitError(argument.getLoc(), "expected a tensor or weight of known extents but got ")
         << argument.getType();
}

} // namespace

FailureOr<RunValues> plait::makeRunValues(overlap::ProgramOp program, int64_t epochs, uint64_t seed) {
  std::mt19937_64 random(seed);
  RunValues values;
  int64_t ranks = program.countRanks();
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    auto &all = values.arguments.emplace_back(size_t(ranks));
    for (BlockArgument argument : program.getBody().getArguments())
      for (int64_t rank = 0; rank < ranks; ++rank) {
        auto value = rank && program.isReplicated(argument.getArgNumber()) ? FailureOr<EvalValue>(all[0].back())
                                                                           : makeValue(argument, random);
        if (failed(value))
          return failure();
        all[size_t(rank)].push_back(*value);
      }
  }
  if (!program.getImplements())
    return values;
  // A module for each rank of the mesh, which says which one it is.
  auto module = program->getParentOfType<ModuleOp>();
  std::vector<OwningOpRef<ModuleOp>> programs;
  SmallVector<Block *> blocks;
  auto mesh = SymbolTable::lookupNearestSymbolFrom<par::MeshOp>(program, program.getMeshAttr());
  if (mesh.getNumRanks() != ranks)
    return program.emitOpError("expected a mesh of one axis to run it on but got ") << mesh.getNumRanks() << " ranks";
  for (int64_t rank = 0; rank < ranks; ++rank) {
    ModuleOp clone = *programs.emplace_back(module.clone());
    clone.lookupSymbol<par::MeshOp>(program.getMesh()).setRank(rank);
    auto function = clone.lookupSymbol<FunctionOpInterface>(*program.getImplements());
    if (!function.getFunctionBody().hasOneBlock())
      return function.emitOpError("expected a body of one block");
    blocks.push_back(&function.getFunctionBody().front());
  }
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    NoWeights weights;
    auto results = evaluateRanks(blocks, values.arguments[size_t(epoch)], weights);
    if (failed(results))
      return failure();
    values.results.push_back(std::move(*results));
  }
  return values;
}
