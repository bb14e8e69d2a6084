//===- Manifest.h - manifest.json of an artifact ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The text face of a model binary `name.plait/`. The compiler writes it as JSON
// (lib/Target); this is the reader. docs/abi.md describes every field.
//
//   { "schema": 3,
//     "compiler": {"version": "0.1.0", "llvm": "22.1.8"},
//     "model": {"name": "kjv-2m", "family": "llama", "vocabulary": 2048,
//               "hidden": 192, "layers": 4, "max_positions": 512,
//               "parameters": 2400000},
//     "target": {"kind": "cpu", "triple": "x86_64-..."},  // "cuda": some code is for a GPU
//     "numerics": "row_invariant", "strategy": "ar",
//     "binaries": [ {"target": "x86-64-v3", "isa": "avx2 bmi bmi2 f16c fma",
//                    "file": "model.so", "bytes": 1, "digest": "<32 hex>",
//                    "explain": "explain.json",   // of "files"; may be absent
//                    // of code for a GPU: what its `target` is as well, and, beside code for
//                    // CPUs, weights of its own; `isa` is that of its host
//                    "gpu": "sm_90a", "weights": {"file", "bytes", "digest"}} ],
//     "weights": {"kind": "pack", "file": "weights.pack", "bytes": 1,
//                 "digest": "<32 hex>", "format": "bf16"},
//                 // kind "random": {"seed": 0} instead of file and digest;
//                 // kind "none": the artifact cannot run
//     // An artifact of several ranks has, instead of "binaries" and of the pack in
//     // "weights", these of each rank:
//     "ranks": 2,
//     "parts": [ {"binaries": [...], "weights": {"file", "bytes", "digest"}}, ... ],
//     "replicas": 2,   // that all run these; absent: 1
//     // With phases "ranks" and "parts" are those of prefill, then those of decode:
//     "phases": {"prefill": {"replicas": 1, "ranks": 1}, "decode": {"replicas": 1, "ranks": 2}},
//     "handover": {...},   // HandoverPlan.h
//     "files": [ {"file": "tokenizer.json", "bytes": 1, "digest": "..."} ],
//     "inputs": [ {"file": "config.json", "bytes": 1, "digest": "..."} ],
//     "generation": {"bos": 0, "eos": [1], "temperature": 1.0, "top_k": 0,
//                    "top_p": 1.0, "min_p": 0.0,      // bos may be null
//                    "repetition_penalty": 1.0, "min_tokens": 0},
//     // Ways to draft, beside the strategy above (runtime/decode/rounds/RoundProgram.h), and
//     // the folders in this one of the models that draft for them; both may be absent.
//     "strategies": [ {"call": "prompt_lookup(k=4,longest=3,shortest=1)", "program": {...}} ],
//     "models": {"draft": "draft"},
//     "memory": {"weights": 1, "state_per_token": 1, "state_element": "f32",
//                "arena": {"tokens": 1, "leaves": 1}},
//     "variants": [ {"name": "ar", "launches": 60,
//                    "flops": {"constant": 0, "tokens": 1, "rows": 0,
//                              "leaves": 1, "token_positions": 1},
//                    "weight_bytes": {...}, "activation_bytes": {...},
//                    // steps of so many tokens, or more, are computed in two parts; may be absent
//                    "weave_tokens": 256,
//                    // steps of fewer are computed by each rank with all tokens; may be absent
//                    "share_tokens": 16,
//                     // predicted microseconds of steps that decode so many tokens
//                     "step_us": [[1, 210.5], [2, 212.0], ...]} ] }
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_MANIFEST_H
#define PLAIT_RUNTIME_CORE_MANIFEST_H

#include "runtime/base/Json.h"
#include "runtime/base/Mesh.h"
#include "runtime/base/Status.h"
#include "runtime/core/ArtifactSource.h"
#include "runtime/core/HandoverPlan.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace plait {

inline constexpr int64_t kManifestSchema = 3;

struct ManifestFile {
  std::string file; ///< a plain name inside the artifact
  uint64_t bytes = 0;
  std::string digest;
};

/// The model's code for one kind of machine.
struct ManifestBinary {
  std::string target; ///< its name, as of `plait-compile --target`
  std::string isa;    ///< features that the CPU must have
  ManifestFile file;
  std::string explain;  ///< what was decided for this target; empty: not told
  std::string gpu;      ///< architecture of a GPU; empty: all code is for CPUs
  ManifestFile weights; ///< of kind "pack"; without a name: the rank's
};

/// What one rank loads.
struct ManifestRank {
  std::vector<ManifestBinary> binaries; ///< one or more, the best first
  ManifestFile weights;                 ///< of kind "pack"
};

/// A decoding strategy that was compiled, with its arguments.
struct ManifestStrategy {
  std::string call;
  Json program;
};

struct Manifest {
  std::string compilerVersion;
  std::string name, family;
  int64_t vocabulary = 0, hidden = 0, layers = 0, maxPositions = 0, parameters = 0;
  std::string triple, numerics, strategy;
  std::vector<ManifestRank> ranks;        ///< one or more: of each program
  Mesh ranksMesh;                         ///< of replicas and phases
  HandoverPlan handover;                  ///< between phases
  std::string weightsKind, weightsFormat; ///< "pack" | "random" | "none"
  std::string stateElement;               ///< of keys and values
  uint64_t weightsSeed = 0;               ///< of kind "random"
  std::vector<ManifestFile> files, inputs;
  std::optional<int32_t> bos;
  std::vector<int32_t> eos;
  float temperature = 1, topP = 1, minP = 0, repetitionPenalty = 1;
  int32_t topK = 0;
  int64_t minTokens = 0;
  std::vector<ManifestStrategy> strategies;  ///< in the order of the compiler's command line
  std::map<std::string, std::string> models; ///< that draft: folders by name
  /// Of steps of a variant: from how many tokens on they are computed in two parts (0: never),
  /// and their tokens shared out by ranks (0: always).
  struct Thresholds {
    int64_t weaveTokens = 0, shareTokens = 0;
  };
  std::map<std::string, Thresholds> thresholds; ///< by the name of the variant
  Json raw;                                     ///< everything, for `plait inspect`

  const Mesh &mesh() const { return ranksMesh; }
  Thresholds thresholdsOf(const std::string &variant) const {
    auto found = thresholds.find(variant);
    return found == thresholds.end() ? Thresholds() : found->second;
  }
};

/// Reads and checks the text of a manifest, its schema before anything else; `path`
/// names it in errors.
Expected<Manifest> parseManifest(std::string_view text, const std::string &path);
/// The same for manifest.json of `source`.
Expected<Manifest> readManifest(const ArtifactSource &source);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_MANIFEST_H
