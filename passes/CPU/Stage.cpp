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
  int64_t columns = layout.kvHeads * layout.headDim;
  Value keys = e.rowPointer(op.getKey(), token), values = e.rowPointer(op.getValue(), token);
  Value position = e.loadIndex(e.pointer(op.getPositions()), token), tokens = e.i64(PageLayout::tokens);
  Value slot = e.rem(position, tokens);
  Value entries = pages.entries(token), page = pages.page(e.add(entries, e.div(position, tokens)));
  // A key becomes one column of the page: its elements are scattered. Heads lie
  // one behind the other on both sides.
  e.forColumns(columns, [&](Columns c) {
    Value key = e.load(e.f32Type(), keys, c.first, c.mask);
    int64_t count = c.mask ? columns % e.lanes() : e.lanes();
    for (int64_t i = 0; i < count; ++i) {
      Value element = e.lane(key, i), cell = e.add(e.mul(e.add(c.first, i), PageLayout::tokens), slot);
      e.store(element, page, cell);
    }
  });
  // A value is one row; what pads it becomes zero.
  Value row = e.add(e.mul(slot, layout.paddedHeadDim), layout.valueOffset(0));
  e.forLoop(e.i64(0), e.i64(layout.kvHeads), 1, [&](Value head) {
    Value from = e.mul(head, layout.headDim);
    Value to = e.add(row, e.mul(head, PageLayout::tokens * layout.paddedHeadDim));
    e.forColumns(layout.headDim, [&](Columns c) {
      Value value = e.load(e.f32Type(), values, e.add(from, c.first), c.mask);
      e.store(value, page, e.add(to, c.first));
    });
  });
}

void plait::registerStageCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuRowKernel<lm::StageOp, emitStageRow>(context); });
}
