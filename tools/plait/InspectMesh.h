//===- InspectMesh.h - What plait inspect shows of ranks --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_INSPECTMESH_H
#define PLAIT_TOOLS_PLAIT_INSPECTMESH_H

#include "runtime/base/Json.h"
#include "runtime/core/Model.h"

#include <memory>
#include <string>
#include <vector>

namespace plait {

/// Which ranks of the world run which replica, in one line; nothing of one replica.
std::string meshLine(const Mesh &mesh);

/// What goes from prefill to decode; nothing without phases.
std::string handoverText(const Manifest &manifest);

/// Bytes of a rank of a model, and the same as columns of a table below that header.
Json rankMemoryJson(const plait_model_v4_t &model);
std::string rankMemoryHeader();
std::string rankMemoryText(const Json &row);

/// Bytes of each rank of the world; those of the arena and of communication in a step of the
/// first variant with 512 tokens. `programs` are the different ones.
Json memoryJson(const std::vector<std::shared_ptr<const Model>> &programs);
std::string memoryText(const Manifest &manifest, const Json &memory);

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_INSPECTMESH_H
