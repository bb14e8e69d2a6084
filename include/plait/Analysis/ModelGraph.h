//===- ModelGraph.h - A picture of a model ----------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_ANALYSIS_MODELGRAPH_H
#define PLAIT_ANALYSIS_MODELGRAPH_H

#include "mlir/IR/Operation.h"
#include "llvm/Support/raw_ostream.h"

namespace plait {

/// Writes the functions of every lm.model in `root` in Graphviz' language: a box
/// per op that computes, with its name in the model, its weights and the shape of
/// its result; a frame per function and per range of layers. An error at `root`
/// if there is no model.
llvm::LogicalResult writeModelGraph(mlir::Operation *root, llvm::raw_ostream &out);

} // namespace plait

#endif // PLAIT_ANALYSIS_MODELGRAPH_H
