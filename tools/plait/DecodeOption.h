//===- DecodeOption.h - What --decode asks for ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_DECODEOPTION_H
#define PLAIT_TOOLS_PLAIT_DECODEOPTION_H

#include "runtime/decode/Drafting.h"
#include "tools/plait/Session.h"

#include <string>
#include <vector>

namespace plait {

/// The strategy of a session's model that `call` of --decode means.
Expected<const ManifestStrategy *> findStrategy(const Session &session, const std::string &call);

/// The one that --decode asks for first; null without it, and for plain decoding.
Expected<const ManifestStrategy *> chosenStrategy(const Session &session, const CompileOptions &compile);

/// The one that a prompt asks for by `name`: one of the model's, or of --decode as it is spelled
/// there; null for plain decoding.
Expected<const ManifestStrategy *> strategyOfPrompt(const Session &session, const CompileOptions &compile,
                                                    const std::string &name);

/// What `strategies` of a session's model need, of which null ones need nothing.
Expected<Drafting> openDrafting(const Session &session, std::vector<const ManifestStrategy *> strategies, bool quiet,
                                unsigned threads);

/// Lines for --stats: of the models that draft, and of what a strategy has come to.
std::string draftModelsText(const Drafting &drafting);
std::string strategyText(const std::string &call, const DraftCounts &counts);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_DECODEOPTION_H
