//===- ProtocolEmitter.h - Builds the code of overlap programs --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an overlap.program means on CPU ranks. A worker of a pool, of whatever it is, is a thread
// (plait_protocol_call_v1_t, plait-abi/Protocol.h). What a tile computes is a kernel as any other, on the thread's
// own memory; this is the code around those.
//
// Memory model (C++): tiles of symmetric memory are read and written by plain instructions, an arrival is an atomic
// addition that releases, a wait an atomic load that acquires, relaxed ones are relaxed. What is published is stored
// and polled element by element by atomics that release and acquire. Additions to a counter continue each other's
// release sequence, so a wait acquires what all arrivals that it has counted released. Addresses of symmetric memory
// come from the team, so that nothing is known of whom they are shared with.
//
// A wait may end in vain, because a rank is lost. All that is behind it in its tile is then left out.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PROTOCOLEMITTER_H
#define PLAIT_PASSES_CPU_PROTOCOLEMITTER_H

#include "passes/CPU/KernelEmitter.h"

#include "dialects/Overlap/ProgramMemory.h"

namespace plait {

/// The kernels that compute tiles: one for ops that are alike, of extents that are known.
class TileKernels {
public:
  TileKernels(ModuleOp module, StringRef prefix, CpuTarget target) : module(module), prefix(prefix), target(target) {}
  struct Kernel {
    LLVM::LLVMFuncOp function; ///< plait_kernel_fn_v1
    int64_t tiles;
  };
  FailureOr<Kernel> get(Operation *op);
  /// How a weight lies in memory: as the kernels' own.
  static kernel::PackedType getPackedType(lm::WeightType weight);

private:
  ModuleOp module;
  std::string prefix;
  CpuTarget target;
  llvm::StringMap<Kernel> kernels;
};

class CpuProtocolEmitter : public CpuKernelEmitter {
public:
  /// With `delays` plait_protocol_call_v1_t.delay is called between memory operations.
  CpuProtocolEmitter(overlap::ProgramOp program, LLVM::LLVMFuncOp function, CpuTarget target,
                     const overlap::ProgramMemory &memory, TileKernels &kernels, bool delays);

  /// The code of a part of the program: of the pools of a region, one after the other in the number of the worker; of
  /// ops between regions, on one worker.
  LogicalResult emitRegion(overlap::RegionOp region);
  LogicalResult emitStream(ArrayRef<Operation *> ops) { return emitBody(ops); }
  static int64_t countWorkers(overlap::RegionOp region);
  /// What all tiles of the part take at once, at most.
  int64_t getScratchBytes() const { return mostScratch; }

private:
  // Values (ProtocolEmitter.cpp)
  Value field(size_t offset, Type type); ///< of plait_protocol_call_v1_t
  Value toIndex(Value integer);
  Value toI64(Value index);
  Value indexOf(Value index);
  Value expand(AffineExpr expr, ValueRange dims, ValueRange symbols);
  /// Number (index) of an index of a counter, and back.
  Value numberOf(overlap::CounterType type, ValueRange indices);
  SmallVector<Value> indicesOf(ArrayRef<int64_t> extents, Value number);
  Value ranks();
  void delay();

  // Memory (ProtocolEmitter.cpp)
  /// A matrix whose rows lie `stride` elements apart.
  struct Tile {
    Value base;
    int64_t rows, columns, stride;
    Type element;
  };
  Value memoryOf(Value rank, Value offset); ///< address
  /// In the slot of `ahead` epochs behind this one.
  Value addressOf(Value view, ValueRange offsets, Value rank, int64_t ahead = 0);
  Tile tileOf(Value tensor);
  Tile makeTile(Value tensor); ///< in the worker's own memory
  FailureOr<Value> weightOf(Value weight);
  using Element = llvm::function_ref<void(Value row, Columns columns)>;
  void forElements(const Tile &tile, Element body);
  Value loadOf(const Tile &tile, Value row, Columns columns);
  void storeTo(const Tile &tile, Value row, Columns columns, Value value);
  void copy(const Tile &from, const Tile &to);

  // Order (ProtocolSync.cpp)
  Value counterAt(overlap::TrackOp track, ValueRange indices, Value rank);
  Value expectedOf(overlap::TrackOp track, ValueRange indices); ///< i32, in all epochs up to this one
  Value isComplete(Value address, Value target, bool relaxed);
  Value keepsOn(Value turns); ///< whether there is something to wait for
  void emitArrive(overlap::ArriveOp op);
  void emitWait(overlap::WaitOp op);
  /// Asks until `isComplete` (i1). The builder is then where it is, and what comes behind a wait in vain is left out.
  void waitUntil(llvm::function_ref<Value()> isComplete);
  LogicalResult emitTrigger(overlap::TriggerOp op);

  // Tiles (ProtocolTiles.cpp)
  LogicalResult emitTiles(overlap::TilesOp op, Value first);
  LogicalResult emitBody(ArrayRef<Operation *> ops);
  LogicalResult emitOp(Operation *op);
  void emitStore(Value tensor, Value view, ValueRange offsets, bool adds);
  void emitLoad(overlap::LoadOp op);
  void emitSum(overlap::LoadReduceOp op);
  LogicalResult emitKernel(Operation *op);
  void emitReturn(overlap::ReturnOp op);

  // Data that tells that it is there (ProtocolPoll.cpp)
  using Number = llvm::function_ref<void(Value row, Value column)>;
  void forNumbers(int64_t rows, int64_t columns, Number body);
  void emitPublish(overlap::PublishOp op);
  void emitPoll(overlap::PollOp op);
  void emitClear(overlap::ClearOp op);

  overlap::ProgramOp program;
  const overlap::ProgramMemory &memory;
  TileKernels &kernels;
  bool delays;
  Value call, team, buffers, scratchBase, epoch, runtime, rank; ///< rank: index
  llvm::DenseMap<Value, Value> indices;                         ///< arguments of bodies (index)
  llvm::DenseMap<Value, Tile> tiles;                            ///< that are in the worker's memory
  int64_t nextScratch = 0, mostScratch = 0;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_PROTOCOLEMITTER_H
