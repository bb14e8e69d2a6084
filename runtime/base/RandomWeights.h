//===- RandomWeights.h - Weights without a checkpoint -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Random weights for `--weights random[:seed]`. An element is a pure function
// of (seed, tensor name, logical element index), so that the loader, which
// writes them in packed order, and the reference evaluation agree.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_RANDOMWEIGHTS_H
#define PLAIT_RUNTIME_BASE_RANDOMWEIGHTS_H

#include "runtime/base/Bf16.h"

#include <cmath>
#include <cstdint>
#include <string_view>

namespace plait {

class RandomWeights {
public:
  /// `name`: the checkpoint tensor's name with the layer filled in. `cols` is
  /// the fan-in of a matrix, 1 for a vector.
  RandomWeights(uint64_t seed, std::string_view name, int64_t cols) {
    key = 0xCBF29CE484222325ull ^ (seed * 0x9E3779B97F4A7C15ull);
    for (unsigned char c : name)
      key = (key ^ c) * 0x100000001B3ull;
    bool vector = cols == 1;
    bool gain = vector && name.size() >= 6 && name.substr(name.size() - 6) == "weight";
    offset = gain ? 1.0f : 0.0f; // norm gains lie around one, biases around zero
    scale = vector ? 0.1f : std::sqrt(3.0f / float(cols));
  }
  /// Element `index` (row * cols + col), uniform with unit output variance.
  float operator()(int64_t index) const {
    uint64_t z = key + uint64_t(index) * 0x9E3779B97F4A7C15ull; // splitmix64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    z ^= z >> 31;
    return offset + scale * (float(int32_t(z >> 32)) * 0x1p-31f);
  }

private:
  uint64_t key;
  float offset, scale;
};

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_RANDOMWEIGHTS_H
