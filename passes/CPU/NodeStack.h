//===- NodeStack.h - Sums along a tree --------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Adds up leaves along a tree (#lm.tree) as they come: a leaf is joined with the node
// before it, which lies on a stack in memory, as often as both make up a node. What is
// left on the stack in the end are the nodes that the leaves make up, in order. So there
// is code for one leaf, however many there are.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_NODESTACK_H
#define PLAIT_PASSES_CPU_NODESTACK_H

#include "passes/CPU/KernelEmitter.h"

namespace plait {

class NodeStack {
public:
  /// Of the leaves that `columns` columns are; a leaf has at most `vectors` vectors.
  NodeStack(CpuKernelEmitter &e, lm::TreeAttr tree, int64_t columns, int64_t vectors);

  /// Adds up leaves of `vectors` vectors, which `emitLeaf` emits: of leaf i, counted from
  /// the first one here.
  void run(int64_t vectors, llvm::function_ref<SmallVector<Value>(Value i)> emitLeaf);
  int64_t nodes() const { return numNodes; }
  /// Vector `vector` of the node `node` (i64) after `run`.
  Value load(Value node, int64_t vector);

private:
  Value offset(Value node, int64_t vector);
  void join(Value node, MutableArrayRef<Value> right);

  CpuKernelEmitter &e;
  int64_t first, leaves, numNodes;
  int64_t lastDepth = 0; ///< nodes on the stack after the last leaf
  int64_t size = 0;      ///< vectors of a node
  Value memory;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_NODESTACK_H
