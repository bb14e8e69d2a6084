//===- KernelEmitter.h - Builds the code of one CUDA kernel -----*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every family of CUDA kernels is written with. A kernel is a grid of blocks of one
// dimension. Its parameters are the addresses of its buffers, those of arguments, then
// of results, the address of the step's extents (plait_dim_t of int64_t), then tensor maps.
//
// Numerics: the order of every sum is fixed by the code emitted here and the target; no
// fast-math flag is ever set, and a multiplication is fused with an addition exactly where
// fma() says so. So the bits of a row do not depend on the step that it is part of.
//
// All arithmetic works on scalars and on vectors alike; both operands have one type.
// Integers are i32 within a block, i64 where they are multiplied by the size of a row.
//
// Code is emitted in order of evaluation, which C++ leaves open for the arguments of a
// call: at most one of them may emit more than constants.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_KERNELEMITTER_H
#define PLAIT_PASSES_CUDA_KERNELEMITTER_H

#include "dialects/Kernel/Kernel.h"
#include "dialects/Rt/Rt.h"
#include "plait-abi/Types.h"
#include "plait/Target/CudaMachine.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"

namespace plait {

/// Consecutive columns that a thread works on at once.
struct CudaColumns {
  Value first;   ///< i32
  int64_t count; ///< 1, 2 or 4
};

class CudaKernelEmitter {
public:
  /// What a function is emitted for.
  struct Entry {
    int64_t rows = 0;      ///< the most rows that it is meant for; 0: any number
    int64_t threads = 256; ///< of a block
  };
  /// Writes into `function`, which has no body yet and gets its type.
  CudaKernelEmitter(kernel::FuncOp kernel, LLVM::LLVMFuncOp function, const CudaMachine &machine, Entry entry);
  virtual ~CudaKernelEmitter() = default;
  /// Ends the function. Returns what is to know for a launch.
  rt::EntryAttr finish();

  OpBuilder &builder() { return b; }
  Location loc() const { return location; }
  const CudaMachine &machine() const { return cuda; }
  const Entry &entry() const { return self; }
  int64_t threads() const { return self.threads; }

  //===--------------------------------------------------------------------===//
  // Arguments
  //===--------------------------------------------------------------------===//

  /// Address (!llvm.ptr<1>) of the buffer of an argument or a result of the kernel. `index`
  /// 1 of an !lm.state is its page table, `index` 0 its pages.
  Value pointer(Value value, unsigned index = 0);
  /// Address of row `row` (i32) of a tensor of rank 2. What passes from op to op within the
  /// kernel has shared memory for one row: of the row at work.
  Value rowPointer(Value tensor, Value row);
  /// Whether `tensor` passes from op to op within the kernel, and so has no buffer.
  bool isInside(Value tensor) const { return !buffers.contains(tensor); }
  /// Where the row at work of a tensor lies that has no buffer; null: in shared memory of its own.
  void bindRow(Value tensor, Value address) { rowBuffers[tensor] = address; }
  /// Elements from a row of a product's result to the next one where it is stored.
  virtual int64_t rowElements(Value result);
  /// How the weight operand `weight` of a compute op is packed.
  kernel::PackedType packedType(Value weight);
  /// Extent `d` of the step (i64), and leading extent of `tensor`, static or named.
  Value dim(plait_dim_t d);
  Value rows(Value tensor);
  static bool hasKnownRows(RankedTensorType type);
  /// Address (generic) of a parameter that tells TMA of the matrix of bf16 in the buffer of
  /// `value`, of which it copies boxes of `boxRows` rows by 64 columns, swizzled by 128 bytes.
  /// `rows` 0: as many as the buffer holds. Of a slice it is that of the whole matrix.
  Value tensorMap(Value value, int64_t rows, int64_t columns, int64_t boxRows);
  /// `row` (i32) of a slice of a matrix as row of the matrix; of anything else itself.
  Value rowOfMatrix(Value value, Value row);

  //===--------------------------------------------------------------------===//
  // Blocks, threads and the memory that they share
  //===--------------------------------------------------------------------===//

  using Body = llvm::function_ref<void(Value i)>;
  using ColumnBody = llvm::function_ref<void(CudaColumns)>;

  /// One block per `block` rows of `tensor`, `perRow` blocks for each of those.
  rt::TilesAttr rowTiles(Value tensor, int64_t perRow = 1, int64_t block = 1);
  /// Calls `body` for the number (i32) of a block's tile. Parts have blocks one after the other.
  void forEachTile(rt::TilesAttr tiles, Body body);

  Value thread() { return threadNumber; }         ///< i32
  Value warp() { return div(thread(), i32(32)); } ///< of the block
  Value lane() { return rem(thread(), i32(32)); }
  void barrier();
  /// `bytes` (!llvm.ptr<3>) for the part at work, aligned to at most 1024. Parts have the
  /// same memory, as a block works on one.
  Value shared(int64_t bytes, int64_t alignment);
  /// That of the warp's lane whose number differs from this one's by `mask` (xor): a number of 32 or 64 bits.
  Value shuffle(Value value, int64_t mask);
  /// The sum of a f32 of each thread, in all threads: neighbours in pairs, pairs of
  /// those and so on in a warp, then warps in order. `warps` false: of the warp's alone.
  Value sumOverThreads(Value value, bool warps);

  //===--------------------------------------------------------------------===//
  // Columns: divided among the threads of a block, or of a warp
  //===--------------------------------------------------------------------===//

  /// 4, 2 or 1: of what all of `extents` are multiples.
  static int64_t width(ArrayRef<int64_t> extents);
  /// All of 0 .. count - 1, `width` at a time, which divides it.
  void forColumns(int64_t count, int64_t width, ColumnBody body, bool warps = true);
  /// The sum over them of `term(columns)`, f32 or vectors of it, in all threads. The order
  /// follows from the count, the width and the number of threads.
  Value sumColumns(int64_t count, int64_t width, llvm::function_ref<Value(CudaColumns)> term, bool warps = true);

  //===--------------------------------------------------------------------===//
  // Several ops in one kernel (KernelFusion.cpp)
  //===--------------------------------------------------------------------===//

  /// The ops whose code is being emitted: a part of the kernel (kernel.func).
  ArrayRef<Operation *> part() const { return partOps; }
  void beginPart(ArrayRef<Operation *> ops);
  /// Where elements belong.
  struct Place {
    Value offset; ///< i64, of one that exists
    Value exists; ///< i1; null: it does. Others are computed and not stored.
  };
  /// Of each product in `known`, f32 elements for each of `places`. Passes them through the elementwise
  /// ops of the part and stores what leaves the kernel. What those ops read besides is
  /// loaded for all places first, so that loads do not wait for stores.
  void storeElements(ArrayRef<std::pair<Value, SmallVector<Value>>> known, ArrayRef<Place> places);

  //===--------------------------------------------------------------------===//
  // Types, constants and tables
  //===--------------------------------------------------------------------===//

  Type f32Type() { return b.getF32Type(); }
  /// `element` if `count` is 1, else a vector.
  Type typeOf(Type element, int64_t count);
  /// `value` as a scalar or a splat of `type`, float or integer.
  Value constant(Type type, double value);
  Value integer(Type type, int64_t value);
  Value i32(int64_t value) { return integer(b.getI32Type(), value); }
  Value i64(int64_t value) { return integer(b.getI64Type(), value); }
  Value f32(double value) { return constant(f32Type(), value); }
  /// Scalar `value` `count` times.
  Value broadcast(Value value, int64_t count);
  /// Address of a constant array of `values` (f64) in the module.
  Value table(StringRef name, ArrayRef<double> values);

  //===--------------------------------------------------------------------===//
  // Memory: addresses count in elements; vectors are aligned to their size
  //===--------------------------------------------------------------------===//

  /// &pointer[offset], pointer to `element`; offset i32 or i64.
  Value element(Type element, Value pointer, Value offset);
  Value load(Type type, Value pointer, Value offset);
  void store(Value value, Value pointer, Value offset);
  /// An i32 from memory.
  Value loadIndex(Value pointer, Value offset) { return load(b.getI32Type(), pointer, offset); }
  /// `count` f32 out of memory that holds `storage` (f32 or bf16).
  Value loadWidened(Type storage, Value pointer, Value offset, int64_t count);

  //===--------------------------------------------------------------------===//
  // Control
  //===--------------------------------------------------------------------===//

  using IterBody = llvm::function_ref<SmallVector<Value>(Value i, ValueRange carried)>;
  /// for (i = lower; i < upper; i += step), all of one integer type.
  void forLoop(Value lower, Value upper, int64_t step, Body body);
  SmallVector<Value> forLoop(Value lower, Value upper, int64_t step, ValueRange init, IterBody body);
  /// Called first in the body of a loop: ptxas leaves it a loop.
  void keepLoop() { inlinePtx(".pragma \"nounroll\";", "", Type(), ValueRange(), /*ordered=*/true); }
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifThenElse(Value condition, llvm::function_ref<void()> body, llvm::function_ref<void()> otherwise);
  /// `text` in PTX, with bash and on for result and operands; `ordered`: it reads or writes memory
  /// or has to stay where it is.
  Value inlinePtx(StringRef text, StringRef constraints, Type result, ValueRange operands, bool ordered);

  //===--------------------------------------------------------------------===//
  // Arithmetic
  //===--------------------------------------------------------------------===//

  Value add(Value x, Value y);
  Value sub(Value x, Value y);
  Value mul(Value x, Value y);
  /// Real division of floats; unsigned division of integers.
  Value div(Value x, Value y);
  /// Unsigned remainder of integers.
  Value rem(Value x, Value y);
  Value add(Value x, int64_t y) { return add(x, integer(x.getType(), y)); }
  Value mul(Value x, int64_t y) { return mul(x, integer(x.getType(), y)); }
  Value div(Value x, int64_t y) { return div(x, integer(x.getType(), y)); }
  Value rem(Value x, int64_t y) { return rem(x, integer(x.getType(), y)); }
  /// x * y + z, rounded once.
  Value fma(Value x, Value y, Value z);
  Value negate(Value x);
  /// A NaN in either is the result.
  Value max(Value x, Value y);
  Value min(Value x, Value y);
  /// Smaller of two unsigned integers.
  Value minimum(Value x, Value y);
  /// x < y of integers, unsigned.
  Value below(Value x, Value y);
  /// x < y of floats; not if either is NaN.
  Value less(Value x, Value y);
  Value equal(Value x, Value y);
  Value both(Value x, Value y);
  Value select(Value condition, Value x, Value y);
  Value bitcast(Type type, Value x);
  /// An unsigned i32 as i64, and the lower half of an i64.
  Value widen(Value x);
  Value narrow(Value x);
  /// Elements of a vector, or of a scalar, joined from left to right.
  Value reduceAdd(Value x);
  SmallVector<Value> lanes(Value x);
  Value fromLanes(ArrayRef<Value> lanes);
  /// f32 rounded to bf16, to nearest even; a NaN stays one.
  Value roundToBF16(Value x);

  //===--------------------------------------------------------------------===//
  // Functions (KernelMath.cpp)
  //===--------------------------------------------------------------------===//

  Value sqrt(Value x);
  /// e^x; NaN for NaN, and |x| above 87 is taken for 87. Relative error below 1e-6.
  Value exp(Value x);
  /// e^x of an f32 x <= 0, with the bits of code for CPUs that fuses multiplications with additions.
  Value expOfNegative(Value x);
  Value tanh(Value x);
  /// x / (1 + e^-x)
  Value silu(Value x);
  /// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  Value geluTanh(Value x);
  Value activate(lm::ActivationKind kind, Value x);
  /// (sin x, cos x) of a scalar f64 as f32: |x| below about a million turns; error below 1e-7.
  std::pair<Value, Value> sinCos(Value x);

protected:
  /// Of a program that has `arguments` and no extents. Its results are `results`, of which `storeResult` disposes.
  CudaKernelEmitter(Location location, ValueRange arguments, ValueRange results, LLVM::LLVMFuncOp function,
                    const CudaMachine &machine, Entry entry);
  /// Another parameter. Those of tensor maps come behind all.
  Value addParameter(Type type);
  /// Rows of the matrix `whole`, which is an argument, from `firstRow` (i32) on, as a matrix of its own.
  void bindSlice(Value slice, Value whole, Value firstRow);
  /// Where the first row of a result lies.
  void bindResult(Value result, Value address) { buffers[result] = {address}; }
  /// An element of one of the results.
  virtual void storeResult(Value result, Value value, Value offset);

private:
  static int64_t getDimNumber(RankedTensorType type);
  Value sharedBase();
  Value perElement(Value x, llvm::function_ref<Value(Value)> f);
  Value polynomial(Value x, ArrayRef<double> coefficients);

  void identify();
  void bind(Value value, unsigned count);

  SmallVector<Value> results; ///< of the kernel
  LLVM::LLVMFuncOp function;
  CudaMachine cuda;
  Entry self;
  Location location;
  OpBuilder b;
  Value threadNumber, blockNumber;
  Value firstBlock; ///< of the next part
  SmallVector<rt::TilesAttr> grid;
  SmallVector<rt::TensorMapAttr> maps;
  SmallVector<Value> mapValues;
  int64_t sharedNext = 0, sharedBytes = 0;
  ArrayRef<Operation *> partOps;
  SmallVector<Value> dims;
  llvm::DenseMap<Value, SmallVector<Value, 2>> buffers;     ///< of the kernel's arguments and results
  llvm::DenseMap<Value, SmallVector<int64_t, 2>> positions; ///< their numbers
  llvm::DenseMap<Value, Value> rowBuffers;                  ///< of tensors that have no buffer
  llvm::DenseMap<Value, std::pair<Value, Value>> slices;    ///< of which matrix, from which row on
};

} // namespace plait

#endif // PLAIT_PASSES_CUDA_KERNELEMITTER_H
