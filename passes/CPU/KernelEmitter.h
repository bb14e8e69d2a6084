//===- KernelEmitter.h - Builds the code of one CPU kernel ------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What every family of CPU kernels is written with. A kernel is a function of
// type plait_kernel_fn_v1: it loads its buffers' addresses, then computes tiles
// begin, begin+step, ... < end in a loop.
//
// Numerics: the order of every sum is fixed by the code emitted here and the
// target; no fast-math flag is ever set, and a multiplication is fused with an
// addition exactly where fma() says so. So the bits of a row do not depend on
// the step it is part of.
//
// All arithmetic works on scalars and on vectors alike; both operands have one
// type.
//
// Code is emitted in order of evaluation, which C++ leaves open for the arguments
// of a call: at most one of them may emit more than constants. Otherwise the bytes
// of a model would depend on the compiler of the compiler. Name the values first,
// or put them in braces, which are evaluated from left to right.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_KERNELEMITTER_H
#define PLAIT_PASSES_CPU_KERNELEMITTER_H

#include "dialects/Kernel/Kernel.h"
#include "plait-abi/Types.h"
#include "plait/Target/CpuMachine.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/SaveAndRestore.h"

namespace plait {

/// What kernels are written for.
struct CpuTarget {
  unsigned lanes = 8;              ///< f32 per vector register: 4, 8 or 16
  bool fma = true;                 ///< has fused multiply-add
  TileUnit tiles = TileUnit::none; ///< what multiplies bf16 by bf16, and integers
  PairUnit pairs = PairUnit::none; ///< what multiplies bf16 by bf16 without tiles
  ByteUnit bytes = ByteUnit::none; ///< what multiplies integers of many rows, in programs whose numerics is `fast`
};

/// How a kernel's work is divided: the fields of plait_kernel_v1_t.
struct CpuTiles {
  int64_t count = 1;
  int64_t dim = -1; ///< plait_dim_t; -1: `count` tiles
  int64_t block = 1;
  bool cyclic = false;
};

/// One vector's worth of consecutive columns.
struct Columns {
  Value first; ///< i64
  Value mask;  ///< lanes that exist, <lanes x i1>; null: all of them
};

class CpuKernelEmitter {
public:
  /// Writes into `function`, which has no body yet.
  CpuKernelEmitter(kernel::FuncOp kernel, LLVM::LLVMFuncOp function, CpuTarget target);
  /// Ends the function.
  void finish();

  OpBuilder &builder() { return b; }
  Location loc() const { return location; }
  const CpuTarget &target() const { return cpu; }
  int64_t lanes() const { return cpu.lanes; }

  //===--------------------------------------------------------------------===//
  // Arguments
  //===--------------------------------------------------------------------===//

  /// `const plait_context_v1_t *`, for rt ops.
  Value context();
  /// Address of the buffer of an argument or a result of the kernel. `index` 1 of an
  /// !lm.state is its page table, `index` 0 its pages.
  Value pointer(Value value, unsigned index = 0);
  /// Address of row `row` of a tensor of rank 2. What passes from op to op within the
  /// kernel has memory for one row: of the row at work.
  Value rowPointer(Value tensor, Value row);
  /// How the weight operand `weight` of a compute op is packed.
  kernel::PackedType packedType(Value weight);
  /// Extent `d` of the step (i64).
  Value dim(plait_dim_t d);
  /// Leading extent of `tensor` (i64), whether it is static or named.
  Value rows(Value tensor);

  //===--------------------------------------------------------------------===//
  // Types, constants and memory outside the buffers
  //===--------------------------------------------------------------------===//

  Type f32Type() { return b.getF32Type(); }
  /// <lanes x element>
  VectorType vectorType(Type element) { return VectorType::get({lanes()}, element); }
  VectorType f32VectorType() { return vectorType(f32Type()); }
  /// `value` as a scalar or a splat of `type`, float or integer.
  Value constant(Type type, double value);
  Value integer(Type type, int64_t value);
  Value i64(int64_t value) { return integer(b.getI64Type(), value); }
  Value f32(double value) { return constant(f32Type(), value); }
  /// `value` in every lane of an f32 vector.
  Value splat(double value) { return constant(f32VectorType(), value); }
  /// Scalar `value` in every lane.
  Value broadcast(Value value) { return broadcast(value, lanes()); }
  Value broadcast(Value value, int64_t count);
  /// 64-byte aligned memory on the stack, allocated once per call.
  Value scratch(Type element, int64_t count);
  /// Address of a constant array of `values` in the module.
  Value table(StringRef name, ArrayRef<double> values);

  //===--------------------------------------------------------------------===//
  // Memory: addresses count in elements; only the element's alignment is assumed
  //===--------------------------------------------------------------------===//

  /// &pointer[offset], pointer to `element`.
  Value element(Type element, Value pointer, Value offset);
  /// The `type`, scalar or vector, that begins at element `offset`.
  Value load(Type type, Value pointer, Value offset);
  void store(Value value, Value pointer, Value offset);
  /// An i32 from memory, as i64.
  Value loadIndex(Value pointer, Value offset);
  /// <lanes x element> at `offset`; masked lanes are zero and not read.
  Value load(Type element, Value pointer, Value offset, Value mask);
  /// Lanes that `mask` (may be null) leaves out are not written.
  void store(Value value, Value pointer, Value offset, Value mask);
  /// Asks for the cache line `ahead` bytes behind `address`, where there may be nothing, in
  /// the first level of the cache or the second.
  void prefetch(Value address, int64_t ahead, int level = 1);
  /// <lanes x f32> out of memory that holds `storage` (f32 or bf16).
  Value loadWidened(Type storage, Value pointer, Value offset, Value mask = {});
  /// A bf16, as scalar or vector of i16, widened to f32: exact.
  Value widenBF16(Value bits);
  /// The same of a finite f16.
  Value widenF16(Value bits);

  //===--------------------------------------------------------------------===//
  // Control
  //===--------------------------------------------------------------------===//

  using Body = llvm::function_ref<void(Value i)>;
  using TilesBody = llvm::function_ref<void(Value first, Value last)>;
  using IterBody = llvm::function_ref<SmallVector<Value>(Value i, ValueRange carried)>;
  using ColumnBody = llvm::function_ref<void(Columns)>;

  /// The tile loop; code before it runs once per call. It may stand in another loop. Sets how the kernel's work
  /// is divided. Called `loops` times (see expectTileLoops): the tiles of one loop
  /// follow those of the loop before it; all must differ in `count` alone.
  void forEachTile(CpuTiles tiles, Body body);
  /// The same for up to `most` neighbouring tiles of a call at once: first .. last - 1.
  void forEachTiles(CpuTiles tiles, int64_t most, TilesBody body);
  /// Call first if there will be more than one tile loop.
  void expectTileLoops(size_t loops) { tileLoops = loops; }
  const CpuTiles &tiles() const { return division; }
  /// Whether tile loops were asked for whose tiles cannot follow each other.
  bool tilesDiffer() const { return differentTiles; }
  /// One tile per `block` rows of `tensor`, `perRow` tiles for each block.
  CpuTiles rowTiles(Value tensor, int64_t perRow = 1, int64_t block = 1, bool cyclic = false);

  /// for (i = lower; i < upper; i += step), all i64.
  void forLoop(Value lower, Value upper, int64_t step, Body body);
  /// The same with values carried from one iteration to the next; `body` returns
  /// the next ones. Returns the last ones. LLVM makes one of `unroll` iterations.
  SmallVector<Value> forLoop(Value lower, Value upper, int64_t step, ValueRange init, IterBody body,
                             int64_t unroll = 1);
  void ifThen(Value condition, llvm::function_ref<void()> body);
  void ifElse(Value condition, llvm::function_ref<void()> then, llvm::function_ref<void()> otherwise);

  //===--------------------------------------------------------------------===//
  // Several ops in one kernel (KernelFusion.cpp)
  //===--------------------------------------------------------------------===//

  /// The ops whose code is being emitted: a part of the kernel (kernel.func).
  ArrayRef<Operation *> part() const { return partOps; }
  void beginPart(ArrayRef<Operation *> ops) { partOps = ops; }
  /// Columns `columns` of row `row` of `result`, a tensor of rank 2, are `vector`
  /// (<lanes x f32>). Passes them through the elementwise ops of the part that
  /// use them and stores what leaves the kernel. Call it once per element.
  void storeResult(Value result, Value vector, Value row, Columns columns) {
    storeResults({{result, vector}}, row, columns);
  }
  /// The same of several results, for ops that use more than one of them.
  void storeResults(ArrayRef<std::pair<Value, Value>> results, Value row, Columns columns);

  /// Columns of a block, if an op of the part reduces blocks of columns; else 0. Then results
  /// are stored between beginBlock and finishBlock: those of all columns of block `block` (i64)
  /// and of rows `firstRow` (i64) .. firstRow + rows - 1, of which there are at most `mostRows`.
  int64_t blockColumns();
  void beginBlock(Value block, Value firstRow, int64_t mostRows);
  void finishBlock(Value rows);

  //===--------------------------------------------------------------------===//
  // Columns
  //===--------------------------------------------------------------------===//

  /// All of 0 .. count - 1, a vector at a time; the last may be masked.
  void forColumns(int64_t count, ColumnBody body);
  /// Those of first .. first + block - 1 that are below `count`. `first` and
  /// `block` are multiples of the lanes.
  void forColumns(Value first, int64_t block, int64_t count, ColumnBody body);
  /// Reduces columns 0 .. count - 1 to one scalar: `step(columns, a)` returns `a`
  /// (<lanes x f32>, `init` in the beginning) with the columns combined into it,
  /// lane by lane; masked lanes must stay as they are (see keep). Uses several
  /// accumulators, and `combine` to join them and their lanes, in a fixed order.
  Value reduceColumns(int64_t count, double init, llvm::function_ref<Value(Columns, Value)> step,
                      llvm::function_ref<Value(Value, Value)> combine);

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
  /// x * y + z: rounded once on targets with fma, twice on others.
  Value fma(Value x, Value y, Value z);
  /// While the result lives, fma() rounds twice on all targets: what is emitted has the same bits on all of them.
  llvm::SaveAndRestore<bool> withoutFma() { return {cpu.fma, false}; }
  Value negate(Value x);
  /// x > y ? x : y, so a NaN in y wins and one in x is lost.
  Value max(Value x, Value y);
  /// x < y, signed; false with a NaN.
  Value less(Value x, Value y);
  Value equal(Value x, Value y);
  /// Integer `x` as f64.
  Value toWide(Value x);
  Value select(Value condition, Value x, Value y);
  /// Smaller of two i64.
  Value minimum(Value x, Value y);
  Value bitcast(Type type, Value x);
  /// Of f32: zero of the same sign for a subnormal number.
  Value flushSubnormals(Value x);
  /// `value` in the lanes that exist, `other` in those that do not.
  Value keep(Columns columns, Value value, Value other);
  /// The lanes' numbers plus `first` (i64) compared with `bound` (i64): first + lane < bound.
  Value lanesBelow(Value first, Value bound);
  /// Lane `i` of a vector.
  Value lane(Value vector, int64_t i);
  /// Lanes 2i and 2i + 1 of a vector exchanged.
  Value swapPairs(Value vector);
  /// All lanes of a vector joined by a tree: halves, quarters, ...
  Value reduce(Value vector, llvm::function_ref<Value(Value, Value)> combine);
  Value reduceAdd(Value vector) {
    return reduce(vector, [&](Value x, Value y) { return add(x, y); });
  }
  Value reduceMax(Value vector) {
    return reduce(vector, [&](Value x, Value y) { return max(x, y); });
  }

  //===--------------------------------------------------------------------===//
  // Functions, f32 (KernelMath.cpp): no libm, exact to about one unit in the last place
  //===--------------------------------------------------------------------===//

  Value sqrt(Value x);
  /// e^x: 0 where the result is below the normal numbers, infinity above them,
  /// NaN for NaN. Relative error below 1.2e-7.
  Value exp(Value x);
  /// The same for x <= 0 or NaN, with two thirds of the instructions.
  Value expOfNegative(Value x);
  /// Natural logarithm: -infinity for 0, NaN below. Relative error below 2e-7.
  Value log(Value x);
  /// log(1 - y) for 0 < y < 1, where `rest` is 1 - y, both rounded from the exact values: so the
  /// relative error is below 5e-7, at both ends.
  Value logOfRest(Value y, Value rest);
  /// log of a number that is positive and normal: the same bits, with fewer instructions.
  Value logOfNormal(Value x);
  /// Relative error below 2e-7.
  Value tanh(Value x);
  /// x / (1 + e^-x)
  Value silu(Value x);
  /// x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)))
  Value geluTanh(Value x);
  Value activate(lm::ActivationKind kind, Value x);
  /// (sin x, cos x) of f64 as f32: x within about a million turns; error below 1e-7.
  std::pair<Value, Value> sinCos(Value x);
  /// Natural logarithm of f64: x positive and normal. Error below 1e-15 or as much of the result.
  Value logWide(Value x);
  /// e^x of f64: |x| < 700. Relative error below 1e-15.
  Value expWide(Value x);

  /// Whether the leading extent of `type` is static or one of a step.
  static bool hasKnownRows(RankedTensorType type);

protected:
  /// Of a function that is no kernel, without buffers and extents; code goes to its first block.
  CpuKernelEmitter(Location location, LLVM::LLVMFuncOp function, CpuTarget target);

private:
  /// Tiles begin .. end - 1 of this call are of the loop that is about to be emitted;
  /// `offset` (null: 0) are in the loops before it.
  struct TileRange {
    Value begin, end, offset;
  };
  TileRange tileRange(const CpuTiles &tiles);
  void tileLoop(Value begin, Value end, Value step, Body body);
  /// The plait_dim_t of the leading extent of `type`; PLAIT_DIM_COUNT if it is none.
  static int64_t getDimNumber(RankedTensorType type);
  /// <lanes x i1> of the columns that are left at the end of `count`, or null.
  Value tailMask(int64_t count);
  /// e^y = `fraction` * 2^n; n stands in the low bits of `shifted`.
  struct Power {
    Value fraction, shifted;
  };
  Power reduceExponent(Value y);
  /// x = 2^exponent * mantissa, with the mantissa from sqrt(1/2) to sqrt(2), of normal x; the exponent as f32.
  std::pair<Value, Value> splitForLog(Value x);
  /// log(2^exponent (1 + f)), |f| < 0.42
  Value joinLog(Value exponent, Value f);
  /// c[0] + x (c[1] + x (c[2] + ...))
  Value polynomial(Value x, ArrayRef<double> coefficients);
  Value shuffle(Value vector, ArrayRef<int64_t> lanes);

  kernel::FuncOp kernel;
  LLVM::LLVMFuncOp function;
  CpuTarget cpu;
  Location location;
  OpBuilder b;
  CpuTiles division;
  size_t tileLoops = 1;
  SmallVector<CpuTiles> tilesBefore; ///< of several tile loops
  bool differentTiles = false;
  ArrayRef<Operation *> partOps;
  /// The block of results at work.
  struct {
    Value memory, number, firstRow;
  } block;
  SmallVector<Value> dims;
  llvm::DenseMap<Value, SmallVector<Value, 2>> buffers; ///< of the kernel's arguments and results
  llvm::DenseMap<Value, Value> rowBuffers;              ///< of tensors that have no buffer
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_KERNELEMITTER_H
