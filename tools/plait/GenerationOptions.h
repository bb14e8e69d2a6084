//===- GenerationOptions.h - How tokens are chosen -------------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The options that every command with generated text has, and the model's own
// values for those that are not given.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_GENERATIONOPTIONS_H
#define PLAIT_TOOLS_PLAIT_GENERATIONOPTIONS_H

#include "runtime/base/Status.h"
#include "runtime/core/Manifest.h"
#include "runtime/decode/LogitRules.h"
#include "runtime/decode/StopStrings.h"

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

namespace plait {

/// The options' texts; empty if not given.
struct GenerationTexts {
  std::string temperature, topK, topP, minP, seed;
  std::string repetition, presence, frequency, minTokens;
  std::vector<std::string> logitBias, stops;
};

struct Generation {
  Sampling sampling;
  LogitRules rules;
  StopStrings stops;
};

void addGenerationOptions(CLI::App &command, GenerationTexts &texts);

/// The values of a request that gives none.
Generation generationDefaults(const Manifest &manifest);

/// `defaults` with what was given in `texts`.
Expected<Generation> parseGeneration(const GenerationTexts &texts, const Generation &defaults);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_GENERATIONOPTIONS_H
