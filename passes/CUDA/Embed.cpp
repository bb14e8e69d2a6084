//===- Embed.cpp - Rows of a table ----------------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/CudaKernels.h"

using namespace plait;

static LogicalResult emitEmbedRow(lm::EmbedOp op, CudaKernelEmitter &e, Value row) {
  kernel::PackedType type = e.packedType(op.getTable());
  if (type.getPanel() || type.getQuantization())
    return op.emitOpError("expected a table by rows, of f32 or bf16, for CUDA but got ") << type;
  int64_t columns = type.getWeight().getCols(), width = CudaKernelEmitter::width({columns});
  Value result = e.rowPointer(op.getResult(), row), table = e.pointer(op.getTable());
  Value id = e.loadIndex(e.pointer(op.getIds()), row);
  auto copy = [&](Value id) {
    Value from = e.mul(e.widen(id), columns);
    e.forColumns(columns, width, [&](CudaColumns c) {
      Value x = e.loadWidened(type.getStorageType(), table, e.add(from, e.widen(c.first)), c.count);
      e.store(x, result, c.first);
    });
  };
  if (!op.getFirst()) {
    copy(id);
    return success();
  }
  // Unsigned: none is below 0.
  Value local = e.add(id, -int64_t(*op.getFirst()));
  e.ifThenElse(
      e.below(local, e.i32(type.getWeight().getRows())), [&] { copy(local); },
      [&] {
        e.forColumns(columns, width,
                     [&](CudaColumns c) { e.store(e.constant(e.typeOf(e.f32Type(), c.count), 0), result, c.first); });
      });
  return success();
}

void plait::registerEmbedCudaKernels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lm::LmDialect *) { attachCudaRowKernel<lm::EmbedOp, emitEmbedRow>(context); });
}
