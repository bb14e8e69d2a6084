//===- Embed.cpp - Rows of a table ----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

using namespace plait;

/// One element of `storage`, f32 or bf16, as f32.
static Value loadScalar(CpuKernelEmitter &e, Type storage, Value pointer, Value offset) {
  if (!storage.isBF16())
    return e.load(storage, pointer, offset);
  return e.widenBF16(e.load(e.builder().getI16Type(), pointer, offset));
}

/// Copies row `id` of a table in panels: [rows/panel][cols/group][panel][group].
static void copyPanelRow(CpuKernelEmitter &e, kernel::PackedType table, Value pointer, Value id, Value result) {
  int64_t columns = table.getWeight().getCols(), panel = table.getPanel(), group = table.getGroup();
  int64_t groups = llvm::divideCeilSigned(columns, group);
  Value first = e.mul(e.div(id, e.i64(panel)), groups * panel);
  first = e.mul(e.add(first, e.rem(id, e.i64(panel))), group);
  // The groups of one row lie `panel` groups apart, each on a cache line of its
  // own: loading them is all the time this takes.
  auto copyGroup = [&](Value g, int64_t count) {
    Value from = e.add(first, e.mul(g, panel * group)), to = e.mul(g, group);
    for (int64_t i = 0; i < count; ++i) {
      Value value = loadScalar(e, table.getStorageType(), pointer, e.add(from, i));
      e.store(value, result, e.add(to, i));
    }
  };
  int64_t full = columns / group;
  e.forLoop(e.i64(0), e.i64(full), 1, [&](Value g) { copyGroup(g, group); });
  if (columns % group)
    copyGroup(e.i64(full), columns % group);
}

static void emitEmbedRow(lm::EmbedOp op, CpuKernelEmitter &e, Value row) {
  kernel::PackedType type = e.packedType(op.getTable());
  int64_t columns = type.getWeight().getCols();
  Value table = e.pointer(op.getTable()), result = e.rowPointer(op.getResult(), row);
  Value id = e.loadIndex(e.pointer(op.getIds()), row);
  if (type.getPanel())
    return copyPanelRow(e, type, table, id, result);
  Value from = e.mul(id, columns);
  e.forColumns(columns, [&](Columns c) {
    Value x = e.loadWidened(type.getStorageType(), table, e.add(from, c.first), c.mask);
    e.store(x, result, c.first, c.mask);
  });
}

void plait::registerEmbedCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuRowKernel<lm::EmbedOp, emitEmbedRow>(context); });
}
