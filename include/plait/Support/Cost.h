//===- Cost.h - Symbolic cost of an op --------------------------*- C++ -*-===//
//
// Part of the Plait project, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Work and traffic as linear forms in the symbolic extents of a step, so that
// costs add up through fusion and loops and are evaluated for any batch.
//
//===----------------------------------------------------------------------===//

#ifndef PLAIT_SUPPORT_COST_H
#define PLAIT_SUPPORT_COST_H

#include <cstdint>

namespace plait {

/// constant + tokens*T + rows*R + leaves*L + tokenPositions*P, where T, R, L
/// are the step's token, row and leaf counts and P is the KV length summed over
/// its tokens (what attention over a whole past reads).
struct LinearForm {
  int64_t constant = 0, tokens = 0, rows = 0, leaves = 0, tokenPositions = 0;

  LinearForm operator+(const LinearForm &o) const {
    return {constant + o.constant, tokens + o.tokens, rows + o.rows, leaves + o.leaves,
            tokenPositions + o.tokenPositions};
  }
  LinearForm operator-(const LinearForm &o) const { return *this + o * -1; }
  LinearForm operator*(int64_t f) const { return {constant * f, tokens * f, rows * f, leaves * f, tokenPositions * f}; }
  bool operator==(const LinearForm &) const = default;
};

/// Cost of one execution: floating-point operations (a multiply-add is two),
/// bytes of weights and state read, bytes of activations read and written.
struct Cost {
  LinearForm flops, weightBytes, activationBytes;

  Cost operator+(const Cost &o) const {
    return {flops + o.flops, weightBytes + o.weightBytes, activationBytes + o.activationBytes};
  }
  Cost operator*(int64_t f) const { return {flops * f, weightBytes * f, activationBytes * f}; }
};

} // namespace plait

#endif // PLAIT_SUPPORT_COST_H
