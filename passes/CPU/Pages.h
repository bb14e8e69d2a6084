//===- Pages.h - Pages of a state in CPU kernels ----------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CPU_PAGES_H
#define PLAIT_PASSES_CPU_PAGES_H

#include "passes/CPU/KernelEmitter.h"

namespace plait {

/// Finds the pages of the rows' states (kernel::PageLayout says what is in them).
struct Pages {
  Pages(CpuKernelEmitter &e, Value state, Value rows)
      : e(e), layout(cast<lm::StateType>(state.getType())), memory(e.pointer(state, 0)), tokenRows(e.pointer(rows)),
        table(e.pointer(state, 1)) {}

  /// The first page table entry of the row of `token`.
  Value entries(Value token) { return e.mul(e.loadIndex(tokenRows, token), e.dim(PLAIT_DIM_PAGES)); }
  /// The page of entry `entry`.
  Value page(Value entry) {
    return e.element(e.builder().getI8Type(), memory, e.mul(e.loadIndex(table, entry), layout.bytes()));
  }

  CpuKernelEmitter &e;
  kernel::PageLayout layout;
  Value memory, tokenRows, table;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_PAGES_H
