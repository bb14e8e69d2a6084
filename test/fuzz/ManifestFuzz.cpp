//===- ManifestFuzz.cpp - Fuzzes the reader of manifest.json --------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/core/Manifest.h"
#include "test/fuzz/Fuzz.h"

#include <cmath>

using namespace plait;
using namespace plait::fuzz;

static void checkFile(const ManifestFile &file) {
  require(!file.file.empty() && file.file != ".." && file.file.find('/') == std::string::npos,
          "a file lies in the artifact");
  require(file.digest.size() == 32, "a digest is complete");
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Expected<Manifest> manifest = parseManifest(textOf(data, size), "manifest.json");
  if (!manifest) {
    checkRefusal(manifest.status());
    return 0;
  }
  require(!manifest->ranks.empty(), "there is a rank");
  for (const ManifestRank &rank : manifest->ranks) {
    require(!rank.binaries.empty(), "there is a binary");
    for (const ManifestBinary &binary : rank.binaries)
      checkFile(binary.file);
    if (manifest->weightsKind == "pack")
      checkFile(rank.weights);
  }
  for (const ManifestFile &file : manifest->files)
    checkFile(file);
  require(manifest->vocabulary > 0 && manifest->maxPositions > 0, "sizes are positive");
  for (int32_t id : manifest->eos)
    require(id >= 0 && id < manifest->vocabulary, "stop ids lie in the vocabulary");
  require(std::isfinite(manifest->temperature) && manifest->temperature >= 0, "temperature is a temperature");
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t capacity, unsigned seed) {
  size_t changed = seed % 4 ? mutateJson(data, size, capacity, seed) : 0;
  return changed ? changed : LLVMFuzzerMutate(data, size, capacity);
}
