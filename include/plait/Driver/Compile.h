//===- Compile.h - From a model folder to an artifact -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DRIVER_COMPILE_H
#define PLAIT_DRIVER_COMPILE_H

#include "passes/Pipelines/Phases.h"
#include "plait/Frontend/Import.h"
#include "plait/Target/Ptx.h"

#include "runtime/base/Mesh.h"
#include "runtime/base/Progress.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace plait {

/// Where the artifact's weights come from.
struct WeightsSpec {
  enum class Kind { checkpoint, random, none } kind = Kind::checkpoint;
  uint64_t seed = 0; ///< of random
};

/// "checkpoint", "random", "random:SEED" or "none".
Expected<WeightsSpec> parseWeightsSpec(const std::string &text);

/// "all", "none" or a list of "gated", "epilogues", "rows", "parallel" and "logits".
Expected<Fusions> parseFusions(const std::string &text);

/// "auto", "on" or "off".
Expected<OverlapMode> parseOverlapMode(const std::string &text);

/// What the link phase writes.
enum class Emit { folder, executable };

struct CompileOptions {
  std::string input;  ///< a Hugging Face folder, a GGUF file, or IR with `startFrom` after import
  std::string folder; ///< with IR as input: the folder of weights and tokenizer, may be empty
  std::string output; ///< the artifact, or the IR of `stopAfter` ("-": standard output)
  Emit emit = Emit::folder;
  bool embedWeights = false;     ///< in the executable, not in a file beside it
  std::string target = "native"; ///< or a list, of which the machine that runs chooses
  WeightsSpec weights;
  WeightFormat format;
  StateFormat state = StateFormat::f32;
  lm::Numerics numerics = lm::Numerics::row_invariant; ///< of a model that is read; IR says its own
  std::string calibration;         ///< a text for rounding to integers (see Importance.h); empty: none
  bool quantizeActivations = true; ///< of products with weights of integers
  bool byteProducts = true;        ///< of many tokens, where numerics is `fast` and the target has them
  bool splitAttention = true;      ///< over threads, by positions
  bool redundantRows = true;       ///< each thread computes a few rows for itself
  /// Where packed weights are kept for other artifacts of the same checkpoint and
  /// layout, by digest of both; empty: the artifact has a pack of its own.
  std::string packFolder;
  bool debugLogits = false;
  Mesh mesh;                     ///< replicas, and ranks among which each layer's weights are divided
  bool sequenceParallel = false; ///< they share out the tokens of norms and residual, too
  OverlapMode overlap = OverlapMode::automatic;
  bool explainOverlap = false;   ///< log why each sum over ranks is fused or not, and how it is carried out
  std::string wireDtype = "f32"; ///< of sums over ranks on their way: f32 or bf16, which changes numbers
  bool optimizeCollectives = true;
  bool selectAlgorithms = true;    ///< decide how sums over ranks are carried out on `machine`
  bool expandSums = true;          ///< for a GPU: ranks exchange summands, and each adds them up
  std::string machine;             ///< a file with a par.machine that decisions are made for; empty: none
  std::vector<std::string> shards; ///< WEIGHT=SPEC, decisions that are made already (plait-constrain-weights)
  std::vector<std::string> decode; ///< strategies, such as prompt_lookup(k=4) (docs/howto/write-a-strategy.md)
  int64_t draftRanks = 0;          ///< of each replica, among which draft models are divided; 0: whole on one
  std::string heads;               ///< a folder with heads beside the model's own (ImportOptions::heads)
  Fusions fusions;
  bool selftest = true;
  bool checkFinite = false; ///< refuse a checkpoint with NaN or infinity
  bool explain = true;      ///< write what `plait explain` shows
  unsigned threads = 0;     ///< 0: as many as there are processors
  Phase startFrom = Phase::import, stopAfter = Phase::link;
  std::function<void(const std::string &)> log; ///< a line per warning
  Progress *progress = nullptr;                 ///< told of each stage
  /// Makes the images of a GPU's kernels in a model binary; empty: ptxas does.
  std::function<Expected<Cubin>(mlir::gpu::GPUModuleOp)> assemble = nullptr;
};

/// Runs the phases. MLIR's diagnostics go to the context's handler (standard
/// error) and the returned error says which phase failed.
Status compile(const CompileOptions &options);

} // namespace plait

#endif // PLAIT_DRIVER_COMPILE_H
