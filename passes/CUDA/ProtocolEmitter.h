//===- ProtocolEmitter.h - Builds the code of overlap programs --*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What an overlap.program means on GPUs. A worker of a pool is a block. Symmetric memory is found through
// plait_team_v1_t (plait-abi/Team.h), which comes by value, then the number of the epoch (u32).
//
// Memory model (PTX ISA, "Memory Consistency Model"): a block's stores are before its barrier, and that is before
// the release by one of its threads; an acquire by one thread is before the barrier, and that before the loads of
// all. Counters are changed and read by instructions that name order and scope, in text: LLVM's atomicrmw loses both on
// its way to PTX. Addresses of symmetric memory come from the team, not from parameters, so that nothing is known of
// whom they are shared with: no load of them becomes one of constant memory.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_PROTOCOLEMITTER_H
#define PLAIT_PASSES_CUDA_PROTOCOLEMITTER_H

#include "passes/CUDA/KernelEmitter.h"

#include "dialects/Overlap/ProgramMemory.h"

namespace plait {

/// What carries stores, arrivals and sums at all ranks.
enum class CudaMulticast {
  loop,   ///< one instruction for each rank, sums in their order
  stores, ///< stores and arrivals by multimem, and sums that are in_switch; others in the order of ranks
  all     ///< all sums, in an order that the switch chooses
};

/// The product that makes a tile, if one does.
lm::LinearOp productOf(Value tile);
/// Whether an op loads what a product takes, which reads it where it is.
bool isOfProduct(Operation *op);
/// Whether the elements of a tile are in shared memory, as those of what is loaded and of what lm ops make.
bool isInShared(Value tile);

class CudaProtocolEmitter : public CudaKernelEmitter {
public:
  CudaProtocolEmitter(overlap::ProgramOp program, LLVM::LLVMFuncOp function, const CudaMachine &machine, Entry entry,
                      const overlap::ProgramMemory &memory, CudaMulticast multicast);
  /// Ends the function.
  rt::EntryAttr finishProtocol();

  /// The code of a part of the program: of the pools of a region; of ops between regions, on `workers` blocks, which
  /// share out rows.
  LogicalResult emitRegion(overlap::RegionOp region);
  LogicalResult emitStream(ArrayRef<Operation *> ops, int64_t workers);
  /// Blocks that ops between regions have work for.
  static int64_t workersOf(ArrayRef<Operation *> ops);

private:
  // Values (ProtocolEmitter.cpp)
  Value rank();
  Value indexOf(Value index); ///< i32
  Value expand(AffineExpr expr, ValueRange dims, ValueRange symbols);
  /// The number of an index of a counter.
  Value numberOf(overlap::CounterType type, ValueRange indices);
  SmallVector<Value> indicesOf(overlap::CounterType type, Value number);

  // Memory (ProtocolEmitter.cpp)
  Value memoryOf(Value rank);                ///< i64, address of a rank's symmetric memory
  Value teamWord(int64_t offset, Type type); ///< of plait_team_v1_t
  /// i64, bytes from the begin of symmetric memory, in the slot of `ahead` epochs behind this one.
  Value offsetOf(Value view, ValueRange offsets, Value row, int64_t ahead = 0);
  Value toPointer(Value address);
  Value addressOf(Value view, ValueRange offsets, Value row, Value peer = {}); ///< i64

  // Order (ProtocolSync.cpp)
  void emitArrive(overlap::ArriveOp op);
  void emitWait(overlap::WaitOp op);
  void emitQuiet(bool isWritten);
  LogicalResult emitTrigger(overlap::TriggerOp op);
  /// Of an index of the rank itself: address and how many arrivals make it complete in this epoch.
  std::pair<Value, Value> counterOf(overlap::TrackOp track, ValueRange indices);
  void add1(Value address, overlap::Scope scope, bool relaxed);
  Value findComplete(overlap::TriggerOp op);

  // Tiles (ProtocolTiles.cpp)
  LogicalResult emitTiles(overlap::TilesOp op, Value worker);
  LogicalResult emitBody(ArrayRef<Operation *> ops, Value firstRow, int64_t rowStep);
  LogicalResult emitRows(ArrayRef<Operation *> ops, Value firstRow, int64_t rowStep);
  LogicalResult emitRow(Operation *op, Value row);
  LogicalResult emitProduct(lm::LinearOp op);

  // Rows (ProtocolRows.cpp)
  /// Address of row `row` of a tile; null of a constant.
  Value rowOf(Value tensor, Value row);
  void loadRow(overlap::LoadOp op, Value row);
  void sumRow(overlap::LoadReduceOp op, Value row);
  /// Stores row `row` of `tensor` at rows of all ranks that `view` is of, or adds it to them.
  void storeRow(Value tensor, Value view, ValueRange offsets, overlap::Engine engine, bool adds, Value row);
  void storeColumns(Value tensor, Value row, ArrayRef<Value> addresses, StringRef instruction);
  void storeInBulk(Value tensor, Value row, ArrayRef<Value> addresses, bool adds);
  void returnRow(Value tensor, Value row);

  // Data that tells that it is there (ProtocolPoll.cpp)
  void emitFence();
  void publishRow(overlap::PublishOp op, Value row);
  void pollRow(overlap::PollOp op, Value row);
  void emitClear(overlap::ClearOp op, Value firstRow, int64_t rowStep);

  int64_t rowElements(Value result) override;
  void storeResult(Value result, Value value, Value offset) override;

  overlap::ProgramOp program;
  const overlap::ProgramMemory &memory;
  CudaMulticast multicast;
  SmallVector<Value> resultPointers;
  Value team, epoch;
  unsigned teamNumber;
  llvm::DenseMap<Value, Value> indices; ///< arguments of bodies
  int64_t productStride = 0;            ///< elements, of where the product at work goes
  bool productAdds = false;
  bool isStaged = false; ///< a bulk copy may read the row at work
};

} // namespace plait

#endif // PLAIT_PASSES_CUDA_PROTOCOLEMITTER_H
