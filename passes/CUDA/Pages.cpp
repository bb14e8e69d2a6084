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

CudaPages::Sight CudaPages::sight(Value token, Value positions) {
  // There need be no entry to read.
  Path path = this->path(token);
  Value hasPath = e.below(e.i32(0), path.count), entry = e.sub(path.end, path.count);
  Value last = e.loadIndex(e.select(hasPath, paths, positions), e.select(hasPath, entry, token));
  return {path.end, last, e.sub(e.add(last, 2), path.count)};
}

CudaPages::Sight CudaPages::sight(Path path, Value position) {
  OpBuilder &b = e.builder();
  auto choice = scf::IfOp::create(
      b, e.loc(), e.below(e.i32(0), path.count),
      [&](OpBuilder &, Location) {
        Value last = e.loadIndex(paths, e.sub(path.end, path.count));
        scf::YieldOp::create(b, e.loc(), last);
      },
      [&](OpBuilder &, Location) { scf::YieldOp::create(b, e.loc(), position); });
  Value last = choice.getResult(0);
  return {path.end, last, e.sub(e.add(last, 2), path.count)};
}

Value CudaPages::slotOf(Value at, const Sight &sight) {
  OpBuilder &b = e.builder();
  // There need be no entry to read. Entries are in the order of their positions.
  auto choice = scf::IfOp::create(
      b, e.loc(), e.below(at, sight.branch), [&](OpBuilder &, Location) { scf::YieldOp::create(b, e.loc(), at); },
      [&](OpBuilder &, Location) {
        Value entry = e.sub(e.add(sight.end, -1), e.sub(sight.last, at));
        Value slot = e.loadIndex(paths, entry);
        scf::YieldOp::create(b, e.loc(), slot);
      });
  return choice.getResult(0);
}
