//===- SequenceCourse.h - What a sequence with a strategy has ---*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_DECODE_SEQUENCECOURSE_H
#define PLAIT_RUNTIME_DECODE_SEQUENCECOURSE_H

#include "runtime/core/PagePool.h"
#include "runtime/decode/rounds/Course.h"

#include <vector>

namespace plait {

/// What the next row of a sequence with a strategy may be: pending tokens of a text, and,
/// if all of these, the nodes of a block.
struct ForwardRow {
  int text = 0;        ///< whose tokens
  int owner = 0;       ///< whose pages: a fork has none of its own
  size_t engine = 0;   ///< that runs it
  int64_t first = 0;   ///< position
  int64_t pending = 0; ///< tokens before the last one
  int64_t nodes = 0;   ///< the first of which is the last token; 0: the pending tokens alone
  int32_t step = 0;    ///< of the engine's
  bool isHead = false; ///< a head: its one leaf begins with a hidden state
  bool recurs = false; ///< one token after a hidden state, at `first`
};

/// The way of a sequence through its strategy, and its pages besides those of its text.
struct SequenceCourse {
  SequenceCourse(Course course, std::vector<size_t> engines, std::vector<std::vector<int32_t>> steps)
      : course(std::move(course)), engines(std::move(engines)), steps(std::move(steps)) {}

  /// While it waits for a forward.
  ForwardRow next() const;

  Course course;
  std::vector<size_t> engines;             ///< of the program's texts
  std::vector<std::vector<int32_t>> steps; ///< of each text's engine: the numbers of the program's steps
  const Course::Forward *forward = nullptr;
  std::vector<std::vector<PageList>> pages; ///< of each text but the first, by page table
  size_t taken = 0;                         ///< of what was chosen for the first text
};

} // namespace plait

#endif // PLAIT_RUNTIME_DECODE_SEQUENCECOURSE_H
