//===- NodeStack.cpp - Sums along a tree ----------------------------------===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/CPU/NodeStack.h"

#include "runtime/base/SumTree.h"

using namespace plait;

NodeStack::NodeStack(CpuKernelEmitter &e, lm::TreeAttr tree, int64_t columns, int64_t vectors)
    : e(e), first(tree.getFirst()), leaves(columns / tree.getGranule()),
      numNodes(int64_t(tree.getNodeEnds(columns).size())) {
  int64_t most = 0;
  for (int64_t leaf = 0; leaf < leaves; ++leaf) {
    lastDepth += 1 - sumTreeJoins(first, first + leaf + 1);
    most = std::max(most, lastDepth);
  }
  memory = e.scratch(e.f32Type(), most * vectors * e.lanes());
}

Value NodeStack::offset(Value node, int64_t vector) { return e.add(e.mul(node, size * e.lanes()), vector * e.lanes()); }

Value NodeStack::load(Value node, int64_t vector) { return e.load(e.f32VectorType(), memory, offset(node, vector)); }

/// `right` becomes the sum of `node` and what it was.
void NodeStack::join(Value node, MutableArrayRef<Value> right) {
  for (auto [v, vector] : llvm::enumerate(right))
    vector = e.add(load(node, int64_t(v)), vector);
}

void NodeStack::run(int64_t vectors, llvm::function_ref<SmallVector<Value>(Value i)> emitLeaf) {
  OpBuilder &b = e.builder();
  Type i64 = b.getI64Type();
  size = vectors;
  auto push = [&](Value node, ArrayRef<Value> sums) {
    for (auto [v, sum] : llvm::enumerate(sums))
      e.store(sum, memory, offset(node, int64_t(v)));
  };
  e.forLoop(e.i64(0), e.i64(leaves), 1, {e.i64(0)}, [&](Value i, ValueRange carried) {
    Value depth = carried[0];
    SmallVector<Value> sums = emitLeaf(i);
    // sumTreeJoins of the leaf's end.
    Value count = e.add(i, 1), end = e.add(count, first);
    Value zeros = LLVM::CountTrailingZerosOp::create(b, e.loc(), i64, end, /*is_zero_poison=*/true);
    Value left = LLVM::CountLeadingZerosOp::create(b, e.loc(), i64, count, /*is_zero_poison=*/true);
    Value joins = e.minimum(zeros, e.sub(e.i64(63), left));
    Value top = e.add(depth, -1);
    sums = e.forLoop(e.i64(0), joins, 1, sums, [&](Value j, ValueRange right) {
      SmallVector<Value> joined(right);
      join(e.sub(top, j), joined);
      return joined;
    });
    Value node = e.sub(depth, joins);
    push(node, sums);
    return SmallVector<Value>{e.add(node, 1)};
  });
  // At its right edge the tree may be ragged.
  if (lastDepth == numNodes)
    return;
  SmallVector<Value> sums;
  for (int64_t v = 0; v < vectors; ++v)
    sums.push_back(load(e.i64(lastDepth - 1), v));
  for (int64_t node = lastDepth - 2; node >= numNodes - 1; --node)
    join(e.i64(node), sums);
  push(e.i64(numNodes - 1), sums);
}
