//===- Pages.h - Pages of a state in CUDA kernels ---------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_PASSES_CUDA_PAGES_H
#define PLAIT_PASSES_CUDA_PAGES_H

#include "passes/CUDA/KernelEmitter.h"

namespace plait {

/// Finds the pages of the rows' states. They lie as on a CPU (kernel::PageLayout), so that
/// what one target has written another one can read. All numbers are i32 but for offsets
/// of pages.
struct CudaPages {
  CudaPages(CudaKernelEmitter &e, Value state, Value rows)
      : e(e), layout(cast<lm::StateType>(state.getType())), memory(e.pointer(state, 0)), tokenRows(e.pointer(rows)),
        pathEnds(e.pointer(rows, 1)), paths(e.pointer(rows, 2)), table(e.pointer(state, 1)) {}

  /// The first page table entry of the row of `token`.
  Value entries(Value token) { return e.mul(e.loadIndex(tokenRows, token), e.narrow(e.dim(PLAIT_DIM_PAGES))); }
  /// How far a token sees, and where what it sees lies (PLAIT_IN_PATHS): `count` entries before
  /// entry `end`; none for the tokens of a chain, each of which sees up to its own position.
  struct Path {
    Value end, count;
  };
  Path path(Value token);
  /// The last position that is seen, and the first one that does not lie at its own; behind `last` if all do.
  struct Sight {
    Value end, last, branch;
  };
  /// Of a token; `positions` points to those of the step's tokens.
  Sight sight(Value token, Value positions);
  /// The same of a token at `position`, with a branch. Which one a kernel has registers for is up to ptxas: tiles of
  /// 128 rows have none left, and the tables of resources in tests say where it spills.
  Sight sight(Path path, Value position);
  /// Where the token lies that is at position `at`.
  Value slotOf(Value at, const Sight &sight);
  /// The page of entry `entry`.
  Value page(Value entry) {
    Value offset = e.mul(e.widen(e.loadIndex(table, entry)), layout.bytes());
    return e.element(e.builder().getI8Type(), memory, offset);
  }

  CudaKernelEmitter &e;
  kernel::PageLayout layout;
  Value memory, tokenRows, pathEnds, paths, table;
};

} // namespace plait

#endif // PLAIT_PASSES_CUDA_PAGES_H
