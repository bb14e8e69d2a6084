//===- Stage.cpp - Writes keys and values into pages ----------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"
#include "passes/CUDA/Pages.h"

using namespace plait;
using kernel::PageLayout;

static LogicalResult emitStageRow(lm::StageOp op, CudaKernelEmitter &e, Value token) {
  CudaPages pages(e, op.getState(), op.getRows());
  const PageLayout &layout = pages.layout;
  if (layout.isScaled)
    return op.emitOpError("expected a state of f32 or bf16 for CUDA but got one of integers");
  Value keys = e.rowPointer(op.getKey(), token), values = e.rowPointer(op.getValue(), token);
  Value position = e.loadIndex(e.pointer(op.getPositions()), token);
  Value slot = pages.slotOf(position, pages.sight(pages.path(token), position)),
        inPage = e.rem(slot, PageLayout::tokens);
  Value entry = e.add(pages.entries(token), e.div(slot, PageLayout::tokens));
  Value page = pages.page(entry);
  auto rounded = [&](Value x) { return layout.element.isBF16() ? e.roundToBF16(x) : x; };
  // A key becomes one column of a slice, so its elements are scattered.
  Value slice = e.mul(e.div(inPage, PageLayout::slice), layout.headDim * PageLayout::slice);
  Value keyBase = e.add(slice, e.rem(inPage, PageLayout::slice));
  e.forColumns(layout.kvHeads * layout.headDim, 1, [&](CudaColumns c) {
    Value head = e.div(c.first, layout.headDim), column = e.rem(c.first, layout.headDim);
    Value of = e.mul(head, layout.keyOffset(1) - layout.keyOffset(0));
    Value to = e.add(e.add(of, keyBase), e.mul(column, PageLayout::slice));
    e.store(rounded(e.load(e.f32Type(), keys, c.first)), page, e.add(to, layout.keyOffset(0)));
  });
  // A value is one row of each slice; what pads it becomes zero.
  Value valueBase = e.mul(inPage, PageLayout::slice);
  int64_t padded = layout.paddedHeadDim;
  e.forColumns(layout.kvHeads * padded, 1, [&](CudaColumns c) {
    Value head = e.div(c.first, padded), column = e.rem(c.first, padded);
    Value of = e.mul(head, layout.valueOffset(1) - layout.valueOffset(0));
    Value inSlice = e.add(e.mul(e.div(column, PageLayout::slice), PageLayout::tokens * PageLayout::slice),
                          e.rem(column, PageLayout::slice));
    Value to = e.add(e.add(of, e.add(valueBase, inSlice)), layout.valueOffset(0));
    Value exists = e.below(column, e.i32(layout.headDim));
    Value from = e.add(e.mul(head, layout.headDim), e.select(exists, column, e.i32(0)));
    Value x = e.select(exists, e.load(e.f32Type(), values, from), e.f32(0));
    e.store(rounded(x), page, to);
  });
  return success();
}

void plait::registerStageCudaKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCudaRowKernel<lm::StageOp, emitStageRow>(context); });
}
