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

static void emitStageRow(lm::StageOp op, CpuKernelEmitter &e, Value token) {
  Pages pages(e, op.getState(), op.getRows());
  const PageLayout &layout = pages.layout;
  Value keys = e.rowPointer(op.getKey(), token), values = e.rowPointer(op.getValue(), token);
  Value position = e.loadIndex(e.pointer(op.getPositions()), token), tokens = e.i64(PageLayout::tokens);
  Value slot = pages.slot(pages.path(token), position);
  Value inPage = e.rem(slot, tokens), entries = pages.entries(token);
  Value page = pages.page(e.add(entries, e.div(slot, tokens)));
  // A key becomes one column of a slice: its elements are scattered.
  Value slice = e.div(inPage, e.i64(PageLayout::slice)), inSlice = e.rem(inPage, e.i64(PageLayout::slice));
  Value column = e.add(e.mul(slice, layout.headDim * PageLayout::slice), inSlice);
  e.forLoop(e.i64(0), e.i64(layout.kvHeads), 1, [&](Value head) {
    Value from = e.mul(head, layout.headDim), toKey = e.add(pages.keys(head), column);
    Pages::Rounding ofKey = pages.roundingOf(keys, from), ofValue = pages.roundingOf(values, from);
    e.forColumns(layout.headDim, [&](Columns c) {
      Value key = pages.round(e.load(e.f32Type(), keys, e.add(from, c.first), c.mask), ofKey);
      Value to = e.add(toKey, e.mul(c.first, PageLayout::slice));
      int64_t count = c.mask ? layout.headDim % e.lanes() : e.lanes();
      for (int64_t i = 0; i < count; ++i) {
        Value element = e.lane(key, i), cell = e.add(to, i * PageLayout::slice);
        e.store(element, page, cell);
      }
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
      Value keyScale = e.add(pages.keyScale(head), inPage), valueScale = e.add(pages.valueScale(head), inPage);
      e.store(ofKey.scale, page, keyScale);
      e.store(ofValue.scale, page, valueScale);
    }
  });
}

void plait::registerStageCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuRowKernel<lm::StageOp, emitStageRow>(context); });
}
