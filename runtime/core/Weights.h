//===- Weights.h - The weight pack of a model in memory --------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_WEIGHTS_H
#define PLAIT_RUNTIME_CORE_WEIGHTS_H

#include "plait-abi/Model.h"
#include "runtime/base/File.h"
#include "runtime/base/Status.h"
#include "runtime/device/cpu/PageMemory.h"

#include <cstdint>
#include <memory>
#include <string>

namespace plait {

class Progress;

/// The packed weights, shared read-only by all instances of a model.
class Weights {
public:
  /// Maps a pack of exactly `model.pack_bytes` bytes.
  static Expected<Weights> map(const FileRange &file, const plait_model_v4_t &model);
  /// Makes the pack of `--weights random:seed` with `threads` threads.
  static Expected<Weights> random(uint64_t seed, const plait_model_v4_t &model, unsigned threads,
                                  Progress *progress = nullptr);

  const uint8_t *data() const { return base; }

private:
  std::shared_ptr<const MappedFile> file;
  PageMemory memory;
  const uint8_t *base = nullptr;
};

/// Writes panels (of PLAIT_LAYOUT_PANELS) or rows [begin, end) of one layer's
/// slice, which begins at `slice`, with random values and zero padding.
void fillRandom(const plait_weight_v4_t &weight, int64_t layer, uint64_t seed, int64_t begin, int64_t end,
                uint8_t *slice);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_WEIGHTS_H
