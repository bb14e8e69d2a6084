//===- Stage.cpp - Writes keys and values into pages ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"
#include "passes/CPU/Pages.h"

using namespace plait;
using kernel::PageLayout;

static LogicalResult emitStage(lm::StageOp op, CpuKernelEmitter &e) {
  Pages pages(e, op.getState(), op.getRows());
  const PageLayout &layout = pages.layout;
  int64_t columns = layout.kvHeads * layout.headDim;
  Value keys = e.pointer(op.getKey()), values = e.pointer(op.getValue()), positions = e.pointer(op.getPositions());
  e.forEachTile(e.rowTiles(op.getKey()), [&](Value token) {
    Value position = e.loadIndex(positions, token), tokens = e.i64(PageLayout::tokens);
    Value inPage = e.rem(position, tokens), base = e.mul(token, columns);
    Value entries = pages.entries(token), page = pages.page(e.add(entries, e.div(position, tokens)));
    // A key becomes one column of a slice: its elements are scattered.
    Value slice = e.div(inPage, e.i64(PageLayout::slice)), inSlice = e.rem(inPage, e.i64(PageLayout::slice));
    Value column = e.add(e.mul(slice, layout.headDim * PageLayout::slice), inSlice);
    e.forLoop(e.i64(0), e.i64(layout.kvHeads), 1, [&](Value head) {
      Value from = e.add(base, e.mul(head, layout.headDim)), toKey = e.add(pages.keys(head), column);
      Pages::Rounding ofKey = pages.roundingOf(keys, from), ofValue = pages.roundingOf(values, from);
      e.forColumns(layout.headDim, [&](Columns c) {
        Value key = pages.round(e.load(e.f32Type(), keys, e.add(from, c.first), c.mask), ofKey);
        Value to = e.add(toKey, e.mul(c.first, PageLayout::slice));
        int64_t count = c.mask ? layout.headDim % e.lanes() : e.lanes();
        for (int64_t i = 0; i < count; ++i)
          e.store(e.lane(key, i), page, e.add(to, i * PageLayout::slice));
      });
      // A value is one row of each slice; what pads it becomes zero.
      Value toValue = e.add(pages.values(head), e.mul(inPage, PageLayout::slice));
      for (int64_t i = 0; i < layout.paddedHeadDim; i += e.lanes()) {
        int64_t left = layout.headDim - i;
        Value mask = left < e.lanes() ? e.lanesBelow(e.i64(0), e.i64(left)) : Value();
        Value value = pages.round(e.load(e.f32Type(), values, e.add(from, i), mask), ofValue);
        int64_t to = i / PageLayout::slice * PageLayout::tokens * PageLayout::slice + i % PageLayout::slice;
        e.store(value, page, e.add(toValue, to));
      }
      if (layout.isScaled) {
        e.store(ofKey.scale, page, e.add(pages.keyScale(head), inPage));
        e.store(ofValue.scale, page, e.add(pages.valueScale(head), inPage));
      }
    });
  });
  return success();
}

void plait::registerStageCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuKernel<lm::StageOp, emitStage>(context); });
}
