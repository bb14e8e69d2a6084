//===- LayerPattern.h - Layers of several kinds as loops --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_LAYERPATTERN_H
#define PLAIT_FRONTEND_LAYERPATTERN_H

#include "plait/Frontend/ModelConfig.h"

#include "llvm/ADT/ArrayRef.h"

#include <cstdint>
#include <vector>

namespace plait {

/// The layers of a model as loops over bodies of a few layers each, so that IR,
/// compile time and code do not grow with the number of layers.
struct LayerPattern {
  /// One layer of a body. It stands for the layers first, first + step, ... of
  /// the model, `slices` of them: iteration i of its loop is layer
  /// first + i * step. It has weights and a state of its own.
  struct Sublayer {
    LayerKind kind;
    int64_t first = 0, step = 1, slices = 0;
    bool operator==(const Sublayer &) const = default;
  };
  /// Iterations begin .. end - 1 over sublayers firstSublayer ..
  /// firstSublayer + count - 1.
  struct Loop {
    int64_t begin = 0, end = 0;
    size_t firstSublayer = 0, count = 0;
    bool operator==(const Loop &) const = default;
  };

  std::vector<Sublayer> sublayers;
  std::vector<Loop> loops; ///< in order of execution
};

/// The fewest sublayers that make up layers of these kinds, in one of two ways:
/// as a period of at most eight layers, with a last iteration that may be cut
/// short (a loop of its own over the same sublayers), or as runs of equal kinds.
/// Of equally many the period, which is one loop.
LayerPattern findLayerPattern(llvm::ArrayRef<LayerKind> kinds);

} // namespace plait

#endif // PLAIT_FRONTEND_LAYERPATTERN_H
