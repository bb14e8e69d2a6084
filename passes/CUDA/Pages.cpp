//===- Pages.cpp - Where tokens lie in the pages of a state ---------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CUDA/Pages.h"

#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace plait;

CudaPages::Path CudaPages::path(Value token) {
  Value zero = e.i32(0), isFirst = e.equal(token, zero);
  Value before = e.loadIndex(pathEnds, e.select(isFirst, zero, e.add(token, -1)));
  Value begin = e.select(isFirst, zero, before), end = e.loadIndex(pathEnds, token);
  return {end, e.sub(end, begin)};
}

Value CudaPages::slotOf(Value at, Value branch, Value end, Value position) {
  OpBuilder &b = e.builder();
  // There need be no entry to read. Entries are in the order of their positions.
  auto choice = scf::IfOp::create(
      b, e.loc(), e.below(at, branch), [&](OpBuilder &, Location) { scf::YieldOp::create(b, e.loc(), at); },
      [&](OpBuilder &, Location) {
        Value last = e.add(end, -1), entry = e.sub(last, e.sub(position, at));
        Value slot = e.loadIndex(paths, entry);
        scf::YieldOp::create(b, e.loc(), slot);
      });
  return choice.getResult(0);
}
