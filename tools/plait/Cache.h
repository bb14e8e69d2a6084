//===- Cache.h - Compiled models, made when they are missing ---*- C++ -*--===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_TOOLS_PLAIT_CACHE_H
#define PLAIT_TOOLS_PLAIT_CACHE_H

#include "runtime/base/Status.h"
#include "tools/plait/CompileOptions.h"

#include <string>

namespace plait {

struct ResolvedArtifact {
  std::string path;
  bool fromModel = false; ///< PATH is a model to compile, not an artifact
  bool compiled = false;  ///< just now, not found in the cache
  double seconds = 0;     ///< of finding or compiling it
};

/// The artifact at `path`: itself, or what compiling the Hugging Face folder or
/// GGUF file there gives. The cache is keyed by content; a second process that
/// wants the same model waits for the first, and a compiler that dies leaves
/// nothing.
Expected<ResolvedArtifact> resolveArtifact(const std::string &path, const CompileOptions &options);

/// plait-compile, which lies beside this program.
Expected<std::string> compilerPath();

/// ${PLAIT_CACHE_DIR}, else ${XDG_CACHE_HOME}/plait, else ~/.cache/plait.
Expected<std::string> cacheFolder();

/// A digest of this program's own file, which identifies the build.
std::string buildId();

} // namespace plait

#endif // PLAIT_TOOLS_PLAIT_CACHE_H
