//===- ArtifactEvents.h - The events of a compiled step --------*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_ARTIFACTEVENTS_H
#define PLAIT_TOOLS_PLAIT_ARTIFACTEVENTS_H

#include "plait/Timeline/EventList.h"
#include "tools/plait/Explanation.h"

#include <memory>

namespace plait {

/// The launches of a variant on all ranks of replica 0, in the order in which each rank runs them, those
/// of a layer once for each. What a kernel costs is in the explanation of its rank, what is exchanged in
/// the tables. `models` are opened for ranks 0, 1, 2, ...
Expected<timeline::EventList> artifactEvents(const std::vector<std::shared_ptr<const Model>> &models,
                                             const std::string &variant, const timeline::Extents &extents);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_ARTIFACTEVENTS_H
