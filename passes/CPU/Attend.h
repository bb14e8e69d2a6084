//===- Attend.h - Attention over the pages of a state -----------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Attention is exact softmax in one pass over the pages of a token's row (online
// softmax: Milakov, Gimelshein 2018). A page is one chunk, some pages are a span
// (lm.attend_spans): both lie at fixed positions. Chunks are merged in increasing order
// within a span, spans likewise, so that a token's bits depend on its own past
// alone, not on the step, the prompt's chunks or the page numbers.
//
// Of a step that is split, a launch computes spans and keeps each in memory, and the next
// one joins them (as flash-decoding does: Dao, Haziza, Massa, Sizov 2023). Of any other
// one, the next span begins where the one before has been joined with those before it.
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
// token's bits are those of the chain. A token that sees some behind it goes on to
// the last one of these, and its bits are those of one there.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_ATTEND_H
#define PLAIT_PASSES_CPU_ATTEND_H

#include "passes/CPU/Pages.h"

namespace plait {

/// Writes the kernel of lm.attend or of lm.attend_spans.
class Attend {
public:
  /// What both ops have.
  struct Operands {
    Value query, state, rows, positions;
    double scale;
    std::optional<double> softcap;
    int64_t heads;
  };
  template <typename Op> static Operands operandsOf(Op op) {
    Operands operands{
        op.getQuery(), op.getState(), op.getRows(), op.getPositions(), op.getScale().convertToDouble(), {},
        op.getHeads()};
    if (std::optional<APFloat> cap = op.getSoftcap())
      operands.softcap = cap->convertToDouble();
    return operands;
  }

  Attend(Operands op, CpuKernelEmitter &e);
  /// All of `result`; if there are `spans` in the step, out of these.
  void emit(Value result, Value spans);
  /// All rows of `result`, a span each.
  void emitSpans(Value result);

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

  /// Pages that a run goes through: [begin, shared) all tokens at once, [shared, end) each by itself.
  struct Way {
    Value begin, shared, end;
    Value last;    ///< page that holds something that is seen
    Value singles; ///< tokens that go by themselves: all or none
    Value seen;    ///< the last position that any token sees
  };
  using RunBody = llvm::function_ref<void(Value count)>;

  Value positionOf(Value token) { return e.loadIndex(e.pointer(op.positions), token); }
  Value follows(Value token);
  void ifBeginsRun(Value token, RunBody body);
  Way wayOf(Value token, Value count);
  void emitRun(Value token, Value count);
  void emitPages(Value token, Value count, const Way &way);
  void begin(Value token, Value count);
  HeadPlace placeIn(const kernel::PageLayout &layout, Value head);
  /// One token, with the page table of its row.
  struct Seer {
    Value entries, last; ///< last: position that it sees
    Pages::Path path;
  };
  void gather(Part &part, const Seer &seer);
  void gatherCells(const Part &part, const Seer &seer, Value branch);
  void gatherCell(const Part &part, const Seer &seer, Value at);
  void copy(Type element, Value from, Value fromOffset, Value toOffset, Value count);
  void emitPage(Part part);
  /// What was seen of some positions: of each row the three of lm.attend_spans.
  struct Seen {
    Value tops, totals, sums;
  };
  void clear(Seen seen, Value first, Value end);
  void beginSpan(Value first, Value end) { clear({tops, totals, sums}, first, end); }
  void beginResult(Value first, Value end) { clear({joinedTops, joinedTotals, joinedSums}, first, end); }
  void joinSpan(Value first, Value end);
  void emitSpanBegin(const Part &part);
  void emitSpan(Value token, Value span);
  void storeSpan(Value i, Value offset);
  void loadSpan(Value i, Value offset);
  void emitJoin(Value token, Value i);
  void emitScores(const Part &part);
  void hide(const Part &part);
  void emitWeights(const Part &part);
  void emitSums(const Part &part);
  void emitResult(Value first, Value end);
  /// The spans of a row, in a step that has any.
  Value spansOfRow() { return e.div(e.dim(PLAIT_DIM_SPANS), e.rows(op.query)); }
  /// Where the row of `spans` begins that has span `span` of `token`.
  Value spanOffset(Value token, Value span) {
    return e.mul(e.add(e.mul(token, spansOfRow()), span), op.heads * (headDim + 2));
  }

  void forBlocks(Value first, Value end, Value firstSlice, Value endSlices, int64_t sliceCount, BlockBody body);
  SmallVector<Value> multiply(Left left, int64_t rows, Right right, int64_t slices, Value begin, Value end,
                              SmallVector<Value> init);
  Value emitScore(Value dot);

  /// The slots of the page that token `i` of the run sees: [begin, end).
  Value beginOf(const Part &part, Value i) {
    return window ? e.max(e.sub(e.add(e.add(position, i), 1 - *window), part.start), e.i64(0)) : e.i64(0);
  }
  Value endOf(const Part &part, Value i) {
    Value last = e.add(e.add(position, i), ahead);
    return e.minimum(e.sub(e.add(last, 1), part.start), e.i64(kernel::PageLayout::tokens));
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

  Operands op;
  CpuKernelEmitter &e;
  Value result, spans; ///< addresses
  bool joins = false;  ///< whether a run goes through several spans
  std::optional<int64_t> window;
  Pages pages;
  kernel::PageLayout oneHead; ///< of `gathered`
  int64_t headDim, paddedHeadDim, group;
  int64_t mostTokens, mostSums, mostRows;     ///< of a run; at work at once
  Value queries;                              ///< [rows][headDim]
  Value scores;                               ///< [rows][tokens of a page]: scores, then weights
  Value sums;                                 ///< [rows][paddedHeadDim]: weighted sums of values, of this span
  Value tops, totals;                         ///< [rows]: largest score, sum of weights, of this span
  Value joinedSums, joinedTops, joinedTotals; ///< the same of the spans before it
  Value shifts, factors;                      ///< [rows]: of this page
  Value gathered;                             ///< a page of the run's head, put together
  Value kvHead, query;                        ///< of the run: its query's offset
  Value position; ///< of the run's first token; token i goes through the page at `position` + i
  Value ahead;    ///< so many positions behind its own a token sees there
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_ATTEND_H
