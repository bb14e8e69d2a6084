//===- ExplainStrategies.h - The strategies of a model ----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_EXPLAINSTRATEGIES_H
#define PLAIT_TOOLS_PLAIT_EXPLAINSTRATEGIES_H

#include "tools/plait/Explanation.h"

namespace plait {

/// [{"call", "exact", "letter", "reason", "steps"}]: what each is called, what its text is worth and
/// why, and the steps that its forwards run.
Expected<Json> strategiesJson(const Manifest &manifest, const Explanation &explanation);

/// The same for people; empty if there are none.
std::string strategiesText(const Json &strategies);

/// Adds to the entry of a strategy what a round of it does: "forwards", the tokens and bytes
/// that it "stages" at most, and what a "round" takes by the compiler's tables, by the number of
/// tokens that are drafted.
Status explainRounds(const Model &model, Json &strategy);
/// The entry for people.
std::string roundsText(const Json &strategy);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_EXPLAINSTRATEGIES_H
