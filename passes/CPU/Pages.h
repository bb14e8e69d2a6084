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

/// Finds the pages of the rows' states, and what is in them (see
/// kernel::PageLayout). Offsets inside a page count in its elements.
struct Pages {
  Pages(CpuKernelEmitter &e, Value state, Value rows)
      : e(e), layout(cast<lm::StateType>(state.getType())), memory(e.pointer(state, 0)), tokenRows(e.pointer(rows)),
        pathEnds(e.pointer(rows, 1)), paths(e.pointer(rows, 2)), table(e.pointer(state, 1)) {}

  Value row(Value token) { return e.loadIndex(tokenRows, token); }
  /// The first page table entry of the row of `token`.
  Value entries(Value token) { return e.mul(row(token), e.dim(PLAIT_DIM_PAGES)); }
  /// How far a token sees, and where what it sees lies (PLAIT_IN_PATHS): `count` entries before
  /// entry `end`; none for the tokens of a chain, each of which sees up to its own position.
  struct Path {
    Value end, count;
  };
  Path path(Value token);
  /// The last position that a token at `position` sees.
  Value last(Path path, Value position);
  /// The first position that does not lie at its own; behind `last` if all do.
  Value branch(Path path, Value last) { return e.add(e.sub(last, path.count), 2); }
  /// The entry that says where `position` lies, from `branch` on.
  Value entryOf(Path path, Value last, Value position) { return e.sub(e.add(path.end, -1), e.sub(last, position)); }
  /// Where the token lies that is at `position`.
  Value slot(Path path, Value position);
  /// The page of entry `entry`.
  Value page(Value entry) {
    return e.element(e.builder().getI8Type(), memory, e.mul(e.loadIndex(table, entry), layout.bytes()));
  }

  /// Where the keys and the values of a head begin.
  Value keys(Value head) { return e.add(e.mul(head, layout.keyOffset(1)), layout.keyOffset(0)); }
  Value values(Value head) {
    return e.add(e.mul(head, layout.valueOffset(1) - layout.valueOffset(0)), layout.valueOffset(0));
  }

  /// <lanes x f32> from `offset` on; of integers, without their scale.
  Value load(Value page, Value offset);
  /// How elements are copied: as they are.
  Type stored() { return layout.element.isBF16() ? e.builder().getI16Type() : layout.element; }
  Value element(Value page, Value offset) { return e.element(layout.element, page, offset); }
  /// Brings element `offset` of `pointer` near; there need not be any.
  void prefetch(Value pointer, Value offset);
  /// Where the scale of a head's key or value in slot 0 lies, in f32; those of the
  /// next slots follow.
  Value keyScale(Value head) { return e.add(e.mul(head, kernel::PageLayout::tokens), layout.keyScaleOffset(0)); }
  Value valueScale(Value head) { return e.add(e.mul(head, kernel::PageLayout::tokens), layout.valueScaleOffset(0)); }

  /// How the numbers of a head are rounded.
  struct Rounding {
    Value scale;   ///< f32; null if elements have none
    Value divisor; ///< the same in all lanes, but not 0
  };
  /// For the key or value at `offset` of `pointer`.
  Rounding roundingOf(Value pointer, Value offset);
  /// <lanes x f32> as the page holds them.
  Value round(Value values, const Rounding &rounding);

  CpuKernelEmitter &e;
  kernel::PageLayout layout;
  Value memory, tokenRows, pathEnds, paths, table;
};

} // namespace plait

#endif // PLAIT_PASSES_CPU_PAGES_H
