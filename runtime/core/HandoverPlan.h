//===- HandoverPlan.h - What goes from prefill to decode --------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// How the compiler has planned the way of keys and values from the ranks that compute
// prompts to those that go on from there: "handover" of manifest.json.
//
//   { "states": [ {"layers": 4, "table": 0,
//                  "source_heads": [[0, 2]], "target_heads": [[0, 1], [1, 2]],
//                  "planes": [ {"head_bytes": 8192, "source_begins": [0], "target_begins": [0, 0]} ],
//                  "sends": [ [0, 0, 0, 0, 1], [0, 1, 1, 0, 1] ] } ] }
//
// Heads are those of the whole state that each rank has. A plane is where a page has one
// kind of numbers of all its heads, one head after the other. A send is the rank and its
// first head, the same of the one that gets them, and how many heads.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_RUNTIME_CORE_HANDOVERPLAN_H
#define PLAIT_RUNTIME_CORE_HANDOVERPLAN_H

#include "plait-abi/Model.h"
#include "runtime/base/Json.h"
#include "runtime/base/Mesh.h"
#include "runtime/base/Status.h"

#include <cstdint>
#include <vector>

namespace plait {

struct HandoverPlan {
  struct Heads {
    int64_t begin = 0, end = 0;
  };
  struct Plane {
    int64_t headBytes = 0;
    std::vector<int64_t> sourceBegins, targetBegins; ///< in a page of each rank
  };
  struct Send {
    int64_t source = 0, sourceHead = 0, target = 0, targetHead = 0, count = 0;
  };
  /// A piece of a page: where it is on the rank that sends it and on the one that gets it.
  struct Piece {
    int64_t source = 0, target = 0, bytes = 0;
  };
  struct State {
    int64_t layers = 0;
    int64_t table = 0; ///< its page table
    std::vector<Heads> sourceHeads, targetHeads;
    std::vector<Plane> planes;
    std::vector<Send> sends;

    /// What of a page goes from one rank to another, in the order in which it goes.
    std::vector<Piece> pieces(int64_t source, int64_t target) const;
    /// Bytes of a page that go, in all layers and between all ranks.
    int64_t pageBytes() const;
  };
  std::vector<State> states; ///< in the order of the models' tables

  /// Bytes that go for `pages` of each page table.
  int64_t bytes(const std::vector<int64_t> &pages) const;
};

/// Reads it and checks that each rank of decode gets each of its heads once.
Expected<HandoverPlan> readHandoverPlan(const JsonView &view, const Mesh &mesh);

/// That all pieces of rank `rank` lie in pages of `tables`, its program's.
Status checkHandoverPlan(const HandoverPlan &plan, const plait_model_v4_t &tables, bool isSource);

} // namespace plait

#endif // PLAIT_RUNTIME_CORE_HANDOVERPLAN_H
