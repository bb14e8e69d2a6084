//===- Attend.h - Attention over the pages of a state -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention is exact softmax in one pass over the pages of a token's row (online
// softmax: Milakov, Gimelshein 2018). A page is one chunk: chunks lie at fixed
// positions and are merged in increasing order, so that a token's bits depend on
// its own past alone, not on the step, the prompt's chunks or the page numbers.
//
// A tile is a run of tokens, whose positions follow each other in one row, and a
// key/value head. All query heads that share it, of all tokens of the run, go
// through the pages together (Dao et al. 2022); each is a "row" below. That
// changes what is done between two steps of a row, but not a row's own steps.
//
// Slots of a page that a token does not see are garbage or another token's.
// Their scores are replaced, not added to, and their values are never read for
// it. A window is treated alike: pages that lie before it are not looked at, of
// the first one the slots below it count as empty. What that leaves out follows
// from the token's position alone.
//
// In a row that is a tree a token may lie beside its position, and so may some of
// those that it sees. Such tokens, one after the other, are a run as well: what lies
// before all their paths they go through together, then each by itself. Pages of
// positions of a path are put together as they would be if it were a chain: so the
// token's bits are those of the chain.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_ATTEND_H
#define PLAIT_PASSES_CPU_ATTEND_H

#include "passes/CPU/Pages.h"

namespace plait {

/// Writes the kernel of one op.
class Attend {
public:
  Attend(lm::AttendOp op, CpuKernelEmitter &e);
  void emit();

private:
  /// So many rows share what is read of a page, if there are as many.
  static constexpr int64_t rowsWanted = 48;
  /// Where the numbers of the run's head lie in a page.
  struct HeadPlace {
    Value keys, values, keyScale, valueScale; ///< the last two of integers alone
  };
  /// Tokens [first, end) of the run see something of the page, or those of them
  /// that `emitPage` leaves; the slots that any of them sees lie in slices
  /// [firstSlice, endSlices).
  struct Part {
    Value page, next, start; ///< addresses of it and of the one after it; its first position
    HeadPlace head;
    Value first, end, firstSlice, endSlices;
  };
  /// One operand of products: row r, column k lies at offset + r * stride + k.
  struct Left {
    Value pointer, offset;
    int64_t stride;
  };
  /// The other: slice s, column k of sixteen at offset + (s * length + k) * 16.
  struct Right {
    Value page, offset;
    int64_t length;
    Value ahead; ///< the same element of what is read after it
  };
  using BlockBody = llvm::function_ref<void(Value row, int64_t rows, Value slice, int64_t slices)>;

  Value follows(Value token);
  void emitRun(Value token, Value count);
  void reset(Value count);
  HeadPlace placeIn(const kernel::PageLayout &layout, Value head);
  /// One token, with the page table of its row.
  struct Seer {
    Value entries, position;
    Pages::Path path;
  };
  void gather(Part &part, const Seer &seer);
  void gatherCells(const Part &part, const Seer &seer, Value branch);
  void gatherCell(const Part &part, const Seer &seer, Value at);
  void copy(Type element, Value from, Value fromOffset, Value toOffset, Value count);
  void emitPage(Part part);
  void emitScores(const Part &part);
  void hide(const Part &part);
  void emitWeights(const Part &part);
  void emitSums(const Part &part);
  void emitResult(Value count);

  void forBlocks(Value first, Value end, Value firstSlice, Value endSlices, int64_t sliceCount, BlockBody body);
  SmallVector<Value> multiply(Left left, int64_t rows, Right right, int64_t slices, Value begin, Value end,
                              SmallVector<Value> init);
  Value emitScore(Value dot);

  /// The slots of the page that token `i` of the run sees: [begin, end).
  Value beginOf(const Part &part, Value i) {
    return window ? e.max(e.sub(e.add(e.add(position, i), 1 - *window), part.start), e.i64(0)) : e.i64(0);
  }
  Value endOf(const Part &part, Value i) {
    return e.minimum(e.sub(e.add(e.add(position, i), 1), part.start), e.i64(kernel::PageLayout::tokens));
  }
  Value firstRow(Value token) { return e.mul(token, group); }
  void forRows(Value first, Value end, CpuKernelEmitter::Body body) {
    e.forLoop(firstRow(first), firstRow(end), 1, body);
  }
  /// Of slot `slot` of row `row`.
  Value scoreOffset(Value row, Value slot) { return e.add(e.mul(row, kernel::PageLayout::tokens), slot); }
  Value loadVector(Value pointer, Value offset) { return e.load(e.f32VectorType(), pointer, offset); }
  Value loadSplat(Value pointer, Value offset) { return e.broadcast(e.load(e.f32Type(), pointer, offset)); }
  int64_t vectorsOf(int64_t slices) { return slices * kernel::PageLayout::slice / e.lanes(); }

  lm::AttendOp op;
  CpuKernelEmitter &e;
  std::optional<int64_t> window;
  Pages pages;
  kernel::PageLayout oneHead; ///< of `gathered`
  int64_t headDim, paddedHeadDim, group;
  int64_t mostTokens, mostSums, mostRows; ///< of a run; at work at once
  Value queries;                          ///< [rows][headDim]
  Value scores;                           ///< [rows][tokens of a page]: scores, then weights
  Value sums;                             ///< [rows][paddedHeadDim]: weighted sums of values
  Value tops, totals;                     ///< [rows]: largest score, sum of weights
  Value shifts, factors;                  ///< [rows]: of this page
  Value gathered;                         ///< a page of the run's head, put together
  Value kvHead, query;                    ///< of the run: its query's offset
  Value position;                         ///< of the run's first token; token i goes through the page at `position` + i
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_ATTEND_H
