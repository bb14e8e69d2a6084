//===- Phases.h - The whole compiler as named phases ------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// docs/pipeline.md describes each phase, its passes and what holds after it.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_PIPELINES_PHASES_H
#define PLAIT_PASSES_PIPELINES_PHASES_H

#include "passes/Parallel/Passes.h"
#include "plait/Target/CpuMachine.h"

#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

#include <optional>
#include <string>

namespace plait {

/// In order. A model is compiled by `cpu` or, for a GPU, by `cuda`, `ptx` and `cubin`.
/// `ptx`, `cubin` and `link` have no passes: they write files.
enum class Phase { import, decode, parallel, lower, cpu, cuda, ptx, cubin, link };
inline constexpr Phase kPhases[] = {Phase::import, Phase::decode, Phase::parallel, Phase::lower, Phase::cpu,
                                    Phase::cuda,   Phase::ptx,    Phase::cubin,    Phase::link};

llvm::StringRef getName(Phase phase);
std::optional<Phase> parsePhase(llvm::StringRef name);

/// Which launches are fused. Results are the same, bit by bit, with all and none.
struct Fusions {
  bool gated = true, epilogues = true, rows = true, parallel = true, logits = true;
};

/// Everything the phases' passes are told. The same options are those of the
/// pipelines in plait-opt.
struct PhaseOptions : mlir::PassPipelineOptions<PhaseOptions> {
  Option<bool> debugLogits{*this, "debug-logits", llvm::cl::desc("Also make a variant that returns logits"),
                           llvm::cl::init(false)};
  Option<int64_t> dp{*this, "dp", llvm::cl::desc("Replicas of the model"), llvm::cl::init(1)};
  Option<int64_t> tp{*this, "tp", llvm::cl::desc("Ranks that share out each layer"), llvm::cl::init(1)};
  Option<int64_t> rank{*this, "rank", llvm::cl::desc("The rank whose program is made"), llvm::cl::init(0)};
  Option<bool> sequenceParallel{*this, "sequence-parallel", llvm::cl::desc("Run plait-shard-residual"),
                                llvm::cl::init(false)};
  Option<OverlapMode> overlap{
      *this, "overlap", llvm::cl::desc("Fuse sums over ranks with what follows them"),
      llvm::cl::init(OverlapMode::automatic),
      llvm::cl::values(clEnumValN(OverlapMode::off, "off", "nowhere"),
                       clEnumValN(OverlapMode::automatic, "auto", "where it is predicted to pay"),
                       clEnumValN(OverlapMode::on, "on", "wherever it can be"))};
  Option<bool> narrowSums{*this, "narrow-sums", llvm::cl::desc("Run plait-narrow-sums"), llvm::cl::init(false)};
  Option<bool> expandSums{*this, "expand-sums", llvm::cl::desc("Run plait-expand-sums"), llvm::cl::init(false)};
  Option<bool> tpInvariant{*this, "tp-invariant", llvm::cl::desc("Run plait-declare-trees"), llvm::cl::init(false)};
  ListOption<std::string> shards{*this, "shards", llvm::cl::desc("WEIGHT=SPEC of plait-constrain-weights")};
  Option<bool> optimizeCollectives{*this, "optimize-collectives", llvm::cl::desc("Run plait-optimize-collectives"),
                                   llvm::cl::init(true)};
  Option<bool> selectAlgorithms{*this, "select-algorithms", llvm::cl::desc("Run plait-select-algorithms"),
                                llvm::cl::init(true)};
  Option<std::string> servingPhase{*this, "serving-phase", llvm::cl::desc("Run plait-declare-phase: prefill or decode"),
                                   llvm::cl::init("")};
  Option<int64_t> lanes{*this, "lanes", llvm::cl::desc("f32 per vector register: 4, 8 or 16"), llvm::cl::init(8)};
  Option<bool> fuseGated{*this, "fuse-gated", llvm::cl::desc("Run plait-fuse-gated"), llvm::cl::init(true)};
  Option<bool> fuseEpilogues{*this, "fuse-epilogues", llvm::cl::desc("Run plait-fuse-epilogues"), llvm::cl::init(true)};
  Option<bool> fuseRows{*this, "fuse-rows", llvm::cl::desc("Run plait-fuse-rows"), llvm::cl::init(true)};
  Option<bool> fuseParallel{*this, "fuse-parallel", llvm::cl::desc("Run plait-fuse-parallel"), llvm::cl::init(true)};
  Option<bool> fuseLogits{*this, "fuse-logits", llvm::cl::desc("Run plait-add-greedy-steps and plait-summarize-logits"),
                          llvm::cl::init(true)};
  Option<bool> quantizeActivations{*this, "quantize-activations",
                                   llvm::cl::desc("Multiply weights of integers by activations of 16 bits"),
                                   llvm::cl::init(true)};
  Option<bool> splitAttention{*this, "split-attention", llvm::cl::desc("Run plait-split-attention"),
                              llvm::cl::init(true)};
  Option<bool> roundQueries{*this, "round-queries",
                            llvm::cl::desc("Of a CUDA target: run plait-round-queries, for attention by tensor cores"),
                            llvm::cl::init(true)};
  Option<bool> computeRedundantly{*this, "compute-redundantly", llvm::cl::desc("Run plait-compute-redundantly"),
                                  llvm::cl::init(true)};
  Option<bool> fma{*this, "fma", llvm::cl::desc("The target has fused multiply-add"), llvm::cl::init(true)};
  Option<bool> roundInputs{*this, "round-inputs", llvm::cl::desc("Round inputs of products with bf16 to bf16"),
                           llvm::cl::init(false)};
  Option<TileUnit> tiles{
      *this, "tiles", llvm::cl::desc("What multiplies bf16 by bf16, and integers"), llvm::cl::init(TileUnit::none),
      llvm::cl::values(clEnumValN(TileUnit::none, "none", "nothing"), clEnumValN(TileUnit::amx, "amx", "AMX tiles"),
                       clEnumValN(TileUnit::emulated, "emulated", "vector code with the bits of AMX tiles"))};
  Option<PairUnit> pairs{
      *this, "pairs", llvm::cl::desc("What multiplies bf16 by bf16 without tiles"), llvm::cl::init(PairUnit::none),
      llvm::cl::values(clEnumValN(PairUnit::none, "none", "nothing"),
                       clEnumValN(PairUnit::avx512, "avx512", "AVX512-BF16"),
                       clEnumValN(PairUnit::emulated, "emulated", "code with the bits of AVX512-BF16"))};
  Option<ByteUnit> bytes{
      *this, "bytes",
      llvm::cl::desc("What multiplies integers by the upper bytes of many rows, where numerics is fast"),
      llvm::cl::init(ByteUnit::none),
      llvm::cl::values(clEnumValN(ByteUnit::none, "none", "nothing"), clEnumValN(ByteUnit::vnni, "vnni", "AVX512-VNNI"),
                       clEnumValN(ByteUnit::emulated, "emulated", "code with the bits of AVX512-VNNI"))};
  Option<std::string> cuda{*this, "cuda", llvm::cl::desc("The CUDA target instead of a CPU: sm_80, sm_90a or sm_100a"),
                           llvm::cl::init("")};
  Option<bool> partial{*this, "partial", llvm::cl::desc("Leave kernels of ops without CUDA code as they are"),
                       llvm::cl::init(false)};
  Option<std::string> isa{*this, "isa", llvm::cl::desc("CPU features the binary asks for"), llvm::cl::init("")};
};

/// Of --plait-overlap-pipeline.
struct OverlapPipelineOptions : mlir::PassPipelineOptions<OverlapPipelineOptions> {
  Option<int64_t> rows{*this, "rows", llvm::cl::desc("Of each rank, in programs"), llvm::cl::init(1)};
  Option<bool> tiles{*this, "tiles", llvm::cl::desc("Run plait-fuse-tiles"), llvm::cl::init(false)};
  Option<int64_t> tileRows{*this, "tile-rows", llvm::cl::desc("Of plait-fuse-tiles"), llvm::cl::init(1)};
  Option<int64_t> sms{*this, "sms", llvm::cl::desc("Workers of a rank, of a GPU; 0: threads of a CPU"),
                      llvm::cl::init(0)};
  Option<int64_t> commSms{*this, "comm-sms", llvm::cl::desc("Of those the ones that add up and distribute"),
                          llvm::cl::init(8)};
  Option<bool> assignOrder{*this, "assign-order", llvm::cl::desc("Run plait-assign-tile-order"), llvm::cl::init(true)};
  Option<bool> assignPools{*this, "assign-pools", llvm::cl::desc("Run plait-assign-pools"), llvm::cl::init(true)};
  Option<std::string> machine{*this, "machine", llvm::cl::desc("Of plait-assign-pools"), llvm::cl::init("")};
  Option<bool> allocateSlots{*this, "allocate-slots", llvm::cl::desc("Run plait-allocate-slots"), llvm::cl::init(true)};
};

/// Of --plait-cpu-protocols-pipeline: plait-generate-cpu-protocols'.
struct CpuProtocolsPipelineOptions : mlir::PassPipelineOptions<CpuProtocolsPipelineOptions> {
  Option<unsigned> lanes{*this, "lanes", llvm::cl::desc("f32 per vector register: 4, 8 or 16"), llvm::cl::init(8)};
  Option<bool> fma{*this, "fma", llvm::cl::desc("Fuse multiplications with additions"), llvm::cl::init(true)};
  Option<bool> delays{*this, "delays", llvm::cl::desc("Call the host between memory operations"),
                      llvm::cl::init(false)};
};

/// Adds the passes of `phase`, ending with its verifier.
void buildPhase(mlir::OpPassManager &pm, Phase phase, const PhaseOptions &options);

/// --plait-decode-pipeline, --plait-parallel-pipeline, --plait-lower-pipeline, --plait-cpu-pipeline,
/// --plait-cuda-pipeline, --plait-overlap-pipeline.
void registerPhasePipelines();

} // namespace plait

#endif // PLAIT_PASSES_PIPELINES_PHASES_H
