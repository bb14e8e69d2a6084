//===- AttendTiles.h - Attention by tensor cores ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention of queries of bf16 over pages of bf16 in one pass (FlashAttention-2: Dao 2023). A tile is rows of queries:
// the heads that share a key/value head, of a run of tokens that go through pages together. A warp has 16 of its rows,
// and all or some columns of values. Keys and values of 64 positions at a time come into shared memory by cp.async
// while those before them are multiplied by mma.m16n8k16.
//
// Numerics, the same for every row in every kernel here:
//  - a score is a chain of mma over the head's columns, 16 by 16, from zero, times the scale in f32;
//  - chunks are 64 positions from multiples of 64 on, spans 256 (lm.attend_spans). For each chunk the largest score so
//    far is taken, sums are multiplied by e^(what it was - what it is), and weights rounded to bf16 are multiplied by
//    values, in a chain of mma over positions, 16 by 16, that begins with the sums. A thread adds up the weights,
//    in f32, of 16 of the 64 positions, chunk by chunk; four threads are added up in pairs at the end of a span;
//  - spans are joined in order.
// Kernels differ in tiles, and in whether spans pass through memory. That an element of mma's result does not depend on
// other rows and columns, nor on where in a tile it is, and that products of zeros leave a sum as it is, is assumed of
// the hardware. So a row's bits depend on what it sees alone: what is beside it in a tile and sees more adds zeros to
// it.
//
// Slots that a row does not see have weight zero. What no row of a tile sees is not read of values, and its scores are
// replaced. In a row that is a tree, tokens go through what lies before all their paths together, then each
// by itself through a chunk that is put together as if its path were a chain. A token that sees some behind it goes on
// to the last one of these, and its bits are those of one there.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_ATTENDTILES_H
#define PLAIT_PASSES_CUDA_ATTENDTILES_H

#include "passes/CUDA/Attend.h"
#include "passes/CUDA/Fragments.h"
#include "passes/CUDA/Pages.h"

namespace plait {

/// Writes the kernel of lm.attend or of lm.attend_spans.
class AttendTiles {
public:
  template <typename Op>
  AttendTiles(Op op, CudaKernelEmitter &e)
      : AttendTiles(e, op.getQuery(), op.getState(), op.getRows(), op.getPositions(), op.getHeads(),
                    op.getScale().convertToDouble()) {
    if (op.getSoftcap())
      softcap = op.getSoftcap()->convertToDouble();
  }
  /// All of `result`; if there are `spans` (may be null) in the step, out of these.
  void emit(Value result, Value spans);
  /// All rows of `result`, a span each.
  void emitSpans(Value result);

  /// Of one row of warps, for few tokens, and of many.
  static CudaKernelEmitter::Entry smallEntry(int64_t rows) { return {rows, 128}; }
  static CudaKernelEmitter::Entry largeEntry() { return {0, 256}; }

private:
  static constexpr int64_t chunk = kernel::PageLayout::tokens, slice = kernel::PageLayout::slice;
  static constexpr int64_t span = PLAIT_SPAN_POSITIONS;
  using Pair = std::array<Value, 2>; ///< of the two rows that a thread has of a warp's 16

  AttendTiles(CudaKernelEmitter &e, Value query, Value state, Value rows, Value positions, int64_t heads, double scale);
  void allocate();

  //===--------------------------------------------------------------------===//
  // Runs of tokens (AttendRuns.cpp)
  //===--------------------------------------------------------------------===//

  /// Chunks that a run goes through: [begin, shared) all tokens at once, [shared, end) each of `singles` by itself.
  struct Way {
    Value begin, shared, end, singles;
    Value first, last; ///< positions, which no token sees anything before, and behind
  };
  /// One after the other: `chunk`, for all tokens (`isShared`) or for number `token` of the run.
  struct Visit {
    Value isShared, token, start; ///< start: the chunk's first position
  };
  struct Run {
    Value token, count, entries; ///< the first token, how many, their page table
    Way way;
    Value visits; ///< how many
  };
  /// What a thread knows of its two rows.
  struct Rows {
    Pair exists, token, head, position, last; ///< token: number in the run; head: among all; last: position seen
  };

  void setHeads(Value number);
  Value belongs(Value token, Value first);
  void ifBeginsRun(Value token, llvm::function_ref<void(Value count)> body);
  Way wayOf(Value token, Value count);
  /// That `token` begins; `span` of it, if given.
  Run runOf(Value token, Value count, Value span);
  Visit visitOf(const Run &run, Value number);
  Rows rowsOf(const Run &run);
  void copyQueries(const Run &run);
  void copyVisit(const Run &run, Value number);
  void copyPage(const Run &run, const Visit &visit, Value keys);
  void gatherPage(const Run &run, const Visit &visit, Value keys);
  struct Fold;
  /// What each row sees in the visits; with `joins` of all spans, else of one.
  Fold foldRun(const Run &run, const Rows &rows, bool joins);

  //===--------------------------------------------------------------------===//
  // One chunk (AttendTiles.cpp)
  //===--------------------------------------------------------------------===//

  /// What was seen of some positions, of two rows: 4 f32 for 8 columns, as mma has them.
  struct Fold {
    SmallVector<Value> sums;
    Pair tops, totals;
    SmallVector<Value> flat() const;
    static Fold of(ValueRange values);
  };
  /// Of a chunk, the slots that each row sees: [first, first + count).
  struct Seen {
    Pair first, count;
  };
  Fold nothing();
  Seen seenOf(const Visit &visit, const Rows &rows);
  Fold addChunk(const Fold &fold, const Visit &visit, const Rows &rows, Value keys);
  SmallVector<Value> scoresOf(Value keys);
  Value scoreOf(Value dot);
  /// Four registers of 16 rows from `row` on of a tile in shared memory.
  SmallVector<Value> loadRows(Value tile, Value row, bool transposed);

  //===--------------------------------------------------------------------===//
  // Spans (AttendSpans.cpp)
  //===--------------------------------------------------------------------===//

  /// The larger one of two tops, what scores are diminished by, which is a number also if nothing was seen, and
  /// what is multiplied that was relative to `before`.
  struct Joint {
    Value top, shift, factor;
  };
  Joint joint(Value before, Value top);
  /// Whether it is -infinity, that of nothing.
  Value isLowest(Value score);
  /// x' of lm.attend_spans.
  Value join(Value before, Value factor, Value own, Value ownFactor) {
    return e.fma(own, ownFactor, e.mul(before, factor));
  }
  /// What was seen before this span and in it; then all that was seen, and nothing. Rows that are not `which` stay.
  std::pair<Fold, Fold> joinRows(const Fold &joined, const Fold &own, const Pair &which);
  Pair wholeTotals(const Fold &fold);
  void storeResult(const Run &run, const Rows &rows, const Fold &fold, Value to);
  void storeSpan(const Run &run, const Rows &rows, const Fold &fold, Value number, Value to);
  /// `body` of two neighbouring columns of a row and their sums.
  using PairBody = llvm::function_ref<void(int64_t half, Value column, Value pair)>;
  void forSums(const Fold &fold, const Rows &rows, PairBody body);
  void emitJoin(Value token, Value spans, Value to);
  Value spansOfRow() {
    Value all = e.narrow(e.dim(PLAIT_DIM_SPANS));
    return e.div(all, e.narrow(e.rows(query)));
  }
  /// Where the row begins that has span `number` of `token` (i64).
  Value spanOffset(Value token, Value number);

  Value index(Value row, Value half) { return cuda::slicedOffset(CudaIndex{&e, row}, CudaIndex{&e, half}).value; }
  Value largest(Value x, Value y) { return e.select(e.below(x, y), y, x); }
  /// x - y, or 0 if that is less.
  Value beyond(Value x, Value y) { return e.select(e.below(y, x), e.sub(x, y), e.i32(0)); }
  Value byte(Value pointer, Value offset) { return e.element(e.builder().getI8Type(), pointer, offset); }
  int64_t tileRows() const { return 16 * rowWarps; }
  int64_t slices() const { return layout.headDim / slice; }
  int64_t slicesOfWarp() const { return llvm::divideCeilSigned(slices(), columnWarps); }
  int64_t headTiles() const { return llvm::divideCeilSigned(group, headsOfTile); }
  int64_t keyBytes() const { return layout.headDim * chunk * 2; } ///< of a chunk; so many are its values
  Value rowWarp() { return e.div(e.warp(), columnWarps); }
  Value firstSlice() { return e.mul(e.rem(e.warp(), columnWarps), slicesOfWarp()); }

  CudaKernelEmitter &e;
  Value query, rowsValue, positions;
  CudaPages pages;
  const kernel::PageLayout &layout;
  std::optional<int64_t> window;
  int64_t heads, group;
  double scale;
  std::optional<double> softcap;
  int64_t rowWarps, columnWarps;
  int64_t headsOfTile, tokensOfTile;
  Value queries, ring;     ///< [slices][rows][16]; of each buffer keys [4][headDim][16], values [slices][64][16]
  Value offsets, slots;    ///< [64]: of what a token sees by itself, the page in bytes (i64) and the slot in it
  Value kvHead, firstHead; ///< of the tile; firstHead: among those that share the key/value head
};

} // namespace plait

#endif // PLAIT_PASSES_CUDA_ATTENDTILES_H
