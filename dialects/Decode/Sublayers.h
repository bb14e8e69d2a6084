//===- Sublayers.h - Models without some sublayers --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Sublayers are numbered as in `#decode.sublayers`: the attention of layer N is 2 N, its MLP 2 N + 1.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_SUBLAYERS_H
#define PLAIT_DIALECTS_DECODE_SUBLAYERS_H

#include "dialects/Lm/Lm.h"

namespace plait::decode {

/// The layers of a model, by the loops of its @forward: an iteration has as many as attentions.
int64_t countLayers(lm::FuncOp forward);

/// Both sublayers of each layer in [begin, end).
llvm::SmallVector<int64_t> sublayersOf(int64_t begin, int64_t end);

/// Told of the residual stream behind a layer, in the order of the layers; `b` stands there.
using LayerTap = llvm::function_ref<void(mlir::OpBuilder &b, mlir::Value residual)>;

/// Leaves the sublayers `skip` of the model out of `forward`, a copy of @forward: loops are cut where what is left of a
/// layer changes, and behind the layers `tapped`, of which `tap` is told. Both ascend. Layers whose attention is
/// left out neither read nor write their keys and values. An error at `user` if there is no such sublayer, or if what
/// it computes is not added to the residual stream alone.
llvm::LogicalResult cutLayers(lm::FuncOp forward, llvm::ArrayRef<int64_t> skip, llvm::ArrayRef<int64_t> tapped,
                              mlir::Operation *user, LayerTap tap = {});

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_SUBLAYERS_H
