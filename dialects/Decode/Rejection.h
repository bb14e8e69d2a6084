//===- Rejection.h - Rejection sampling of drafted tokens -------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// What decode.verify_reject does at one node, for doubles and for fractions. The rule is an
// argument, so that a test can put a fault into what runs.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_DIALECTS_DECODE_REJECTION_H
#define PLAIT_DIALECTS_DECODE_REJECTION_H

#include "dialects/Decode/Draws.h"

#include "llvm/ADT/STLExtras.h"

namespace plait::decode {

/// A child of a node: its token, and the weights that it was drawn by; none if it was certain.
struct DraftedToken {
  int64_t token;
  llvm::ArrayRef<double> drawnFrom;
};

/// What a child is tested against.
template <typename Number> struct RejectionRule {
  bool isFresh = false; ///< against p itself, as if it had been drawn from that

  /// The distribution q that a child was drawn from, where p is that of the successor.
  std::vector<Number> draftOf(const DraftedToken &child, const std::vector<Number> &p) const {
    if (isFresh)
      return p;
    if (!child.drawnFrom.empty())
      return distributionOf<Number>(child.drawnFrom);
    std::vector<Number> certain(p.size(), Number(0));
    certain[size_t(child.token)] = Number(1);
    return certain;
  }
  /// What is left of p once a draw from q has been rejected; empty if nothing is.
  std::vector<Number> residual(const std::vector<Number> &p, const std::vector<Number> &q) const {
    return residualOf(p, q);
  }
};

/// Tests the children of a node one after the other. Returns the index of the one that is accepted as
/// the successor; or -1, and then the successor is to be drawn from `p`, which was its distribution
/// and is what the rejections left of it. `flip(chance, i)` decides with that chance on child i.
template <typename Number, typename Rule, typename Flip>
int64_t acceptChild(std::vector<Number> &p, llvm::ArrayRef<DraftedToken> children, const Rule &rule, Flip flip) {
  for (auto [i, child] : llvm::enumerate(children)) {
    std::vector<Number> q = rule.draftOf(child, p);
    Number chance = acceptanceOf(p[size_t(child.token)], q[size_t(child.token)]);
    std::vector<Number> rest = rule.residual(p, q); // none: p and q are equal, for doubles up to rounding
    if (!(chance < Number(1)) || rest.empty() || (Number(0) < chance && flip(chance, uint32_t(i))))
      return int64_t(i);
    p = std::move(rest);
  }
  return -1;
}

} // namespace plait::decode

#endif // PLAIT_DIALECTS_DECODE_REJECTION_H
