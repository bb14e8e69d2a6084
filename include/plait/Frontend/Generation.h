//===- Generation.h - Defaults for choosing tokens --------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_FRONTEND_GENERATION_H
#define PLAIT_FRONTEND_GENERATION_H

#include "runtime/base/Json.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace plait {

/// What a request uses where it says nothing itself.
struct GenerationDefaults {
  std::optional<int32_t> bos;
  std::vector<int32_t> eos;
  double temperature = 0; ///< 0: the most probable token
  int32_t topK = 0;       ///< 0: all tokens
  double topP = 1, minP = 0;
  double repetitionPenalty = 1;
  int64_t minNewTokens = 0; ///< before a stop id may come
};

/// Reads generation_config.json (null: the folder has none); `bos_token_id` and
/// `eos_token_id` fall back on config.json.
Expected<GenerationDefaults> readGenerationDefaults(const JsonView *generation, const JsonView &config,
                                                    int64_t vocabulary, std::vector<std::string> &warnings);

} // namespace plait

#endif // PLAIT_FRONTEND_GENERATION_H
