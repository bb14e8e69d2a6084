//===- Embed.cpp - Rows of a table ----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/CpuKernels.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

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

/// Looks up row `id` of a table of integers in panels.
static void copyIntegerRow(CpuKernelEmitter &e, const PanelLayout &layout, Value pointer, Value id, Value result) {
  OpBuilder &b = e.builder();
  int64_t bits = layout.quantization->bits, columns = layout.groupColumns(), whole = layout.cols / columns;
  Value panel = e.mul(e.div(id, e.i64(layout.panel)), layout.panelBytes() / 4);
  Value lane = e.rem(id, e.i64(layout.panel));
  auto copyGroup = [&](Value group, int64_t count) {
    Value header = e.add(panel, e.mul(group, layout.groupBytes(columns) / 4));
    Value halves = e.add(e.mul(header, 2), lane); // scales and zero points have 16 bits
    Value scale = e.widenF16(e.load(b.getI16Type(), pointer, halves));
    Value zero = e.integer(b.getI32Type(), bits == 4 ? 8 : 0);
    if (layout.quantization->zeroPoints)
      zero = arith::ExtSIOp::create(b, e.loc(), b.getI32Type(),
                                    e.load(b.getI16Type(), pointer, e.add(halves, layout.panel)));
    Value words = e.add(e.add(header, layout.headerBytes() / 4), lane), to = e.mul(group, columns);
    auto copyWord = [&](Value index, int64_t depth) {
      Value word = e.load(b.getI32Type(), pointer, e.add(words, e.mul(index, layout.panel)));
      for (int64_t i = 0; i < depth; ++i) {
        // Eight bits have a sign, four have none.
        Value integer = arith::ShLIOp::create(b, e.loc(), word, e.integer(b.getI32Type(), 32 - bits * (i + 1)));
        Value down = e.integer(b.getI32Type(), 32 - bits);
        integer = bits == 8 ? Value(arith::ShRSIOp::create(b, e.loc(), integer, down))
                            : Value(arith::ShRUIOp::create(b, e.loc(), integer, down));
        Value value = arith::SIToFPOp::create(b, e.loc(), e.f32Type(), e.sub(integer, zero));
        e.store(e.mul(scale, value), result, e.add(to, e.add(e.mul(index, layout.wordColumns), i)));
      }
    };
    e.forLoop(e.i64(0), e.i64(count / layout.wordColumns), 1, [&](Value i) { copyWord(i, layout.wordColumns); });
    if (int64_t left = count % layout.wordColumns)
      copyWord(e.i64(count / layout.wordColumns), left);
  };
  e.forLoop(e.i64(0), e.i64(whole), 1, [&](Value group) { copyGroup(group, columns); });
  if (int64_t left = layout.cols % columns)
    copyGroup(e.i64(whole), left);
}

/// Copies row `id` of the table to `result`.
static void copyRow(lm::EmbedOp op, CpuKernelEmitter &e, Value id, Value result) {
  kernel::PackedType type = e.packedType(op.getTable());
  int64_t columns = type.getWeight().getCols();
  Value table = e.pointer(op.getTable());
  if (type.getQuantization())
    return copyIntegerRow(e, type.getLayout(), table, id, result);
  if (type.getPanel())
    return copyPanelRow(e, type, table, id, result);
  Value from = e.mul(id, columns);
  e.forColumns(columns, [&](Columns c) {
    Value x = e.loadWidened(type.getStorageType(), table, e.add(from, c.first), c.mask);
    e.store(x, result, c.first, c.mask);
  });
}

static void emitEmbedRow(lm::EmbedOp op, CpuKernelEmitter &e, Value row) {
  Value result = e.rowPointer(op.getResult(), row), id = e.loadIndex(e.pointer(op.getIds()), row);
  if (!op.getFirst())
    return copyRow(op, e, id, result);
  kernel::PackedType type = e.packedType(op.getTable());
  Value local = e.add(id, -int64_t(*op.getFirst())), rows = e.i64(type.getWeight().getRows());
  auto compare = [&](arith::CmpIPredicate predicate) {
    return arith::CmpIOp::create(e.builder(), e.loc(), predicate, local, rows); // unsigned: none is below 0
  };
  e.ifThen(compare(arith::CmpIPredicate::ult), [&] { copyRow(op, e, local, result); });
  e.ifThen(compare(arith::CmpIPredicate::uge), [&] {
    e.forColumns(type.getWeight().getCols(), [&](Columns c) { e.store(e.splat(0), result, c.first, c.mask); });
  });
}

void plait::registerEmbedCpuKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCpuRowKernel<lm::EmbedOp, emitEmbedRow>(context); });
}
