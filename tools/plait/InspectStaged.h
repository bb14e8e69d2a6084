//===- InspectStaged.h - What strategies stage ------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_INSPECTSTAGED_H
#define PLAIT_TOOLS_PLAIT_INSPECTSTAGED_H

#include "runtime/base/Json.h"
#include "tools/plait/InspectDrafts.h"

#include <memory>
#include <vector>

namespace plait {

/// [{"strategy", "rank", "model", "tokens", "bytes", "pages", "page_bytes"}]: keys and values that a
/// round of each strategy stages at most behind the text of one sequence, and the pages that they lie
/// in. `programs` are the different ones of the model.
Expected<Json> stagedJson(const std::vector<std::shared_ptr<const Model>> &programs,
                          const std::vector<DraftPart> &drafts);
/// Empty if there are none.
std::string stagedText(const Json &staged);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_INSPECTSTAGED_H
