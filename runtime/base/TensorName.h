//===- TensorName.h - Checkpoint names of per-layer tensors ----*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_BASE_TENSORNAME_H
#define PLAIT_RUNTIME_BASE_TENSORNAME_H

#include <cstdint>
#include <string>
#include <string_view>

namespace plait {

/// The checkpoint tensor of slice `slice` of a weight: `source` with every
/// "{layer}" replaced by the number of the layer, first + slice * step.
inline std::string sliceTensorName(std::string source, int64_t slice, int64_t first, int64_t step) {
  static constexpr std::string_view mark = "{layer}";
  for (size_t at; (at = source.find(mark)) != std::string::npos;)
    source.replace(at, mark.size(), std::to_string(first + slice * step));
  return source;
}

} // namespace plait

#endif // PLAIT_RUNTIME_BASE_TENSORNAME_H
