//===- InspectDrafts.h - What plait inspect shows of draft models -*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_INSPECTDRAFTS_H
#define PLAIT_TOOLS_PLAIT_INSPECTDRAFTS_H

#include "runtime/base/Json.h"
#include "runtime/core/Model.h"

#include <memory>
#include <string>
#include <vector>

namespace plait {

/// What a rank of the world has of a model that drafts.
struct DraftPart {
  std::string name; ///< that strategies have for it
  int64_t rank = 0;
  std::shared_ptr<const Model> model;
};

/// Of all draft models of `main`, without their weights.
Expected<std::vector<DraftPart>> draftParts(const Model &main);

/// "whole on rank 0" or "divided among ranks 0 to 1" of those of `target`; "" if it has one.
std::string draftPlaceText(const Mesh &draft, const Mesh &target);

/// [{"model", "rank"} and the members of memoryJson's ranks].
Json draftMemoryJson(const std::vector<DraftPart> &parts);
/// Empty if there are none.
std::string draftMemoryText(const Json &drafts);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_INSPECTDRAFTS_H
