//===- Summarize.cpp - Summaries of blocks of logits ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A warp has a block of one leaf's logits in its registers, 16 in each thread. What it finds is
// what code for CPUs finds, bit by bit: e^x is of the same instructions, sums are exact, and
// of equal logits the lowest id counts.
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

#include "dialects/Decode/Decode.h"
#include "dialects/Kernel/ExpSeries.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

#include <limits>

using namespace plait;
using decode::SummarizeBlocksOp;

static constexpr int64_t kWarps = 4; ///< of a thread block
static constexpr int64_t kWidth = SummarizeBlocksOp::blockTokens;

namespace {

/// The logits of a block that a thread of the warp has.
class BlockLogits {
public:
  BlockLogits(CudaKernelEmitter &e, Value logits, Value leaf, Value block);

  /// A logit and its number in the block (i32).
  struct Best {
    Value logit, id;
  };
  /// Of all logits of the block the largest above `floor`, of equals that with the lowest number, and +0 for zeros;
  /// `floor` and kNone if there is none. Every thread gets it.
  Best findTop(Value floor) {
    return findBest(floor, [](const Logit &) { return Value(); });
  }
  /// The same of those that come after `before` in falling order.
  Best findNext(Value floor, Best before);
  /// Whether (i1) no logit of the block is NaN or infinite.
  Value areFinite();
  /// sum over v of exp(logit[v] - top), f64, as decode.summarize_blocks says.
  Value sumExp(Value top);

  static constexpr int64_t kNone = std::numeric_limits<int32_t>::max();

private:
  struct Logit {
    Value x, id, exists;
  };
  Best findBest(Value floor, llvm::function_ref<Value(const Logit &)> isWanted);
  Value equal(Value x, Value y) { return arith::CmpFOp::create(b, e.loc(), arith::CmpFPredicate::OEQ, x, y); }
  Value either(Value x, Value y) { return arith::OrIOp::create(b, e.loc(), x, y); }

  CudaKernelEmitter &e;
  OpBuilder &b;
  SmallVector<Logit> logits;
};

} // namespace

BlockLogits::BlockLogits(CudaKernelEmitter &e, Value tensor, Value leaf, Value block) : e(e), b(e.builder()) {
  int64_t columns = cast<RankedTensorType>(tensor.getType()).getDimSize(1);
  int64_t width = CudaKernelEmitter::width({columns});
  Value first = e.mul(block, kWidth);
  Value count = e.minimum(e.sub(e.i32(columns), first), e.i32(kWidth));
  Value row = e.element(e.f32Type(), e.rowPointer(tensor, leaf), first);
  // What is not there is read from the block's end instead, so that no load waits for a branch.
  Value last = e.sub(count, e.i32(width));
  for (int64_t begin = 0; begin < kWidth; begin += 32 * width) {
    Value column = e.add(e.mul(e.lane(), width), begin);
    Value x = e.load(e.typeOf(e.f32Type(), width), row, e.minimum(column, last));
    Value exists = e.below(column, count);
    for (auto [i, own] : llvm::enumerate(e.lanes(x)))
      logits.push_back({own, e.add(column, int64_t(i)), exists});
  }
}

BlockLogits::Best BlockLogits::findBest(Value floor, llvm::function_ref<Value(const Logit &)> isWanted) {
  Value x = floor, id = e.i32(kNone);
  for (const Logit &logit : logits) {
    Value larger = e.less(x, logit.x), better = e.both(e.both(larger, isWanted(logit)), logit.exists);
    x = e.select(better, logit.x, x);
    id = e.select(better, logit.id, id);
  }
  for (int64_t mask = 1; mask < 32; mask *= 2) {
    Value otherX = e.shuffle(x, mask), otherId = e.shuffle(id, mask);
    Value same = equal(x, otherX), earlier = e.below(otherId, id), tie = e.both(same, earlier);
    Value better = either(e.less(x, otherX), tie);
    x = e.select(better, otherX, x);
    id = e.select(better, otherId, id);
  }
  return {e.add(x, e.f32(0)), id};
}

BlockLogits::Best BlockLogits::findNext(Value floor, Best before) {
  return findBest(floor, [&](const Logit &logit) {
    Value same = equal(logit.x, before.logit), later = e.below(before.id, logit.id), tie = e.both(same, later);
    return either(e.less(logit.x, before.logit), tie);
  });
}

Value BlockLogits::areFinite() {
  // Logits that are there twice do no harm. A NaN stays one.
  Value largest = e.f32(0);
  for (const Logit &logit : logits)
    largest = e.max(largest, LLVM::FAbsOp::create(b, e.loc(), logit.x));
  for (int64_t mask = 1; mask < 32; mask *= 2)
    largest = e.max(largest, e.shuffle(largest, mask));
  return e.less(largest, e.f32(std::numeric_limits<double>::infinity()));
}

Value BlockLogits::sumExp(Value top) {
  Type wide = b.getF64Type();
  Value magic = e.constant(wide, kernel::ExpSeries::addendMagic), sum = e.constant(wide, 0);
  for (const Logit &logit : logits) {
    Value weight = e.select(logit.exists, e.expOfNegative(e.sub(logit.x, top)), e.f32(0));
    Value rounded = e.sub(e.add(arith::ExtFOp::create(b, e.loc(), wide, weight), magic), magic);
    sum = e.add(sum, rounded);
  }
  for (int64_t mask = 1; mask < 32; mask *= 2)
    sum = e.add(sum, e.shuffle(sum, mask));
  return sum;
}

/// The four numbers of the block, by one thread. `first` is the token of the block's first logit.
static void storeSummary(SummarizeBlocksOp op, CudaKernelEmitter &e, BlockLogits &logits, Value leaf, Value block,
                         Value first) {
  OpBuilder &b = e.builder();
  auto narrowed = [&](Value x) -> Value { return arith::TruncFOp::create(b, e.loc(), e.f32Type(), x); };
  BlockLogits::Best top = logits.findTop(e.f32(-std::numeric_limits<double>::infinity()));
  Value isFinite = logits.areFinite(), sum = logits.sumExp(top.logit);
  Value high = narrowed(sum);
  Value low = narrowed(e.sub(sum, arith::ExtFOp::create(b, e.loc(), b.getF64Type(), high)));
  Value id = arith::SIToFPOp::create(b, e.loc(), e.f32Type(), e.add(first, top.id));
  Value words = e.fromLanes({top.logit, id, high, low}), none = e.fromLanes({e.f32(0), e.f32(-1), e.f32(0), e.f32(0)});
  Value result = e.select(isFinite, words, none), row = e.rowPointer(op.getSummaries(), leaf);
  e.ifThen(e.equal(e.lane(), e.i32(0)), [&] { e.store(result, row, e.mul(block, 4)); });
}

/// The block's columns in the entries of `leaf`: as many tokens as it wants, then -1 and 0.
static void storeEntries(SummarizeBlocksOp op, CudaKernelEmitter &e, BlockLogits &logits, Value leaf, Value block,
                         Value first) {
  OpBuilder &b = e.builder();
  Value tops = e.narrow(e.dim(PLAIT_DIM_TOPS)), firstRow = e.mul(leaf, tops);
  Value counts = e.loadIndex(e.pointer(op.getCounts()), leaf), column = e.mul(block, 2);
  // The extent bounds what may be written, whatever the count says.
  Value count = arith::MaxSIOp::create(b, e.loc(), arith::MinSIOp::create(b, e.loc(), counts, tops), e.i32(0));
  Value none = e.fromLanes({e.f32(-1), e.f32(0)});
  auto store = [&](Value words, Value i) { e.store(words, e.rowPointer(op.getEntries(), e.add(firstRow, i)), column); };
  Value lowest = e.f32(std::numeric_limits<float>::lowest());
  SmallVector<Value> begin = {e.f32(std::numeric_limits<double>::infinity()), e.i32(BlockLogits::kNone)};
  e.forLoop(e.i32(0), count, 1, begin, [&](Value i, ValueRange before) {
    e.keepLoop();
    BlockLogits::Best next = logits.findNext(lowest, {before[0], before[1]});
    Value id = arith::SIToFPOp::create(b, e.loc(), e.f32Type(), e.add(first, next.id));
    Value entry = e.fromLanes({id, next.logit}), words = e.select(e.less(lowest, next.logit), entry, none);
    e.ifThen(e.equal(e.lane(), e.i32(0)), [&] { store(words, i); });
    return SmallVector<Value>{next.logit, next.id};
  });
  e.forLoop(e.add(count, e.lane()), tops, 32, [&](Value i) { store(none, i); });
}

static SmallVector<CudaKernelEmitter::Entry> getEntries(SummarizeBlocksOp, const CudaMachine &) {
  return {{/*rows=*/0, /*threads=*/32 * kWarps}};
}

static LogicalResult emitSummarizeBlocks(SummarizeBlocksOp op, CudaKernelEmitter &e) {
  int64_t columns = cast<RankedTensorType>(op.getLogits().getType()).getDimSize(1);
  int64_t blocks = llvm::divideCeilSigned(columns, kWidth), perLeaf = llvm::divideCeilSigned(blocks, kWarps);
  e.forEachTile(e.rowTiles(op.getSummaries(), perLeaf), [&](Value tile) {
    Value leaf = e.div(tile, perLeaf), group = e.mul(e.rem(tile, perLeaf), kWarps), block = e.add(group, e.warp());
    e.ifThen(e.below(block, e.i32(blocks)), [&] {
      BlockLogits logits(e, op.getLogits(), leaf, block);
      Value first = e.add(e.mul(block, kWidth), int64_t(op.getFirst()));
      storeSummary(op, e, logits, leaf, block, first);
      if (op.getCounts())
        storeEntries(op, e, logits, leaf, block, first);
    });
  });
  return success();
}

void plait::registerSummarizeCudaKernels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, decode::DecodeDialect *) {
    attachCudaKernel<SummarizeBlocksOp, emitSummarizeBlocks, getEntries>(context);
  });
}
